"""Pictures for widgets: made by matplotlib's objects alone, so that any thread may draw them."""

import textwrap

import pandas as pd
from matplotlib.figure import Figure

from tlbook.figures.curves import QUANTITIES, run_curves
from tlbook.figures.pictures import picture

LETTERS = 11  # of a title that fit into an inch


def figure(width: float, height: float, *, layout: str = "constrained") -> Figure:
    """Return an empty figure on white paper, of a size in inches, that pyplot does not know."""
    return Figure(figsize=(width, height), dpi=100, layout=layout, facecolor="white")


def live_curves(points: pd.DataFrame, *, live: int | None, chosen: int | None, title: str) -> str:
    """Return the curves of a panel's runs as HTML.

    Args:
        points: As for `tlbook.figures.curves.run_curves`; the accuracy is left out if no run has
            one.
        live: The run that goes on, or ended last.
        chosen: The run that was recalled.
        title: What the live run has come to; also in the text alternative.
    """
    names = [name for name in QUANTITIES if name == "loss" or points[name].notna().any()]
    width = 3.9 * len(names) + 0.4  # inches; places are as letters need them, unmeasured
    words = textwrap.fill(title, round(LETTERS * width))
    height = 2.5 + 0.2 * len(words.splitlines())
    drawn = figure(width, height, layout="none")
    drawn.subplots_adjust(left=0.8 / width, right=1 - 0.15 / width, wspace=0.28)
    drawn.subplots_adjust(bottom=0.5 / height, top=2.35 / height)
    axes = dict(zip(names, drawn.subplots(1, len(names), squeeze=False)[0], strict=True))
    run_curves(points, axes, live=live, chosen=chosen)
    for ax in axes.values():
        ax.tick_params(labelsize=8)
    drawn.suptitle(words, x=0.01, y=0.99, va="top", ha="left", fontsize=10, fontweight="bold")
    others = sorted(set(points["run"]) - {live})
    alt = f"{' and '.join(names)} against steps. {title}."
    alt += f" Thin lines are earlier runs: {', '.join(map(str, others))}." if others else ""
    return picture(drawn, alt=alt)
