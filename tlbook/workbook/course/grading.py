"""Marks of a submission, made where none of its code runs.

The check cells, their points and the checks come from our own source; from the submission come
the sources of its answer cells and of cells that its student added, and these run elsewhere
(`tlbook.workbook.course.answers`).
"""

import ast
import contextlib
import hashlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import nbformat
from nbformat import NotebookNode
from torch import nn

from tlbook.checks import Verdict
from tlbook.workbook import exercises
from tlbook.workbook.course.answers import AnswerError, Answering, Limits
from tlbook.workbook.course.confinement import PACKAGE
from tlbook.workbook.course.sheets import Exercise, Sheet

LONGEST_HINT = 300  # characters


@dataclass(frozen=True)
class Mark:
    """What one exercise of one submission got.

    Attributes:
        lesson: Name of the sheet.
        student: Whose submission.
        exercise: Name of the exercise.
        verdict: ``right``, ``not yet`` or ``no answer``.
        got: Points.
        points: What a right answer gets.
        hint: Why it is not right, in one line.
    """

    lesson: str
    student: str
    exercise: str
    verdict: str
    got: float
    points: float
    hint: str


class Grader:
    """Marks submissions; use it in a ``with``.

    Attributes:
        answering: The processes in which answers run.

    Args:
        limits: What one exercise may take.

    Leaving the ``with`` raises a RuntimeError if a file of the package changed meanwhile: then
    something that should be locked in was not.
    """

    def __init__(self, limits: Limits = Limits()):  # noqa: B008 -- frozen
        self.answering = Answering(limits)
        self._checks: dict[str, dict] = {}

    def __enter__(self) -> "Grader":
        self._before = fingerprint()
        self.answering.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self.answering.__exit__(*error)
        if fingerprint() != self._before:
            raise RuntimeError(
                f"checks in {PACKAGE} changed while submissions were graded: restore them, do not "
                "edit them meanwhile, and grade again"
            )

    @property
    def locks(self) -> str:
        """What keeps answers from the files of this machine."""
        return "audit hooks and Landlock" if self.answering.landlock else "audit hooks alone"

    def marks(self, sheet: Sheet, student: str, submission: NotebookNode | Path) -> list[Mark]:
        """Mark one submission, exercise by exercise.

        Args:
            sheet: Of the lesson it answers.
            student: Whose it is, for the report.
            submission: Its notebook. One that cannot be read gets nothing.
        """
        try:
            cells = _cells(submission, sheet)
        except Exception as error:  # noqa: BLE001 -- nbformat raises many kinds
            verdict = Verdict(False, f"the notebook cannot be read: {error}")
            return [_mark(sheet, student, exercise, verdict) for exercise in sheet.exercises]
        checks = self._prepared(sheet)
        found = []
        for exercise in sheet.exercises:
            verdict = self._judged(sheet, exercise, cells, checks)
            found.append(_mark(sheet, student, exercise, verdict))
        return found

    def _prepared(self, sheet: Sheet) -> dict:
        """Import the checks of a sheet here, and what its answers need over there; once."""
        if sheet.lesson not in self._checks:
            checks: dict = {}
            exec(sheet.checks, checks)  # noqa: S102 -- our own source
            self.answering.prepare(sheet.lesson, sheet.imports, _modules(checks))
            self._checks[sheet.lesson] = checks
        return self._checks[sheet.lesson]

    def _judged(
        self, sheet: Sheet, exercise: Exercise, cells: list[tuple[str | None, str]], checks: dict
    ) -> Verdict:
        places = [place for place, (name, _) in enumerate(cells) if name == exercise.answer]
        if len(places) != 1:
            found = "is missing" if not places else f"stands there {len(places)} times"
            return Verdict(False, f"the answer cell {exercise.answer} {found}")
        sources = [source for _, source in cells[: places[0] + 1]]
        try:
            with self.answering.asked(sheet.lesson, sources, exercise.names) as answers:
                for name in exercise.names:
                    if name not in answers:
                        return Verdict(None, f"the answer cell does not define {name}")
                    if isinstance(answers[name], Exception):
                        return Verdict(False, str(answers[name]))
                with _lenient():
                    return _run(exercise.judged, checks | answers)
        except AnswerError as error:
            return Verdict(False, str(error))


def fingerprint() -> str:
    """Return a digest of the source files that marks rest on."""
    digest = hashlib.sha256()
    for folder in (PACKAGE / "checks", PACKAGE / "workbook" / "course"):
        for path in sorted(folder.glob("*.py")):
            digest.update(f"{path} {hashlib.sha256(path.read_bytes()).hexdigest()}".encode())
    return digest.hexdigest()


def _cells(submission: NotebookNode | Path, sheet: Sheet) -> list[tuple[str | None, str]]:
    """Return the code of a submission: cells that answer, by name, and those of its own."""
    if isinstance(submission, Path):
        submission = nbformat.read(submission, as_version=4)
    ours = {cell.source for cell in sheet.notebook.cells}
    answers = {exercise.answer for exercise in sheet.exercises}
    found = []
    for cell in submission.cells:
        if cell.cell_type != "code" or type(cell.source) is not str:
            continue
        name = exercises.grading(cell).get("grade_id")
        if name in answers:
            found.append((name, cell.source))
        elif name is None and cell.source not in ours:
            found.append((None, cell.source))
    return found


def _modules(checks: dict) -> list[type]:
    """Return the torch modules of ours that checks know, which they may hand over."""
    homes = [
        vars(value if isinstance(value, ModuleType) else sys.modules[value.__module__])
        for value in checks.values()
        if isinstance(value, ModuleType) or getattr(value, "__module__", None) in sys.modules
    ]
    known = {id(value): value for home in homes for value in home.values()}
    return [
        kind
        for kind in known.values()
        if isinstance(kind, type)
        and issubclass(kind, nn.Module)
        and kind.__module__.startswith("tlbook.")
    ]


def _run(judged: str, names: dict) -> Verdict:
    """Run a check cell and return the value of its last line."""
    *before, last = ast.parse(judged).body
    exec(compile(ast.Module(before, []), "<check>", "exec"), names)  # noqa: S102
    return eval(compile(ast.Expression(last.value), "<check>", "eval"), names)  # noqa: S307


@contextlib.contextmanager
def _lenient() -> Iterator[None]:
    """Let checks return their verdict, whatever the run as a whole insists on."""
    strict = os.environ.pop("TLBOOK_STRICT", None)
    try:
        yield
    finally:
        if strict is not None:
            os.environ["TLBOOK_STRICT"] = strict


def _mark(sheet: Sheet, student: str, exercise: Exercise, verdict: Verdict) -> Mark:
    words = {True: "right", False: "not yet", None: "no answer"}[verdict.right]
    got = exercise.points if verdict.right is True else 0.0
    hint = "".join(letter if letter.isprintable() else " " for letter in verdict.hint)
    hint = " ".join(hint.encode("utf-8", "replace").decode().split())[:LONGEST_HINT]
    return Mark(sheet.lesson, student, exercise.name, words, got, exercise.points, hint)
