"""An explorer of the rows of a data set: which label, how long, right or wrong, in which order."""

from collections.abc import Callable

import ipywidgets
import pandas as pd

from tlbook.widgets.panels import Panel, at_most, row
from tlbook.widgets.tables import SortableTable

WORDS = {"style": {"description_width": "initial"}}
LEGEND = {"words": "length (words)", "loss": "loss (nats)"}


def rows(table: pd.DataFrame, chosen: Callable[..., pd.DataFrame], *, page: int = 10) -> Panel:
    """Show the rows of a data set that meet a reader's conditions, in the order of any column.

    Args:
        table: Columns ``text``, ``words`` (count), ``label`` and, if a model has read the rows,
            ``right`` (bool) and what else there is, as from `tlbook.training.mistakes.judged`.
        chosen: Returns the rows that meet conditions, `tlbook.training.mistakes.chosen`.
        page: Rows shown at a time.

    Raises:
        ValueError: If the table has no rows.
    """
    if not len(table):
        raise ValueError("the table has no rows to look at")
    label, error, length, text = conditions = _conditions(table)
    shown = SortableTable("rows", page=page, legend=LEGEND)

    def redraw(_change: object = None) -> None:
        limits = {"shortest": length.value[0], "longest": length.value[1]}
        asked = {"label": label.value or None, "error": error.value, "containing": text.value}
        shown.fill(chosen(table, **asked, **limits))

    for control in conditions:
        control.observe(redraw, names="value")
    redraw()
    judged = "right" in table
    return Panel([row(*(one for one in conditions if judged or one is not error)), shown])


def _conditions(table: pd.DataFrame) -> tuple[ipywidgets.ValueWidget, ...]:
    """Make the controls: label, right or wrong, length, piece of the text."""
    labels = [("all", ""), *((str(label), label) for label in sorted(set(table["label"])))]
    ends = int(table["words"].min()), int(table["words"].max())
    length = ipywidgets.IntRangeSlider(
        value=ends,
        min=ends[0],
        max=ends[1],
        description="length (words)",
        tooltip="Shortest and longest text",
        continuous_update=False,
        layout=at_most(380),
        **WORDS,
    )
    return (
        ipywidgets.Dropdown(
            options=labels, description="label", tooltip="Rows with this label only", **WORDS
        ),
        ipywidgets.Dropdown(
            options=["all", "right", "wrong"],
            description="model",
            tooltip="Rows the model got right or wrong",
            **WORDS,
        ),
        length,
        ipywidgets.Text(
            description="contains",
            tooltip="A piece of the text; press Enter",
            continuous_update=False,
            **WORDS,
        ),
    )
