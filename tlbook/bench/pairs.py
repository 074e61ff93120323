"""Time two sides in turns, and keep what came out as one row of the table."""

import gc
import os
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from tlbook import runtime

Side = Callable[[], Callable[[], object]]  # prepares, untimed, and returns the work to be timed


@dataclass(frozen=True)
class Spent:
    """Time that some work took.

    Attributes:
        cpu: Seconds of all threads of this process together.
        wall: Seconds on the clock.
    """

    cpu: float
    wall: float


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        name: What was compared.
        cpu: One ratio by CPU seconds per pair; above 1 means that ours is faster.
        wall: The same by wall seconds; empty where time is not what is compared.
        bar: What the figure must reach; None where it is only reported.
        unit: ``x`` (times as fast), ``points`` (of accuracy), ``of peak`` or ``x memory`` (times
            less of it).
        note: Why there is no figure, or what to know about it.
        labels: Rows of training data behind it.
        trained_weights: Weights that moved.
        seconds: Median wall seconds of our side.
    """

    name: str
    cpu: tuple[float, ...] = ()
    wall: tuple[float, ...] = ()
    bar: float | None = None
    unit: str = "x"
    note: str = ""
    labels: int = 0
    trained_weights: int = 0
    seconds: float = 0.0

    @property
    def figure(self) -> float | None:
        """What is held against the bar: a median of ratios, a mean of accuracies."""
        # On a GPU the processor only waits; there the clock decides.
        values = self.cpu if runtime.device().type == "cpu" or not self.wall else self.wall
        if not values:
            return None
        return statistics.fmean(values) if self.unit == "points" else statistics.median(values)

    @property
    def met(self) -> bool | None:
        """Whether the bar is met; None where there is no bar or no figure."""
        return None if self.bar is None or self.figure is None else self.figure >= self.bar


def spent(work: Callable[[], object]) -> Spent:
    """Run `work` once and return the time it took, without garbage of what ran before."""
    gc.collect()
    _wait_for_device()
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    _wait_for_device()
    return Spent(time.process_time() - cpu, time.perf_counter() - wall)


def in_turns(ours: Side, stock: Side, *, pairs: int) -> list[tuple[Spent, Spent]]:
    """Time both sides in the order A B B A, `pairs` times over.

    Args:
        ours: Side A.
        stock: Side B.
        pairs: Turns of A B B A, 1 or more.

    Returns:
        For each turn the sum of its two A and the sum of its two B, from which a load of the
        machine that grows or falls evenly has cancelled out.
    """
    found = []
    for _ in range(pairs):
        first, second, third, fourth = (spent(side()) for side in (ours, stock, stock, ours))
        found.append((_sum(first, fourth), _sum(second, third)))
    return found


def ratios(turns: list[tuple[Spent, Spent]], *, scale: float = 1.0) -> dict[str, tuple]:
    """Return the fields of a `Row` that follow from the times.

    Args:
        turns: From `in_turns`.
        scale: Work of our side over work of the other, where they differ.

    Example:
        >>> ratios([(Spent(1, 2), Spent(3, 3))], scale=2)
        {'cpu': (6.0,), 'wall': (3.0,), 'seconds': 1.0}
    """
    return {
        "cpu": tuple(stock.cpu / ours.cpu * scale for ours, stock in turns),
        "wall": tuple(stock.wall / ours.wall * scale for ours, stock in turns),
        "seconds": statistics.median(ours.wall / 2 for ours, _ in turns),
    }


@contextmanager
def in_precision(kind: str) -> Iterator[None]:
    """Let `tlbook.runtime.precision` be ``float32`` or ``bfloat16`` for a while."""
    before = os.environ.get("TLBOOK_PRECISION")
    os.environ["TLBOOK_PRECISION"] = kind
    try:
        yield
    finally:
        if before is None:
            del os.environ["TLBOOK_PRECISION"]
        else:
            os.environ["TLBOOK_PRECISION"] = before


def _sum(one: Spent, other: Spent) -> Spent:
    return Spent(one.cpu + other.cpu, one.wall + other.wall)


def _wait_for_device() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
