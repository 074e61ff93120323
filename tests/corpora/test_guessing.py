"""Columns are guessed only where it is clear; else the error shows the call to make."""

import datasets
import pytest

from tlbook.corpora.guessing import Choice, guess, require

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
    ],
)
def test_unclear_columns_are_asked_for(columns, problem, call):
    with pytest.raises(ValueError, match=f"mine.csv: {problem}. Columns: .*{call}"):
        choose(columns)


@pytest.mark.parametrize(
    ("columns", "asked", "text"),
    [
        ({"story": PROSE, "end": PROSE, "plot": PROSE, "label": FEW}, {"pair": "story"}, "end"),
        ({"label": FEW, "said": ["a", "b", "c", "d"]}, {}, "said"),
    ],
)
def test_the_call_that_is_shown_would_do(columns, asked, text):
    with pytest.raises(ValueError, match="Name them, for example: ") as raised:
        choose(columns, **asked)
    shown = str(raised.value).partition("load('mine.csv', ")[2].rstrip(")")
    shown = dict(part.split("=") for part in shown.replace("'", "").split(", "))
    assert shown == {"text": text, **asked, "label": "label"}
    assert choose(columns, **shown).text == text


@pytest.mark.parametrize(
    "columns",
    [
        {"label": FEW, "no": [1, 2, 3, 4]},
        {"text": PROSE, "label": [["a"], ["b"], ["a"], ["b"]]},
        {"text": [None] * 4, "label": FEW},
        {"text": PROSE * 6, "no": list(range(24))},
        {"data": [[1]] * 4},
    ],
)
def test_no_call_is_shown_where_none_would_do(columns):
    with pytest.raises(ValueError, match="no column looks like .* It must have a column") as raised:
        choose(columns)
    assert "load(" not in str(raised.value)


def test_the_nearest_column_is_found_in_any_case():
    part = datasets.Dataset.from_dict({"Verdict": FEW})
    with pytest.raises(ValueError, match="no column 'VERDICT'. Did you mean 'Verdict'"):
        require(part, "mine.csv", "VERDICT")


def test_what_is_named_is_not_guessed():
    columns = {"summary": PROSE, "story": PROSE, "topic": FEW, "stars": FEW}
    assert choose(columns, text="story", label="stars") == Choice("story", None, "stars")
    assert choose(columns, text="story", pair="summary", label="topic").pair == "summary"


def test_sets_of_others_need_no_label():
    columns = {"text": PROSE, "year": [1, 2, 1, 2]}
    assert choose(columns, own=False) == Choice("text", None, None)
    assert choose({"en": PROSE, "fr": PROSE}, own=False) == Choice(None, None, None)
