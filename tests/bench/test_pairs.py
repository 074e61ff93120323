"""Two sides are timed in turns, prepared untimed, and every turn gives one ratio."""

import os
import time

import pytest
import torch

from tlbook import runtime
from tlbook.bench.pairs import Row, Spent, in_precision, in_turns, ratios, spent


def test_the_sides_take_turns_a_b_b_a():
    order = []
    side = lambda name: lambda: lambda: order.append(name)
    found = in_turns(side("a"), side("b"), pairs=2)
    assert order == list("abbaabba")
    assert len(found) == 2


def test_preparing_is_not_timed():
    def side():
        time.sleep(0.2)
        return lambda: None

    ((ours, stock),) = in_turns(side, side, pairs=1)
    assert max(ours.wall, stock.wall) < 0.2


def test_waiting_takes_wall_seconds_and_work_takes_both():
    waited = spent(lambda: time.sleep(0.2))
    assert waited.wall >= 0.2 > waited.cpu

    def work():
        until = time.process_time() + 0.2
        while time.process_time() < until:
            pass

    assert spent(work).cpu >= 0.2


def test_a_ratio_says_how_many_times_as_fast_ours_is():
    turns = [(Spent(2, 4), Spent(6, 4)), (Spent(2, 8), Spent(8, 4))]
    assert ratios(turns) == {"cpu": (3, 4), "wall": (1, 0.5), "seconds": 3}
    assert ratios(turns, scale=10)["cpu"] == (30, 40), "ours did ten times the work"


@pytest.mark.parametrize(
    ("row", "figure", "met"),
    [
        (Row("a", cpu=(1, 2, 9), bar=2.0), 2, True),
        (Row("a", cpu=(1, 2, 9), bar=2.1), 2, False),
        (Row("a", cpu=(1, 2, 9)), 2, None),
        (Row("a", bar=2.0), None, None),
        (Row("a", cpu=(-1, -2, 0), bar=-1.0, unit="points"), -1, True),
        (Row("a", cpu=(-3, -2, 0), bar=-1.0, unit="points"), -5 / 3, False),
    ],
)
def test_the_median_of_ratios_and_the_mean_of_accuracies_are_held_against_the_bar(row, figure, met):
    assert row.figure == (figure if figure is None else pytest.approx(figure))
    assert row.met is met


def test_cpu_seconds_decide_on_a_cpu_and_the_clock_on_a_gpu(monkeypatch):
    row = Row("a", cpu=(1.0,), wall=(3.0,), bar=2.0)
    monkeypatch.setenv("TLBOOK_DEVICE", "cpu")
    assert row.met is False
    monkeypatch.setattr(runtime, "device", lambda: torch.device("cuda"))
    assert row.met is True


@pytest.mark.parametrize("before", [None, "float32"])
def test_the_precision_is_as_before_afterwards_even_after_an_error(monkeypatch, before):
    if before:
        monkeypatch.setenv("TLBOOK_PRECISION", before)
    with in_precision("bfloat16"):
        assert runtime.precision() is torch.bfloat16
    assert os.environ.get("TLBOOK_PRECISION") == before
    with pytest.raises(KeyError), in_precision("bfloat16"):
        raise KeyError
    assert os.environ.get("TLBOOK_PRECISION") == before
