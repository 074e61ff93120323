"""Explorers of what was measured: the mix of layers a task learned, and how losses follow rates."""

from collections.abc import Callable, Mapping

import ipywidgets
import numpy as np
import pandas as pd

from tlbook.figures.curves import layer_shares, sweep_curve
from tlbook.figures.pictures import picture
from tlbook.widgets.charts import figure
from tlbook.widgets.panels import Panel, Picture, at_most, row

WORDS = {"style": {"description_width": "initial"}}


def layer_mix(learned: pd.DataFrame, score_of: Callable[[list[float]], float]) -> Panel:
    """Let a reader mix layers by hand, beside the mixes that were learned.

    Args:
        learned: One row per learned mix, with its name as the index; one column per layer, from
            the bottom up: its share, 0..1.
        score_of: Maps shares that sum to 1 to an accuracy (0..1) on held-out rows; it gets the
            learned ones, too.
    """
    layers, shown = [str(name) for name in learned.columns], Picture()
    beside = ipywidgets.Dropdown(
        options=[str(name) for name in learned.index],
        description="beside",
        tooltip="A mix that was learned",
        **WORDS,
    )
    sliders = [_weight_of(name) for name in layers]

    def draw() -> str:
        weights = [slider.value for slider in sliders]
        if not sum(weights):
            return "<p>All weights are 0: give one layer some.</p>"
        mixes = {
            "yours": [weight / sum(weights) for weight in weights],
            beside.value: learned.iloc[beside.index].tolist(),
        }
        return _mix_picture(mixes, {name: score_of(mix) for name, mix in mixes.items()}, layers)

    for control in (beside, *sliders):
        control.observe(lambda _change: shown.draw(draw), names="value")
    shown.draw(draw)
    return Panel([beside, row(*sliders), shown])


def _weight_of(layer: str) -> ipywidgets.FloatSlider:
    return ipywidgets.FloatSlider(
        value=1.0,
        min=0.0,
        max=1.0,
        step=0.05,
        description=f"layer {layer} (weight)",
        tooltip=f"How much of layer {layer} is in your mix; shares are weights over their sum",
        continuous_update=False,
        layout=at_most(340),
        **WORDS,
    )


def _mix_picture(
    mixes: Mapping[str, list[float]], scores: Mapping[str, float], layers: list[str]
) -> str:
    """Draw two mixes side by side, with their scores above."""
    drawn = figure(5.0, 2.6)
    ax = layer_shares(mixes, drawn.subplots(), layers)
    title = "accuracy: " + ", ".join(f"{name} {value:.3f}" for name, value in scores.items())
    ax.set_title(title, loc="left", fontsize=10)
    shares = "; ".join(f"{n}: {' '.join(f'{s:.2f}' for s in mix)}" for n, mix in mixes.items())
    return picture(drawn, alt=f"Shares of layers {' '.join(layers)}. {shares}. {title}.")


def learning_rates(sweeps: Mapping[str, pd.DataFrame], *, start: float | None = None) -> Panel:
    """Show learning rate sweeps, and read off the loss at a rate a reader chooses.

    Args:
        sweeps: Name of a setting -> what
            `tlbook.training.rate_sweep.learning_rate_sweep` found for it.
        start: The rate to start at; the nearest one that was tried is taken, one in the middle
            by default.

    Raises:
        ValueError: If there is no sweep.
    """
    if not sweeps:
        raise ValueError('give at least one sweep, such as {"all layers": sweep}')
    shown = Picture()
    name = ipywidgets.Dropdown(
        options=list(sweeps), description="setting", tooltip="What was trained", **WORDS
    )
    tried = sorted({float(rate) for sweep in sweeps.values() for rate in sweep["rate"]})
    begun = start or tried[len(tried) // 2]
    rate = ipywidgets.SelectionSlider(
        options=[(f"{rate:.2g}", rate) for rate in tried],
        value=min(tried, key=lambda rate: abs(np.log(rate / begun))),
        description="learning rate (per step)",
        tooltip="The dashed line; arrow keys move it",
        continuous_update=False,
        layout=at_most(460),
        **WORDS,
    )

    def draw(_change: object = None) -> None:
        sweep = sweeps[name.value]
        place = int(np.abs(np.log(sweep["rate"].to_numpy() / rate.value)).argmin())
        shown.draw(lambda: _sweep_picture(name.value, sweep, place))

    for control in (name, rate):
        control.observe(draw, names="value")
    draw()
    return Panel([row(name, rate), shown])


def _sweep_picture(name: str, sweep: pd.DataFrame, place: int) -> str:
    """Draw a sweep with one of its rates marked."""
    drawn, at = figure(5.4, 2.8), sweep.iloc[place]
    ax = sweep_curve(sweep, drawn.subplots(), marked=float(at["rate"]))
    title = f"{name}: loss {at['smoothed']:.2f} at {at['rate']:.2g}"
    ax.set_title(title, loc="left", fontsize=10)
    low = sweep.iloc[int(sweep["smoothed"].argmin())]
    ends = f"Lowest {low['smoothed']:.2f} at {low['rate']:.2g}"
    return picture(drawn, alt=f"Smoothed loss against learning rate. {title}. {ends}.")
