"""A target is found where it stands, and its states are the biLM's in that sentence."""

import numpy as np
import pytest
import torch

from tlbook import corpora
from tlbook.encoders.neighbours import nearest
from tlbook.recurrent.elmo import BiLM, senses
from tlbook.recurrent.elmo.settings import Settings
from tlbook.recurrent.elmo.words import words_of

TEXTS = ["He sat on the bank.", "Banks closed; the bank did not.", "The river bank"]


@pytest.fixture
def bilm():
    torch.manual_seed(0)
    return BiLM(Settings(filters=((1, 4), (2, 3)), projection=3, cell=5, longest=10))


@pytest.mark.parametrize(
    ("target", "text", "place"),
    [("bank", TEXTS[0], 4), ("bank", TEXTS[1], 0), ("match", "Three matches", 1)],
)
def test_a_target_is_found_in_any_case_and_number(target, text, place):
    assert senses.place_of(target, words_of(text)) == place


def test_a_part_of_a_word_is_not_the_word():
    with pytest.raises(ValueError, match="there is no 'bank' in 'The embankment'"):
        senses.place_of("bank", ["The", "embankment"])


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_every_target_of_the_corpus_is_found(split):
    rows = corpora.load("senses")[split]
    for text, target in zip(rows["text"], rows["target"], strict=True):
        words = words_of(text)
        assert words[senses.place_of(target, words)].lower().startswith(target)


def test_states_are_those_of_the_bilm_and_marks_are_left_out(bilm):
    found = senses.in_context(bilm, TEXTS)
    assert found.words["word"].tolist()[:6] == ["He", "sat", "on", "the", "bank", "Banks"]
    layers = bilm.embed([words_of(text) for text in TEXTS])
    for state, (text, place, word) in zip(found.states, found.words.values, strict=True):
        np.testing.assert_allclose(state, layers[text][:, place], atol=1e-6)
        assert found.texts[text][place] == word


def test_one_word_of_each_text_is_kept(bilm):
    found = senses.of_targets(senses.in_context(bilm, TEXTS), ["bank"] * 3)
    assert found.words.values.tolist() == [[0, 4, "bank"], [1, 0, "Banks"], [2, 2, "bank"]]
    layers = bilm.embed([words_of(text) for text in TEXTS])
    np.testing.assert_allclose(found.states[1], layers[1][:, 0], atol=1e-6)


def test_out_of_context_a_word_is_like_itself_in_any_sentence(bilm):
    known = senses.of_targets(senses.in_context(bilm, TEXTS), ["bank"] * 3)
    asked = senses.in_context(bilm, ["We saw a bank"])
    static, contextual = (nearest(known, asked, 3, layer=layer) for layer in (0, 2))
    assert static["likeness"].round(5).tolist()[:2] == [1.0, 1.0]
    assert contextual["likeness"].round(3).tolist()[:2] != [1.0, 1.0]


def test_texts_without_words_are_an_error(bilm):
    with pytest.raises(ValueError, match="no word in the texts"):
        senses.in_context(bilm, ["...", "?"])


def test_the_plane_keeps_distances_that_lie_in_it():
    draw = np.random.default_rng(0)
    flat = draw.normal(size=(7, 2)) @ np.linalg.qr(draw.normal(size=(5, 2)))[0].T + 3.0
    places, kept = senses.plane(flat)
    wanted = np.linalg.norm(flat[:, None] - flat[None], axis=-1)
    np.testing.assert_allclose(np.linalg.norm(places[:, None] - places[None], axis=-1), wanted)
    assert kept == pytest.approx(1.0)


def test_the_plane_says_how_much_it_leaves_out():
    assert senses.plane(np.eye(4))[1] == pytest.approx(2 / 3)
    assert senses.plane(np.ones((3, 4)))[1] == 1.0


@pytest.fixture
def small():
    """A few rows of each split, with the sentences about one word."""
    sets = corpora.load("senses")
    return {split: part.filter(lambda row: row["target"] == "bank") for split, part in sets.items()}


def test_a_corpus_is_read_with_its_targets_and_senses(bilm, small):
    found = senses.read(bilm, small)
    assert len(found.rows) == sum(map(len, small.values())) == len(found.targets.words)
    assert found.rows["sense"].isin(["bank.money", "bank.river"]).all()
    for place, row in enumerate(found.rows.itertuples()):
        assert found.targets.texts[place] == words_of(row.text)
        assert found.names[row.label] == row.sense


def test_near_sentences_come_with_their_sense(bilm, small):
    found = senses.read(bilm, small)
    asked = senses.in_context(bilm, [found.rows["text"][3]])
    place = senses.place_of("bank", asked.texts[0])
    first, *others = found.near(asked, place, layer=2, count=3)
    said = " ".join(found.targets.texts[3])
    assert first == f"{said} [{found.rows['sense'][3].split('.')[1]}]", "it is most like itself"
    assert len(others) == 2


def test_only_the_senses_of_its_own_word_come_into_question(bilm, small):
    words = senses.read(bilm, small).probed("train")
    assert len(words.labels) == len(small["train"])
    names = small["train"].features["label"].names
    assert {names[n] for n in np.flatnonzero(words.allowed[0])} == {"bank.money", "bank.river"}
    assert words.allowed[np.arange(len(words.labels)), words.labels].all()


def test_out_of_context_words_of_one_spelling_lie_on_one_spot(bilm, small):
    found = senses.read(bilm, small)
    asked = senses.in_context(bilm, ["We saw a bank"]).states[3]
    points, star, _ = found.laid_out("bank", asked, layer=0)
    assert abs(points[["x", "y"]].to_numpy() - star).max() < 1e-4
    points, star, kept = found.laid_out("bank", asked, layer=2)
    assert len(points) == (found.targets.words["word"] == "bank").sum() < len(found.rows)
    assert abs(points[["x", "y"]].to_numpy() - star).max() > 1e-3
    assert set(points["kind"]) == {"bank.money", "bank.river"}
    assert 0 < kept <= 1
