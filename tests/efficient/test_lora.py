"""What LoRA promises: a harmless start, few trained weights, exact merging, a way back."""

import pytest
import torch
from torch import nn

from tests.tiny_models import tiny_bert, tiny_rows
from tlbook.batches import Batches, collate
from tlbook.efficient import lora
from tlbook.efficient.lora import LowRankLinear
from tlbook.freezing import trained_weights
from tlbook.heads import Classifier, classification_loss
from tlbook.training import fit

ATTENTION = 2 * 2 * (8 + 8)  # two layers, queries and values, hidden 8: weights per rank


@pytest.fixture
def layer():
    torch.manual_seed(0)
    return LowRankLinear(nn.Linear(6, 5), rank=2, alpha=4.0)


def batch():
    return collate(tiny_rows(5))


def classifier(seed=0):
    torch.manual_seed(seed)
    return Classifier(tiny_bert(seed), 2, dropout=0.0).eval()


def stirred(model):
    """Give B random values, as if the model had been trained."""
    torch.manual_seed(1)
    for layer in lora.layers(model).values():
        nn.init.normal_(layer.up)
    return model


def weights_of(model):
    return {name: weight.clone() for name, weight in model.state_dict().items()}


def test_a_layer_starts_as_the_pretrained_one(layer):
    x = torch.randn(3, 7, 6)
    assert torch.equal(layer(x), layer.frozen(x))


def test_a_layer_trains_only_its_two_narrow_matrices(layer):
    trained = {name for name, weight in layer.named_parameters() if weight.requires_grad}
    assert trained == {"down", "up"}


def test_a_layer_matches_the_formula_by_hand():
    layer = LowRankLinear(nn.Linear(2, 1, bias=False), rank=1, alpha=3.0)
    with torch.no_grad():
        layer.frozen.weight.copy_(torch.tensor([[1.0, 0.0]]))
        layer.down.copy_(torch.tensor([[0.0, 2.0]]))
        layer.up.copy_(torch.tensor([[5.0]]))
    # W x = 1; (3 / 1) * 5 * (2 * 10) = 300
    assert layer(torch.tensor([1.0, 10.0])).item() == 301.0


def test_a_starts_within_the_bounds_of_a_linear_layer_and_fills_them():
    down = LowRankLinear(nn.Linear(100, 50), rank=40, alpha=1.0).down
    assert down.abs().max() <= 0.1
    assert down.min() < -0.09
    assert down.max() > 0.09


def test_doubling_alpha_doubles_the_correction(layer):
    nn.init.normal_(layer.up)
    before = layer.delta()
    layer.alpha *= 2
    torch.testing.assert_close(layer.delta(), 2 * before)


def test_the_correction_has_the_rank_asked_for(layer):
    nn.init.normal_(layer.up)
    assert torch.linalg.matrix_rank(layer.delta()) == 2


