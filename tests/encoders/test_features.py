"""One vector per text and layer: the same alone or in company, and the same from the cache."""

import pytest
import torch
from safetensors.torch import load_file

from tests.tiny_models import tiny_bert, tiny_rows
from tlbook import runtime
from tlbook.batches import Batches
from tlbook.encoders import features
from tlbook.encoders.features import embed, pooled


@pytest.fixture(autouse=True)
def exact(monkeypatch):
    monkeypatch.setenv("TLBOOK_PRECISION", "float32")


@pytest.fixture
def batches():
    return Batches(tiny_rows(7), size=3)


def cached():
    return sorted((runtime.cache_folder() / "features").glob("*"))


def test_pooling_by_hand():
    hidden = torch.tensor([[[1.0, 10.0], [3.0, 20.0], [99.0, 99.0]]])
    mask = torch.tensor([[1, 1, 0]])
    assert pooled(hidden, mask, "mean").tolist() == [[2.0, 15.0]]
    assert pooled(hidden, mask, "cls").tolist() == [[1.0, 10.0]]


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_rows_come_in_their_order_as_if_each_were_alone(batches, pooling):
    model = tiny_bert()
    found = embed(model, batches, layers=(0, 1, -1), pooling=pooling)
    assert found.shape == (7, 3, 8)
    for row, vectors in zip(batches.rows, found, strict=True):
        ids = torch.tensor([row["input_ids"]])
        states = model(input_ids=ids, output_hidden_states=True).hidden_states
        alone = [state[0, 0] if pooling == "cls" else state[0].mean(0) for state in states]
        torch.testing.assert_close(vectors, torch.stack(alone), atol=1e-5, rtol=0)


def test_both_poolings_out_of_one_pass_are_those_of_two(batches):
    model = tiny_bert()
    both = embed(model, batches, layers=(0, -1), pooling="mean+cls")
    apart = [embed(model, batches, layers=(0, -1), pooling=way) for way in ("mean", "cls")]
    assert torch.equal(both, torch.cat(apart, 1))


def test_the_batch_size_does_not_matter(batches):
    one_by_one = embed(tiny_bert(), Batches(batches.rows, size=1))
    torch.testing.assert_close(embed(tiny_bert(), batches), one_by_one, atol=1e-5, rtol=0)


def test_bfloat16_gives_nearly_the_same_in_float32(batches, monkeypatch):
    exactly = embed(tiny_bert(), batches)
    monkeypatch.setenv("TLBOOK_PRECISION", "bfloat16")
    nearly = embed(tiny_bert(), batches)
    assert nearly.dtype is torch.float32
    assert not torch.equal(nearly, exactly)
    torch.testing.assert_close(nearly, exactly, atol=0.1, rtol=0.1)


def test_embedding_computes_no_gradients_and_no_dropout(batches):
    model = tiny_bert(hidden_dropout_prob=0.5).train()
    first, second = embed(model, batches), embed(model, batches)
    torch.testing.assert_close(first, second, atol=0, rtol=0)
    assert not first.requires_grad
    assert not first.is_inference(), "it can be trained on"


def test_without_the_cache_nothing_is_written(batches):
    embed(tiny_bert(), batches)
    assert not cached()


def test_what_is_cached_is_not_computed_again(batches, monkeypatch):
    found = embed(tiny_bert(), batches, cache=True)
    (path,) = cached()
    torch.testing.assert_close(load_file(path)["features"], found)
    monkeypatch.setattr(features, "_computed", lambda *_: pytest.fail("computed again"))
    torch.testing.assert_close(embed(tiny_bert(), batches, cache=True), found, atol=0, rtol=0)


CHANGES = {
    "weights": lambda model, rows: (tiny_bert(1), rows, {}),
    "one weight": lambda model, rows: (bumped(model), rows, {}),
    "configuration": lambda model, rows: (tiny_bert(hidden_act="relu"), rows, {}),
    "ids": lambda model, rows: (model, tiny_rows(7, seed=1), {}),
    "segments": lambda model, rows: (
        model,
        [r | {"token_type_ids": [1] * len(r["input_ids"])} for r in rows],
        {},
    ),
    "order": lambda model, rows: (model, rows[::-1], {}),
    "layers": lambda model, rows: (model, rows, {"layers": (0,)}),
    "pooling": lambda model, rows: (model, rows, {"pooling": "cls"}),
}


def bumped(model):
    with torch.no_grad():
        model.encoder.layer[1].output.dense.bias[0] += 1e-6
    return model


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_whatever_the_features_depend_on_makes_another_entry(change):
    rows = tiny_rows(7)
    embed(tiny_bert(), Batches(rows), cache=True)
    model, rows, settings = change(tiny_bert(), rows)
    found = embed(model, Batches(rows), cache=True, **settings)
    assert len(cached()) == 2
    torch.testing.assert_close(found, embed(model, Batches(rows), **settings))


def test_labels_and_order_of_the_batches_make_no_other_entry(batches):
    embed(tiny_bert(), batches, cache=True)
    relabelled = [row | {"labels": 1 - row["labels"]} for row in batches.rows]
    embed(tiny_bert(), Batches(relabelled, size=2, seed=5), cache=True)
    assert len(cached()) == 1


def test_a_truncated_entry_is_made_anew(batches):
    found = embed(tiny_bert(), batches, cache=True)
    (path,) = cached()
    path.write_bytes(path.read_bytes()[:-3])
    torch.testing.assert_close(embed(tiny_bert(), batches, cache=True), found)
    torch.testing.assert_close(load_file(path)["features"], found)


def test_a_cache_that_cannot_be_written_to_is_let_be(batches, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("TLBOOK_CACHE", str(tmp_path / "file" / "below"))
    assert embed(tiny_bert(), batches, cache=True).shape == (7, 1, 8)


@pytest.mark.parametrize("layer", [-4, 3])
def test_a_layer_that_is_not_there_is_an_error(batches, layer):
    with pytest.raises(IndexError, match=r"layers must lie in -3\.\.2, got"):
        embed(tiny_bert(), batches, layers=(layer,))


@pytest.mark.parametrize("wrong", [{"pooling": "max"}, {"pooling": "mean+"}, {"layers": ()}])
def test_an_unknown_pooling_or_no_layer_is_an_error(batches, wrong):
    with pytest.raises(ValueError, match=r"give layers and one pooling of \('mean', 'cls'\)"):
        embed(tiny_bert(), batches, **wrong)
