"""The rows shown are those that meet the conditions, in the order asked for."""

import pandas as pd
import pytest

from tlbook.training.mistakes import chosen, judged
from tlbook.widgets.rows import rows

TEXTS = ["a fine film", "dull", "the ship sails on and on", "not bad"]


@pytest.fixture
def table():
    logits = [[0.0, 2.0], [3.0, 0.0], [0.0, 1.0], [1.0, 0.0]]
    return judged(TEXTS, [1, 0, 0, 1], logits, ["bad", "good"])


@pytest.fixture
def panel(table):
    return rows(table, chosen, page=2)


def parts(panel):
    controls, shown = panel.children
    return *controls.children, shown


def texts(shown):
    return shown.shown["text"].tolist()


def test_all_rows_are_there_at_first_page_by_page(panel):
    *_, shown = parts(panel)
    assert len(shown.rows) == 4
    assert texts(shown) == ["a fine film", "dull"] or len(texts(shown)) == 2
    assert "rows: 4, page 1 of 2" in shown.content.value


def test_conditions_narrow_the_rows_down(panel):
    label, error, length, text, shown = parts(panel)
    label.value = "bad"
    assert sorted(shown.rows["text"]) == ["dull", "the ship sails on and on"]
    error.value = "wrong"
    assert shown.rows["text"].tolist() == ["the ship sails on and on"]
    label.value = ""
    assert sorted(shown.rows["text"]) == ["not bad", "the ship sails on and on"]
    length.value = (1, 3)
    assert shown.rows["text"].tolist() == ["not bad"]
    error.value, text.value = "all", "FILM"
    assert shown.rows["text"].tolist() == ["a fine film"]


def test_a_list_says_what_is_chosen_even_if_it_is_all(panel):
    label, error, *_ = parts(panel)
    assert [one.label for one in (label, error)] == ["all", "all"]
    label.value = "bad"
    label.index = 0
    assert label.label == "all"


def test_no_row_may_be_left(panel):
    *_, text, shown = parts(panel)
    text.value = "nothing of the kind"
    assert "rows: 0" in shown.content.value


def test_the_worst_mistakes_come_first_if_asked_for(panel):
    *_, shown = parts(panel)
    shown.by.value, shown.falling.value = "loss", True
    assert set(texts(shown)) == {"the ship sails on and on", "not bad"}
    assert "loss (nats)" in shown.content.value


def test_rows_that_no_model_has_read_have_no_control_for_its_errors():
    bare = pd.DataFrame({"text": ["a b"], "words": [2], "label": ["x"]})
    controls, shown = rows(bare, chosen).children
    assert [control.description for control in controls.children] == [
        "label",
        "length (words)",
        "contains",
    ]
    assert len(shown.rows) == 1


def test_a_table_without_rows_is_an_error(table):
    with pytest.raises(ValueError, match="no rows to look at"):
        rows(table[:0], chosen)
