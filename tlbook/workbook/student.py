"""The student edition: lessons without answers and outputs, and their solutions, folded up."""

import copy
import shutil
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from tlbook.workbook import exercises, recording
from tlbook.workbook.exercises import Exercise
from tlbook.workbook.folders import renewed
from tlbook.workbook.lessons import Lesson

PREFACE = """\
# {title}: solutions

Try first: each check gives a hint that fits the mistake. More than one way of writing an answer is
right; the check decides, not this page.
"""
FOLDED = """\
---

{task}

<details>
<summary>Show the solution ({points})</summary>

{answer}

</details>
"""


def write(chosen: list[Lesson], *, out: Path) -> None:
    """Write the student edition of lessons, in their folders, in place of an earlier one.

    A lesson's recorded rows come along, for it may show them. The solutions lie in a folder
    of their own, ``solutions``, one page for each lesson.

    Args:
        chosen: From `tlbook.workbook.lessons.find`.
        out: Folder that is replaced as a whole.

    Raises:
        ValueError: If the markers of a solution are wrong; names lesson and cell. Nothing is
            changed then.
    """
    with renewed(out) as fresh:
        for lesson in chosen:
            notebook = nbformat.read(lesson.path, as_version=4)
            try:
                blank, found = edition(notebook), exercises.read(notebook)
            except ValueError as error:
                raise ValueError(f"{lesson.path.name}, {error}") from error
            home = fresh / lesson.part
            home.mkdir(exist_ok=True)
            text = nbformat.writes(blank).rstrip("\n") + "\n"
            (home / lesson.path.name).write_text(text, encoding="utf-8")
            for rows in lesson.path.parent.glob("*.csv"):
                shutil.copyfile(rows, home / rows.name)
            if found:
                page = fresh / "solutions" / f"{lesson.slug}.md"
                page.parent.mkdir(exist_ok=True)
                page.write_text(solutions(lesson.title, found), encoding="utf-8")


def edition(notebook: NotebookNode) -> NotebookNode:
    """Return a copy with a place to write instead of each solution, and without outputs.

    Args:
        notebook: A lesson's source; not changed. Its nbgrader metadata stay.

    Raises:
        ValueError: If the markers of a solution are wrong; names the cell.
    """
    blank = recording.stripped(copy.deepcopy(notebook))
    for place, cell in enumerate(blank.cells, 1):
        cell.source = exercises.unsolved(cell, place)
        if cell.cell_type == "code":
            cell.outputs = []
    return blank


def solutions(title: str, found: list[Exercise]) -> str:
    """Return a page in Markdown that shows each task, and its solution on a click.

    Args:
        title: Of the lesson.
        found: Its exercises, from `tlbook.workbook.exercises.read`.
    """
    parts = [PREFACE.format(title=title)]
    for exercise in found:
        lines = exercise.task.splitlines()
        task = "\n".join(line for line in lines if not line.startswith("#")).strip()
        answer = exercise.answer
        if exercise.kind == "code":
            fence = "`" * 4 if "```" in answer else "`" * 3
            answer = f"{fence}python\n{answer}\n{fence}"
        points = f"{exercise.points:g} point{'' if exercise.points == 1 else 's'}"
        parts.append(FOLDED.format(task=task, points=points, answer=answer))
    return "\n".join(parts)
