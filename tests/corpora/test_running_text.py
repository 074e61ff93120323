"""What running text promises: nothing held out is in it, and no more is read than was asked for."""

import pytest

from tlbook.corpora import running_text
from tlbook.corpora.running_text import Source

LONG = "the old harbour master counted nine grey boats before breakfast"
SHORT = "a fine film"


@pytest.fixture
def banned(small_mirror):
    small_mirror("org/judged", "test", text=[LONG.capitalize() + "!", None], stars=[1, 2])
    small_mirror("org/tagged", "validation", tokens=[SHORT.split()], other=[[1, 2]])
    small_mirror("org/judged", "train", text=["this may be read"])
    return running_text.held_out_grams(["org/judged", "org/tagged"])


def read(small_mirror, banned, *passages, words=1000, seed=0):
    small_mirror("org/prose", text=list(passages))
    return list(running_text.read(Source("org/prose", "invented", words), banned, seed=seed))


@pytest.mark.parametrize(
    "sentence",
    [
        LONG,
        LONG.upper() + " ?!",
        "and then, " + LONG.replace(" ", ",  ") + ".",
        "Nine words? Old harbour master counted nine grey boats before lunch",
        "A fine film!",
    ],
)
def test_a_sentence_that_shares_eight_words_with_a_held_out_row_is_left_out(
    small_mirror, banned, sentence
):
    kept = read(small_mirror, banned, f"Stay here.\n{sentence}\nAnd here.")
    left = [s for passage in kept for s in passage]
    assert "Stay here." in left
    assert "And here." in left
    assert not [s for s in left if "harbour" in s.lower() or "film" in s.lower()]


def test_seven_shared_words_do_no_harm(small_mirror, banned):
    seven = "harbour master counted nine grey boats before"
    assert read(small_mirror, banned, seven) == [[seven]]


def test_training_rows_are_not_held_out(small_mirror, banned):
    assert read(small_mirror, banned, "this may be read") == [["this may be read"]]


def test_rows_of_shipped_corpora_can_be_held_out(small_mirror):
    from tlbook.corpora import load

    row = max(load("reviews")["test"]["text"], key=len)
    assert read(small_mirror, running_text.held_out_grams(["reviews"]), row.replace(".", ",")) == []


def test_reading_stops_at_the_cap_and_the_seed_decides_what_is_read(small_mirror):
    passages = [f"passage number {place} has six words" for place in range(50)]
    first = read(small_mirror, set(), *passages, words=30)
    assert len(first) == 5
    assert first == read(small_mirror, set(), *passages, words=30)
    assert first != read(small_mirror, set(), *passages, words=30, seed=1)


def test_a_set_without_running_text_is_refused_by_name(small_mirror):
    small_mirror("org/words", tokens=[["a"]])
    with pytest.raises(ValueError, match="org/words needs a train split with a column 'text'"):
        list(running_text.read(Source("org/words", "invented", 5), set(), seed=0))


def test_a_sentence_is_recognised_by_its_words_alone():
    assert running_text.grams("It's FINE.") == running_text.grams("it s, fine") != set()
    assert running_text.grams("...") == set()
