"""Words in their contexts: their states are the encoder's, and the nearest ones are the nearest."""

import numpy as np
import pandas as pd
import pytest
import torch

from tests.tiny_models import tiny_bert, tiny_tokenizer
from tlbook.encoders.neighbours import WordStates, nearest, split, word_states

TEXTS = ["the red ship", "unlikely ada saw the ship.", "?", "a film"]


@pytest.fixture(autouse=True)
def exact(monkeypatch):
    monkeypatch.setenv("TLBOOK_PRECISION", "float32")


@pytest.fixture
def states():
    return word_states(tiny_bert(), tiny_tokenizer(), TEXTS, size=2)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Ada's ship.", ["Ada's", "ship", "."]),
        ("well-read, twice", ["well-read", ",", "twice"]),
        ("  ", []),
        ("café!", ["café", "!"]),
    ],
    ids=str,
)
def test_words_and_marks_are_split(text, words):
    assert split(text) == words


def test_every_word_has_its_place_and_marks_have_none(states):
    found = {tuple(row) for row in states.words.values.tolist()}
    wanted = {(n, p, w) for n, t in enumerate(TEXTS) for p, w in enumerate(split(t)) if w.isalnum()}
    assert found == wanted
    assert states.states.shape == (len(wanted), 3, 8)


def test_a_word_is_the_mean_of_its_pieces_as_if_its_text_were_alone(states):
    ids = tiny_tokenizer()(TEXTS[1], return_tensors="pt")["input_ids"]
    layers = tiny_bert()(input_ids=ids, output_hidden_states=True).hidden_states
    for word, pieces in (("unlikely", [1, 2, 3]), ("ada", [4])):
        row = states.words.index[states.words["word"] == word][0]
        by_hand = torch.stack([layer[0, pieces].mean(0) for layer in layers]).detach().numpy()
        np.testing.assert_allclose(states.states[row], by_hand, atol=1e-5)


def test_words_beyond_the_positions_are_left_out():
    model = tiny_bert(max_position_embeddings=5)
    found = word_states(model, tiny_tokenizer(), ["the red ship sails in paris"])
    assert found.words["word"].tolist() == ["the", "red", "ship"]


def test_texts_without_words_are_an_error():
    with pytest.raises(ValueError, match="there is no word in the texts"):
        word_states(tiny_bert(), tiny_tokenizer(), ["?", " "])


def by_hand(states, words, texts=None):
    """Make states of one layer up; each word is a text of its own by default."""
    texts = texts or [[word] for word in words]
    table = [(n, p, w) for n, t in enumerate(texts) for p, w in enumerate(t)]
    table = pd.DataFrame(table, columns=["text", "place", "word"])
    return WordStates(texts, table, np.array(states, dtype=np.float32)[:, None])


def test_likeness_is_the_cosine_around_the_mean_by_hand():
    known = by_hand([[3, 1], [1, 3], [2, 2]], ["east", "north", "middle"])  # mean (2, 2)
    asked = by_hand([[5, 2]], ["right"])
    table = nearest(known, asked, 0, count=2)
    assert table["word"].tolist() == ["east", "middle"]
    assert table["likeness"].tolist() == pytest.approx([3 / (2**0.5 * 3), 0])


def test_a_direction_that_all_states_share_does_not_count():
    states = np.random.default_rng(0).normal(size=(6, 4))
    words = list("abcdef")
    plain = nearest(by_hand(states, words), by_hand(states[:1], ["a"]), 0)
    far = states + 100
    moved = nearest(by_hand(far, words), by_hand(far[:1], ["a"]), 0)
    assert moved["word"].tolist() == plain["word"].tolist()
    np.testing.assert_allclose(moved["likeness"], plain["likeness"], atol=1e-4)


def test_a_neighbour_comes_with_its_context():
    known = by_hand([[1, 0], [0, 1], [0, -1]], "abc", texts=[["a", "b", "c"]])
    table = nearest(known, by_hand([[0, 9]], ["x"]), 0, count=1)
    assert table[["before", "word", "after"]].values.tolist() == [["a", "b", "c"]]


def test_the_word_itself_can_be_left_out_in_capitals_too():
    known = by_hand([[1, 0], [1, 0.1], [-1, 0]], ["Bank", "shore", "money"])
    asked = by_hand([[1, 0]], ["bank"])
    assert nearest(known, asked, 0)["word"].tolist()[0] == "Bank"
    assert nearest(known, asked, 0, other_words=True)["word"].tolist() == ["shore", "money"]


def test_the_nearest_of_a_known_occurrence_is_itself_at_every_layer(states):
    asked = word_states(tiny_bert(), tiny_tokenizer(), [TEXTS[1]])
    for layer in range(3):
        best = nearest(states, asked, 4, layer=layer, count=1)
        assert best["word"].tolist() == ["ship"]
        assert best["before"].tolist() == ["unlikely ada saw the"]
        assert best["likeness"][0] == pytest.approx(1, abs=1e-4)


def test_a_place_without_a_word_is_an_error_that_lists_the_words(states):
    asked = word_states(tiny_bert(), tiny_tokenizer(), ["the ship."])
    with pytest.raises(
        ValueError, match=r"no word at place 2; the words are \{0: 'the', 1: 'ship'\}"
    ):
        nearest(states, asked, 2)
