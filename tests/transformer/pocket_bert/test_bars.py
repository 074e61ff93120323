"""What the bars promise: leads, shares and ratios by plain arithmetic on the rows."""

import math

import pandas as pd
import pytest

from tlbook.transformer.pocket_bert.bars import Bar, Figures, bars
from tlbook.transformer.pocket_bert.measurement import OURS, REAL, SPEED, SST2


def row(method, dataset, labels, value, seed=0, metric="accuracy"):
    return {
        **{"method": method, "dataset": dataset, "labels": labels},
        **{"seed": seed, "metric": metric, "value": value},
    }


@pytest.fixture
def rows():
    few = [("fine-tuning", 0.7), ("features", 0.8), ("scratch", 0.55), ("tfidf", 0.6)]
    full = [("fine-tuning", 0.9), ("features", 0.85), ("scratch", 0.8), ("tfidf", 0.89)]
    made = [row("fine-tuning", SST2, 900, 0.85)]
    for dataset in (OURS, REAL):
        made += [row(m, dataset, 100, v + d, s) for m, v in few for s, d in ((0, 0.1), (1, -0.1))]
        made += [row(m, dataset, 900, v) for m, v in [*full, ("teacher features", 0.88)]]
        for seed, speed in ((0, 40.0), (1, 36.0), (2, 10.0)):
            made.append(row("features", dataset, 900, speed, seed, SPEED))
            made.append(row("teacher features", dataset, 900, 20.0, seed, SPEED))
    return pd.DataFrame(made)


def found(rows, promise):
    return next(bar for bar in bars(rows) if bar.promise == promise)


def test_the_better_of_frozen_and_fine_tuned_is_compared(rows):
    assert found(rows, f"{OURS}, 100 labels: lead over scratch").found == pytest.approx(0.25)
    assert found(rows, f"{OURS}, all labels: lead over tfidf").found == pytest.approx(0.01)
    assert not found(rows, f"{OURS}, all labels: lead over tfidf").met
    assert found(rows, f"{REAL}, all labels: lead over scratch").met


def test_shares_and_speeds_are_relative_to_the_teacher(rows):
    share = found(rows, f"{REAL}, all labels: share of the teacher's features")
    assert share.found == pytest.approx(0.85 / 0.88)
    assert Figures(rows).speed(REAL) == pytest.approx(1.8), "the median of 2, 1.8 and 0.5"


def test_published_models_are_passed_or_not(rows):
    assert found(rows, f"{SST2}, fine-tuning: published BERT-Tiny (aim)").met
    assert not found(rows, f"{SST2}, fine-tuning: published BERT-Mini (aim)").met


def test_what_was_not_measured_is_neither_met_nor_a_number(rows):
    without = rows[rows["method"] != "scratch"]
    bar = found(without, f"{OURS}, 100 labels: lead over scratch")
    assert math.isnan(bar.found)
    assert not bar.met
    assert bar.shown == "not measured"
    assert bar.verdict == ""
    assert len(bars(without)) == len(bars(rows))


def test_no_rows_meet_nothing(rows):
    assert not any(bar.met for bar in bars(rows.iloc[:0]))


def test_a_bar_is_met_exactly_at_its_height():
    assert Bar("", 0.5, 0.5).met
    assert Bar("", 0.5, 0.5).verdict == "reached"
    assert Bar("", 0.5, 0.4994).verdict == "missed"
    assert Bar("", 0.5, 0.4994).shown == "0.499"
