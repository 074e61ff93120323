"""Sets are switched without a trace, and the base model comes back as the very one it was."""

import copy

import pytest
import torch

from tests.efficient.tiny_trunks import tiny_trunk
from tests.tiny_models import tiny_rows
from tlbook.batches import Batches
from tlbook.efficient import adapters
from tlbook.encoders.features import embed
from tlbook.freezing import freeze_below, trained_weights
from tlbook.heads import Classifier, classification_loss, states_of


def anatomy(model):
    """Everything that could tell a model from the one it was: objects, bits, flags, hooks."""
    return {
        "modules": [(name, id(part)) for name, part in model.named_modules()],
        "weights": [(n, id(w), w.requires_grad) for n, w in model.named_parameters()],
        "attributes": [sorted(vars(part)) for part in model.modules()],
        "hooks": [len(part._forward_hooks) for part in model.modules()],
        "keys": list(model.state_dict()),
    }


def bits(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def shaken(model):
    """Move every weight that is trained, as training would."""
    with torch.no_grad():
        for weight in model.parameters():
            if weight.requires_grad:
                weight += torch.randn(weight.shape, generator=torch.Generator().manual_seed(5))


def test_none_is_the_base_model_bit_for_bit(model, batch):
    before = model(**batch)
    adapters.add(model, bottleneck=2, name="one")
    shaken(model)
    assert not torch.allclose(model(**batch), before)
    adapters.activate(model, None)
    assert torch.equal(model(**batch), before)


def test_under_none_the_trunk_stays_frozen(model):
    adapters.add(model, bottleneck=2)
    adapters.activate(model, None)
    assert trained_weights(model.encoder) == 0
    assert adapters.active(model) is None


def test_each_name_gives_its_own_function_again(model, batch):
    found = {}
    for seed, name in enumerate(("one", "two", "three")):
        adapters.add(model, bottleneck=2 + seed, name=name, seed=seed)
        shaken(model)
        found[name] = model(**batch)
    assert not torch.allclose(found["one"], found["two"])
    for name in ("two", "one", "three", "two"):
        adapters.activate(model, name)
        assert adapters.active(model) == name
        assert torch.equal(model(**batch), found[name])
    assert adapters.names(model) == ["one", "two", "three"]


def test_a_new_set_starts_from_the_base_model_not_from_the_last_set(model, batch):
    before = model(**batch)
    adapters.add(model, bottleneck=2, name="one")
    shaken(model)
    adapters.add(model, bottleneck=2, name="two")
    change = model(**batch) - before
    assert change.norm() / before.norm() < 1e-2


def test_only_the_active_set_is_trained_and_counted(model):
    adapters.add(model, bottleneck=2, name="one")
    alone = trained_weights(model), adapters.trainable_share(model)
    adapters.add(model, bottleneck=4, name="two")
    adapters.activate(model, "one")
    assert (trained_weights(model), adapters.trainable_share(model)) == alone


@pytest.mark.parametrize("last", ["one", "two"])
def test_with_the_last_set_removed_the_model_is_the_very_one_it_was(model, batch, last):
    if hasattr(model.encoder, "embeddings"):  # flags that must come back too
        freeze_below(model.encoder, 2)
    structure, weights, answer = anatomy(model), bits(model), model(**batch)
    for name in ("one", "two"):
        adapters.add(model, bottleneck=2, name=name)
        shaken(model)
    adapters.remove(model, {"one": "two", "two": "one"}[last])
    assert adapters.names(model) == [last]
    adapters.remove(model, last)
    assert anatomy(model) == structure
    assert all(torch.equal(tensor, weights[name]) for name, tensor in bits(model).items())
    assert torch.equal(model(**batch), answer)
    assert adapters.names(model) == []


def test_removing_another_set_leaves_the_active_one_alone(model, batch):
    for name in ("one", "two"):
        adapters.add(model, bottleneck=2, name=name)
        shaken(model)
    before = model(**batch)
    adapters.remove(model, "one")
    assert adapters.active(model) == "two"
    assert torch.equal(model(**batch), before)


def test_models_share_a_trunk_and_each_keeps_its_own_head(trunk, batch):
    first, second = Classifier(trunk, 2).eval(), Classifier(trunk, 3).eval()
    answers = {}
    for name, model in (("first", first), ("second", second)):
        adapters.add(model, bottleneck=2, name=name)
        shaken(model)
        answers[name] = model(**batch)
    adapters.activate(first, "first")
    assert torch.equal(first(**batch), answers["first"])
    adapters.activate(second, "second")
    assert torch.equal(second(**batch), answers["second"])
    assert answers["second"].shape[1] == 3


def test_learning_a_second_task_does_not_touch_the_first(model, batch):
    adapters.add(model, bottleneck=2, name="one")
    shaken(model)
    before = model(**batch)
    adapters.add(model, bottleneck=2, name="two")
    optimizer = torch.optim.SGD([w for w in model.parameters() if w.requires_grad], 1.0)
    classification_loss(model, batch).backward()
    optimizer.step()
    adapters.activate(model, "one")
    assert torch.equal(model(**batch), before)


def test_a_copy_switches_by_itself(model, batch):
    adapters.add(model, bottleneck=2, name="one")
    shaken(model)
    before = model(**batch)
    other = copy.deepcopy(model)
    assert torch.equal(other(**batch), before)
    shaken(other)
    changed = other(**batch)
    assert not torch.allclose(changed, before)
    adapters.activate(model, None)
    assert torch.equal(other(**batch), changed)
    adapters.activate(other, None)
    adapters.activate(model, "one")
    assert torch.equal(model(**batch), before)
    adapters.remove(other, "one")
    assert not any(part._forward_hooks for part in other.modules())


def test_the_keys_of_the_trunk_stay_while_adapters_are_on_it(trunk):
    before = set(trunk.state_dict())
    adapters.add(trunk, bottleneck=2)
    new = set(trunk.state_dict()) - before
    assert set(trunk.state_dict()) >= before
    assert len(new) == 4 * 4
    assert all(".adapter." in name for name in new)


@pytest.mark.parametrize(("first", "then"), [(None, "one"), ("one", None)])
def test_what_is_not_in_place_follows_the_trunk_into_another_precision(trunk, batch, first, then):
    adapters.add(trunk, bottleneck=2, name="one")
    adapters.activate(trunk, first)
    trunk.double()
    adapters.activate(trunk, then)
    assert states_of(trunk, batch).dtype == torch.float64


def test_features_kept_on_disk_are_those_of_the_active_set():
    encoder, batches = tiny_trunk(), Batches(tiny_rows(3))
    found = []
    for name in ("one", "two", "one"):
        if name not in adapters.names(encoder):
            adapters.add(encoder, bottleneck=2, name=name, seed=len(found), scale=1.0)
        adapters.activate(encoder, name)
        found.append(embed(encoder, batches, cache=True))
    assert not torch.allclose(found[0], found[1])
    assert torch.equal(found[0], found[2])


def test_layers_without_their_adapters_keep_the_norms(trunk, batch):
    adapters.add(trunk, bottleneck=2, name="one")
    shaken(trunk)
    whole = states_of(trunk, batch)
    with adapters.without_layers(trunk, "one", [0, 1]):
        bare = states_of(trunk, batch)
    for part in trunk.modules():
        if isinstance(part, adapters.Bottleneck):
            torch.nn.init.zeros_(part.up.weight)
            torch.nn.init.zeros_(part.up.bias)
    assert not torch.allclose(whole, bare)
    torch.testing.assert_close(states_of(trunk, batch), bare)


def test_a_layer_left_out_is_back_afterwards_even_after_an_error(trunk, batch):
    adapters.add(trunk, bottleneck=2, name="one")
    shaken(trunk)
    whole = states_of(trunk, batch)
    adapters.activate(trunk, None)

    def broken():
        with adapters.without_layers(trunk, "one", [1]):
            assert not torch.allclose(states_of(trunk, batch), whole)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken()
    assert adapters.active(trunk) is None
    adapters.activate(trunk, "one")
    assert torch.equal(states_of(trunk, batch), whole)


def test_no_layer_left_out_changes_nothing(trunk, batch):
    adapters.add(trunk, bottleneck=2, name="one")
    whole = states_of(trunk, batch)
    with adapters.without_layers(trunk, "one", []):
        assert torch.equal(states_of(trunk, batch), whole)


def test_a_layer_that_has_no_adapter_cannot_be_left_out():
    trunk = tiny_trunk()
    adapters.add(trunk, bottleneck=2, name="one", layers=(1,))
    with (
        pytest.raises(ValueError, match=r"adapter 'one' is in layers \(1,\), not in \[0\]"),
        adapters.without_layers(trunk, "one", [0]),
    ):
        pass


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("revews", "no adapter 'revews'; did you mean 'reviews'. There are 'reviews', 'questions'"),
        ("x", "no adapter 'x'. There are 'reviews', 'questions'"),
    ],
)
@pytest.mark.parametrize(
    "call",
    [
        adapters.activate,
        adapters.remove,
        lambda model, name: adapters.save(model, name, "nowhere"),
        lambda model, name: adapters.without_layers(model, name, [0]).__enter__(),
    ],
)
def test_an_unknown_name_is_an_error_and_changes_nothing(call, name, message):
    model = Classifier(tiny_trunk(), 2)
    adapters.add(model, bottleneck=2, name="reviews")
    adapters.add(model, bottleneck=2, name="questions")
    structure, weights = anatomy(model), bits(model)
    with pytest.raises(ValueError, match=message):
        call(model, name)
    assert anatomy(model) == structure
    assert all(torch.equal(tensor, weights[name]) for name, tensor in bits(model).items())


def test_without_any_set_none_is_allowed_and_a_name_is_an_error():
    model = Classifier(tiny_trunk(), 2)
    adapters.activate(model, None)
    with pytest.raises(ValueError, match="no adapter 'reviews'. There are none"):
        adapters.activate(model, "reviews")
