"""What LoRA promises: a harmless start, few trained weights, exact merging, a way back."""

import copy
import inspect

import pytest
import torch
from torch import nn
from transformers import BertForMaskedLM, BertForSequenceClassification

from tests.efficient.tiny_trunks import tiny_trunk
from tests.tiny_models import tiny_bert, tiny_config, tiny_rows
from tlbook.batches import Batches, collate
from tlbook.efficient import lora
from tlbook.freezing import trained_weights
from tlbook.heads import Classifier, classification_loss
from tlbook.training import fit

ATTENTION = 2 * 2 * (8 + 8)  # two layers, queries and values, hidden 8: weights per rank


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


def test_a_classifier_of_transformers_keeps_its_new_head_trained():
    model = BertForSequenceClassification(tiny_config(num_labels=3))
    assert lora.encoder_of(model) is model.bert
    lora.add(model, rank=2)
    assert model.classifier.weight.requires_grad
    assert trained_weights(model) == 2 * ATTENTION + 8 * 3 + 3


def test_a_language_model_has_no_new_head():
    model = BertForMaskedLM(tiny_config())
    lora.add(model, rank=2)
    assert lora.encoder_of(model) is model
    assert trained_weights(model) == 2 * ATTENTION


@pytest.mark.parametrize("act", [lora.add, lora.count])
def test_a_model_without_an_encoder_is_named(act):
    model = nn.Sequential(nn.Linear(2, 2))
    with pytest.raises(ValueError, match=r"Sequential has no encoder in \.encoder; give"):
        act(model, rank=1, targets=["0"])
    model.encoder = "bert"
    with pytest.raises(ValueError, match="Sequential has no encoder"):
        act(model, rank=1, targets=["0"])


def test_the_projections_of_gpt2_take_it_too():
    encoder = tiny_trunk("gpt2")
    given = {"input_ids": torch.arange(6).view(2, 3)}
    before = encoder(**given).last_hidden_state
    base = encoder.h[0].attn.c_attn.weight.clone()
    count = lora.count(encoder, rank=2, targets=["c_attn", "mlp.c_proj"])
    lora.add(encoder, rank=2, targets=["c_attn", "mlp.c_proj"])
    assert trained_weights(encoder) == count == 2 * 2 * ((8 + 24) + (32 + 8))
    assert torch.equal(encoder(**given).last_hidden_state, before)
    apart = stirred(encoder)(**given).last_hidden_state
    assert not torch.allclose(apart, before)
    lora.merge(encoder)
    torch.testing.assert_close(encoder(**given).last_hidden_state, apart, atol=1e-5, rtol=1e-5)
    lora.remove(encoder)
    assert torch.equal(encoder.h[0].attn.c_attn.weight, base)


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


def test_the_state_of_a_merged_model_is_neither_told_nor_replaced():
    model = classifier()
    lora.add(model, rank=2)
    told = copy.deepcopy(stirred(model).state_dict())
    lora.merge(model)
    message = r"LoRA is merged: .*; call unmerge\(model\) first"
    with pytest.raises(RuntimeError, match=message):
        model.state_dict()
    with pytest.raises(RuntimeError, match=message):
        model.load_state_dict(told)
    lora.unmerge(model)
    model.load_state_dict(told)
    assert all(torch.equal(weight, told[name]) for name, weight in model.state_dict().items())


def test_a_merged_model_says_in_evaluation_too_why_there_are_no_gradients():
    model = classifier()
    lora.add(model, rank=2)
    lora.merge(stirred(model))
    with pytest.raises(RuntimeError, match=r"merged.*call unmerge\(model\) first"):
        classification_loss(model, batch()).backward()
    for factor in [w for name, w in model.named_parameters() if name.endswith((".down", ".up"))]:
        factor.requires_grad_(False)
    classification_loss(model.train(), batch()).backward()
    assert model.head.weight.grad is not None, "the head alone may learn"


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_a_merged_model_answers_without_gradients_in_any_mode(mode):
    model = classifier()
    lora.add(model, rank=2)
    expected = stirred(model)(**batch())
    lora.merge(model)
    with mode():
        found = model.train()(**batch())
    torch.testing.assert_close(found, expected.detach(), atol=1e-5, rtol=1e-5)


def test_a_copy_of_a_merged_model_is_merged_and_unmerges_by_itself():
    model = classifier()
    lora.add(model, rank=2)
    apart = stirred(model)(**batch())
    lora.merge(model)
    merged = model(**batch())
    twin = copy.deepcopy(model)
    assert torch.equal(twin(**batch()), merged)
    with pytest.raises(RuntimeError, match="LoRA is merged"):
        twin.state_dict()
    lora.unmerge(twin)
    assert torch.equal(twin(**batch()), apart)
    assert torch.equal(model(**batch()), merged), "the model stays merged"
    assert list(twin.state_dict())


