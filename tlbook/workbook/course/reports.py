"""Reports of a course: a row for each exercise as CSV, the same in words, and the totals."""

import csv
import dataclasses
import io
from collections.abc import Sequence
from pathlib import Path

from tlbook import files
from tlbook.workbook.course.grading import Mark

FIELDS = [field.name for field in dataclasses.fields(Mark)]


def write(marks: Sequence[Mark], folder: Path) -> list[Path]:
    """Write ``marks.csv`` and ``marks.txt``, each whole or not at all.

    Args:
        marks: Of all submissions.
        folder: Made if it is missing.
    """
    written = []
    for name, text in (("marks.csv", _rows(marks)), ("marks.txt", words(marks))):
        files.write(folder / name, text)
        written.append(folder / name)
    return written


def _rows(marks: Sequence[Mark]) -> str:
    out = io.StringIO()
    table = csv.DictWriter(out, FIELDS, lineterminator="\n")
    table.writeheader()
    for mark in marks:
        table.writerow({name: _harmless(value) for name, value in vars(mark).items()})
    return out.getvalue()


def _harmless(value: object) -> object:
    """Keep a spreadsheet from taking a text for a formula."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@") else value


def words(marks: Sequence[Mark]) -> str:
    """Say for each submission what it got for which exercise, and why not more.

    Example:
        >>> print(words([Mark("00_start_here", "ada", "leaks", "not yet", 0, 2, "count again")]))
        00_start_here, ada: 0 of 2
          leaks: 0 of 2, not yet: count again
        <BLANKLINE>
    """
    lines = []
    for (lesson, student), own in _grouped(marks).items():
        got, points = sum(mark.got for mark in own), sum(mark.points for mark in own)
        lines.append(f"{lesson}, {student}: {got:g} of {points:g}")
        for mark in own:
            hint = f": {mark.hint}" if mark.hint else ""
            lines.append(
                f"  {mark.exercise}: {mark.got:g} of {mark.points:g}, {mark.verdict}{hint}"
            )
    return "\n".join([*lines, ""])


def totals(marks: Sequence[Mark]) -> dict[tuple[str, str], float]:
    """Return the points of each submission, by lesson and student."""
    return {key: sum(mark.got for mark in own) for key, own in _grouped(marks).items()}


def _grouped(marks: Sequence[Mark]) -> dict[tuple[str, str], list[Mark]]:
    found: dict[tuple[str, str], list[Mark]] = {}
    for mark in marks:
        found.setdefault((mark.lesson, mark.student), []).append(mark)
    return found
