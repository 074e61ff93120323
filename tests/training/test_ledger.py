"""What a ledger promises: nothing is measured twice, and nothing begins too late."""

import pandas as pd
import pytest

from tlbook import results
from tlbook.training.ledger import KEY, Ledger, Outcome, TimeIsUp

RUN = {
    "lesson": "31_adapters",
    "method": "adapters 8",
    "dataset": "reviews",
    "labels": 100,
    "seed": 0,
    "metric": "accuracy",
}


@pytest.fixture
def ledger():
    def make(**options):
        results.folder().mkdir(parents=True, exist_ok=True)
        return Ledger(results.load(results.folder()), results.record, **options)

    return make


def test_a_run_is_the_same_for_the_ledger_and_the_results():
    assert list(KEY) == results.RUN


def test_a_run_is_measured_once_even_by_another_ledger(ledger):
    calls = []

    def run():
        calls.append(1)
        return Outcome(0.75, 5, 2.0)

    one = ledger()
    assert [one.once(run, **RUN), one.once(run, **RUN), ledger().once(run, **RUN)] == [0.75] * 3
    assert len(calls) == 1
    row = results.load().iloc[0]
    assert (row["value"], row["trained_weights"], row["seconds"]) == (0.75, 5, 2.0)


@pytest.mark.parametrize("name", KEY)
def test_whatever_differs_makes_another_run(name, ledger):
    one = ledger()
    one.once(lambda: Outcome(0.1, 1, 1.0), **RUN)
    other = RUN | {name: 7 if isinstance(RUN[name], int) else "other"}
    assert one.once(lambda: Outcome(0.2, 1, 1.0), **other) == 0.2


def test_a_run_that_fails_leaves_no_row(ledger):
    def run():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ledger().once(run, **RUN)
    assert len(results.load()) == 0


def test_when_the_minutes_are_over_only_known_rows_are_given(ledger):
    ledger().once(lambda: Outcome(0.1, 1, 1.0), **RUN)
    late = ledger(minutes=0)
    assert late.once(lambda: Outcome(0.9, 1, 1.0), **RUN) == 0.1
    with pytest.raises(TimeIsUp, match="stopped before adapters 8 on pairs, 100 labels, accuracy"):
        late.once(lambda: Outcome(0.9, 1, 1.0), **RUN | {"dataset": "pairs"})
    assert len(results.load()) == 1


def test_an_empty_table_is_a_beginning():
    known = pd.DataFrame(columns=[*KEY, "value"])
    added = []
    ledger = Ledger(known, lambda **row: added.append(row))
    ledger.once(lambda: Outcome(0.5, 3, 0.1), **RUN)
    assert added == [{**RUN, "value": 0.5, "trained_weights": 3, "seconds": 0.1}]
