"""Long measurements that can be stopped: what is there is not measured again."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

KEY = ("lesson", "method", "dataset", "labels", "seed", "metric")  # what makes a row the same run


@dataclass(frozen=True)
class Outcome:
    """What was measured (accuracy, 0..1, or a speed), weights trained, seconds of training."""

    value: float
    trained_weights: int
    seconds: float


class TimeIsUp(Exception):
    """The minutes granted are over; the rows so far are kept."""


class Ledger:
    """The rows measured so far, and the only way to add one.

    Args:
        known: From `tlbook.results.load`.
        record: `tlbook.results.record`, which appends a row at once.
        minutes: After so many nothing new is begun; None sets no limit.

    Example:
        >>> known, added = pd.DataFrame(columns=[*KEY, "value"]), []
        >>> ledger = Ledger(known, lambda **row: added.append(row))
        >>> run = {"lesson": "31_adapters", "method": "tfidf", "dataset": "reviews",
        ...        "labels": 100, "seed": 0, "metric": "accuracy"}
        >>> [ledger.once(lambda: Outcome(0.7, 10, 0.1), **run) for _ in range(2)], len(added)
        ([0.7, 0.7], 1)
    """

    def __init__(
        self, known: pd.DataFrame, record: Callable[..., None], *, minutes: float | None = None
    ):
        table = known[[*KEY, "value"]].itertuples(index=False, name=None)
        self.values = {row[:-1]: float(row[-1]) for row in table}
        self.record = record
        self.deadline = None if minutes is None else time.monotonic() + 60 * minutes

    def once(
        self,
        run: Callable[[], Outcome],
        *,
        lesson: str,
        method: str,
        dataset: str,
        labels: int,
        seed: int,
        metric: str,
    ) -> float:
        """Return the value of a row; measure and record it if it is not there yet.

        Args:
            run: Measures it.
            lesson: This and the others: as for `tlbook.results.record`.
            method: Short name.
            dataset: Name as for `tlbook.corpora.load`.
            labels: Training labels used, a count.
            seed: Of the run.
            metric: Such as ``accuracy``.

        Raises:
            TimeIsUp: If it would have to be measured, but the minutes are over.
        """
        key = (lesson, method, dataset, labels, seed, metric)
        if key in self.values:
            return self.values[key]
        if self.deadline is not None and time.monotonic() > self.deadline:
            raise TimeIsUp(f"stopped before {method} on {dataset}, {labels} labels, {metric}")
        outcome = run()
        self.record(
            **dict(zip(KEY, key, strict=True)),
            value=outcome.value,
            trained_weights=outcome.trained_weights,
            seconds=outcome.seconds,
        )
        self.values[key] = outcome.value
        return outcome.value
