"""What the comparison came to is summed up without slips."""

import pandas as pd
import pytest

from tlbook.efficient import comparison, outcomes


def test_only_rates_that_were_tried_on_all_sets_count():
    metric = [comparison.TUNED.format(rate) for rate in (0.1, 0.1, 0.2)] + ["accuracy"]
    rows = pd.DataFrame({"metric": metric, "value": [0.9, 0.1, 0.6, 1.0], "method": "adapters 8"})
    rows["dataset"] = ["a", "b", "a", "b"]
    found = outcomes.tries(rows, ["a", "b"])
    assert found.to_dict("records") == [{"method": "adapters 8", "rate": 0.1, "value": 0.5}]


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
    table = outcomes.table(rows, ["a", "b"])
    assert table.index.tolist() == ["fine-tuning", "adapters 8"]
    adapters = table.loc["adapters 8"]
    assert adapters["accuracy"] == pytest.approx(0.8)
    assert adapters["behind"] == pytest.approx(5)
    assert adapters["spread"] == pytest.approx(0.1 / 2**0.5)  # of 0.75 and 0.85
    assert adapters["weights"] == 250
    assert adapters["share"] == pytest.approx((0.1 + 0.2) / 2)
    assert table.loc["fine-tuning", "share"] == 1


def test_the_error_of_a_distance_is_that_of_runs_with_one_seed(rows):
    assert outcomes.table(rows, ["a", "b"])["error"].tolist() == pytest.approx([0, 0])
    moved = (rows["method"] == "adapters 8") & (rows["seed"] == 1)
    rows.loc[moved, "value"] -= 0.02  # now 5 and 7 points behind
    adapters = outcomes.table(rows, ["a", "b"]).loc["adapters 8"]
    assert adapters["behind"] == pytest.approx(6)
    assert adapters["error"] == pytest.approx(1)


def test_two_methods_are_compared_seed_by_seed(rows):
    moved = (rows["method"] == "adapters 8") & (rows["seed"] == 1)
    rows.loc[moved, "value"] -= 0.02  # now 5 and 7 points behind
    ahead, error = outcomes.lead(rows, ["a", "b"], "adapters 8", "fine-tuning")
    assert (ahead, error) == (pytest.approx(-6), pytest.approx(1))
    with pytest.raises(KeyError, match="magic"):
        outcomes.lead(rows, ["a", "b"], "magic", "fine-tuning")


def test_other_sets_and_metrics_do_not_count(rows):
    other = rows.assign(metric="accuracy, live", value=0.0)
    table = outcomes.table(pd.concat([rows, other]), ["a"])
    assert table.loc["fine-tuning", "accuracy"] == pytest.approx(0.95)


def test_a_method_that_lacks_a_run_is_left_out(rows):
    assert outcomes.table(rows[:-1], ["a", "b"]).index.tolist() == ["fine-tuning"]


def test_without_all_runs_of_fine_tuning_there_is_nothing_to_compare(rows):
    with pytest.raises(ValueError, match="fine-tuning is not measured on a, b: nothing to compare"):
        outcomes.table(rows[1:], ["a", "b"])
