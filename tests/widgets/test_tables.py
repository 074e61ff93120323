"""A table can be put in order by any column, and looks right on white and on black."""

import re

import numpy as np
import pandas as pd
import pytest

from tlbook.widgets.tables import SortableTable, as_html, ordered, written

TABLE = pd.DataFrame({"run": [1, 2, 3], "loss": [0.25, np.nan, 0.125], "model": ["b", "a", "b"]})


def cells(html):
    rows = re.findall(r"<tr>(.*?)</tr>", html)[1:]
    return [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in rows]


@pytest.fixture
def shown():
    table = SortableTable("runs", page=2, legend={"loss": "loss (nats)"})
    table.fill(TABLE)
    return table


def test_a_table_shows_every_row_and_names_its_columns():
    html = as_html(TABLE, caption="runs")
    assert cells(html) == [["1", "0.25", "b"], ["2", "–", "a"], ["3", "0.125", "b"]]
    assert re.findall(r"<th [^>]*>(.*?)</th>", html) == ["run", "loss", "model"]
    assert html.count('scope="col"') == 3
    assert "runs</caption>" in html


def test_what_a_text_says_is_no_markup():
    html = as_html(pd.DataFrame({"<i>": ["<b>x</b>"]}), caption="a & b")
    assert "&lt;b&gt;x&lt;/b&gt;" in html
    assert "&lt;i&gt;" in html
    assert "a &amp; b" in html


def test_a_table_has_no_colours_of_its_own():
    html = as_html(TABLE, caption="runs")
    assert set(re.findall(r"(?<!-)\bcolor:([^;\"]+)", html)) == {"inherit"}
    assert set(re.findall(r"background:([^;\"]+)", html)) == {"none"}


@pytest.mark.parametrize(
    ("value", "words"),
    [(1e-5, "1e-05"), (12345, "12345"), (np.float64(0.5), "0.5"), (np.False_, "no"), (pd.NA, "–")],
)
def test_values_are_written_for_readers(value, words):
    assert written(value) == words


@pytest.mark.parametrize(
    ("by", "falling", "runs"),
    [
        ("loss", False, [3, 1, 2]),
        ("loss", True, [1, 3, 2]),
        ("model", False, [2, 1, 3]),
        ("model", True, [1, 3, 2]),
        ("run", True, [3, 2, 1]),
    ],
)
def test_rows_stand_in_the_order_of_a_column_missing_ones_last(by, falling, runs):
    assert ordered(TABLE, by, falling=falling)["run"].tolist() == runs


def test_values_of_different_kinds_can_be_put_in_order():
    mixed = pd.DataFrame({"rank": [4, None, "none", 16]}, dtype=object)
    assert ordered(mixed, "rank")["rank"].tolist()[0] == 16, "as they are written"


def test_a_table_is_hidden_until_there_is_something_to_sort():
    table = SortableTable("runs")
    assert table.layout.display == "none"
    table.fill(TABLE)
    assert table.layout.display is None


def test_the_controls_sort_and_turn_pages(shown):
    assert cells(shown.content.value) == [["1", "0.25", "b"], ["2", "–", "a"]]
    assert "runs: 3, page 1 of 2" in shown.content.value
    shown.number.value = 2
    assert cells(shown.content.value) == [["3", "0.125", "b"]]
    shown.number.value = 1
    shown.by.value = "loss"
    assert shown.shown["run"].tolist() == [3, 1]
    shown.falling.value = True
    assert shown.shown["run"].tolist() == [1, 3]


def test_the_legend_names_columns_with_their_units(shown):
    assert "loss (nats)</th>" in shown.content.value
    assert [label for label, _ in shown.by.options] == ["run", "loss (nats)", "model"]


def test_fresh_rows_keep_the_order_that_was_chosen(shown):
    shown.by.value, shown.falling.value = "loss", True
    shown.fill(pd.concat([TABLE, pd.DataFrame({"run": [4], "loss": [9.0], "model": ["c"]})]))
    assert (shown.by.value, shown.shown["run"].tolist()) == ("loss", [4, 1])
    shown.fill(TABLE.assign(seconds=1.0))
    assert shown.by.value == "loss", "another column came, this one is still there"
    shown.fill(TABLE[["run", "model"]])
    assert shown.by.value == "run"


def test_a_shorter_table_has_fewer_pages(shown):
    shown.number.value = 2
    shown.fill(TABLE[:1])
    assert shown.number.value == 1
    assert len(shown.shown) == 1


def test_a_table_without_rows_says_so(shown):
    shown.fill(TABLE[:0])
    assert "runs: 0" in shown.content.value
    assert cells(shown.content.value) == []
