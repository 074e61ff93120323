"""Words become ids, spellings and layers of a biLM, and stay together in every batch."""

import numpy as np
import pytest
import torch

from tlbook.recurrent.elmo.characters import ids_of
from tlbook.recurrent.word_batches import SPELLING, UNKNOWN, Vocabulary, WordBatches, stacked

TEXT = [["The", "ship", "left", "the", "quay"], ["Ada", "left"], ["the", "ship"]]
TAGS = [[0, 1, 2, 0, 1], [1, 2], [0, 1]]


@pytest.fixture
def rows():
    return Vocabulary(TEXT).rows(TEXT, TAGS)


def test_frequent_words_have_ids_of_their_own_and_capitals_do_not_count():
    vocabulary = Vocabulary(TEXT)
    assert len(vocabulary) == 2 + len({"the", "ship", "left"})
    (row,) = vocabulary.rows([["SHIP", "ship", "quay", "harbour"]], [[0] * 4])
    assert row["input_ids"][0] == row["input_ids"][1] > UNKNOWN
    assert row["input_ids"][2:] == [UNKNOWN, UNKNOWN]


def test_the_same_text_has_the_same_ids_in_any_order():
    assert Vocabulary(TEXT).ids == Vocabulary(TEXT[::-1]).ids


def test_a_sentence_without_words_is_named():
    with pytest.raises(ValueError, match="sentence 1 has no words"):
        Vocabulary(TEXT).rows([["a"], []], [[0], []])


def test_every_word_of_a_batch_finds_its_own_spelling(rows):
    for batch in WordBatches(rows, 2, seed=1):
        for length, spelt, ids in zip(
            batch["attention_mask"].sum(1), batch["spelt"], batch["input_ids"], strict=True
        ):
            words = next(row["words"] for row in rows if row["input_ids"] == ids[:length].tolist())
            expected = ids_of(words, SPELLING.longest).tolist()
            assert batch["spellings"][spelt[:length]].tolist() == expected


def test_a_distinct_word_is_spelt_once_in_a_batch(rows):
    (batch,) = WordBatches(rows, 3)
    words = {word for sentence in TEXT for word in sentence}
    assert len(batch["spellings"]) == len(words)


def test_layers_follow_their_rows_into_every_batch_and_padding_is_zero(rows):
    layers = [
        np.full((2, len(words), 3), place + 1.0, np.float32) for place, words in enumerate(TEXT)
    ]
    for batch in WordBatches(rows, 2, layers=layers, seed=3):
        mask = batch["attention_mask"]
        assert batch["layers"].shape == (2, *mask.shape, 3)
        for number, (ids, real) in enumerate(zip(batch["input_ids"], mask, strict=True)):
            place = [row["input_ids"] for row in rows].index(ids[: real.sum()].tolist())
            assert torch.equal(batch["layers"][0, number, :, 0], real * (place + 1.0))


def test_a_stack_keeps_layers_apart():
    one = np.arange(4, dtype=np.float32).reshape(2, 2, 1)
    two = np.array([[[7.0]], [[8.0]]], dtype=np.float32)
    assert stacked([one, two])[..., 0].tolist() == [[[0, 1], [7, 0]], [[2, 3], [8, 0]]]


@pytest.mark.parametrize("lengths", [[5, 2], [5, 2, 3]])
def test_layers_of_other_sentences_are_refused(rows, lengths):
    layers = [np.zeros((2, length, 3), np.float32) for length in lengths]
    with pytest.raises(ValueError, match="embed the same sentences"):
        WordBatches(rows, layers=layers)
