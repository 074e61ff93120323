"""What measuring promises: equal tuning, seeds kept apart, nothing measured twice."""

from functools import partial

import pandas as pd
import pytest

from tlbook import results
from tlbook.training.ledger import Outcome, TimeIsUp
from tlbook.transformer.pocket_bert import measurement, methods
from tlbook.transformer.pocket_bert.measurement import Ledger, Method
from tlbook.transformer.pocket_bert.methods import Task

TASK, WHOLE = Task("org/films", 2), Task("org/films")


@pytest.fixture(autouse=True)
def small(small_mirror):
    for split in ("train", "validation", "test"):
        small_mirror("org/films", split, text=["good", "bad"], label=[1, 0])
    yield
    methods.corpus.cache_clear()


@pytest.fixture
def calls():
    return []


@pytest.fixture
def method(calls):
    """Scores `strength`, and notes how it was called."""

    def run(task, split, seed, *, strength):
        calls.append((task.few, split, seed, strength))
        return Outcome(strength, 3, 0.1)

    options = measurement.product(strength=(0.2, 0.9, 0.4, 0.1))
    return Method(run, options, options, trained=True, drawn=True, tasks=("org/films",))


def ledger(**options):
    results.folder().mkdir(parents=True, exist_ok=True)
    return Ledger(results.load(results.folder()), results.record, "abc", **options)


def measure(method, tasks=(TASK,), **options):
    measurement.measure(
        ledger(**options), tasks=tasks, compared={"features": method}, tell=lambda line: None
    )
    return results.load(results.folder())


def test_every_method_tries_as_many_configurations():
    for method in measurement.METHODS.values():
        assert len(method.few) == len(method.full) == measurement.SIZE


def test_reported_seeds_are_not_those_of_the_tuning():
    assert not set(measurement.SEEDS) & set(measurement.TUNING_SEEDS)
    assert len(measurement.SEEDS) == 5


def test_the_best_on_validation_is_scored_on_test_with_every_seed(method, calls):
    rows = measure(method)
    tuned = [(2, "validation", seed, s) for s in (0.2, 0.9, 0.4, 0.1) for seed in (100, 101)]
    assert calls == tuned + [(2, "test", seed, 0.9) for seed in range(5)]
    scored = rows[rows["metric"] == "accuracy"]
    assert scored["value"].tolist() == [0.9] * 5
    assert scored["labels"].tolist() == [2] * 5


def test_for_all_labels_all_of_them_are_tuned_on_with_one_seed(method, calls):
    measure(method, tasks=(WHOLE,))
    tuned = [(few, seed) for few, split, seed, _ in calls if split == "validation"]
    assert tuned == [(None, measurement.TUNING_SEEDS[0])] * measurement.SIZE
    assert [call for call in calls if call[1] == "test"] == [
        (None, "test", seed, 0.9) for seed in measurement.SEEDS
    ]


def test_the_test_split_is_never_tuned_on(method, calls):
    measure(method, tasks=(TASK, WHOLE))
    for _, split, seed, _ in calls:
        assert (split == "validation") == (seed in measurement.TUNING_SEEDS)


def test_what_draws_nothing_runs_once_with_all_labels(calls, method):
    fixed = Method(method.run, method.few, method.full, tasks=("org/films",))
    measure(fixed, tasks=(WHOLE,))
    assert [call for call in calls if call[1] == "test"] == [(None, "test", 0, 0.9)]


def test_nothing_is_measured_twice(method, calls):
    first = measure(method)
    calls.clear()
    pd.testing.assert_frame_equal(measure(method), first)
    assert calls == []


def test_a_measurement_that_was_stopped_goes_on(method, calls):
    def stopped(*given, **options):
        if len(calls) == 3:
            raise KeyboardInterrupt
        return method.run(*given, **options)

    with pytest.raises(KeyboardInterrupt):
        measure(Method(stopped, method.few, method.full, True, True, method.tasks))
    measure(method)
    assert len(calls) == len(set(calls)) == 13


def test_other_weights_are_measured_anew_and_baselines_are_not(method, calls):
    baseline = Method(method.run, method.few, method.full, drawn=True, tasks=method.tasks)
    measure(method)
    measure(baseline)
    count = len(calls)
    known = results.load(results.folder())
    for kind, anew in ((baseline, 0), (method, 13)):
        other = Ledger(known, results.record, "def")
        measurement.measure(other, tasks=[TASK], compared={"features": kind}, tell=lambda x: None)
        assert len(calls) - count == anew


def test_when_the_minutes_are_over_nothing_new_begins(method, calls):
    with pytest.raises(TimeIsUp, match="stopped before features on org/films, 2 labels"):
        measure(method, minutes=0)
    assert calls == []


def test_a_set_that_cannot_be_had_is_skipped_with_the_reason(method, calls):
    told = []
    measurement.measure(
        ledger(), tasks=[Task("org/nowhere")], compared={"features": method}, tell=told.append
    )
    assert calls == []
    assert "org/nowhere is skipped: cannot reach the Hub" in told[0]


def test_speeds_are_taken_in_turn(monkeypatch):
    order = []

    def speed(encoder, dataset, most):
        order.append(encoder)
        return Outcome({"pocket-bert": 30.0, "minilm": 10.0}[encoder], 0, 0.1)

    monkeypatch.setattr(methods, "embedding_speed", speed)
    measurement.measure_speed(ledger(), ["org/films"])
    assert order == ["pocket-bert", "minilm", "minilm", "pocket-bert"] * 2 + [
        "pocket-bert",
        "minilm",
    ]


def test_the_methods_run_what_they_are_named_after():
    compared = measurement.METHODS
    assert compared["scratch"].run.keywords == {"scratch": True}
    assert compared["features"].run.keywords == {"encoder": "pocket-bert"}
    assert compared["teacher features"].run.keywords == {"encoder": "minilm"}
    assert isinstance(compared["scratch"].run, partial)
    assert {name for name, method in compared.items() if method.trained} == {
        *("fine-tuning", "features", "scratch")
    }
