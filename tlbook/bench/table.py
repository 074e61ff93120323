"""The rows of the benchmarks as one table, and in the recorded results."""

import statistics
from collections.abc import Sequence

from tlbook import results, runtime
from tlbook.bench.pairs import Row

HEAD = ("compared", "by CPU seconds", "by wall seconds", "bar", "")
FORMS = {"x": "{:.2f}x", "points": "{:+.1f}", "of peak": "{:.0%}", "x memory": "{:.2f}x"}
METRICS = {
    "x": "times as fast",
    "points": "points of accuracy",
    "of peak": "share of peak",
    "x memory": "times less memory",
}
LESSON = "bench"


def text(rows: Sequence[Row], *, judged: bool = True) -> str:
    """Lay the rows out: for each kind of second the median (of accuracies the mean), min..max.

    Args:
        rows: Of the benchmarks.
        judged: False leaves out what was met and missed.

    Example:
        >>> print(text([Row("ours : stock", cpu=(1.5, 2.5, 2.0), bar=1.5)]))
        compared      by CPU seconds        by wall seconds  bar
        ours : stock  2.00x (1.50x..2.50x)  -                1.50x  met
    """
    lines = [HEAD, *(_cells(row, judged) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def _cells(row: Row, judged: bool) -> tuple[str, ...]:
    verdict = {True: "met", False: "MISSED", None: row.note}[row.met if judged else None]
    bar = "-" if row.bar is None else FORMS[row.unit].format(row.bar)
    return (row.name, _spread(row.cpu, row.unit), _spread(row.wall, row.unit), bar, verdict)


def _spread(values: Sequence[float], unit: str) -> str:
    if not values:
        return "-"
    middle = statistics.fmean(values) if unit == "points" else statistics.median(values)
    shown = [FORMS[unit].format(value) for value in (middle, min(values), max(values))]
    return "{} ({}..{})".format(*shown)


def record(rows: Sequence[Row]) -> None:
    """Append the figure of every row that has one to the results, as the lesson ``bench``."""
    for row in rows:
        if row.figure is not None:
            results.record(
                lesson=LESSON,
                method=row.name,
                dataset="reviews",
                labels=row.labels,
                seed=0,
                metric=METRICS[row.unit],
                value=row.figure,
                trained_weights=row.trained_weights,
                seconds=row.seconds,
                device=str(runtime.device()),
            )
