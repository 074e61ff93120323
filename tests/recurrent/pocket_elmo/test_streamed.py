"""States are carried from step to step, and so reading in steps is reading at once."""

import numpy as np
import pytest
import torch

from tests.recurrent.pocket_elmo.conftest import SETTINGS
from tlbook.recurrent.elmo import BiLM
from tlbook.recurrent.elmo.characters import ids_of
from tlbook.recurrent.elmo.prediction import NAMES, LanguageModel
from tlbook.recurrent.pocket_elmo.stream import Stream
from tlbook.recurrent.pocket_elmo.streamed import Streamed

TYPES = ["<S>", "</S>", "a", "bb", "c", "dd"]
WORDS = np.array([0, 2, 3, 4, 0, 5, 3, 2, 0])


@pytest.fixture
def model():
    torch.manual_seed(0)
    return LanguageModel(BiLM(SETTINGS), [*NAMES, "a", "bb", "c"])


def streamed(model, *, span, rows=1, forgetting=0.0):
    stream = Stream(
        WORDS,
        ids_of(TYPES, SETTINGS.longest),
        vocab=5,
        rows=rows,
        span=span,
        total=len(WORDS) - 1,
        common=5,
        sampled=0,
        forgetting=forgetting,
        seed=0,
    )
    return Streamed(model, rows), list(stream)


def predictions(model, **settings):
    reader, batches = streamed(model, **settings)
    found = {"forward": [], "backward": []}
    for batch in batches:
        for name, states, targets in reader.predictions(batch):
            found[name].append((states, targets))
    return {
        name: [torch.cat(part) for part in zip(*steps, strict=True)]
        for name, steps in found.items()
    }


@pytest.mark.parametrize("span", [1, 2, 4])
def test_reading_in_steps_is_reading_at_once(model, span):
    whole, parts = (predictions(model, span=size) for size in (8, span))
    for name in whole:
        torch.testing.assert_close(parts[name], whole[name], rtol=0, atol=1e-6)


def test_both_directions_are_those_of_the_language_model(model):
    found = predictions(model, span=8)
    for name, words in (
        ("forward", ["<S>", "a", "bb", "c", "<S>", "dd", "bb", "a"]),
        ("backward", ["a", "bb", "c", "</S>", "dd", "bb", "a", "</S>"]),
    ):
        vectors = model.bilm.word_vectors(words)[None]
        layers, _ = model.bilm.contexts(vectors, torch.tensor([8]), model.bilm.blank_state(1))
        expected = layers[-1, 0].chunk(2, dim=-1)[name == "backward"]
        if name == "backward":
            expected = expected.flip(0)
        torch.testing.assert_close(found[name][0], expected, rtol=0, atol=1e-6)


def test_a_row_that_forgets_begins_from_zero(model):
    reader, (first, second) = streamed(model, span=4)
    list(reader.predictions(first))
    second["kept"] = torch.zeros(1)
    (_, states, _), _ = reader.predictions(second)
    fresh, _ = streamed(model, span=4)
    (_, expected, _), _ = fresh.predictions(second)
    torch.testing.assert_close(states, expected)


def test_gradients_stay_within_a_step(model):
    reader, batches = streamed(model, span=4)
    for batch in batches:
        sum(reader.losses(batch).values()).backward()
    assert not reader.h.requires_grad
    assert {name for name, _ in reader.named_buffers()} == {"h", "c"}


def test_with_all_words_as_candidates_the_loss_is_that_of_the_whole_softmax(model):
    reader, batches = streamed(model, span=8)
    losses = reader.losses(batches[0])
    for name, (states, targets) in predictions(model, span=8).items():
        torch.testing.assert_close(losses[name], model.loss(states, targets) / 8)
