"""The controls of a lab panel, described before they are made: each with its words, unit and range.

All answer to the keyboard: arrow keys move sliders and choose from lists, numbers are typed.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import ipywidgets

from tlbook.widgets.panels import at_most

STEPS = (1, 2, 3, 5)  # of each power of ten on a logarithmic slider


@dataclass(frozen=True)
class Control:
    """One setting of a lesson, as a reader will turn it.

    Attributes:
        make: Makes the widget out of a caption, a tooltip and a layout.
        tooltip: What the setting does, in one sentence.
        unit: Stands after the caption, in brackets; none if empty.
        caption: In place of the setting's name.
    """

    make: Callable[..., ipywidgets.ValueWidget]
    tooltip: str
    unit: str = ""
    caption: str = ""

    def named(self, name: str) -> ipywidgets.ValueWidget:
        """Return the widget of a setting called `name`.

        Example:
            >>> whole(1, 4, tooltip="Over all rows.", unit="passes").named("epochs").description
            'epochs (passes)'
        """
        words = self.caption or name.replace("_", " ")
        return self.make(
            description=f"{words} ({self.unit})" if self.unit else words,
            tooltip=self.tooltip,
            style={"description_width": "initial"},
            layout=at_most(340),
        )


def choice(
    options: Sequence, *, tooltip: str, start: object = None, unit: str = "", caption: str = ""
) -> Control:
    """Describe a list to choose one of `options` from; `start` is the first by default.

    Raises:
        ValueError: If `start` is not among the options, there are none, or one is None.
    """
    start = _first(options, start)
    return Control(
        lambda **words: ipywidgets.Dropdown(options=_written(options), value=start, **words),
        tooltip,
        unit,
        caption,
    )


def ladder(
    values: Sequence, *, tooltip: str, start: object = None, unit: str = "", caption: str = ""
) -> Control:
    """Describe a slider over given values in their order, such as ranks 1, 2, 4, 8.

    Raises:
        ValueError: As for `choice`.
    """
    start = _first(values, start)

    def make(**words: object) -> ipywidgets.SelectionSlider:
        return ipywidgets.SelectionSlider(
            options=_written(values), value=start, continuous_update=False, **words
        )

    return Control(make, tooltip, unit, caption)


def whole(
    lowest: int,
    highest: int,
    *,
    tooltip: str,
    start: int | None = None,
    unit: str = "",
    caption: str = "",
) -> Control:
    """Describe a slider over all whole numbers from `lowest` to `highest`.

    Raises:
        ValueError: If `start`, by default `lowest`, does not lie between them.
    """
    return ladder(
        range(lowest, highest + 1), tooltip=tooltip, start=start, unit=unit, caption=caption
    )


def rate(
    lowest: float,
    highest: float,
    *,
    tooltip: str = "Size of the optimizer's steps; each place is about twice the one before.",
    start: float | None = None,
    unit: str = "per step",
    caption: str = "",
) -> Control:
    """Describe a learning rate on a logarithmic slider: 1, 2, 3 and 5 of each power of ten.

    Args:
        lowest: Smallest rate, above 0.
        highest: Largest.
        tooltip: What it does.
        start: Where the slider stands at first; it joins the values if it is none of them.
        unit: Of the rate.
        caption: In place of the setting's name.

    Raises:
        ValueError: If the range is empty, or `start` lies outside.

    Example:
        >>> [value for _, value in rate(1e-4, 1e-3).named("learning_rate").options]
        [0.0001, 0.0002, 0.0003, 0.0005, 0.001]
    """
    if not 0 < lowest <= highest:
        raise ValueError(f"the rates must rise from above 0, got {lowest} to {highest}")
    start = lowest if start is None else start
    if not lowest <= start <= highest:
        raise ValueError(f"start must lie in {lowest:g}..{highest:g}, got {start:g}")
    powers = range(math.floor(math.log10(lowest)), math.ceil(math.log10(highest)) + 1)
    round_ones = [float(f"{step}e{power}") for power in powers for step in STEPS]
    values = {value for value in round_ones if lowest <= value <= highest}
    return ladder(
        sorted(values | {lowest, highest, start}),
        tooltip=tooltip,
        start=start,
        unit=unit,
        caption=caption,
    )


def seed(
    start: int = 0,
    *,
    tooltip: str = "Decides all that is drawn by chance: new weights, dropout, order of the rows.",
    caption: str = "",
) -> Control:
    """Describe a field for a seed, 0..999999."""
    return Control(
        lambda **words: ipywidgets.BoundedIntText(value=start, min=0, max=999_999, **words),
        tooltip,
        caption=caption,
    )


def _first(options: Sequence, start: object) -> object:
    if len(options) == 0:
        raise ValueError("there are no values to choose from")
    if any(option is None for option in options):
        raise ValueError("None cannot be chosen: ipywidgets would show an empty box; name it")
    if start is not None and start not in options:
        raise ValueError(f"start must be one of {list(options)}, got {start!r}")
    return options[0] if start is None else start


def _written(options: Sequence) -> list[tuple[str, object]]:
    """Pair each value with how it is written; floats are short."""
    return [(f"{v:g}" if isinstance(v, float) else str(v), v) for v in options]
