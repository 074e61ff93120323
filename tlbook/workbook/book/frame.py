"""The frame of every page: bar, contents, outline, search, previous and next, all inlined."""

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

from jinja2 import Environment, FileSystemLoader

from tlbook.workbook.book.sections import sections

HERE = Path(__file__).parent
BOOK = "Transfer learning in NLP, measured"
TEMPLATES = Environment(
    loader=FileSystemLoader(HERE, encoding="utf-8"), autoescape=True, trim_blocks=True
)


@dataclass(frozen=True)
class Page:
    """One page of the book.

    Attributes:
        file: Name of its file.
        title: As the contents list it.
        body: HTML whose headings have ids; the outline and the search read it.
        group: Heading in the contents under which it stands; empty for none.
        above: HTML before the body, which the search does not read.
        below: HTML after it, likewise.
    """

    file: str
    title: str
    body: str
    group: str = ""
    above: str = ""
    below: str = ""


def document(page: Page, pages: list[Page], index: str) -> str:
    """Return a page as a whole HTML document that asks for nothing outside itself.

    Args:
        page: Which.
        pages: All of the book, in reading order.
        index: From `tlbook.workbook.book.sections.search_index`.
    """
    place = pages.index(page)
    return TEMPLATES.get_template("page.html.j2").render(
        book=BOOK,
        page=page,
        groups=[(name, list(members)) for name, members in groupby(pages, lambda one: one.group)],
        before=pages[place - 1] if place else None,
        after=pages[place + 1] if place + 1 < len(pages) else None,
        outline=[one for one in sections(page.body) if one.level == 2],
        date=datetime.now(UTC).strftime("%Y-%m-%d"),
        css=(HERE / "book.css").read_text(encoding="utf-8"),
        script=(HERE / "book.js").read_text(encoding="utf-8"),
        index=index,
    )
