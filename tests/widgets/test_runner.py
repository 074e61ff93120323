"""Trainings go on one at a time, stop when asked, and lose neither an error nor a run."""

import threading
import time

import numpy as np
import pytest
import torch
from torch import nn

from tlbook import runtime
from tlbook.training import fit
from tlbook.training.reports import Curve, reporting
from tlbook.widgets.runner import Runner

LONG = 30.0  # seconds; a test that waits so long has failed


def sleepy(settings, report):
    """Take as many steps of a hundredth of a second as it is told."""
    for step in range(settings["steps_to_go"]):
        time.sleep(0.01)
        report(step + 1, settings["steps_to_go"], loss=1.0 / (step + 1))
    return {"accuracy": 0.75}


def waited_for(true, seconds=LONG):
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.005)
    assert true()


def test_a_training_runs_to_its_end_and_tells_all_its_steps():
    runner = Runner(sleepy, ["steps_to_go"])
    runner.begin({"steps_to_go": 5})
    run = runner.wait(LONG)
    assert (run.number, run.status, run.found) == (1, "done", {"accuracy": 0.75})
    assert run.curve.table()["step"].tolist() == [1, 2, 3, 4, 5]
    assert run.seconds >= 0.05
    assert not runner.busy


def test_beginning_does_not_wait_for_the_end():
    runner = Runner(sleepy, ["steps_to_go"])
    begun = time.monotonic()
    runner.begin({"steps_to_go": 10_000})
    assert time.monotonic() - begun < 1
    assert runner.busy
    runner.end()
    runner.wait(LONG)


def test_a_training_stops_within_a_second_and_is_kept():
    left = []

    def train(settings, report):
        try:
            return sleepy(settings, report)
        finally:
            left.append(time.monotonic())

    runner = Runner(train, ["steps_to_go"])
    runner.begin({"steps_to_go": 10_000})
    waited_for(lambda: runner.history[0].curve.step >= 3)
    asked = time.monotonic()
    runner.end()
    run = runner.wait(LONG)
    assert left[0] - asked < 1
    assert run.status == "stopped"
    assert 3 <= run.curve.step < 10_000
    assert run.found == {}


def test_a_slow_picture_keeps_neither_the_training_nor_the_stop_waiting():
    shown, ended = threading.Event(), []

    def train(settings, report):
        try:
            sleepy(settings, report)
        finally:
            ended.append(time.monotonic())

    def show(run):
        shown.set()
        time.sleep(1.5)

    runner = Runner(train, ["steps_to_go"], show=show)
    runner.begin({"steps_to_go": 10_000})
    assert shown.wait(LONG)
    asked = time.monotonic()
    runner.end()
    runner.wait(LONG)
    assert ended[0] - asked < 1


def test_a_real_training_stops_and_the_next_one_is_whole():
    def train(settings, report):
        torch.manual_seed(settings["seed"])
        model, batches = nn.Linear(2, 1), [{"x": torch.ones(4, 2)}] * 3
        loss_of = reporting(lambda m, b: m(b["x"]).square().mean(), report, 3 * settings["epochs"])
        options = {"optimizer": torch.optim.SGD(model.parameters(), 0.01), "progress": True}
        fit(model, batches, loss_of=loss_of, epochs=settings["epochs"], **options)

    runner = Runner(train, ["seed", "epochs"])
    runner.begin({"seed": 0, "epochs": 100_000})
    waited_for(lambda: runner.history[0].curve.step > 0)
    runner.end()
    assert runner.wait(LONG).status == "stopped"
    for _ in range(2):
        runner.begin({"seed": 0, "epochs": 2})
        assert runner.wait(LONG).status == "done"
    one, other = (run.curve.table() for run in runner.history[1:])
    assert len(one) == 6
    assert one.equals(other), "the same settings and seed are the same run"


