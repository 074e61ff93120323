"""What the instructor's page tells of each lesson: prerequisites, goals and points.

Two blocks of ``notebooks/TEACHING.md`` are written from the notebooks, so that they stay true.
"""

import re
from pathlib import Path

import nbformat

from tlbook.files import write
from tlbook.workbook import exercises
from tlbook.workbook.lessons import Lesson

BLOCK = "(<!-- {name} -->\n).*?(<!-- end of {name} -->)"
HEAD = "| lesson | exercise | cell of the check | points |\n|---|---|---|---|\n"


def renew(page: Path, chosen: list[Lesson]) -> bool:
    """Write the two blocks of the page anew, in one step; say whether that changed it.

    Args:
        page: With the comments ``<!-- lessons -->``, ``<!-- end of lessons -->``, and the same
            for ``points``; what stands outside of them is left alone.
        chosen: All lessons, from `tlbook.workbook.lessons.find`.

    Raises:
        ValueError: If such a comment is missing; names it. The page stays as it was.
    """
    before = text = page.read_text(encoding="utf-8")
    blocks = {
        "lessons": "\n".join(goals(lesson) for lesson in chosen),
        "points": HEAD + "".join(points(lesson) for lesson in chosen),
    }
    for name, block in blocks.items():
        pattern = re.compile(BLOCK.format(name=name), re.DOTALL)
        if not pattern.search(text):
            raise ValueError(f"{page.name} has no <!-- {name} --> ... <!-- end of {name} -->")
        text = pattern.sub(lambda found, block=block: f"{found[1]}\n{block}\n{found[2]}", text)
    if text == before:
        return False
    write(page, text)
    return True


def goals(lesson: Lesson) -> str:
    """Return a lesson's link, what it needs, how long it takes, and what one can do after it.

    Args:
        lesson: Its first cell tells all of it. The link starts at ``notebooks``.
    """
    notebook = nbformat.read(lesson.path, as_version=4)
    start = notebook.cells[0].source
    link = (Path(lesson.part) / lesson.path.name).as_posix()
    facts = [f"**[{lesson.title}]({link})**"]
    facts += [f"needs {found}" for found in re.findall(r"\bneeds ([^·\n]+?) *(?:·|$)", start, re.M)]
    facts += [f"{found} to read" for found in re.findall(r"(\d+ min) to read", start)]
    facts.append(_points(sum(exercise.points for exercise in exercises.read(notebook))))
    able = re.search(r"^After this \w+ you can\n((?:\d\. .+\n?)+)", start, re.MULTILINE)
    return " · ".join(facts) + "\n\n" + (able[1].strip() + "\n" if able else "")


def points(lesson: Lesson) -> str:
    """Return the rows of a lesson's exercises in the table of points, and one of their sum."""
    number = lesson.name.partition("_")[0]
    found = exercises.read(nbformat.read(lesson.path, as_version=4))
    rows = [
        f"| {number} | {_named(exercise.task)} | {', '.join(f'`{c}`' for c in exercise.checks)} "
        f"| {exercise.points:g} |\n"
        for exercise in found
    ]
    if rows:
        total = sum(exercise.points for exercise in found)
        rows.append(f"| **{number}** | **all** | | **{total:g}** |\n")
    return "".join(rows)


def _named(task: str) -> str:
    r"""Return the number and name of an exercise.

    Example:
        >>> _named("## Exercises\n\n**1. Hunt for leaks** (vary). Return the places")
        '1. Hunt for leaks (vary)'
    """
    found = re.search(r"\*\*(.+?)\*\*( \([^)]+\))?", task)
    return f"{found[1]}{found[2] or ''}".strip(". ") if found else ""


def _points(count: float) -> str:
    return f"{count:g} point{'' if count == 1 else 's'}"
