"""What is paid for a score: accuracy against trained weights, and where the weights sit."""

import re
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from tlbook.figures import colour_of, heat_map

FROZEN, TRAINED = "#EEEEEE", "#DDEFE3"


def family_of(method: str) -> str:
    """Return a method's name without its size; a family has one colour and one line.

    Example:
        >>> family_of("adapters 64"), family_of("head only")
        ('adapters', 'head only')
    """
    return re.sub(r" \d+$", "", method)


def accuracy_by_weights(
    runs: pd.DataFrame,
    ax: plt.Axes,
    *,
    baseline: str = "fine-tuning",
    weights: str = "trained_weights",
) -> plt.Axes:
    """Draw accuracy against trained weights: runs as points, a line through a family's means.

    Args:
        runs: Columns ``method`` (its size, if it has one, is the last word), ``value`` (0..1) and
            that named by `weights`; one run a row.
        ax: Axes to draw on.
        baseline: Its mean is drawn through as a grey dashed line, if it is among the methods.
        weights: Column of the horizontal axis: a count, or a share.

    Raises:
        KeyError: If a family has no colour.
    """
    families = runs["method"].map(family_of)
    for family in dict.fromkeys(families):
        group, colour = runs[families == family], colour_of(family)
        ax.scatter(group[weights], group["value"], s=8, alpha=0.4, color=colour, linewidths=0)
        means = group.groupby("method")[[weights, "value"]].mean().sort_values(weights)
        ax.plot(means[weights], means["value"], "o-", markersize=5, color=colour, label=family)
    if baseline in set(runs["method"]):
        mean = runs.loc[runs["method"] == baseline, "value"].mean()
        ax.axhline(mean, color="#999999", linestyle="--", linewidth=0.8, zorder=0)
    ax.set(xscale="log", xlabel="trained weights (count, log scale)", ylabel="accuracy (0..1)")
    return ax


def small_multiples(panels: Mapping[str, pd.DataFrame], axes: np.ndarray) -> np.ndarray:
    """Draw `accuracy_by_weights` once per panel, with one legend and the quantities named once.

    Args:
        panels: Title -> runs.
        axes: As many axes, in one figure.
    """
    for ax, (title, runs) in zip(axes.flat, panels.items(), strict=True):
        accuracy_by_weights(runs, ax)
        ax.set_title(title)
    return _named_once(axes)


def _named_once(axes: np.ndarray) -> np.ndarray:
    """Take the quantities from the axes to the figure, with a legend of all that is drawn."""
    first = axes.flat[0]
    figure = first.figure
    figure.supxlabel(first.get_xlabel(), fontsize="medium")
    figure.supylabel(first.get_ylabel(), fontsize="medium")
    drawn = {}
    for ax in axes.flat:
        drawn |= dict(zip(*reversed(ax.get_legend_handles_labels()), strict=True))
        ax.set(xlabel="", ylabel="")
    # Many names: not on the points.
    figure.legend(drawn.values(), drawn.keys(), fontsize="small", loc="outside right center")
    return axes


def within_budget(runs: pd.DataFrame, ax: plt.Axes, percent: float) -> plt.Axes:
    """Draw `accuracy_by_weights` with a budget, and name the best method that keeps to it.

    Args:
        runs: As for `accuracy_by_weights`; the largest number of trained weights counts as 100%.
        ax: Axes to draw on.
        percent: Of the weights at most, above 0 and at most 100.
    """
    budget = percent / 100 * runs["trained_weights"].max()
    means = runs[runs["trained_weights"] <= budget].groupby("method")["value"].mean()
    best = f"{means.idxmax()}, {means.max():.3f}" if len(means) else "nothing is so small"
    accuracy_by_weights(runs, ax)
    ax.axvline(budget, color="#555555", linewidth=0.8)
    ax.set_title(f"at most {percent:g}%: {best}")
    return ax


