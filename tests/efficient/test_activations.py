"""Training from stored states is training, only without the frozen layers."""

import contextlib
import copy
import re

import pytest
import torch
from transformers import (
    ConvBertConfig,
    ConvBertModel,
    DebertaV2Config,
    DebertaV2Model,
    RemBertConfig,
    RemBertModel,
)

from tests.efficient.tiny_trunks import TRUNKS, tiny_trunk
from tests.tiny_models import SIZES, tiny_bert, tiny_rows
from tlbook.batches import Batches
from tlbook.efficient import adapters
from tlbook.efficient.activations import lowest_trained_layer, store
from tlbook.efficient.adapters.places import path_of_layers
from tlbook.freezing import freeze, freeze_below
from tlbook.heads import Classifier, Tagger, classification_loss, tagging_loss
from tlbook.training import fit, predict
from tlbook.training.memory import peak_bytes

KEYS = ("input_ids", "token_type_ids", "labels")


def deberta(**changes):
    relative = {"relative_attention": True, "pos_att_type": ["p2c", "c2p"]}
    norm = {"norm_rel_ebd": "layer_norm"}
    return DebertaV2Model(DebertaV2Config(**SIZES | relative | norm | changes))


def convbert():
    return ConvBertModel(ConvBertConfig(**SIZES, embedding_size=8))


def rembert():
    return RemBertModel(RemBertConfig(**SIZES, input_embedding_size=8))


UNFIT = {
    "a convolution after the first layer": (lambda: deberta(conv_kernel_size=3), (1, 2)),
    "convolutions that reach into padding": (convbert, (1, 2)),
    "a projection before the layers": (rembert, (1, 2)),
    "no output without layers": (deberta, (0,)),
}


@pytest.fixture(autouse=True)
def in_float32(monkeypatch):
    monkeypatch.setenv("TLBOOK_PRECISION", "float32")


def rows_for(kind, count=7):
    keys = KEYS if kind == "bert" else ("input_ids", "labels")
    return [{key: row[key] for key in keys} for row in tiny_rows(count)]


def classifier(kind="bert"):
    torch.manual_seed(1)
    return Classifier(tiny_trunk(kind), 2, dropout=0.0).eval()


def trained(model, batches, loss_of=classification_loss, epochs=2):
    moved = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.SGD(moved, 0.1)
    return fit(model, batches, loss_of=loss_of, optimizer=optimizer, epochs=epochs, progress=False)


