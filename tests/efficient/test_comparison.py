"""What the comparison promises: tuned alike, scored once, resumed, summed up without slips."""

import math
from dataclasses import replace

import pandas as pd
import pytest

from tests.tiny_models import tiny_bert
from tlbook import results
from tlbook.efficient import comparison, outcomes, peft_methods
from tlbook.efficient.__main__ import FOLDER
from tlbook.efficient.adaptation import Method, Task
from tlbook.efficient.comparison import METHODS, SUITES, Suite
from tlbook.freezing import trained_weights
from tlbook.heads import Classifier
from tlbook.training.ledger import Ledger, Outcome, TimeIsUp

SUITE = Suite("tiny", ("a", "b"), seeds=(0, 1))
VALUES = {("a", 0.1): 0.9, ("b", 0.1): 0.1, ("a", 0.2): 0.6, ("b", 0.2): 0.6}  # 0.2 is best on both


@pytest.fixture
def calls(monkeypatch):
    """Replace the trainings; each notes set, split, seed and rate."""
    made = []

    def run(encoder, dataset, method, split, *, seed, learning_rate, steps):
        made.append((dataset, split, seed, learning_rate))
        assert steps is None, "the usual length"
        return Outcome(VALUES[dataset, learning_rate], method.apply(None, seed), 1.0)

    monkeypatch.setattr(comparison, "run", run)
    monkeypatch.setattr(comparison, "task", lambda encoder, dataset: Task({"train": [{}] * 7}, ()))
    return made


def method(weights=5):
    return Method(lambda model, seed: weights, (0.1, 0.2))


def measure(methods=None, told=None, **options):
    results.folder().mkdir(parents=True, exist_ok=True)
    minutes = options.pop("minutes", None)
    ledger = Ledger(results.load(results.folder()), results.record, minutes=minutes)
    comparison.measure(
        ledger,
        lesson="31_adapters",
        methods=methods or {"fine-tuning": method()},
        suite=options.pop("suite", SUITE),
        tell=(told if told is not None else []).append,
        **options,
    )
    return results.load(results.folder())


def test_the_rate_is_tuned_on_the_validation_of_all_sets_and_scored_on_test(calls):
    rows = measure()
    seed = comparison.TUNING_SEED
    assert calls == [
        *((dataset, "validation", seed, rate) for rate in (0.1, 0.2) for dataset in "ab"),
        *((dataset, "test", seed, 0.2) for dataset in "ab" for seed in (0, 1)),
    ]
    scored = rows[rows["metric"] == "accuracy"]
    assert scored["value"].tolist() == [0.6] * 4
    assert set(rows["labels"]) == {7}


@pytest.mark.parametrize(
    ("best", "given", "tried"),
    [
        (3e-3, (1e-3, 3e-3, 1e-2), ()),
        (1e-3, (1e-3, 3e-3, 1e-2), (3e-4,)),
        (3e-4, (3e-3, 1e-2), (1e-3, 3e-4, 1e-4)),
        (1e-6, (1e-4, 3e-4), (3e-5, 1e-5)),  # and nothing is below
        (1e-2, (1e-3, 3e-3, 1e-2), ()),
    ],
)
def test_it_goes_on_below_the_lowest_rate_as_long_as_that_is_best(best, given, tried, monkeypatch):
    def run(encoder, dataset, method, split, *, seed, learning_rate, steps):
        return Outcome(-abs(math.log(learning_rate / best)), 5, 1.0)

    monkeypatch.setattr(comparison, "run", run)
    monkeypatch.setattr(comparison, "task", lambda encoder, dataset: Task({"train": [{}]}, ()))
    rows = measure({"adapters 8": Method(lambda model, seed: 5, given)})
    found = outcomes.tries(rows, SUITE.sets)
    assert found["rate"].tolist() == [*given, *tried]
    chosen = min(found["rate"], key=lambda rate: abs(math.log(rate / best)))
    assert outcomes.best_rate(rows, "adapters 8", SUITE.sets) == chosen
    scored = rows.loc[rows["metric"] == "accuracy", "value"]
    assert scored.tolist() == pytest.approx([-abs(math.log(chosen / best))] * 4)


def test_no_reported_seed_is_a_tuning_seed():
    for suite in SUITES.values():
        assert comparison.TUNING_SEED not in suite.seeds


def test_what_is_there_is_not_measured_again(calls):
    first = measure()
    calls.clear()
    pd.testing.assert_frame_equal(measure(), first)
    assert calls == []


def test_only_the_sets_asked_for_are_scored_but_all_are_tuned_on(calls):
    measure(sets=["b"])
    assert {call[0] for call in calls if call[1] == "test"} == {"b"}
    assert {call[0] for call in calls if call[1] == "validation"} == {"a", "b"}


def test_when_the_minutes_are_over_nothing_new_begins(calls):
    with pytest.raises(TimeIsUp, match="stopped before fine-tuning on a, 7 labels"):
        measure(minutes=0)
    assert calls == []


