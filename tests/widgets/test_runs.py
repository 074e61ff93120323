"""A history row tells settings and outcome; a link carries the table; times are readable."""

import base64
import io
import math
import re

import pandas as pd
import pytest

from tlbook.training.reports import Curve
from tlbook.widgets import runs
from tlbook.widgets.runs import Run


def run(number=1, *, losses=(0.7, 0.5), ended="done", found=None, **more):
    curve = Curve()
    for step, loss in enumerate(losses, 1):
        curve(step, 4, loss=loss)
    return Run(number, {"rank": 4, "seed": 0}, curve, ended, found or {}, **more)


def test_a_row_has_the_settings_the_last_numbers_and_how_it_ended():
    row = run(seconds=1.234, ended="stopped").row()
    assert list(row) == ["run", "rank", "seed", "steps", "loss", "accuracy", "seconds", "status"]
    assert (row["steps"], row["loss"], row["seconds"], row["status"]) == (2, 0.5, 1.23, "stopped")
    assert math.isnan(row["accuracy"])


def test_what_a_run_found_goes_before_what_it_reported():
    row = run(found={"accuracy": 0.8, "weights": 12}).row()
    assert (row["accuracy"], row["weights"]) == (0.8, 12)


def test_a_run_is_failed_whatever_else_is_said_and_keeps_its_first_error():
    failed = run(ended="done")
    first = ValueError("first")
    failed.fail(first)
    failed.fail(KeyError("second"))
    assert failed.status == "failed"
    assert failed.error is first


def test_runs_with_other_columns_share_a_table_that_ends_in_time_and_status():
    table = runs.table([run(1), run(2, found={"f1": 0.5})])
    assert list(table.columns)[-3:] == ["f1", "seconds", "status"]
    assert table["f1"].isna().tolist() == [True, False]


def test_no_runs_are_an_empty_table_without_points():
    assert len(runs.table([])) == 0
    assert len(runs.points([Run(1, {})])) == 0


def test_points_are_the_curves_with_their_runs():
    points = runs.points([run(1), run(2, losses=[0.9])])
    assert points[["run", "step", "loss"]].values.tolist() == [
        [1, 1, 0.7],
        [1, 2, 0.5],
        [2, 1, 0.9],
    ]


def test_the_link_carries_the_table_as_csv():
    table = runs.table([run(1, found={"note": 'a "b", c'}), run(2)])
    link = runs.download(table, name="runs.csv")
    assert 'download="runs.csv"' in link
    assert "Save 2 runs as CSV" in link
    text = base64.b64decode(re.search(r"base64,([^\"]+)", link)[1]).decode()
    pd.testing.assert_frame_equal(pd.read_csv(io.StringIO(text)), table, check_dtype=False)


def test_the_time_left_follows_the_pace_since_the_first_report():
    going = run(losses=[0.7, 0.6, 0.5], ended="", seconds=14.0, first=(1, 10.0))
    assert going.left() == pytest.approx(2.0), "two seconds a step, one step to go"
    assert "step 3 of 4, 2 s left, loss 0.5" in going.line()


def test_the_time_left_is_not_guessed_from_one_report():
    going = run(losses=[0.7], ended="", seconds=10.0, first=(1, 10.0))
    assert going.left() is None
    assert "left" not in going.line()


def test_a_run_that_ended_says_how_and_how_long_it_took():
    line = run(2, ended="stopped", seconds=61.0, found={"accuracy": 0.75}).line()
    assert line == "Run 2 stopped: step 2 of 4, took 1 min 1 s, loss 0.5, accuracy 0.75"


def test_a_run_that_nobody_timed_tells_no_time():
    assert run(seconds=math.nan).line() == "Run 1 done: step 2 of 4, loss 0.5"


def test_anything_but_numbers_by_name_is_an_error():
    with pytest.raises(TypeError, match="numbers by name, such as .* it returned float"):
        runs.required_numbers(0.8, [])


@pytest.mark.parametrize("name", ["rank", "status", "run"])
def test_a_number_called_like_another_column_is_an_error(name):
    with pytest.raises(ValueError, match=rf"returned \['{name}'\], which are columns"):
        runs.required_numbers({name: 1}, ["rank"])