def beside_published(runs: pd.DataFrame, published: pd.DataFrame, ax: plt.Axes) -> plt.Axes:
    """Draw our distances from full fine-tuning and those of a paper on the same axes.

    Args:
        runs: Columns ``method``, ``share`` (%), ``value`` (points from full fine-tuning).
        published: Columns ``share`` (%), ``points``.
        ax: Axes to draw on.
    """
    accuracy_by_weights(runs, ax, weights="share")
    ax.scatter(
        published["share"],
        published["points"],
        marker="D",
        facecolors="none",
        edgecolors="black",
        label="published",
        zorder=3,
    )
    ax.set(xlabel="trained share (%, log scale)", ylabel="points from full fine-tuning")
    ax.legend(fontsize="small")
    return ax


def multiples_beside_published(
    panels: Mapping[str, pd.DataFrame], published: pd.DataFrame, axes: np.ndarray
) -> np.ndarray:
    """Draw `beside_published` once per panel, with one legend and the quantities named once.

    Args:
        panels: Title -> runs.
        published: The same figures for all panels.
        axes: As many axes, in one figure.
    """
    for ax, (title, runs) in zip(axes.flat, panels.items(), strict=True):
        beside_published(runs, published, ax)
        ax.get_legend().remove()
        ax.set_title(title, fontsize="small")
    return _named_once(axes)


def spans(values: Sequence[Sequence[float]], ax: plt.Axes, *, text: str = "{:+.1f}") -> plt.Axes:
    """Draw what leaving out the layers from one to another does, as in the paper's figure 6.

    Args:
        values: ``values[i][j]`` belongs to layers i to j, both left out; NaN where j is below i.
        ax: Axes to draw on.
        text: How a number is written.
    """
    numbers = [str(layer) for layer in range(1, len(values) + 1)]
    heat_map(pd.DataFrame(values, index=numbers, columns=numbers), ax, text=text)
    ax.set(xlabel="last layer left out", ylabel="first layer left out")
    return ax


def layer_plan(ax: plt.Axes, *, adapted: Sequence[str] = ("attention", "feed-forward")) -> plt.Axes:
    """Draw one layer of an encoder with adapters in it: grey is frozen, green is trained.

    Args:
        ax: Empty axes, best 9 x 2 inches.
        adapted: After which sub-layers an adapter stands: ``attention``, ``feed-forward``.

    Raises:
        ValueError: If a sub-layer is neither.
    """
    if unknown := set(adapted) - {"attention", "feed-forward"}:
        raise ValueError(f"there is no sub-layer {', '.join(sorted(unknown))}")
    place, begun = 0.6, False
    for name in ("attention", "feed-forward"):
        branch = place - 0.3
        boxes = [name, *(["adapter"] if name in adapted else []), "+", "norm"]
        begun = begun or name in adapted
        for box in boxes:
            width = {"+": 0.4, "norm": 1.0}.get(box, 1.6)
            trained = box == "adapter" or (box == "norm" and begun)
            face = "white" if box == "+" else TRAINED if trained else FROZEN
            edge = colour_of("adapters") if trained else "#999999"
            ax.add_patch(plt.Rectangle((place, 0.7), width, 0.6, facecolor=face, edgecolor=edge))
            ax.text(place + width / 2, 1, box, ha="center", va="center", fontsize=9)
            ax.annotate("", (place, 1), (place - 0.5, 1), arrowprops={"arrowstyle": "->"})
            if box == "+":  # the residual comes in from before the sub-layer
                middle = place + 0.2
                ax.plot([branch, branch, middle], [1, 1.75, 1.75], color="#555555", linewidth=1)
                ax.annotate("", (middle, 1.3), (middle, 1.75), arrowprops={"arrowstyle": "->"})
            place += width + 0.5
    ax.annotate("", (place, 1), (place - 0.5, 1), arrowprops={"arrowstyle": "->"})
    ax.set(xlim=(0, place + 0.1), ylim=(0.4, 2.0))
    ax.set_axis_off()
    return ax