def test_a_merged_model_can_be_looked_at_apart():
    model = classifier()
    lora.add(model, rank=2)
    told = copy.deepcopy(stirred(model).state_dict())
    lora.merge(model)
    merged = model(**batch())
    with lora.apart(model):
        assert all(torch.equal(told[name], w) for name, w in model.state_dict().items())
    with pytest.raises(ZeroDivisionError), lora.apart(model):
        _ = 1 / 0
    assert torch.equal(model(**batch()), merged)
    lora.unmerge(model)
    assert all(torch.equal(told[name], w) for name, w in model.state_dict().items())


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


def test_a_single_target_needs_no_list():
    encoder = tiny_bert()
    assert lora.count(encoder, rank=1, targets="query") == 2 * (8 + 8)
    lora.add(encoder, rank=1, targets="query")
    assert [name.split(".")[-1] for name in lora.layers(encoder)] == ["query"] * 2


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
        ({"rank": 2.5}, r"rank must be a whole number, got 2\.5"),
        ({"rank": True}, "rank must be a whole number, got True"),
        ({"rank": "x"}, "rank must be a whole number, got 'x'"),
        ({"alpha": 0.0}, r"alpha must be a number above 0, got 0\.0"),
        ({"alpha": float("inf")}, "alpha must be a number above 0, got inf"),
        ({"alpha": float("nan")}, "alpha must be a number above 0, got nan"),
        ({"alpha": "x"}, "alpha must be a number above 0, got 'x'"),
        ({"alpha": True}, "alpha must be a number above 0, got True"),
        ({"targets": ["q_proj"]}, "'q_proj'; there are attention.output.dense, .*query"),
        ({"targets": "q_proj"}, "no linear layer is called 'q_proj'; there are"),
        ({"targets": ["query", "LayerNorm"]}, "no linear layer is called 'LayerNorm'"),
        ({"targets": []}, "name at least one target"),
    ],
)
def test_impossible_settings_are_named_and_leave_the_model_as_it_was(options, message):
    model = classifier()
    before = weights_of(model)
    with pytest.raises(ValueError, match=message):
        inspect.unwrap(lora.add)(model, **options)  # without the test run's own check of types
    assert list(model.state_dict()) == list(before)
    assert all(weight.requires_grad for weight in model.parameters())


@pytest.mark.parametrize("rank", [0, 9, 2.5])
def test_no_weights_are_counted_for_an_impossible_rank(rank):
    with pytest.raises(ValueError, match=r"rank must (lie in 1\.\.8|be a whole number), got"):
        inspect.unwrap(lora.count)(tiny_bert(), rank=rank)


def test_a_model_of_which_the_last_layer_cannot_be_corrected_stays_as_it_was():
    model = classifier()
    last = model.encoder.encoder.layer[1].attention.self.value
    last.weight = nn.Parameter(torch.ones(8, 8, dtype=torch.int8), requires_grad=False)
    flags = {name: weight.requires_grad for name, weight in model.named_parameters()}
    with pytest.raises(ValueError, match=r"weights of torch\.int8 take no correction"):
        lora.add(model, rank=2)
    assert not lora.layers(model)
    assert {name: weight.requires_grad for name, weight in model.named_parameters()} == flags


def test_a_failure_halfway_leaves_the_model_as_it_was(monkeypatch):
    model, made = classifier(), []
    flags = {name: weight.requires_grad for name, weight in model.named_parameters()}

    def rand(*sizes, **options):
        made.append(sizes)
        if len(made) == 3:
            raise RuntimeError("out of memory")
        return torch.zeros(*sizes)

    monkeypatch.setattr(torch, "rand", rand)
    with pytest.raises(RuntimeError, match="out of memory"):
        lora.add(model, rank=2)
    assert not lora.layers(model)
    assert {name: weight.requires_grad for name, weight in model.named_parameters()} == flags


def test_an_encoder_without_linear_layers_says_so():
    model = nn.Module()
    model.encoder = nn.Embedding(3, 2)
    with pytest.raises(ValueError, match="'query'; there are none"):
        lora.add(model)


def test_adding_twice_is_an_error():
    model = classifier()
    lora.add(model)
    with pytest.raises(ValueError, match=r"has LoRA already; remove\(model\)"):
        lora.add(model)


@pytest.mark.parametrize("act", [lora.merge, lora.unmerge, lora.remove])
def test_there_must_be_lora_to_work_on(act):
    with pytest.raises(ValueError, match="has no LoRA"):
        act(classifier())
