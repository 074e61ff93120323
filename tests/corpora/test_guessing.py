"""Columns are guessed only where it is clear; else the error shows the call to make."""

import datasets
import pytest

from tlbook.corpora.guessing import Choice, guess

PROSE = ["the soup was cold", "a fine evening out", "never again, sorry", "we loved it all"]
FEW = ["a", "b", "a", "b"]


def choose(columns, *, own=True, text=None, pair=None, label=None):
    part = datasets.Dataset.from_dict(columns)
    return guess(part, "mine.csv", text, pair, label, own=own)


@pytest.mark.parametrize(
    ("columns", "choice"),
    [
        ({"text": PROSE, "label": FEW}, Choice("text", None, "label")),
        ({"Sentence": PROSE, "Sentiment": FEW}, Choice("Sentence", None, "Sentiment")),
        (
            {"sentence1": PROSE, "sentence2": PROSE, "label": FEW},
            Choice("sentence1", "sentence2", "label"),
        ),
        (
            {"premise": FEW, "hypothesis": PROSE, "label": FEW},
            Choice("premise", "hypothesis", "label"),
        ),
        (
            {"question": PROSE, "sentence": PROSE, "label": FEW},
            Choice("question", "sentence", "label"),
        ),
        ({"what was said": PROSE, "verdict": FEW}, Choice("what was said", None, "verdict")),
        ({"no": [1, 2, 3, 4], "said": PROSE, "liked": [0, 1, 1, 0]}, Choice("said", None, "liked")),
        (
            {"text": PROSE, "title": PROSE, "label": FEW, "topic": FEW},
            Choice("text", None, "label"),
        ),
        ({"tokens": [["a"]], "tags": [["O"]]}, Choice(None, None, None)),
        ({"question": PROSE, "context": PROSE, "answers": FEW}, Choice(None, None, None)),
        ({"text": PROSE}, Choice("text", None, None)),
    ],
)
def test_clear_columns_are_found(columns, choice):
    assert choose(columns) == choice


@pytest.mark.parametrize(
    ("columns", "problem", "call"),
    [
        (
            {"text": PROSE, "topic": FEW, "stars": [1, 2, 1, 2]},
            "'topic' and 'stars' could each be the label",
            r"load\('mine.csv', text='text', label='topic'\)",
        ),
        (
            {"summary": PROSE, "story": PROSE, "label": FEW},
            "'summary' and 'story' could each be the text",
            r"load\('mine.csv', text='summary', label='label'\)",
        ),
        ({"text": PROSE, "no": [1, 2, 3, 4]}, "no column looks like the label", "text='text'"),
        ({"label": FEW, "no": [1, 2, 3, 4]}, "no column looks like the text", "label='label'"),
    ],
)
def test_unclear_columns_are_asked_for(columns, problem, call):
    with pytest.raises(ValueError, match=f"mine.csv: {problem}. Columns: .*{call}"):
        choose(columns)


def test_what_is_named_is_not_guessed():
    columns = {"summary": PROSE, "story": PROSE, "topic": FEW, "stars": FEW}
    assert choose(columns, text="story", label="stars") == Choice("story", None, "stars")
    assert choose(columns, text="story", pair="summary", label="topic").pair == "summary"


def test_sets_of_others_need_no_label():
    columns = {"text": PROSE, "year": [1, 2, 1, 2]}
    assert choose(columns, own=False) == Choice("text", None, None)
    assert choose({"en": PROSE, "fr": PROSE}, own=False) == Choice(None, None, None)
