"""What the comparison promises: tuned alike, scored once, resumed, summed up without slips."""

import pandas as pd
import pytest

from tests.tiny_models import tiny_bert
from tlbook import results
from tlbook.efficient import comparison, peft_methods
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

    def run(encoder, dataset, method, split, *, seed, learning_rate):
        made.append((dataset, split, seed, learning_rate))
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
        suite=SUITE,
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
    assert comparison.best_rate(rows, "fine-tuning", SUITE.sets) == 0.2
    with pytest.raises(ValueError, match="no validation accuracy of 'magic'"):
        comparison.best_rate(rows, "magic", SUITE.sets)


@pytest.fixture
def rows():
    """Two methods on two sets of different size, with two seeds."""
    values = {"fine-tuning": (0.9, 0.7), "adapters 8": (0.8, 0.7)}
    weights = {"fine-tuning": (1000, 2000), "adapters 8": (100, 400)}
    return pd.DataFrame(
        [
            {
                "method": name,
                "dataset": dataset,
                "seed": seed,
                "metric": "accuracy",
                "value": values[name][place] + seed / 10,
                "trained_weights": weights[name][place],
                "seconds": 2.0,
            }
            for name in values
            for place, dataset in enumerate("ab")
            for seed in (0, 1)
        ]
    )


def test_the_table_is_the_mean_over_sets_and_seeds(rows):
    table = comparison.table(rows, ["a", "b"])
    assert table.index.tolist() == ["fine-tuning", "adapters 8"]
    adapters = table.loc["adapters 8"]
    assert adapters["accuracy"] == pytest.approx(0.8)
    assert adapters["behind"] == pytest.approx(5)
    assert adapters["spread"] == pytest.approx(0.1 / 2**0.5)  # of 0.75 and 0.85
    assert adapters["weights"] == 250
    assert adapters["share"] == pytest.approx((0.1 + 0.2) / 2)
    assert table.loc["fine-tuning", "share"] == 1


def test_the_error_of_a_distance_is_that_of_runs_with_one_seed(rows):
    assert comparison.table(rows, ["a", "b"])["error"].tolist() == pytest.approx([0, 0])
    moved = (rows["method"] == "adapters 8") & (rows["seed"] == 1)
    rows.loc[moved, "value"] -= 0.02  # now 5 and 7 points behind
    adapters = comparison.table(rows, ["a", "b"]).loc["adapters 8"]
    assert adapters["behind"] == pytest.approx(6)
    assert adapters["error"] == pytest.approx(1)


def test_two_methods_are_compared_seed_by_seed(rows):
    moved = (rows["method"] == "adapters 8") & (rows["seed"] == 1)
    rows.loc[moved, "value"] -= 0.02  # now 5 and 7 points behind
    ahead, error = comparison.lead(rows, ["a", "b"], "adapters 8", "fine-tuning")
    assert (ahead, error) == (pytest.approx(-6), pytest.approx(1))
    with pytest.raises(KeyError, match="magic"):
        comparison.lead(rows, ["a", "b"], "magic", "fine-tuning")


def test_other_sets_and_metrics_do_not_count(rows):
    other = rows.assign(metric="accuracy, live", value=0.0)
    table = comparison.table(pd.concat([rows, other]), ["a"])
    assert table.loc["fine-tuning", "accuracy"] == pytest.approx(0.95)


def test_a_method_that_lacks_a_run_is_left_out(rows):
    assert comparison.table(rows[:-1], ["a", "b"]).index.tolist() == ["fine-tuning"]


def test_without_all_runs_of_fine_tuning_there_is_nothing_to_compare(rows):
    with pytest.raises(ValueError, match="fine-tuning is not measured on a, b: nothing to compare"):
        comparison.table(rows[1:], ["a", "b"])


def test_all_methods_try_three_rates_and_a_lower_one_where_the_lowest_was_best():
    rows = results.load(FOLDER)
    measured = set(rows.loc[rows["metric"] == "accuracy", "method"])
    assert {comparison.FULL, "adapters 2", "layer norms"} <= measured
    methods = METHODS | peft_methods.METHODS
    for name in measured & set(methods):
        method = methods[name]
        best = comparison.best_rate(rows, name, comparison.SUITES["workbook"].sets)
        assert len(set(method.learning_rates)) in (3, 4)
        assert min(method.learning_rates) < best < max(method.learning_rates), name


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
