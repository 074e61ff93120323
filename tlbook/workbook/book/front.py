"""The first page: what the book is, the map of the field, the lessons by part."""

import io
import re
from itertools import groupby

import nbformat
from matplotlib import rc_context
from matplotlib.figure import Figure

from tlbook import figures
from tlbook.workbook.book.frame import BOOK, TEMPLATES, Page
from tlbook.workbook.lessons import Lesson

# What matplotlib paints in, and what the page's palette calls it: the map follows the colours.
PAINT = {
    "#000000": "ink",
    "#555555": "soft",
    "#999999": "edge",
    "#f7f7f7": "plate",
}
MAP_WORDS = (
    "Has the source task S labels of its own, and do S and the target task T train one after the "
    "other or together? Below, the stages that one model can go through."
)


def page(lessons: list[Lesson], *, terms: int) -> Page:
    """Return the first page.

    Args:
        lessons: In reading order.
        terms: How many the glossary holds.
    """
    groups = [(name, list(members)) for name, members in groupby(lessons, part_of)]
    body = TEMPLATES.get_template("front.html.j2").render(
        book=BOOK,
        groups=groups,
        map=map_drawing(),
        words=MAP_WORDS,
        terms=terms,
        times={lesson.name: time_of(_opening(lesson)) for lesson in lessons},
    )
    return Page("index.html", "Start", body)


def part_of(lesson: Lesson) -> str:
    """Return the heading under which a lesson stands.

    Example:
        >>> from pathlib import Path
        >>> part_of(Lesson(Path("24_b.ipynb"), "24", "", "2_transformer"))
        'Part 2 · Transformer'
    """
    if not lesson.part:
        return "Before part 1" if lesson.name.startswith("0") else "After the parts"
    number, name = lesson.part.split("_", 1)
    return f"Part {number} · {name.replace('_', ' ').capitalize()}"


def time_of(prose: str) -> str:
    """Return what a lesson says of its time, such as ``20 min to read, 25 s to run``.

    Example:
        >>> time_of("**Part 2** · needs 00 · 25 min to read, about 75 s to run in the hub profile")
        '25 min to read, about 75 s to run'
    """
    found = re.search(r"\d+ min to read[^·\n]*?to run", prose)
    return found[0] if found else ""


def _opening(lesson: Lesson) -> str:
    """Return a lesson's first cell, which says how long it takes."""
    return nbformat.read(lesson.path, as_version=4).cells[0].source


def map_drawing() -> str:
    """Draw the map of `tlbook.figures.transfer_map` as SVG in the page's own colours."""
    settings = figures.STYLE | {"svg.fonttype": "path"}
    with rc_context(settings):
        figure = Figure(figsize=(8, 4))
        figures.transfer_map(figure.subplots())
        page = io.StringIO()
        figure.savefig(page, format="svg", transparent=True, metadata={"Date": None})
    svg = page.getvalue()
    svg = re.sub(r"^.*?(?=<svg)|<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    for colour, name in PAINT.items():
        svg = re.sub(colour, f"var(--{name})", svg, flags=re.IGNORECASE)
    ways = [f"{title}: {', '.join(names)}" for title, names in figures.TAXONOMY.values()]
    stages = ", ".join(stage for stage, _ in figures.PIPELINE)
    alt = f"The map of the field. Ways to transfer: {'; '.join(ways)}. Stages: {stages}."
    # Matplotlib leaves letters the default colour, which in SVG is black.
    return svg.replace("<svg ", f'<svg role="img" aria-label="{alt}" fill="var(--ink)" ', 1)
