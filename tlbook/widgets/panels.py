"""What panels are made of: a box that makes sense without a kernel, a picture, an error."""

import html
import traceback
from collections.abc import Callable

import ipywidgets

NEEDS_KERNEL = (
    "<p><em>Controls stand here when the notebook runs: open it with <code>make lab</code> "
    "and run its cells from the top. The figure above says what they start from.</em></p>"
)


class Panel(ipywidgets.VBox):
    """A box of controls; where a page has no kernel, it says how to run the notebook instead.

    Example:
        >>> "make lab" in Panel()._repr_mimebundle_()["text/html"]
        True
    """

    # A front end with a kernel shows the widget and not the HTML: that is how ipympl does it, too.
    def _repr_mimebundle_(self, **options: object) -> dict[str, object]:
        return super()._repr_mimebundle_(**options) | {"text/html": NEEDS_KERNEL}


class Picture(ipywidgets.HTML):
    """HTML that a function draws; what goes wrong is shown in its place, and raised as well."""

    def draw(self, made: Callable[[], object]) -> None:
        """Show what `made` returns: HTML as text, or what has ``_repr_html_``."""
        try:
            shown = made()
            self.value = shown if isinstance(shown, str) else shown._repr_html_()
        except Exception as error:
            self.value = described(error)
            raise


def described(error: BaseException) -> str:
    """Return an exception as HTML: its name and message, then the whole traceback as text.

    Example:
        >>> described(ValueError("rank < 1"))[:54]
        '<div role="alert"><b>ValueError: rank &lt; 1</b><pre s'
    """
    name = html.escape(f"{type(error).__name__}: {error}")
    trace = html.escape("".join(traceback.format_exception(error)))
    style = "overflow-x:auto;line-height:1.3;font-size:12px;color:inherit;background:none"
    return f'<div role="alert"><b>{name}</b><pre style="{style}">{trace}</pre></div>'


def at_most(pixels: int) -> dict[str, str]:
    """Return the layout of a control that is so wide, or as wide as a narrow page allows.

    Example:
        >>> at_most(340)["width"]
        '340px'
    """
    return {"width": f"{pixels}px", "max_width": "calc(100% - 4px)"}  # its margins are 4 wide


def row(*widgets: ipywidgets.Widget) -> ipywidgets.HBox:
    """Return widgets side by side, in more than one line where the page is narrow."""
    return ipywidgets.HBox(
        list(widgets),
        layout={
            "flex_flow": "row wrap",
            "align_items": "center",
            "width": "100%",
            "grid_gap": "0 12px",
        },
    )
