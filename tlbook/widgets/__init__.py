"""Controls after a figure: choose a setting, see the figure again. No logic lives here."""

from collections.abc import Callable, Sequence

import ipywidgets

from tlbook.widgets.panels import Panel, Picture, at_most


def explore(
    draw: Callable[..., object], *, captions: dict[str, str] | None = None, **choices: Sequence
) -> Panel:
    """Put one slider per setting above what `draw` returns for the settings chosen.

    The picture goes into an `ipywidgets.HTML`, not an ``Output``, so that an exception is not
    swallowed and nothing hangs. The sliders answer to the arrow keys.

    Args:
        draw: Takes one keyword per choice, returns what `tlbook.figures.show` returns (or
            anything with ``_repr_html_``). Call it once in an ordinary cell first.
        captions: Keyword -> text beside its slider, with the unit; the keyword by default.
        **choices: Keyword -> the values to choose from, 1 or more.

    Returns:
        The widget; the last line of a cell shows it.

    Raises:
        ValueError: If there is nothing to choose, or a choice has no values.

    Example:
        >>> from IPython.display import HTML
        >>> box = explore(lambda rank: HTML(f"rank {rank}"), rank=[1, 2, 4])
        >>> box.children[-1].value
        'rank 1'
    """
    if not choices:
        raise ValueError("give at least one setting to choose, such as rank=[1, 2, 4]")
    captions, sliders = captions or {}, {}
    for name, values in choices.items():
        if len(values) == 0:
            raise ValueError(f"there are no values to choose for {name!r}")
        caption = captions.get(name, name.replace("_", " "))
        sliders[name] = ipywidgets.SelectionSlider(
            options=list(values),
            description=caption,
            tooltip=f"{caption}: left and right arrow keys choose",
            continuous_update=False,
            style={"description_width": "initial"},
            layout=at_most(420),
        )
    picture = Picture()

    def redraw(_change: object = None) -> None:
        picture.draw(lambda: draw(**{name: slider.value for name, slider in sliders.items()}))

    for slider in sliders.values():
        slider.observe(redraw, names="value")
    redraw()
    return Panel([*sliders.values(), picture])
