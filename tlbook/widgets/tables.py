"""Tables as HTML that inherits the page's colours, and a table that a reader can sort."""

import html
from collections.abc import Mapping

import ipywidgets
import pandas as pd

from tlbook.widgets.panels import Panel, row

LINE = "1px solid rgba(128,128,128,0.4)"  # seen on white and on black


def as_html(table: pd.DataFrame, *, caption: str, widest: int = 60) -> str:
    """Return a table as HTML: no colours of its own, it scrolls where the page is narrow.

    Args:
        table: Its columns become the head; the index is left out.
        caption: What the rows are; read out before the table.
        widest: A text in a cell breaks into lines after about so many characters.

    Example:
        >>> "<td" in as_html(pd.DataFrame({"run": [1]}), caption="runs")
        True
    """
    head = "".join(
        f'<th scope="col" style="text-align:left;padding:2px 10px;border-bottom:{LINE}">'
        f"{html.escape(str(name))}</th>"
        for name in table.columns
    )
    cell = f'<td style="text-align:left;padding:2px 10px;max-width:{widest}ch">'
    body = "".join(
        "<tr>" + "".join(f"{cell}{html.escape(written(v))}</td>" for v in values) + "</tr>"
        for values in table.itertuples(index=False, name=None)
    )
    return (
        f'<div style="overflow-x:auto"><table style="border-collapse:collapse;line-height:1.4;'
        f'color:inherit;background:none"><caption style="text-align:left;caption-side:top;'
        f'color:inherit">{html.escape(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def written(value: object) -> str:
    """Return a value as a cell shows it: four digits of a float, a dash for what is missing.

    Example:
        >>> [written(value) for value in (0.123456, 3, None, float("nan"), True, "a")]
        ['0.1235', '3', '–', '–', 'yes', 'a']
    """
    if pd.api.types.is_scalar(value) and pd.isna(value):
        return "–"
    if isinstance(value, bool) or type(value).__name__ == "bool":  # NumPy's, too
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def ordered(table: pd.DataFrame, by: str, *, falling: bool = False) -> pd.DataFrame:
    """Return the rows in the order of one column; missing values last, ties as they were.

    A column of values of different kinds is ordered by how they are written.

    Example:
        >>> table = pd.DataFrame({"run": [1, 2, 3], "loss": [0.2, None, 0.1]})
        >>> ordered(table, "loss")["run"].tolist()
        [3, 1, 2]
    """
    same = pd.api.types.is_numeric_dtype(table[by])
    key = None if same else lambda column: column.map(written)
    order = {"ascending": not falling, "kind": "stable", "na_position": "last"}
    return table.sort_values(by, key=key, **order)


class SortableTable(Panel):
    """A table under two controls: by which column, in which direction; long ones have pages.

    Args:
        caption: What the rows are.
        page: Most rows on one page.
        legend: Column -> what it is, for those whose name does not tell.

    Attributes:
        by: List of the columns.
        falling: Switch, largest first.
        number: Of the page, from 1.
        shown: The rows of the present page.
    """

    def __init__(self, caption: str, *, page: int = 15, legend: Mapping[str, str] | None = None):
        self.caption, self.page, self.legend = caption, page, legend or {}
        self.rows = self.shown = pd.DataFrame()
        words = {"style": {"description_width": "initial"}, "layout": {"width": "auto"}}
        self.by = ipywidgets.Dropdown(
            description="sort by", tooltip="Column that orders the rows", **words
        )
        self.falling = ipywidgets.Checkbox(
            description="largest first", tooltip="Turn the order round", indent=False, **words
        )
        self.number = ipywidgets.BoundedIntText(
            description="page", tooltip="Which part of a long table", value=1, min=1, max=1, **words
        )
        self.content = ipywidgets.HTML()
        self.filling = False
        super().__init__([row(self.by, self.falling, self.number), self.content])
        self.layout.display = "none"  # there is nothing to sort yet
        for control in (self.by, self.falling, self.number):
            control.observe(self._redraw, names="value")

    def fill(self, table: pd.DataFrame) -> None:
        """Show other rows; the order stays if their columns are the same."""
        self.filling = True  # the controls that change now do not each draw the table
        try:
            if list(table.columns) != list(self.rows.columns):
                before = self.by.value
                self.by.options = [(self.legend.get(name, name), name) for name in table.columns]
                self.by.value = before if before in table else table.columns[0]
            self.rows, self.layout.display = table, None
            self.number.max = max(1, -(-len(table) // self.page))
        finally:
            self.filling = False
        self._redraw()

    def _redraw(self, _change: object = None) -> None:
        if self.filling or not len(self.rows.columns):
            return
        table = ordered(self.rows, self.by.value, falling=self.falling.value)
        first = (self.number.value - 1) * self.page
        self.shown = table.iloc[first : first + self.page]
        pages = f", page {self.number.value} of {self.number.max}" if self.number.max > 1 else ""
        self.content.value = as_html(
            self.shown.rename(columns=self.legend), caption=f"{self.caption}: {len(table)}{pages}"
        )
