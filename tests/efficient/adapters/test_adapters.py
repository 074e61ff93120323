"""What adapters promise: a harmless start, few trained weights, a trunk that does not move."""

import pytest
import torch

from tests.tiny_models import tiny_bert, tiny_rows
from tlbook import encoders
from tlbook.batches import Batches
from tlbook.efficient import adapters
from tlbook.efficient.adapters.bottleneck import Bottleneck
from tlbook.freezing import trained_weights
from tlbook.heads import Classifier, Tagger, classification_loss, states_of
from tlbook.training import fit

NORM = 2 * 8
HEAD = 2 * 8 + 2


def adapter(bottleneck):
    return 2 * bottleneck * 8 + 8 + bottleneck


def weights(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def trained(model, batches, *, epochs=3, **options):
    moved = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(moved, 0.05, weight_decay=0.1)
    return fit(
        model,
        batches,
        loss_of=classification_loss,
        optimizer=optimizer,
        epochs=epochs,
        progress=False,
        **options,
    )


@pytest.fixture
def batches():
    rows = [{k: row[k] for k in ("input_ids", "labels")} for row in tiny_rows(7)]
    return Batches(rows, size=3)


@pytest.mark.parametrize("placement", ["houlsby", "pfeiffer"])
def test_the_output_starts_within_a_thousandth_of_the_base_models(trunk, batch, placement):
    before = states_of(trunk, batch)
    adapters.add(trunk, bottleneck=4, placement=placement)
    change = states_of(trunk, batch) - before
    assert 0 < change.norm() / before.norm() < 1e-3


def test_so_does_that_of_a_pre_trained_model():
    tokenizer, encoder = encoders.load("pocket-bert")
    given = tokenizer(["The ship sails in the morning.", "A film."], padding=True)
    given = given.convert_to_tensors("pt")
    with torch.inference_mode():
        before = encoder(**given).last_hidden_state
        adapters.add(encoder, bottleneck=64)
        change = encoder(**given).last_hidden_state - before
    assert 0 < change.norm() / before.norm() < 1e-3


def test_the_scale_moves_the_start():
    def moved(scale):
        encoder = tiny_bert()
        batch = Batches(tiny_rows(3)).collated([0, 1, 2])
        before = states_of(encoder, batch)
        adapters.add(encoder, scale=scale, bottleneck=4)
        return (states_of(encoder, batch) - before).norm()

    # Both matrices grow tenfold, so their product grows a hundredfold.
    assert (moved(1e-2) / moved(1e-3)).item() == pytest.approx(100, rel=0.1)


def test_without_a_scale_the_base_model_speaks_until_something_is_learned(model):
    batch = Batches(tiny_rows(3)).collated([0, 1, 2])
    before = states_of(model.encoder, batch)
    adapters.add(model, bottleneck=4, scale=None)
    assert torch.equal(states_of(model.encoder, batch), before)
    states_of(model.encoder, batch).square().sum().backward()
    learning = [m for m in model.modules() if isinstance(m, Bottleneck)]
    assert all(part.up.weight.grad.any() for part in learning)


def test_adapters_norms_and_head_are_trained_and_nothing_else(model):
    adapters.add(model, bottleneck=2)
    inside = {id(w) for m in model.modules() if isinstance(m, Bottleneck) for w in m.parameters()}
    assert len(inside) == 4 * 4
    for name, weight in model.named_parameters():
        own = id(weight) in inside or name.startswith("head.")
        norm = any(part in name.lower() for part in ("layernorm", "layer_norm", "ln_"))
        if own:
            assert weight.requires_grad, name
        elif weight.requires_grad:
            assert norm, name
            assert "embeddings" not in name


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ({"bottleneck": 3}, 4 * adapter(3) + 4 * NORM + HEAD),
        ({"bottleneck": 3, "layers": (1,)}, 2 * adapter(3) + 2 * NORM + HEAD),
        ({"bottleneck": 8, "placement": "pfeiffer"}, 2 * adapter(8) + 3 * NORM + HEAD),
    ],
)
def test_trained_weights_are_counted_by_hand(options, count):
    model = Classifier(tiny_bert(), 2)
    whole = trained_weights(model)
    assert adapters.trainable_share(model) == 1
    adapters.add(model, **options)
    assert trained_weights(model) == count
    assert adapters.trainable_share(model) == count / whole


def test_frozen_weights_have_no_gradient_and_leave_none_behind(model, batch):
    classification_loss(model, batch).backward()
    adapters.add(model, bottleneck=2)
    assert all(weight.grad is None for weight in model.encoder.parameters())
    classification_loss(model, batch).backward()
    for name, weight in model.named_parameters():
        assert (weight.grad is not None) == weight.requires_grad, name


def test_nothing_below_the_first_adapter_takes_part_in_the_backward_pass():
    model, seen = Classifier(tiny_bert(), 2), []
    adapters.add(model, layers=(1,), bottleneck=2)
    for layer in model.encoder.encoder.layer:
        layer.attention.self.register_forward_hook(
            lambda *given: seen.append(given[2][0].requires_grad)
        )
    model(**Batches(tiny_rows(3)).collated([0, 1, 2]))
    assert seen == [False, False]


