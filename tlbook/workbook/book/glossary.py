"""The words of the field: a term, its Chinese name, one sentence, and the lesson that uses it."""

import csv
import re
from dataclasses import dataclass
from pathlib import Path

import nbformat

from tlbook.workbook.book.frame import TEMPLATES, Page
from tlbook.workbook.lessons import Lesson

ENDING = r"(?:s|es|ed|ing)?(?!\w)"
FILE = Path(__file__).with_name("glossary.csv")


@dataclass(frozen=True)
class Term:
    """One entry.

    Attributes:
        term: In English, as the lesson writes it.
        chinese: The usual name in Chinese.
        sentence: What it means.
        lesson: Name of the lesson that shows it at work, such as ``31_adapters``.
    """

    term: str
    chinese: str
    sentence: str
    lesson: str

    @property
    def anchor(self) -> str:
        """Its place on the glossary's page.

        Example:
            >>> Term("word piece", "子词", "A part of a word.", "24_bert_finetuning").anchor
            'word-piece'
        """
        return re.sub(r"[^a-z0-9]+", "-", self.term.lower()).strip("-")


def terms(file: Path = FILE) -> list[Term]:
    """Read the glossary in alphabetical order.

    Args:
        file: A CSV file with the columns term, chinese, sentence, lesson.

    Raises:
        ValueError: If a term stands twice or a field is empty; names the term.
    """
    with file.open(newline="", encoding="utf-8") as lines:
        found = [Term(**row) for row in csv.DictReader(lines)]
    for one in found:
        if not all((one.term, one.chinese, one.sentence, one.lesson)):
            raise ValueError(f"{file.name}: an entry is incomplete: {one}")
        if [other.anchor for other in found].count(one.anchor) > 1:
            raise ValueError(f"{file.name}: {one.term!r} stands twice")
    return sorted(found, key=lambda one: one.term.lower())


def of(lessons: list[Lesson], known: list[Term]) -> list[Term]:
    """Return the terms whose lesson is among `lessons`: a book names no chapter that it lacks."""
    names = {lesson.name for lesson in lessons}
    return [one for one in known if one.lesson in names]


def occurs(term: Term, path: Path) -> bool:
    """Say whether the prose of a notebook uses a term, as a whole word or with an ending.

    Args:
        term: From `terms`.
        path: The notebook.
    """
    cells = nbformat.read(path, as_version=4).cells
    prose = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    words = r"\s+".join(map(re.escape, term.term.split()))  # a line may end between two words
    return re.search(rf"(?<!\w){words}{ENDING}", prose.replace("*", ""), re.IGNORECASE) is not None


def page(known: list[Term]) -> Page:
    """Return the glossary's page."""
    body = TEMPLATES.get_template("glossary.html.j2").render(terms=known)
    return Page("glossary.html", "Glossary", body, group="Beside the lessons")
