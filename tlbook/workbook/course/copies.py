"""Copies of a sheet as made-up students hand them in: solved, as released, half right."""

import copy
from collections.abc import Callable
from dataclasses import dataclass

from nbformat import NotebookNode

from tlbook.workbook import exercises
from tlbook.workbook.course.sheets import Exercise, Sheet

WRONG = "\n{name} = lambda *given, **named: 0  # a guess\n"


@dataclass(frozen=True)
class Copy:
    """What one made-up student hands in.

    Attributes:
        student: Whose it is; says what it is.
        notebook: The sheet with the student's answers.
        expected: The mark it deserves.
    """

    student: str
    notebook: NotebookNode
    expected: float


def released(sheet: Sheet) -> NotebookNode:
    """Return what students are handed: the sheet with a place to write instead of solutions."""
    return answered(sheet.notebook, sheet, lambda place, exercise: exercise.blank)


def answered(
    release: NotebookNode, sheet: Sheet, answer: Callable[[int, Exercise], str | None]
) -> NotebookNode:
    """Return a copy of a release with other answers.

    Args:
        release: From `released`, or from nbgrader.
        sheet: That of the lesson.
        answer: Gives the source of the answer cell of an exercise, by its place from 0, or None
            to leave it as it is.
    """
    notebook = copy.deepcopy(release)
    cells = {exercises.grading(cell).get("grade_id"): cell for cell in notebook.cells}
    for place, exercise in enumerate(sheet.exercises):
        source = answer(place, exercise)
        if source is not None:
            cells[exercise.answer].source = source
    return notebook


def three(release: NotebookNode, sheet: Sheet) -> list[Copy]:
    """Return the copies that prove a course: full marks, none, and a part.

    In the half-right one each exercise is solved, wrong, or left alone in turn.
    """

    def half(place: int, exercise: Exercise) -> str | None:
        if place % 3 == 0:
            return exercise.solution
        wrong = "".join(WRONG.format(name=name) for name in exercise.names)
        return exercise.blank + wrong if place % 3 == 1 else None

    solved = answered(release, sheet, lambda place, exercise: exercise.solution)
    partial = sum(exercise.points for exercise in sheet.exercises[::3])
    return [
        Copy("solved", solved, sheet.points),
        Copy("as_released", copy.deepcopy(release), 0.0),
        Copy("half_right", answered(release, sheet, half), partial),
    ]