def test_training_moves_no_frozen_weight_by_a_bit(model, batches):
    adapters.add(model, bottleneck=2)
    frozen = {name for name, w in model.named_parameters() if not w.requires_grad}
    before = weights(model)
    first, *_, last = trained(model, batches, epochs=6)
    assert last["train_loss"] < first["train_loss"]
    after = weights(model)
    for name, tensor in after.items():
        assert torch.equal(tensor, before[name]) == (name in frozen), name


def test_training_under_bfloat16_learns_and_moves_no_frozen_weight(batches, monkeypatch):
    monkeypatch.setenv("TLBOOK_PRECISION", "bfloat16")
    model = Classifier(tiny_bert(), 2)
    adapters.add(model, bottleneck=2)
    frozen = {n: w.clone() for n, w in model.named_parameters() if not w.requires_grad}
    first, *_, last = trained(model, batches, epochs=6)
    assert last["train_loss"] < first["train_loss"]
    assert all(torch.equal(model.get_parameter(name), w) for name, w in frozen.items())
    assert all(weight.dtype == torch.float32 for weight in model.parameters())


def test_a_seed_decides_the_adapters_and_the_global_generator_is_left_alone(batch):
    one, two, other = (tiny_bert() for _ in range(3))
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    for encoder, seed in ((one, 1), (two, 1), (other, 2)):
        adapters.add(encoder, seed=seed, bottleneck=2)
    assert torch.rand(1) == expected
    states = [states_of(encoder, batch) for encoder in (one, two, other)]
    assert torch.equal(states[0], states[1])
    assert not torch.equal(states[0], states[2])


def test_a_stopped_run_goes_on_as_if_it_had_not_been_stopped(tmp_path):
    def run(model, **options):
        adapters.add(model, bottleneck=2)
        torch.manual_seed(0)
        trained(model, Batches(tiny_rows(7), size=2), **options)
        return weights(model)

    def broken(model, batch, left=[5]):  # noqa: B006 -- counts down over the calls
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return classification_loss(model, batch)

    def fresh():
        torch.manual_seed(3)
        return Classifier(tiny_bert(), 2)

    path = tmp_path / "run.safetensors"
    expected = run(fresh())
    model = fresh()
    adapters.add(model, bottleneck=2)
    optimizer = torch.optim.AdamW([w for w in model.parameters() if w.requires_grad], 0.05)
    optimizer.param_groups[0]["weight_decay"] = 0.1
    torch.manual_seed(0)
    with pytest.raises(KeyboardInterrupt):
        fit(
            model,
            Batches(tiny_rows(7), size=2),
            loss_of=broken,
            optimizer=optimizer,
            epochs=3,
            checkpoint=path,
            save_every=1,
            progress=False,
        )
    found = run(fresh(), checkpoint=path)
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())


def test_a_tagger_takes_adapters_too():
    model = Tagger(tiny_bert(), 3)
    adapters.add(model, bottleneck=2)
    assert trained_weights(model) == 4 * adapter(2) + 4 * NORM + 3 * 8 + 3


def test_merging_is_refused_and_explained():
    model = Classifier(tiny_bert(), 2)
    adapters.add(model, name="reviews", bottleneck=2)
    before = weights(model)
    with pytest.raises(TypeError, match="'reviews' cannot be merged .* a non-linearity"):
        adapters.merge(model, "reviews")
    assert all(torch.equal(tensor, before[name]) for name, tensor in weights(model).items())


def test_no_matrix_does_what_an_adapter_does():
    layer, x = Bottleneck(6, 2, scale=1.0), torch.randn(9, 6)
    matrix = torch.linalg.lstsq(x, layer(x).detach()).solution  # the one that comes nearest
    assert (x @ matrix - layer(x)).norm() > 1e-2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bottleneck": 0}, r"bottleneck must lie in 1\.\.8, got 0"),
        ({"bottleneck": 9}, r"bottleneck must lie in 1\.\.8, got 9"),
        ({"name": "there"}, "there is an adapter 'there' already; remove it or choose another"),
        ({"name": ""}, "name must not be empty"),
        ({"placement": "parallel"}, "placement must be houlsby or pfeiffer, got 'parallel'"),
        ({"layers": (2,)}, r"layers must be some of 0\.\.1, got \(2,\)"),
        ({"scale": 0.0}, "scale must be a number above 0, or None, got 0.0"),
    ],
)
def test_bad_input_is_an_error_and_changes_nothing(options, message):
    model = Classifier(tiny_bert(), 2)
    adapters.add(model, name="there", bottleneck=2)
    before, flags = weights(model), [w.requires_grad for w in model.parameters()]
    with pytest.raises(ValueError, match=message):
        adapters.add(model, **{"bottleneck": 2} | options)
    after = weights(model)
    assert list(after) == list(before)
    assert all(torch.equal(after[name], before[name]) for name in before)
    assert [w.requires_grad for w in model.parameters()] == flags
    assert adapters.names(model) == ["there"]
    assert adapters.active(model) == "there"


def test_bad_input_leaves_no_trace_on_a_plain_model():
    model = Classifier(tiny_bert(), 2)
    before = [set(vars(module)) for module in model.modules()]
    with pytest.raises(ValueError, match="bottleneck"):
        adapters.add(model, bottleneck=9)
    assert [set(vars(module)) for module in model.modules()] == before
    assert adapters.trainable_share(model) == 1
