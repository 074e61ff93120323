"""Tuning on a task's text makes that text less surprising, and the given model stays as it is."""

import copy

import pytest
import torch

from tests.recurrent.pocket_elmo.conftest import SETTINGS
from tlbook.recurrent.elmo import BiLM, tuning
from tlbook.recurrent.elmo.prediction import NAMES, LanguageModel
from tlbook.recurrent.elmo.words import words_of

TEXTS = ["the red ship sails.", "the old ship sails home.", "the red ship sails home."] * 8
KNOBS = {"rows": 4, "span": 5, "learning_rate": 0.02}


@pytest.fixture
def model():
    torch.manual_seed(0)
    words = ["the", "red", "ship", "sails", ".", "home"]
    return LanguageModel(BiLM(SETTINGS), [*NAMES, *words]).eval()


def test_the_text_becomes_less_surprising_in_both_directions(model):
    sentences = [words_of(text) for text in TEXTS[:3]]
    before = model.perplexity(sentences)
    tuned, seconds = tuning.tuned(model, TEXTS, passes=8, **KNOBS)
    after = tuned.perplexity(sentences)
    for direction, perplexity in after.items():
        assert perplexity < 0.6 * before[direction]
    assert seconds > 0
    assert not tuned.training


def test_the_given_model_stays_as_it_is_and_a_copy_moves_in_all_its_parts(model):
    model.requires_grad_(False)
    before = copy.deepcopy(model.state_dict())
    tuned, _ = tuning.tuned(model, TEXTS, **KNOBS)
    for name, weight in model.state_dict().items():
        assert torch.equal(weight, before[name])
    moved = {name for name, w in tuned.state_dict().items() if not torch.equal(w, before[name])}
    for part in ("characters", "forwards", "backwards", "softmax"):
        assert [name for name in moved if part in name]


def test_words_keep_the_numbers_of_the_vocabulary_and_others_are_unknown(model):
    stream = tuning.stream_of(model, ["the odd ship", "odd"], passes=1, rows=1, span=6, seed=0)
    assert stream.words.tolist() == [0, 2, 8, 4, 0, 8]
    (batch,) = stream
    assert batch["forward_targets"].tolist() == [[2, 1, 4, 0, 1, 0]]


def test_with_a_small_vocabulary_the_loss_is_the_mean_of_the_exact_ones(model):
    stream = tuning.stream_of(model, TEXTS[:2], passes=1, rows=1, span=9, seed=0)
    (batch, *_), reader = stream, tuning.Streamed(model, 1)
    exact = [
        model.loss(states, targets).item() / 9
        for _, states, targets in tuning.Streamed(model, 1).predictions(batch)
    ]
    assert tuning.loss_of(reader, batch).item() == pytest.approx(sum(exact) / 2, abs=1e-5)


def test_passes_count_the_words(model):
    one, three = (
        len(tuning.stream_of(model, TEXTS, passes=passes, rows=2, span=4, seed=0))
        for passes in (1, 3)
    )
    assert three == pytest.approx(3 * one, abs=2)


def test_texts_that_are_too_short_are_an_error(model):
    with pytest.raises(ValueError, match="too few"):
        tuning.tuned(model, ["the"], rows=8, span=20)
