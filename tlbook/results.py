"""What was measured: one row per run, appended so that no row is ever lost.

Comparisons across lessons read these rows and nothing else.
"""

import csv
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
from filelock import FileLock

from tlbook import runtime

COLUMNS = (
    "lesson",
    "method",
    "dataset",
    "labels",
    "seed",
    "metric",
    "value",
    "trained_weights",
    "seconds",
    "device",
    "versions",
    "date",
)
RUN = ["lesson", "method", "dataset", "labels", "seed", "metric"]  # what makes a row the same run
GROUP = ["lesson", "method", "dataset", "labels", "metric"]


def folder() -> Path:
    """Return where rows go: ``TLBOOK_RESULTS``, else ``build/results`` of the checkout."""
    if os.environ.get("TLBOOK_RESULTS"):
        return Path(os.environ["TLBOOK_RESULTS"])
    root = Path(__file__).parents[1]
    here = root if (root / "pyproject.toml").exists() else Path.cwd()
    return here / "build" / "results"


def record(
    *,
    lesson: str,
    method: str,
    dataset: str,
    labels: int,
    seed: int,
    metric: str,
    value: float,
    trained_weights: int,
    seconds: float,
    device: str | None = None,
) -> None:
    """Append one run to ``<folder()>/<lesson>.csv``, atomically and under a lock.

    A run that is recorded again (same lesson, method, dataset, labels, seed and metric) gets
    a new row; `load` keeps the newest.

    Args:
        lesson: Notebook's name, such as ``31_adapters``.
        method: Short name; it has a colour in `tlbook.figures.COLOUR`.
        dataset: Name as for `tlbook.corpora.load`.
        labels: Training labels used, a count.
        seed: Of the run.
        metric: Such as ``accuracy``.
        value: The score; 0..1 where the metric is a share.
        trained_weights: Count of the weights that moved.
        seconds: Wall time of the training.
        device: Where it ran; this machine's by default.

    Raises:
        ValueError: If the file has other columns; names it, and leaves it alone.
    """
    row = {
        "lesson": lesson,
        "method": method,
        "dataset": dataset,
        "labels": labels,
        "seed": seed,
        "metric": metric,
        "value": f"{value:.9g}",
        "trained_weights": trained_weights,
        "seconds": f"{seconds:.3f}",
        "device": device or str(runtime.device()),
        "versions": runtime.versions(),
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
    }
    path = folder() / f"{lesson}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")):
        fresh = path.with_suffix(".partial")
        old = path.read_text(encoding="utf-8") if path.exists() else ""
        if old:
            _require_columns(path, old.split("\n", 1)[0].split(","))
        with fresh.open("w", newline="", encoding="utf-8") as file:
            file.write(old if old.endswith("\n") or not old else old + "\n")
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            if not old:
                writer.writeheader()
            writer.writerow(row)
        os.replace(fresh, path)


def _require_columns(path: Path, found: list[str]) -> None:
    if found != list(COLUMNS):
        raise ValueError(f"{path} has the columns {found}, not {list(COLUMNS)}")


def load(*paths: Path | str) -> pd.DataFrame:
    """Read recorded rows; of runs recorded more than once, the newest.

    Args:
        *paths: CSV files or folders of them, older ones first; `folder()` by default.

    Raises:
        FileNotFoundError: If a path does not exist.
        ValueError: If a file has other columns or cannot be read as CSV; names it.
    """
    files: list[Path] = []
    for path in map(Path, paths or [folder()]):
        if not path.exists():
            raise FileNotFoundError(f"{path} does not exist; run a lesson first (make workbook)")
        files += sorted(path.rglob("*.csv")) if path.is_dir() else [path]
    frames = []
    for file in files:
        try:
            frame = pd.read_csv(file, keep_default_na=False, na_values={"value": ["nan"]})
        except ValueError as error:  # also those of pandas, and bytes that are not UTF-8
            raise ValueError(f"{file} is no table of results: {error}") from error
        _require_columns(file, list(frame.columns))
        frames.append(frame)
    if not frames:
        return pd.DataFrame(columns=list(COLUMNS))
    return pd.concat(frames, ignore_index=True).drop_duplicates(RUN, keep="last")


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """Return mean, spread (standard deviation over seeds) and number of runs per setting.

    Args:
        rows: From `load`.

    Returns:
        Columns lesson, method, dataset, labels, metric, mean, spread (NaN for a single run),
        runs, trained_weights, seconds (mean), in the order of first appearance.
    """
    table = rows.groupby(GROUP, sort=False).agg(
        mean=("value", "mean"),
        spread=("value", "std"),
        runs=("value", "size"),
        trained_weights=("trained_weights", "first"),
        seconds=("seconds", "mean"),
    )
    return table.reset_index()