def test_what_cannot_be_had_is_skipped_with_the_reason(calls, monkeypatch):
    def task(encoder, dataset):
        if dataset == "a":
            raise ConnectionError("cannot reach the Hub")
        return Task({"train": [{}]}, ())

    monkeypatch.setattr(comparison, "task", task)
    told = []
    measure(told=told)
    assert told[0] == "a is skipped: cannot reach the Hub"
    assert {call[0] for call in calls} == {"b"}


def test_where_no_set_can_be_had_nothing_is_tuned(calls, monkeypatch):
    def task(encoder, dataset):
        raise ConnectionError("no mirror")

    monkeypatch.setattr(comparison, "task", task)
    assert len(measure()) == 0
    assert calls == []


def test_the_rows_tell_which_rate_was_chosen(calls):
    rows = measure()
    assert outcomes.best_rate(rows, "fine-tuning", SUITE.sets) == 0.2
    with pytest.raises(ValueError, match="no validation accuracy of 'magic'"):
        outcomes.best_rate(rows, "magic", SUITE.sets)


def test_trainings_of_another_length_are_kept_apart(monkeypatch):
    """Of those of five steps the lower rate is best, of the usual ones the higher."""
    made = {None: {0.1: 0.3, 0.2: 0.4}, 5: {0.1: 0.8, 0.2: 0.7}}

    def run(encoder, dataset, method, split, *, seed, learning_rate, steps):
        return Outcome(made[steps].get(learning_rate, 0.0), 10, 1.0)

    monkeypatch.setattr(comparison, "run", run)
    monkeypatch.setattr(comparison, "task", lambda encoder, dataset: Task({"train": [{}]}, ()))
    usual = measure()
    longer = replace(SUITE, steps=5, mark=" after 5 steps")
    suites = {"usual": SUITE, "longer": longer}
    monkeypatch.setattr(outcomes, "SUITES", suites)
    both = measure(suite=longer)
    assert len(both) == 2 * len(usual) + 2  # below the lowest, on two sets
    assert outcomes.best_rate(both, "fine-tuning", SUITE.sets) == 0.2
    assert outcomes.table(both, SUITE.sets)["accuracy"].tolist() == [0.4]
    pd.testing.assert_frame_equal(outcomes.of(both, SUITE), usual)
    long = outcomes.of(both, longer)
    assert outcomes.best_rate(long, "fine-tuning", SUITE.sets) == 0.1
    assert outcomes.table(long, SUITE.sets)["accuracy"].tolist() == [0.8]
    assert outcomes.of(both, replace(SUITE, mark=" after 50 steps")).empty
    assert outcomes.of(both, replace(SUITE, sets=("c",))).empty


@pytest.mark.parametrize("name", METHODS | peft_methods.METHODS)
def test_all_methods_have_three_candidates_on_the_ladder(name):
    rates = (METHODS | peft_methods.METHODS)[name].learning_rates
    assert len(set(rates)) == 3
    assert set(rates) <= set(comparison.LADDER)


@pytest.mark.parametrize("suite", SUITES)
def test_no_recorded_rate_lies_at_the_edge_of_what_was_tried(suite):
    rows = outcomes.of(results.load(FOLDER), SUITES[suite])
    tried = outcomes.tries(rows, SUITES[suite].sets)
    tried = tried[tried["method"].isin([*METHODS, *peft_methods.METHODS])]
    assert {comparison.FULL, "adapters 64"} <= set(tried["method"])
    for name, rates in tried.groupby("method")["rate"]:
        best = outcomes.best_rate(rows, name, SUITES[suite].sets)
        assert rates.min() < best < rates.max(), name


def norms(count, hidden=64):
    return count * 2 * hidden


def adapters(count, bottleneck, hidden=64):
    return count * (2 * hidden * bottleneck + hidden + bottleneck)


HEAD, LAYER = 3 * 64 + 3, 4 * (64 * 64 + 64) + 2 * 64 * 16 + 16 + 64 + norms(2)
TRAINED = {
    "head only": 0,
    "layer norms": norms(7),  # that of the embeddings, and two in each layer
    "top layers 1": LAYER,
    "top layers 2": 2 * LAYER,
    "adapters 2": adapters(6, 2) + norms(6),
    "adapters 8": adapters(6, 8) + norms(6),
    "adapters 16": adapters(6, 16) + norms(6),
    "adapters 32": adapters(6, 32) + norms(6),
    "adapters 64": adapters(6, 64) + norms(6),
    "adapters, exact start 8": adapters(6, 8) + norms(6),
    "pfeiffer 16": adapters(3, 16) + norms(5),  # the first norm comes before all adapters
}


@pytest.mark.parametrize("name", METHODS)
def test_a_method_trains_what_its_name_says_and_the_head(name):
    model = Classifier(tiny_bert(hidden_size=64, num_hidden_layers=3), 3)
    whole = sum(weight.numel() for weight in model.parameters())
    METHODS[name].apply(model, 0)
    wanted = whole if name == "fine-tuning" else TRAINED[name] + HEAD
    assert trained_weights(model) == wanted


def test_only_what_never_trains_the_encoder_stores_its_vectors():
    assert [name for name, method in METHODS.items() if method.stored] == ["head only"]
