"""A figure as text that stands in a page or a widget: a PNG in HTML, with a text alternative."""

import base64
import html
import io

from matplotlib.figure import Figure


def picture(figure: Figure, *, alt: str) -> str:
    """Return a figure as an ``<img>`` element that needs no file and no network.

    The paper of the figure stays white, so that its letters can be read in a dark notebook too.
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
    page = io.BytesIO()
    figure.savefig(page, format="png", metadata={"Software": None})
    data = base64.b64encode(page.getvalue()).decode()
    return (
        f'<img style="max-width:100%;background:white" alt="{html.escape(alt)}" '
        f'src="data:image/png;base64,{data}">'
    )
