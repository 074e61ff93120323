"""Tables of cards hold what they are given, row by row."""

import pandas as pd

from tlbook.training.cards import curve_table, duration, table


def test_a_table_has_a_line_for_each_row_below_its_head():
    lines = table(["set", "share"], [["a", "0.5"], ["b", "1"]]).split("\n")
    assert lines == ["| set | share |", "|---|---|", "| a | 0.5 |", "| b | 1 |"]


def test_a_table_may_be_empty():
    assert table(["one"], []) == "| one |\n|---|"


def test_a_long_curve_is_told_at_its_ends_and_along_the_way():
    curve = pd.DataFrame(
        {"tokens": [1000 * n for n in range(101)], "loss": [9 - n / 100 for n in range(101)]}
    )
    lines = curve_table(curve, "words", ["loss"]).split("\n")[2:]
    assert [line.split(" | ")[0] for line in lines] == [
        *("| 0", "| 10,000", "| 25,000", "| 50,000", "| 75,000", "| 100,000")
    ]
    assert lines[-1] == "| 100,000 | 8.000 |"


def test_a_short_curve_has_no_row_twice():
    curve = pd.DataFrame({"tokens": [10], "b": [2.0], "a": [1.0]})
    assert curve_table(curve, "words", ["a", "b"]).split("\n")[2:] == ["| 10 | 1.000 | 2.000 |"]


def test_a_run_is_told_in_minutes_until_it_takes_an_hour():
    assert [duration(seconds) for seconds in (3599, 3600)] == ["60.0 minutes", "1.00 hours"]
