"""Perplexities are of the words they say, however the text is cut into rows."""

import numpy as np
import pytest
import torch

from tests.recurrent.pocket_elmo.conftest import SETTINGS
from tlbook.recurrent.elmo import BiLM
from tlbook.recurrent.elmo.prediction import NAMES, LanguageModel
from tlbook.recurrent.pocket_elmo import measurement
from tlbook.recurrent.pocket_elmo.preparation import write_array

TYPES = ["<S>", "</S>", "a", "bb", "c", "dd"]
HELD_OUT = np.array([0, 2, 3, 4, 0, 5, 3, 2, 0])


@pytest.fixture
def model():
    torch.manual_seed(0)
    return LanguageModel(BiLM(SETTINGS), [*NAMES, "a", "bb", "c"]).eval()


def test_sentences_are_those_of_the_text():
    found = list(measurement.sentences_of(HELD_OUT, TYPES))
    assert found == [["a", "bb", "c"], ["dd", "bb", "a"]]


def test_each_sentence_on_its_own_is_what_the_model_says_of_them(model):
    found, words = measurement.anew(model, HELD_OUT, TYPES)
    assert words == 8
    assert found == model.perplexity([["a", "bb", "c"], ["dd", "bb", "a"]])


def test_one_row_that_is_carried_on_is_one_long_text(model, monkeypatch):
    monkeypatch.setattr(measurement, "ROWS", 1)
    monkeypatch.setattr(measurement, "SPAN", 2)
    found, words = measurement.carried(model, HELD_OUT, TYPES)
    assert words == 8
    whole = ["<S>", "a", "bb", "c", "<S>", "dd", "bb", "a"]
    vectors = model.bilm.word_vectors(whole)[None]
    layers, _ = model.bilm.contexts(vectors, torch.tensor([8]), model.bilm.blank_state(1))
    states = layers[-1, 0, :, : SETTINGS.projection]
    loss = model.loss(states, torch.tensor([2, 3, 4, 0, 1, 3, 2, 0])) / 8
    assert found["forward"] == pytest.approx(loss.exp().item(), rel=1e-5)


def test_a_model_that_knows_nothing_is_perplexed_by_every_word_alike(model):
    with torch.no_grad():
        model.softmax.weight.zero_()
        model.softmax.bias.zero_()
    text = np.tile(HELD_OUT[:-1], 9)
    found, words = measurement.carried(model, np.append(text, 0), TYPES)
    assert found == pytest.approx({"forward": 5, "backward": 5})
    assert 0.8 * len(text) < words <= len(text)


def test_every_way_is_measured_in_both_directions(model, tmp_path):
    text = np.tile(HELD_OUT[:-1], 9)
    for name in ("words", "held_out"):
        write_array(tmp_path / f"{name}.npy", np.append(text, 0))
    (tmp_path / "types.txt").write_text("\n".join(TYPES))
    rows = measurement.measure(tmp_path, model)
    assert [(row["model"], row["direction"]) for row in rows] == [
        (name, direction)
        for name in measurement.NAMES.values()
        for direction in ("forward", "backward")
    ]
    assert all(row["perplexity"] >= 1 for row in rows)
    assert max(row["perplexity"] for row in rows[-2:]) < 2, "the trigram has seen it all"