def test_merging_keeps_the_function(layer):
    nn.init.normal_(layer.up)
    x = torch.randn(4, 6)
    before = layer(x)
    layer.eval().merge()
    torch.testing.assert_close(layer(x), before, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(layer.frozen(x), before, atol=1e-5, rtol=1e-5)


def test_merging_twice_is_merging_once(layer):
    nn.init.normal_(layer.up)
    layer.merge()
    once = layer.frozen.weight.clone()
    layer.merge()
    assert torch.equal(layer.frozen.weight, once)


def test_unmerging_gives_the_matrix_back_bit_for_bit(layer):
    nn.init.normal_(layer.up)
    before = layer.frozen.weight.clone()
    layer.merge()
    assert not torch.equal(layer.frozen.weight, before)
    layer.unmerge()
    layer.unmerge()
    assert torch.equal(layer.frozen.weight, before)


def test_a_merged_layer_refuses_to_learn_nothing(layer):
    layer.merge()
    layer.eval()(torch.randn(2, 6))
    with pytest.raises(RuntimeError, match=r"merged.*unmerge\(model\) first"):
        layer.train()(torch.randn(2, 6))


@pytest.mark.parametrize("rank", [0, 6])
def test_a_layer_rejects_impossible_ranks(rank):
    with pytest.raises(ValueError, match=r"rank must lie in 1\.\.5, got"):
        LowRankLinear(nn.Linear(6, 5), rank=rank, alpha=1.0)


def test_the_model_starts_as_it_was():
    model = classifier()
    before = model(**batch())
    lora.add(model, rank=3)
    assert torch.equal(model(**batch()), before)


@pytest.mark.parametrize("rank", [1, 4])
def test_only_lora_and_the_head_are_trained(rank):
    model = classifier()
    lora.add(model, rank=rank)
    trained = {name for name, weight in model.named_parameters() if weight.requires_grad}
    assert all(name.endswith((".down", ".up")) or name.startswith("head.") for name in trained)
    assert trained_weights(model) == rank * ATTENTION + 8 * 2 + 2


@pytest.mark.parametrize("targets", [["query", "value"], ["intermediate.dense"], ["output.dense"]])
def test_the_weights_can_be_counted_beforehand(targets):
    encoder = tiny_bert()
    count = lora.count(encoder, rank=3, targets=targets)
    assert not lora.layers(encoder)
    lora.add(encoder, rank=3, targets=targets)
    assert trained_weights(encoder) == count


def test_a_bare_encoder_takes_it_too():
    encoder = tiny_bert()
    lora.add(encoder, rank=2)
    assert trained_weights(encoder) == 2 * ATTENTION


def test_training_moves_lora_and_the_head_and_not_one_bit_of_the_rest():
    model = classifier()
    lora.add(model, rank=2)
    before = weights_of(model)
    optimizer = torch.optim.AdamW([w for w in model.parameters() if w.requires_grad], lr=0.01)
    batches = Batches(tiny_rows(6), size=3)
    fit(model, batches, loss_of=classification_loss, optimizer=optimizer, epochs=3, progress=False)
    after = model.state_dict()
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved == {n for n in before if n.endswith((".down", ".up")) or n.startswith("head.")}


def test_a_whole_model_merges_and_unmerges():
    model = classifier()
    base = weights_of(model)
    lora.add(model, rank=2)
    stirred(model)
    before = model(**batch())
    lora.merge(model)
    torch.testing.assert_close(model(**batch()), before, atol=1e-5, rtol=1e-5)
    lora.unmerge(model)
    assert torch.equal(model(**batch()), before)
    query = "encoder.encoder.layer.0.attention.self.query"
    assert torch.equal(lora.layers(model)[query].frozen.weight, base[f"{query}.weight"])


@pytest.mark.parametrize("merged", [False, True])
def test_removing_gives_back_the_original_bit_for_bit(merged):
    model = classifier()
    base, logits = weights_of(model), model(**batch())
    lora.add(model, rank=2)
    stirred(model)
    if merged:
        lora.merge(model)
    lora.remove(model)
    assert list(model.state_dict()) == list(base)
    assert all(torch.equal(weight, base[name]) for name, weight in model.state_dict().items())
    assert torch.equal(model(**batch()), logits)
    assert not lora.layers(model)


def test_the_targets_decide_where_it_sits():
    encoder = tiny_bert()
    lora.add(encoder, rank=1, targets=["attention.output.dense", "key"])
    ends = {name.split("layer.")[1] for name in lora.layers(encoder)}
    wanted = {"attention.output.dense", "attention.self.key"}
    assert ends == {f"{layer}.{end}" for layer in (0, 1) for end in wanted}


def test_a_short_target_stands_for_all_that_end_with_it():
    encoder = tiny_bert()
    lora.add(encoder, rank=1, targets=["output.dense"])
    assert len(lora.layers(encoder)) == 4, "of attention and feed-forward, in two layers"


def test_the_same_seed_draws_the_same_matrices_and_leaves_the_global_generator_alone():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    drawn = []
    for seed in (1, 1, 2):
        encoder = tiny_bert()
        torch.set_rng_state(before)
        lora.add(encoder, rank=2, seed=seed)
        drawn.append(torch.cat([layer.down for layer in lora.layers(encoder).values()]))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])


def test_padding_does_not_matter():
    encoder = stirred_encoder()
    rows = tiny_rows(2)
    rows.sort(key=lambda row: len(row["input_ids"]))
    alone, beside = collate(rows[:1]), collate(rows)
    given = ("input_ids", "attention_mask", "token_type_ids")
    one = encoder(**{name: alone[name] for name in given}).last_hidden_state[0]
    two = encoder(**{name: beside[name] for name in given}).last_hidden_state[0]
    torch.testing.assert_close(two[: len(one)], one, atol=1e-5, rtol=1e-4)


def stirred_encoder():
    encoder = tiny_bert()
    lora.add(encoder, rank=2)
    return stirred(encoder)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rank": 0}, r"rank must lie in 1\.\.8, got 0"),
        ({"rank": 9}, r"rank must lie in 1\.\.8, got 9"),
        ({"alpha": 0.0}, "alpha must be above 0, got 0.0"),
        ({"targets": ["q_proj"]}, "'q_proj'; there are attention.output.dense, .*query"),
        ({"targets": ["query", "LayerNorm"]}, "no linear layer is called 'LayerNorm'"),
        ({"targets": []}, "name at least one target"),
    ],
)
def test_impossible_settings_are_named_and_leave_the_model_as_it_was(options, message):
    model = classifier()
    before = weights_of(model)
    with pytest.raises(ValueError, match=message):
        lora.add(model, **options)
    assert list(model.state_dict()) == list(before)
    assert all(weight.requires_grad for weight in model.parameters())


def test_adding_twice_is_an_error():
    model = classifier()
    lora.add(model)
    with pytest.raises(ValueError, match=r"has LoRA already; remove\(model\)"):
        lora.add(model)


@pytest.mark.parametrize("act", [lora.merge, lora.unmerge, lora.remove])
def test_there_must_be_lora_to_work_on(act):
    with pytest.raises(ValueError, match="has no LoRA"):
        act(classifier())
