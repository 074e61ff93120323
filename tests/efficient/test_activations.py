"""Training from stored states is training, only without the frozen layers."""

import copy

import pytest
import torch

from tests.efficient.tiny_trunks import TRUNKS, tiny_trunk
from tests.tiny_models import tiny_bert, tiny_rows
from tlbook.batches import Batches
from tlbook.efficient import adapters
from tlbook.efficient.activations import lowest_trained_layer, store
from tlbook.efficient.adapters.places import path_of_layers
from tlbook.freezing import freeze, freeze_below
from tlbook.heads import Classifier, Tagger, classification_loss, tagging_loss
from tlbook.training import fit, predict

KEYS = ("input_ids", "token_type_ids", "labels")


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
    trained(*store(model, Batches(rows_for(kind), size=3)), epochs=4)
    assert sum(rows) == 7


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


def test_the_table_is_no_part_of_a_checkpoint():
    upper, _ = store(freeze_encoder(classifier()), Batches(rows_for("bert")))
    names = {name for name, _ in (*upper.named_parameters(), *upper.named_buffers())}
    assert names == {"head.weight", "head.bias"}


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
    with pytest.raises(ValueError, match=r"embeddings\.\S+ is trained, so there are no frozen st"):
        store(classifier(), Batches(rows_for("bert")))
