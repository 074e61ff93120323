"""Prove that the exercises of the lessons make a course: full marks, none, and a part."""

from collections.abc import Sequence
from pathlib import Path

import nbformat

from tlbook.workbook.course import copies, gradebook, reports, sheets
from tlbook.workbook.course.copies import Copy
from tlbook.workbook.course.grading import Grader, Mark
from tlbook.workbook.course.sheets import Sheet
from tlbook.workbook.lessons import Lesson

LINE = "{:<28} {:<12} {:>8} {:>9} {:>9}  {}"


def rehearse(chosen: Sequence[Lesson], *, out: Path) -> int:
    """Make the course, grade three copies of each sheet, print a table and write the reports.

    Args:
        chosen: Lessons; those without exercises have no sheet.
        out: Folder of the course and its reports.

    Returns:
        0, or 1 if a copy did not get the mark it deserves, from us or from nbgrader.

    Raises:
        ValueError: If a lesson's exercises cannot stand alone, or there are none.
    """
    made = [(lesson, made) for lesson in chosen if (made := sheets.sheet(lesson))]
    if not made:
        raise ValueError("none of these lessons has an exercise with a check")
    theirs = _theirs([lesson for lesson, _ in made], out)
    marks: list[Mark] = []
    failed = 0
    print(LINE.format("lesson", "copy", "deserves", "official", "nbgrader", ""))
    with Grader() as grader:
        for _, sheet in made:
            for copy in _handed_in(sheet, out, graded=theirs is not None):
                path = gradebook.place(out / "submitted" / copy.student, sheet.lesson)
                marks += (own := grader.marks(sheet, copy.student, path))
                failed += _line(sheet, copy, own, theirs)
        print(f"answers were kept from files by {grader.locks}")
    for path in reports.write(marks, out):
        print(f"wrote {path}")
    print("the course holds" if not failed else f"{failed} copies did not get what they deserve")
    return 1 if failed else 0


def grade(chosen: Sequence[Lesson], submitted: Path, *, out: Path) -> int:
    """Grade submissions that lie as nbgrader keeps them: ``student/lesson/lesson.ipynb``.

    Args:
        chosen: Lessons they may answer.
        submitted: Folder of the students' folders.
        out: Folder of the reports.

    Returns:
        0.

    Raises:
        FileNotFoundError: If there is no submission to any of the lessons.
    """
    marks: list[Mark] = []
    with Grader() as grader:
        for sheet in filter(None, map(sheets.sheet, chosen)):
            for path in sorted(submitted.glob(f"*/{sheet.lesson}/{sheet.lesson}.ipynb")):
                marks += grader.marks(sheet, path.parents[1].name, path)
    if not marks:
        raise FileNotFoundError(
            f"no submission in {submitted}: it should hold STUDENT/LESSON/LESSON.ipynb"
        )
    reports.write(marks, out)
    print(reports.words(marks), end="")
    return 0


def _theirs(lessons: Sequence[Lesson], out: Path) -> dict[tuple[str, str], float] | None:
    """Return nbgrader's marks; None, with the reason printed, if it cannot be had."""
    try:
        python = gradebook.install(out / "venv")
    except gradebook.NoNbgraderError as reason:
        print(f"nbgrader is skipped: {reason}")
        return None
    return gradebook.rehearse(python, out, [lesson.path for lesson in lessons])


def _handed_in(sheet: Sheet, out: Path, *, graded: bool) -> list[Copy]:
    """Return the three copies of a sheet, as nbgrader graded them or made and saved here."""
    if graded:
        path = gradebook.place(out / "release", sheet.lesson)
        return copies.three(nbformat.read(path, as_version=4), sheet)
    found = copies.three(copies.released(sheet), sheet)
    for copy in found:
        gradebook.save(out / "submitted" / copy.student, sheet.lesson, copy.notebook)
    return found


def _line(
    sheet: Sheet, copy: Copy, own: list[Mark], theirs: dict[tuple[str, str], float] | None
) -> bool:
    """Print the line of a copy; return whether a mark is wrong."""
    official = sum(mark.got for mark in own)
    other = official if theirs is None else theirs[sheet.lesson, copy.student]
    wrong = not official == other == copy.expected
    shown = "-" if theirs is None else f"{other:g}"
    deserved = f"{copy.expected:g} of {sheet.points:g}"
    word = "WRONG" if wrong else "ok"
    print(
        LINE.format(sheet.lesson, copy.student, deserved, f"{official:g}", shown, word), flush=True
    )
    return wrong
