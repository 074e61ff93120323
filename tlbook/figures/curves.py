"""Curves over steps, over learning rates, over layers: of runs that go on and runs that ended."""

from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from tlbook.figures import COLOUR

LIVE, CHOSEN, FAINT = COLOUR["fine-tuning"], COLOUR["features"], COLOUR["scratch"]
QUANTITIES = {"loss": "loss (nats)", "accuracy": "accuracy (0..1)"}
MOST_POINTS = 200  # of one line; more cannot be told apart


def thinned(points: pd.DataFrame, *, most: int = MOST_POINTS) -> pd.DataFrame:
    """Return at most `most` rows: each is the mean of neighbours.

    Args:
        points: Numbers, in their order.
        most: Rows that are left, 1 or more.

    Example:
        >>> points = pd.DataFrame({"step": [1, 2, 3, 4], "loss": [4.0, 2.0, 1.0, 1.0]})
        >>> thinned(points, most=2).values.tolist()
        [[1.5, 3.0], [3.5, 1.0]]
    """
    if len(points) <= most:
        return points
    group = pd.Series(range(len(points)), index=points.index) * most // len(points)
    return points.groupby(group).mean()


def run_curves(
    points: pd.DataFrame,
    axes: Mapping[str, Axes],
    *,
    live: int | None = None,
    chosen: int | None = None,
) -> Mapping[str, Axes]:
    """Draw the curves of several trainings: one strong, one dashed, the others faint.

    Args:
        points: Columns ``run`` (number), ``step`` (from 1) and those that `axes` name; NaN where
            a step has no such number.
        axes: Quantity (``loss``, ``accuracy``) -> where to draw it.
        live: The run that is drawn strong, in blue.
        chosen: The run that is drawn dashed, in orange, unless it is the live one.

    Returns:
        The axes.
    """
    order = sorted(points["run"].unique(), key=lambda run: (run == live, run == chosen))
    for quantity, ax in axes.items():
        ends = {}
        for run in order:
            line = points.loc[points["run"] == run, ["step", quantity]].dropna()
            if line.empty:
                continue
            line = thinned(line)
            style = {"color": FAINT, "linewidth": 1.0, "alpha": 0.6}
            if run == live:
                style = {"color": LIVE, "linewidth": 2.0}
            elif run == chosen:
                style = {"color": CHOSEN, "linewidth": 1.8, "linestyle": "--"}
            mark = "o" if len(line) < 12 else None
            ax.plot(line["step"], line[quantity], marker=mark, markersize=3, **style)
            ends[run] = (*line.iloc[-1], style["color"])
        for run, (step, value, colour) in ends.items():  # a run is known by its number, too
            ax.annotate(f" {run}", (step, value), color=colour, fontsize=8, va="center")
        ax.set(xlabel="step (count)", ylabel=QUANTITIES.get(quantity, quantity))
        ax.xaxis.set_major_locator(MaxNLocator(nbins="auto", integer=True, min_n_ticks=1))
        ax.ticklabel_format(axis="y", scilimits=(-2, 4))
        ax.spines[["top", "right"]].set_visible(False)
    return axes


def sweep_curve(
    sweep: pd.DataFrame, ax: Axes, *, marked: float | None = None, **style: object
) -> Axes:
    """Draw what `tlbook.training.rate_sweep.learning_rate_sweep` found: loss against rate.

    Args:
        sweep: Columns ``rate``, ``loss`` and ``smoothed`` (nats).
        ax: Axes to draw on.
        marked: A learning rate to mark with a line.
        **style: Of the smoothed line, as for ``Axes.plot``.
    """
    ax.plot(sweep["rate"], sweep["loss"], ".", color=FAINT, markersize=4)
    ax.plot(sweep["rate"], sweep["smoothed"], **{"color": LIVE, "linewidth": 2} | style)
    if marked is not None:
        ax.axvline(marked, color=CHOSEN, linestyle="--", linewidth=1.5)
    low, high = sweep["smoothed"].min(), sweep["smoothed"].iloc[0]
    room = max(high - low, 0.05)
    ax.set(xscale="log", ylim=(low - 0.5 * room, high + 1.5 * room))
    ax.set(xlabel="learning rate (log scale)", ylabel="loss (nats)")
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def layer_shares(shares: Mapping[str, Sequence[float]], ax: Axes, layers: Sequence[str]) -> Axes:
    """Draw mixes of layers side by side, a group of bars for each layer.

    Args:
        shares: Name of a mix -> one share (0..1) per layer; two mixes at most.
        ax: Axes to draw on.
        layers: Their names, from the bottom up.

    Raises:
        ValueError: If a mix has not one share per layer, or there are more than two.
    """
    if len(shares) > 2 or any(len(mix) != len(layers) for mix in shares.values()):
        raise ValueError(f"give one or two mixes of {len(layers)} layers, got {dict(shares)}")
    looks = ({"color": LIVE}, {"color": "white", "edgecolor": CHOSEN, "hatch": "//"})
    width = 0.8 / len(shares)
    for place, ((name, mix), look) in enumerate(zip(shares.items(), looks, strict=False)):
        lefts = [layer - 0.4 + width * (place + 0.5) for layer in range(len(layers))]
        ax.bar(lefts, mix, width, label=name, **look)
    ax.set_xticks(range(len(layers)), [str(name) for name in layers])
    ax.set(xlabel="layer", ylabel="share (0..1)", ylim=(0, 1))
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False, fontsize="small")
    return ax
