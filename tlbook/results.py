"""What was measured: one row per run, appended so that no row is ever lost.

Comparisons across lessons read these rows and nothing else.
"""

import csv
import io
import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
from filelock import FileLock

from tlbook import files, runtime

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
NUMBERS = dict.fromkeys(("labels", "seed", "trained_weights"), np.int64)
NUMBERS |= dict.fromkeys(("value", "seconds"), float)
BOM = "\ufeff"  # which some spreadsheets put before the first column
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
        ValueError: If `lesson` is no plain name, a count no whole number or a name more than a
            line long, or if the file is not UTF-8 or has other columns (names it). Nothing is
            written then.
    """
    if not re.fullmatch(r"\w[\w .-]*", lesson):
        raise ValueError(f"lesson must be a notebook's name such as 31_adapters, got {lesson!r}")
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
    cells = [str(cell) for cell in row.values()]
    _numbered(cells)  # as `load` will
    if broken := [cell for cell in cells if re.search(r"[\n\r]", cell)]:
        raise ValueError(f"a name must fit on a line, got {broken[0]!r}")
    path = folder() / f"{lesson}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")):
        old = _text(path) if path.exists() else ""
        if old:
            _require_columns(path, old.removeprefix(BOM).split("\n", 1)[0])
        text = io.StringIO(old if old.endswith("\n") or not old else old + "\n")
        text.seek(0, io.SEEK_END)
        writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
        if not old:
            writer.writeheader()
        writer.writerow(row)
        files.write(path, text.getvalue())


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} is no table of results: byte {error.start} is not UTF-8; "
            "save it as CSV in UTF-8, or move it away"
        ) from error


def _require_columns(path: Path, line: str) -> None:
    found = next(csv.reader([line[:1000]]), [])  # of a file that is no table, enough to say so
    if found != list(COLUMNS):
        raise ValueError(f"{path} has the columns {found}, not {list(COLUMNS)}")


def _frame(path: Path) -> pd.DataFrame:
    """Read one file strictly, line by line, so that an open quote swallows no other line."""
    head, *lines = _text(path).removeprefix(BOM).split("\n")
    _require_columns(path, head)
    rows = []
    for place, line in enumerate(lines, start=2):
        try:
            if line:
                rows.append(_numbered(next(csv.reader([line], strict=True))))
        except (csv.Error, ValueError) as error:
            raise ValueError(
                f"{path}, line {place} is no row of results: {error}; mend that line or delete it"
            ) from error
    columns = zip(*rows, strict=True) if rows else [()] * len(COLUMNS)
    kinds = dict.fromkeys(COLUMNS, "str") | NUMBERS
    return pd.DataFrame(dict(zip(COLUMNS, columns, strict=True))).astype(kinds)


def _numbered(cells: list[str]) -> list[object]:
    """Return the cells of one row with its numbers as numbers; say which is none."""
    if len(cells) != len(COLUMNS):
        raise ValueError(f"it has {len(cells)} fields, not {len(COLUMNS)}")
    row: list[object] = list(cells)
    for name, kind in NUMBERS.items():
        place = COLUMNS.index(name)
        try:
            row[place] = kind(cells[place].removesuffix(".0"))
        except (ValueError, OverflowError) as error:
            wanted = "number" if kind is float else "whole number"
            raise ValueError(f"{name} must be a {wanted}, got {cells[place]!r}") from error
    return row


def load(*paths: Path | str) -> pd.DataFrame:
    """Read recorded rows; of runs recorded more than once, the newest.

    Args:
        *paths: CSV files or folders of them, older ones first; `folder()` by default.

    Raises:
        FileNotFoundError: If a path does not exist.
        ValueError: If a file is not UTF-8 or has other columns, or if a line has a field too many
            or too few, an open quote or text for a number; names the file and the line.
    """
    files: list[Path] = []
    for path in map(Path, paths or [folder()]):
        if not path.exists():
            raise FileNotFoundError(f"{path} does not exist; run a lesson first (make workbook)")
        files += sorted(path.rglob("*.csv")) if path.is_dir() else [path]
    frames = [_frame(file) for file in files]
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

    Between two measured counts a curve is a straight line over the logarithm of the count. Curves
    that are level at a measured count cross there if they change places around it; of several such
    counts in a row, the first is told.

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
    means = rows.groupby(["labels", "method"])["value"].mean().unstack()
    means = means[[one, other]].dropna(how="all")
    level = np.isclose(means[one], means[other], rtol=1e-12, atol=0)  # means are rounded
    counts, height = means.index.to_numpy(dtype=float), (means[other] - means[one]).to_numpy()
    place, found = np.log(counts), []
    for i, j in pairwise(np.flatnonzero(~level)):
        if height[i] * height[j] < 0:
            share = height[i] / (height[i] - height[j])
            between = np.exp(place[i] + share * (place[j] - place[i]))
            found.append(float(between if j == i + 1 else counts[i + 1]))
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
