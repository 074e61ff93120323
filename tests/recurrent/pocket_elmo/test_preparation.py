"""Words are numbered by frequency, held-out text stays apart, and nothing is done twice."""

import json

import numpy as np
import pytest

from tests.recurrent.pocket_elmo.conftest import SOURCES, VOCAB, grams, passages
from tlbook.recurrent.pocket_elmo import preparation
from tlbook.recurrent.pocket_elmo.preparation import by_frequency, divided, prepare, targets_of

WANTED = {"sources": SOURCES, "sets": []}


def test_the_numbers_spell_the_sentences(tmp_path):
    told = prepare(
        tmp_path,
        lambda: [[["Out."], ["b a", "a c a"]]],
        grams=grams,
        wanted=WANTED,
        vocab=4,
    )
    types = (tmp_path / "types.txt").read_text().split("\n")
    words = np.load(tmp_path / "words.npy")
    assert [types[word] for word in words] == ["<S>", "b", "a", "<S>", "a", "c", "a", "<S>"]
    assert [types[word] for word in np.load(tmp_path / "held_out.npy")] == [
        "<S>",
        "Out",
        ".",
        "<S>",
    ]
    assert types[2] == "a", "the commonest"
    assert told["words"] == 5
    assert told["sentences"] == 2
    assert told["known"] == 7 / 8  # all but c or b
    assert told["held_out_words"] == 2
    assert told == json.loads((tmp_path / "text.json").read_text())


def test_the_first_passages_of_each_source_are_held_out(monkeypatch):
    monkeypatch.setattr(preparation, "SHARE", 0.25)
    one, other = [[f"{k} x"] for k in range(8)], [["long " * 50], ["y"]]
    train, held_out = divided([one, other], grams)
    assert held_out == [*one[:2], other[0]]
    assert train == [*one[2:], other[1]]


def test_a_training_sentence_like_a_held_out_one_is_left_out():
    train, held_out = divided([[["same"], ["same", "other"], ["same"]]], grams)
    assert held_out == [["same"]]
    assert train == [["other"]]


def test_words_of_held_out_text_alone_come_last():
    types, (words, apart) = by_frequency(
        ["<S>", "</S>", "new", "rare", "often"], np.array([0, 4, 3, 4, 0]), np.array([0, 2, 0])
    )
    assert types == ["<S>", "</S>", "often", "rare", "new"]
    assert words.tolist() == [0, 2, 3, 2, 0]
    assert apart.tolist() == [0, 4, 0]


def test_what_is_beyond_the_vocabulary_is_one_word():
    assert targets_of(np.array([0, 2, 3, 4]), 4).tolist() == [0, 2, 3, 1]


def test_prepared_text_is_not_read_again(prepared):
    wanted = {"sources": SOURCES, "sets": ["org/judged"]}
    told = prepare(prepared, lambda: 1 / 0, grams=grams, wanted=wanted, vocab=VOCAB)
    assert told["settings"]["vocab"] == VOCAB


def test_other_settings_need_another_folder(prepared):
    with pytest.raises(ValueError, match="prepared with other settings; choose another folder"):
        prepare(prepared, passages, grams=grams, wanted=WANTED, vocab=VOCAB)


@pytest.mark.parametrize("sources", [[], [[]], [[["only one"]]]])
def test_too_little_text_is_told(tmp_path, sources):
    with pytest.raises(ValueError, match="too little text to train on some and hold some out"):
        prepare(tmp_path, lambda: sources, grams=grams, wanted=WANTED)
    assert not (tmp_path / "text.json").exists()
