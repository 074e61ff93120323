"""A figure as text that stands in a page or a widget: a PNG in HTML, with a text alternative."""

import base64
import html
import io
import textwrap
from collections.abc import Iterator

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

GAP = 6  # pixels between a title and what is right of it
SHORTEST = 12  # signs in a line of a title


def picture(figure: Figure, *, alt: str) -> str:
    """Return a figure as an ``<img>`` element that needs no file and no network.

    The paper of the figure stays white, so that its letters can be read in a dark notebook too.
    Titles state findings and may be long: where one would run into the next panel or over the
    edge, it goes on in another line.
    Figures made by ``matplotlib.figure.Figure`` may be drawn in any thread; pyplot's may not.

    Args:
        figure: What to show.
        alt: What a reader who cannot see it should know: what is drawn and what it says.

    Raises:
        ValueError: If `alt` is empty.

    Example:
        >>> figure = Figure(figsize=(1, 1))
        >>> 'alt="an empty square"' in picture(figure, alt="an empty square")
        True
    """
    if not alt.strip():
        raise ValueError("alt must describe the figure")
    _wrap_titles(figure)
    page = io.BytesIO()
    figure.savefig(page, format="png", metadata={"Software": None})
    data = base64.b64encode(page.getvalue()).decode()
    return (
        f'<img style="max-width:100%;background:white" alt="{html.escape(alt)}" '
        f'src="data:image/png;base64,{data}">'
    )


def _wrap_titles(figure: Figure) -> None:
    """Break what stands above panels into lines that fit; what does fit is left alone."""
    titles = list(_titles(figure))
    for title, _ in titles:
        title.set_visible(False)  # where panels stand must not hang on words that are too long
    figure.draw_without_rendering()
    for title, axes in titles:
        title.set_visible(True)
        _wrap(title, _end(axes) if axes else figure.bbox.x1)


def _titles(figure: Figure) -> Iterator[tuple[Text, Axes | None]]:
    """Yield each title that runs to the right, with its panel, if it is not the figure's."""
    for text in figure.texts:
        if text.get_text().strip() and text.get_horizontalalignment() == "left":
            yield text, None
    for axes in figure.axes:
        words = axes.get_title(loc="left")
        for text in axes.get_children():
            if words.strip() and isinstance(text, Text) and text.get_text() == words:
                yield text, axes


def _end(axes: Axes) -> float:
    """Return the pixel where the next panel of the same row begins, or the figure's edge."""
    own, figure = axes.get_window_extent(), axes.figure
    others = [other.get_tightbbox() for other in figure.axes if other is not axes]
    beside = [box.x0 for box in others if box.x0 >= own.x1 and box.y0 < own.y1 and box.y1 > own.y0]
    return min(beside, default=figure.bbox.x1)


def _wrap(title: Text, end: float) -> None:
    """Break a title into the longest lines that end before a pixel."""
    lines = title.get_text().splitlines()
    whole = {"break_long_words": False, "break_on_hyphens": False}
    for signs in range(max(len(line) for line in lines), SHORTEST - 1, -1):
        if title.get_window_extent().x1 <= end - GAP:
            return
        title.set_text("\n".join(textwrap.fill(line, signs, **whole) for line in lines))
