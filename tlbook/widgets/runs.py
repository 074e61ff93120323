"""The history of a lab panel: every run with its settings, its curve and what came of it."""

import base64
import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from tlbook.training.reports import Curve

OWN = ("run", "steps", "loss", "accuracy", "seconds", "status")  # columns that no setting may be


@dataclass
class Run:
    """One training of a panel.

    Attributes:
        number: From 1.
        settings: Name -> value, as the controls stood when it began.
        curve: What it reported.
        ended: ``done`` or ``stopped``, empty before that.
        found: What the training returned: numbers by name.
        seconds: It took so far; not a number if nobody measured it.
        error: What was raised, if it failed.
        first: Step and seconds of the first report.
    """

    number: int
    settings: Mapping[str, object]
    curve: Curve = field(default_factory=Curve)
    ended: str = ""
    found: Mapping[str, object] = field(default_factory=dict)
    seconds: float = 0.0
    error: BaseException | None = None
    first: tuple[int, float] | None = None

    def fail(self, error: BaseException) -> None:
        """Keep what was raised; the first exception stays."""
        self.error = self.error or error

    @property
    def status(self) -> str:
        """Return ``running``, ``done``, ``stopped`` or, once there is an error, ``failed``."""
        return "failed" if self.error is not None else self.ended or "running"

    def left(self) -> float | None:
        """Return the seconds to go, if the steps go on as fast; None before the second report."""
        if self.first is None or self.curve.step <= self.first[0]:
            return None
        pace = (self.seconds - self.first[1]) / (self.curve.step - self.first[0])
        return pace * (self.curve.steps - self.curve.step)

    def line(self) -> str:
        """Say in a line where it stands."""
        row, place = self.row(), f"step {self.curve.step} of {self.curve.steps}"
        words = f"Run {self.number} {self.status}: {place if self.curve.step else 'no step yet'}"
        if self.status == "running":
            words += "" if self.left() is None else f", {duration(self.left())} left"
        else:
            words += "" if math.isnan(self.seconds) else f", took {duration(self.seconds)}"
        numbers = {name: row[name] for name in ("loss", "accuracy") if not math.isnan(row[name])}
        return words + "".join(f", {name} {value:.3g}" for name, value in numbers.items())

    def row(self) -> dict[str, object]:
        """Return what the table shows of it; what it `found` goes before what it reported."""
        last = {name: self.curve.last(name) for name in ("loss", "accuracy")}
        last = {name: math.nan if value is None else value for name, value in last.items()}
        end = {"seconds": round(self.seconds, 2), "status": self.status}
        told = {"steps": self.curve.step} | last | dict(self.found)
        return {"run": self.number} | dict(self.settings) | told | end


def required_numbers(found: object, settings: Sequence[str]) -> Mapping[str, object]:
    """Return what a training returned, if it is numbers by name; nothing counts as none.

    Raises:
        TypeError: If it is anything else.
        ValueError: If a name is that of a setting, or taken.

    Example:
        >>> required_numbers(None, ["seed"]), required_numbers({"accuracy": 0.8}, ["seed"])
        ({}, {'accuracy': 0.8})
    """
    if found is None:
        return {}
    if not isinstance(found, Mapping):
        raise TypeError(
            'train must return numbers by name, such as {"accuracy": 0.8}, or nothing; '
            f"it returned {type(found).__name__}"
        )
    if taken := set(found) & ({*settings, *OWN} - {"loss", "accuracy"}):
        raise ValueError(f"train returned {sorted(taken)}, which are columns of the table already")
    return found


def table(runs: Sequence[Run]) -> pd.DataFrame:
    """Return one row per run: number, settings, last numbers, what it found, seconds, status."""
    rows = pd.DataFrame([run.row() for run in runs])
    ends = [name for name in ("seconds", "status") if name in rows]
    return rows[[name for name in rows if name not in ends] + ends]


def points(runs: Sequence[Run]) -> pd.DataFrame:
    """Return the curves of all runs: columns ``run``, ``step``, ``loss`` and ``accuracy``."""
    curves = [run.curve.table().assign(run=run.number) for run in runs if run.curve.rows]
    if not curves:
        return pd.DataFrame({"run": [], "step": [], "loss": [], "accuracy": []})
    return pd.concat(curves, ignore_index=True)


def download(rows: pd.DataFrame, *, name: str) -> str:
    """Return a link that carries a table inside itself, as a CSV file to save.

    Args:
        rows: The table.
        name: Of the file.
    """
    data = base64.b64encode(rows.to_csv(index=False).encode()).decode()
    words = f"Save {len(rows)} run{'s' if len(rows) != 1 else ''} as CSV"
    return (
        f'<a download="{html.escape(name)}" href="data:text/csv;base64,{data}" '
        f'style="color:inherit;text-decoration:underline">{words}</a>'
    )


def duration(seconds: float) -> str:
    """Return a time as a reader says it.

    Example:
        >>> duration(0.4), duration(75)
        ('less than 1 s', '1 min 15 s')
    """
    whole = round(seconds)
    if whole < 1:
        return "less than 1 s"
    return f"{whole // 60} min {whole % 60} s" if whole >= 60 else f"{whole} s"