def test_a_second_training_beside_the_first_is_refused():
    runner = Runner(sleepy, ["steps_to_go"])
    runner.begin({"steps_to_go": 10_000})
    with pytest.raises(RuntimeError, match="a training is going on; stop it"):
        runner.begin({"steps_to_go": 1})
    runner.end()
    runner.wait(LONG)
    assert len(runner.history) == 1


@pytest.mark.parametrize("error", [ValueError("no such rank"), KeyboardInterrupt(), SystemExit(2)])
def test_an_exception_is_kept_and_waiting_raises_it_each_time(error):
    def broken(settings, report):
        report(1, 2, loss=0.5)
        raise error

    runner = Runner(broken, ["seed"])
    runner.begin({"seed": 0})
    for _ in range(2):
        with pytest.raises(type(error)) as caught:
            runner.wait(LONG)
        assert caught.value is error
    assert runner.history[0].status == "failed"
    assert runner.history[0].curve.step == 1
    assert not runner.busy


def test_an_exception_while_showing_ends_the_run_as_failed():
    def show(run):
        raise RuntimeError("no paper")

    runner = Runner(sleepy, ["steps_to_go"], show=show)
    runner.begin({"steps_to_go": 10_000})
    with pytest.raises(RuntimeError, match="no paper"):
        runner.wait(LONG)
    assert runner.history[0].status == "failed"
    assert runner.history[0].curve.step < 10_000


def test_an_exception_at_the_end_is_kept_too():
    def on_end(run):
        raise RuntimeError("no table")

    runner = Runner(sleepy, ["steps_to_go"], on_end=on_end)
    runner.begin({"steps_to_go": 1})
    with pytest.raises(RuntimeError, match="no table"):
        runner.wait(LONG)


def test_a_training_that_returns_something_else_than_numbers_has_failed():
    runner = Runner(lambda settings, report: 0.8, ["seed"])
    runner.begin({"seed": 0})
    with pytest.raises(TypeError, match="train must return numbers by name"):
        runner.wait(LONG)


def test_a_training_cannot_change_the_settings_that_are_kept():
    runner = Runner(lambda settings, report: settings.clear(), ["seed"])
    given = {"seed": 3}
    runner.begin(given)
    assert runner.wait(LONG).settings == given == {"seed": 3}


def test_generators_are_afterwards_what_they_were():
    runtime.seed_all(5)
    wanted = float(np.random.rand()), float(torch.rand(()))  # noqa: NPY002
    runtime.seed_all(5)

    def train(settings, report):
        runtime.seed_all(settings["seed"])
        torch.rand(10)

    runner = Runner(train, ["seed"])
    runner.begin({"seed": 0})
    runner.wait(LONG)
    # Not Python's own: beartype draws from it to choose what to check.
    assert (float(np.random.rand()), float(torch.rand(()))) == wanted  # noqa: NPY002


def test_bars_of_the_training_are_not_shown(monkeypatch):
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    hidden = []
    bar = lambda settings, report: hidden.append(runtime.progress_bar([1], shown=True).disable)
    runner = Runner(bar, ["seed"])
    runner.begin({"seed": 0})
    runner.wait(LONG)
    assert hidden == [True]


def test_waiting_has_an_end():
    runner = Runner(sleepy, ["steps_to_go"])
    with pytest.raises(RuntimeError, match="no training was started"):
        runner.wait()
    runner.begin({"steps_to_go": 10_000})
    with pytest.raises(TimeoutError, match="run 1 still goes on after 0.05 s"):
        runner.wait(0.05)
    runner.end()
    runner.wait(LONG)


def test_a_run_made_elsewhere_is_kept_like_any_other():
    curve = Curve()
    curve(1, 1, loss=0.5)
    runner = Runner(sleepy, ["steps_to_go"])
    runner.keep({"steps_to_go": 1}, curve, {"accuracy": 0.9})
    runner.begin({"steps_to_go": 1})
    assert runner.wait(LONG).number == 2
    assert [run.status for run in runner.history] == ["done", "done"]
    assert runner.history[0].row()["accuracy"] == 0.9
