"""What the curve promises: means of windows, and one row per window however often a run stops."""

import pandas as pd
import pytest
import torch

from tlbook.training import curve
from tlbook.training.curve import Curve


@pytest.fixture(autouse=True)
def short_windows(monkeypatch):
    monkeypatch.setattr(curve, "EVERY", 2)


def steps(kept, first, last, *, loss=float):
    for step in range(first, last):
        kept.add(step, 10 * (step + 1), 0.5, {"token": torch.tensor(loss(step))})


def test_a_row_holds_the_mean_of_its_window(tmp_path):
    steps(Curve(tmp_path / "curve.csv"), 0, 5)
    rows = pd.read_csv(tmp_path / "curve.csv")
    assert rows["step"].tolist() == [2, 4]
    assert rows["tokens"].tolist() == [20, 40]
    assert rows["token"].tolist() == [0.5, 2.5]
    assert rows["learning_rate"].tolist() == [0.5, 0.5]


def test_the_last_row_may_stand_for_fewer_steps(tmp_path):
    kept = Curve(tmp_path / "curve.csv")
    steps(kept, 0, 3)
    kept.write_row()
    kept.write_row()
    assert pd.read_csv(tmp_path / "curve.csv")["token"].tolist() == [0.5, 2]


def test_steps_that_are_done_again_replace_their_rows(tmp_path):
    steps(Curve(tmp_path / "curve.csv"), 0, 6)
    steps(Curve(tmp_path / "curve.csv"), 2, 8, loss=lambda step: 100.0)
    rows = pd.read_csv(tmp_path / "curve.csv")
    assert rows["step"].tolist() == [2, 4, 6, 8]
    assert rows["token"].tolist() == [0.5, 100, 100, 100]
    assert rows["seconds"].is_monotonic_increasing