def crossings(rows: pd.DataFrame, one: str, other: str) -> list[float]:
    """Return the label counts at which the mean curves of two methods cross.

    Between two measured counts a curve is a straight line over the logarithm of the count.

    Args:
        rows: Columns ``method``, ``labels`` (count), ``value``.
        one: A method.
        other: Another one, measured at the same counts.

    Returns:
        Label counts in rising order, empty if one curve is above the other throughout.

    Example:
        >>> rows = pd.DataFrame({"method": ["a", "a", "b", "b"], "labels": [10, 1000] * 2,
        ...                      "value": [0.6, 0.7, 0.5, 0.8]})
        >>> [round(count) for count in crossings(rows, "a", "b")]
        [100]
    """
    means = rows.groupby(["method", "labels"])["value"].mean()
    gap = (means[other] - means[one]).sort_index()
    place, height = np.log(gap.index.to_numpy(dtype=float)), gap.to_numpy()
    found = []
    for i in range(len(gap) - 1):
        if height[i] * height[i + 1] < 0:
            share = height[i] / (height[i] - height[i + 1])
            found.append(float(np.exp(place[i] + share * (place[i + 1] - place[i]))))
    return found


def level_with(rows: pd.DataFrame, *, at_least: float = 0.01) -> list[str]:
    """Return the methods that the measured runs cannot tell from the best, best first.

    Runs are compared draw by draw. A method is behind if the best one's mean lead exceeds both
    `at_least` and the lead's own standard deviation over the draws; of a single draw, `at_least`.

    Args:
        rows: One label count; columns ``method``, ``seed``, ``value``.
        at_least: Smallest lead that counts, in the metric's unit; about the standard error
            of an accuracy on the test set.

    Returns:
        One name if there is a winner, more if there is a tie.

    Raises:
        ValueError: If a method was not run with every seed.
    """
    table = rows.pivot(index="seed", columns="method", values="value")
    if table.isna().to_numpy().any():
        raise ValueError("every method needs a run with each seed")
    order = table.mean().sort_values(ascending=False, kind="stable").index
    lead = -table[order].sub(table[order[0]], axis=0)  # (seeds, methods)
    behind = lead.mean() > np.maximum(lead.std().fillna(0), at_least)
    return [name for name in order if not behind[name]]


def decide(
    rows: pd.DataFrame, limits: Mapping[str, Mapping[str, float]], *, at_least: float = 0.01
) -> pd.DataFrame:
    """Say for each label count and constraint which method wins, from measured rows only.

    Args:
        rows: Columns ``method``, ``labels``, ``seed``, ``value`` and those named in `limits`.
        limits: Constraint in words -> column -> largest mean allowed; empty for no limit.
        at_least: See `level_with`.

    Returns:
        Columns ``labels``, ``constraint``, ``winner`` (a method, ``tie``, or ``none`` if no
        method keeps to the limits) and ``level`` (all that share the first place, best first).
    """
    decisions = []
    for constraint, most in limits.items():
        for labels, runs in rows.groupby("labels"):
            cost = runs.groupby("method")[list(most)].mean()
            kept = cost.index[(cost <= pd.Series(most, dtype=float)).all(axis=1)]
            runs = runs[runs["method"].isin(kept)]
            level = level_with(runs, at_least=at_least) if len(runs) else []
            winner = level[0] if len(level) == 1 else "tie" if level else "none"
            decisions.append(
                {"labels": labels, "constraint": constraint, "winner": winner, "level": level}
            )
    return pd.DataFrame(decisions)