def weights(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


WAYS = {
    "adapters in the top layer": lambda m: adapters.add(m, bottleneck=2, layers=(1,), scale=0.1),
    "adapters in all layers": lambda m: adapters.add(m, bottleneck=2, scale=0.1),
    "head only": lambda m: freeze(m.encoder),
}


@pytest.mark.parametrize("kind", TRUNKS)
@pytest.mark.parametrize("way", WAYS)
def test_stored_states_give_the_same_logits_and_the_same_training(kind, way):
    ordinary, batches = classifier(kind), Batches(rows_for(kind), size=3)
    WAYS[way](ordinary)
    model = copy.deepcopy(ordinary)
    upper, stored = store(model, batches)
    for one, other in zip(predict(upper, stored), predict(ordinary, batches), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-5)
    expected = trained(ordinary, batches)
    found = trained(upper, stored)
    for one, other in zip(found, expected, strict=True):
        assert one["train_loss"] == pytest.approx(other["train_loss"], abs=1e-5)
    torch.testing.assert_close(weights(model), weights(ordinary), rtol=0, atol=1e-5)


def test_the_top_layers_alone_can_be_tuned_from_stored_states():
    ordinary, batches = classifier(), Batches(rows_for("bert"), size=3)
    freeze_below(ordinary.encoder, 2)
    model = copy.deepcopy(ordinary)
    upper, stored = store(model, batches)
    trained(ordinary, batches)
    trained(upper, stored)
    torch.testing.assert_close(weights(model), weights(ordinary), rtol=0, atol=1e-5)


def test_so_can_a_tagger():
    rows = [row | {"labels": [0, *[1] * (len(row["input_ids"]) - 1)]} for row in tiny_rows(5)]
    ordinary, batches = Tagger(tiny_bert(), 2, dropout=0.0), Batches(rows, size=2)
    freeze_below(ordinary.encoder, 2)
    model = copy.deepcopy(ordinary)
    upper, stored = store(model, batches)
    trained(ordinary, batches, tagging_loss)
    trained(upper, stored, tagging_loss)
    torch.testing.assert_close(weights(model), weights(ordinary), rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", TRUNKS)
def test_frozen_layers_run_once_for_each_row_whatever_the_epochs(kind):
    model, rows = classifier(kind), []
    adapters.add(model, bottleneck=2, layers=(1,))
    lowest = model.encoder.get_submodule(path_of_layers(model.encoder))[0]
    lowest.register_forward_pre_hook(lambda _, given: rows.append(len(given[0])))
    pair = store(model, Batches(rows_for(kind, 20), size=3))
    checked = 2 * 4  # a few rows more: whole, and stored for the comparison
    assert sum(rows) == checked + 20
    trained(*pair, epochs=4)
    assert sum(rows) == checked + 20


def test_batches_keep_their_order_size_and_labels():
    batches = Batches(rows_for("bert"), size=3, seed=4)
    next(iter(batches))
    _, stored = store(freeze_encoder(classifier()), batches)
    assert stored.plan(5) == batches.plan(5)
    assert (stored.size, stored.seed, stored.epoch) == (3, 4, 1)
    assert [row["labels"] for row in stored.rows] == [row["labels"] for row in batches.rows]


def freeze_encoder(model):
    freeze(model.encoder)
    return model


def test_the_model_stays_whole_and_in_its_mode():
    model = freeze_encoder(classifier())
    parts = [(name, id(part)) for name, part in model.named_modules()]
    model.train()
    store(model, Batches(rows_for("bert")))
    assert [(name, id(part)) for name, part in model.named_modules()] == parts
    assert all(part.training for part in model.modules())


def moved(encoder):
    """Make the weights of an encoder wide, so that a difference in the input shows."""
    for weight in encoder.parameters():
        if weight.ndim > 1:
            torch.nn.init.normal_(weight, std=0.2)
    return encoder


@pytest.mark.parametrize("wide", [True, False])
@pytest.mark.parametrize("name", UNFIT)
def test_an_encoder_that_needs_more_than_the_states_below_is_refused(name, wide):
    made, layers = UNFIT[name]
    torch.manual_seed(0)
    encoder = made()
    model = Classifier(moved(encoder) if wide else encoder, 2)
    adapters.add(model, bottleneck=2, layers=layers)
    words = f"{type(encoder).__name__}: its upper layers need more than .* train it uncached"
    with pytest.raises(ValueError, match=words):
        store(model, Batches(rows_for("deberta"), size=3))


@pytest.mark.parametrize("made", [lambda: deberta(hidden_dropout_prob=0.5), convbert])
def test_a_check_leaves_modes_weights_and_generators_as_they_were(made):
    model, batches = Classifier(made(), 2).train(), Batches(rows_for("deberta"), size=3)
    adapters.add(model, bottleneck=2, layers=(1, 2))
    model.encoder.encoder.layer[0].eval()
    model.encoder.embeddings.eval()
    modes = [part.training for part in model.modules()]
    before, drawn = weights(model), torch.get_rng_state()
    with contextlib.suppress(ValueError):
        store(model, batches)
    assert [part.training for part in model.modules()] == modes
    assert torch.equal(torch.get_rng_state(), drawn)
    torch.testing.assert_close(weights(model), before, rtol=0, atol=0)
    assert batches.epoch == 0


def test_the_whole_model_may_fail_in_its_own_words():
    rows = [{"input_ids": [1, 2], "labels": 0}, {"input_ids": [1, 60, 2], "labels": 1}]
    with pytest.raises(IndexError, match="out of range"):
        store(freeze_encoder(classifier()), Batches(rows))


@pytest.mark.parametrize("name", ["electra", "deberta"])
def test_what_lies_between_the_layers_does_not_go_stale(name):
    torch.manual_seed(0)
    dropout = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    encoder = moved(deberta(**dropout) if name == "deberta" else tiny_trunk("electra"))
    ordinary = Classifier(encoder, 2, dropout=0.0)
    batches = Batches(rows_for(name, 20), size=3)
    freeze_below(ordinary.encoder, 2)
    model = copy.deepcopy(ordinary)
    trained(ordinary, batches, epochs=5)
    trained(*store(model, Batches(rows_for(name, 20), size=3)), epochs=5)
    torch.testing.assert_close(weights(model), weights(ordinary), rtol=0, atol=1e-5)


def test_the_table_is_no_part_of_a_checkpoint():
    upper, _ = store(freeze_encoder(classifier()), Batches(rows_for("bert")))
    assert set(upper.state_dict()) == {"head.weight", "head.bias"}
    assert [name for name, _ in upper.named_buffers()] == ["encoder.embeddings.states"]


def test_the_table_goes_where_the_upper_model_goes():
    model, batches = classifier(), Batches(rows_for("bert"), size=3)
    adapters.add(model, bottleneck=2, layers=(1,))
    upper, stored = store(model, batches)
    before = predict(upper, stored)
    for one, other in zip(predict(upper.double(), stored), before, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-5)
    assert upper.to("meta").encoder.embeddings.states.device.type == "meta"


@pytest.mark.parametrize("precision", [torch.float64, torch.bfloat16])
def test_states_have_the_precision_of_the_weights(precision):
    model, batches = classifier().to(precision), Batches(rows_for("bert"), size=3)
    adapters.add(model, bottleneck=2, layers=(1,))
    upper, stored = store(model, batches)
    assert upper.encoder.embeddings.states.dtype == precision
    for one, other in zip(predict(upper, stored), predict(model, batches), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-5)


def test_a_deep_copy_learns_by_itself_from_the_same_table():
    model, batches = classifier(), Batches(rows_for("bert"), size=3)
    adapters.add(model, bottleneck=2, layers=(1,))
    upper, stored = store(model, batches)
    again = copy.deepcopy(upper)
    table = upper.encoder.embeddings.states
    assert again.encoder.embeddings.states.data_ptr() == table.data_ptr()
    before = weights(upper)
    trained(again, stored)
    torch.testing.assert_close(weights(upper), before, rtol=0, atol=0)
    assert not torch.equal(again.head.weight, upper.head.weight)
    again.double()
    assert upper.encoder.embeddings.states is table
    assert table.dtype == torch.float32


def test_storing_needs_the_memory_of_one_table():
    model, batches = freeze_encoder(classifier()), Batches(rows_for("bert", 400), size=2)
    table = 4 * 8 * (1 + int(batches.lengths.sum()))
    others = sum(weight.nbytes for weight in model.parameters())
    assert table < peak_bytes(store, model, batches) < 1.5 * table + others


def test_processes_do_not_send_each_other_the_table():
    model = classifier()
    upper, _ = store(freeze_encoder(model), Batches(rows_for("bert")))
    names = set(upper._ddp_params_and_buffers_to_ignore)
    assert names == {name for name, _ in upper.named_buffers()}
    assert not hasattr(model, "_ddp_params_and_buffers_to_ignore")


def test_an_encoder_alone_has_states_to_store_too():
    encoder, batches = tiny_bert(), Batches(rows_for("bert"), size=7, shuffle=False)
    adapters.add(encoder, bottleneck=2, layers=(1,))
    upper, stored = store(encoder, batches)
    places = batches.plan(1)[0]
    plain, lines = batches.collated(places), stored.collated(places)
    keys = ("input_ids", "attention_mask")
    whole = encoder(**{key: plain[key] for key in keys}).last_hidden_state
    part = upper(**{key: lines[key] for key in keys}).last_hidden_state
    real = plain["attention_mask"].bool()
    torch.testing.assert_close(part[real], whole[real], rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", TRUNKS)
def test_the_lowest_trained_layer_is_found(kind):
    model = classifier(kind)
    freeze(model.encoder)
    assert lowest_trained_layer(model) == 2
    adapters.add(model, bottleneck=2, layers=(1,))
    assert lowest_trained_layer(model) == 1
    adapters.add(model, bottleneck=2, name="all")
    assert lowest_trained_layer(model) == 0


def test_without_a_frozen_part_there_is_nothing_to_store():
    with pytest.raises(ValueError, match=r"embeddings\.\S+, .* are trained and lie in no layer"):
        store(classifier(), Batches(rows_for("bert")))


SHARED = {
    "electra": (lambda: tiny_trunk("electra"), "embeddings_project.weight"),
    "deberta": (deberta, "encoder.rel_embeddings.weight"),
    "the norm of what DeBERTa's layers share": (deberta, "encoder.LayerNorm.bias"),
    "rembert": (rembert, "encoder.embedding_hidden_mapping_in.bias"),
}


@pytest.mark.parametrize("name", SHARED)
def test_a_trained_weight_that_lies_in_no_layer_is_named(name):
    made, weight = SHARED[name]
    model = freeze_encoder(Classifier(made(), 2))
    model.encoder.get_parameter(weight).requires_grad_(True)
    with pytest.raises(ValueError, match=f"^{re.escape(weight)} is trained and lies in no layer"):
        lowest_trained_layer(model)
