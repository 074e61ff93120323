"""Parts of a model's card, in Markdown."""

from collections.abc import Iterable, Sequence

import pandas as pd

SHOWN = (0, 0.1, 0.25, 0.5, 0.75, 1)  # shares of the run at which the curve is told


def table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown.

    Example:
        >>> print(table(["a", "b"], [["1", "2"]]))
        | a | b |
        |---|---|
        | 1 | 2 |
    """
    rows = [head, *lines]
    shown = [f"| {' | '.join(cells)} |" for cells in rows]
    return "\n".join([shown[0], "|" + "---|" * len(head), *shown[1:]])


def curve_table(curve: pd.DataFrame, seen: str, losses: Sequence[str]) -> str:
    """Return the losses at the beginning, along the way and at the end.

    Args:
        curve: As `tlbook.training.curve` keeps it.
        seen: What ``tokens`` counts, in words.
        losses: Columns.

    Example:
        >>> curve = pd.DataFrame({"tokens": [2000, 4000], "masked_lm": [3.0, 2.5]})
        >>> print(curve_table(curve, "words read", ["masked_lm"]))
        | words read | masked-lm |
        |---|---|
        | 2,000 | 3.000 |
        | 4,000 | 2.500 |
    """
    last = len(curve) - 1
    shown = curve.iloc[sorted({round(last * share) for share in SHOWN})]
    return table(
        [seen, *(name.replace("_", "-") for name in losses)],
        [
            [f"{row['tokens']:,.0f}", *(f"{row[name]:.3f}" for name in losses)]
            for _, row in shown.iterrows()
        ],
    )


def duration(seconds: float) -> str:
    """Say how long a run took, in hours or, below one, in minutes.

    Example:
        >>> duration(7200), duration(90)
        ('2.00 hours', '1.5 minutes')
    """
    return f"{seconds / 3600:.2f} hours" if seconds >= 3600 else f"{seconds / 60:.1f} minutes"
