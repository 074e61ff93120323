"""Exercise sheets: of each lesson only its exercises, with the imports that they need.

A whole lesson trains models. Its exercises need none of that: an answer cell, a check, and some
imports. So a sheet is graded in seconds, and is what a course hands out.
"""

import ast
import builtins
import copy
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from tlbook.workbook import exercises
from tlbook.workbook.lessons import Lesson

ALWAYS = {"numpy", "torch", *sys.stdlib_module_names}  # cheap to import where answers run
PREFACE = """\
# Exercises: {title}

Write each answer in its cell; add cells of your own wherever you like. A check says nothing until
there is an answer. What you use beyond the imports below, import in your own cells.
"""


@dataclass(frozen=True)
class Exercise:
    """One exercise of a sheet.

    Attributes:
        answer: The ``grade_id`` of its answer cell.
        check: The ``grade_id`` of the cell that gives the points.
        points: For a right answer.
        solution: Source of the answer cell with its solution.
        blank: The same with a place to write.
        judged: Source of the check cell.
        names: What the check cell takes from the answer.
    """

    answer: str
    check: str
    points: float
    solution: str
    blank: str
    judged: str
    names: tuple[str, ...]

    @property
    def name(self) -> str:
        """The exercise in a table: its ``grade_id`` without ``answer-``."""
        return self.answer.removeprefix("answer-")


@dataclass(frozen=True)
class Sheet:
    """The exercises of one lesson.

    Attributes:
        lesson: Name of the lesson, and of the assignment, such as ``24_bert_finetuning``.
        imports: Imports that answers need.
        checks: Imports of the checks.
        exercises: In their order.
        notebook: The source: with solutions, as nbgrader expects it.
    """

    lesson: str
    imports: str
    checks: str
    exercises: tuple[Exercise, ...]
    notebook: NotebookNode

    @property
    def points(self) -> float:
        """For all exercises together."""
        return sum(exercise.points for exercise in self.exercises)


def sheet(lesson: Lesson) -> Sheet | None:
    """Make the sheet of a lesson; None if it has no exercises.

    Raises:
        ValueError: If an answer or check cannot stand alone; names lesson and cell.
    """
    source = nbformat.read(lesson.path, as_version=4)
    try:
        found = _read(source)
        if not found:
            return None
        imports, checks = _imports(source, found)
    except ValueError as error:
        raise ValueError(f"{lesson.path.name}: {error}") from error
    notebook = _notebook(lesson, source, found, f"{imports}\n\n{checks}".strip())
    return Sheet(lesson.name, imports, checks, tuple(found), notebook)


def _read(source: NotebookNode) -> list[Exercise]:
    """Pair each answer cell with the check cell that follows it."""
    found, waiting = [], None
    for place, cell in enumerate(source.cells, 1):
        marks = exercises.grading(cell)
        if cell.cell_type != "code" or not marks:
            continue
        if marks.get("solution"):
            if waiting:
                raise ValueError(f"cell {place} answers before {waiting[0]} has a check")
            texts = exercises.solved(cell, place), exercises.unsolved(cell, place)
            waiting = marks["grade_id"], *texts
        elif marks.get("grade"):
            if not waiting:
                raise ValueError(f"cell {place} gives points, but no answer stands before it")
            answer, solution, blank = waiting
            names = tuple(sorted(_loaded(cell.source) & _bound(solution)))
            points, check = float(marks["points"]), marks["grade_id"]
            found.append(Exercise(answer, check, points, solution, blank, cell.source, names))
            waiting = None
    if waiting:
        raise ValueError(f"the answer {waiting[0]} has no check")
    return found


def _imports(source: NotebookNode, found: Sequence[Exercise]) -> tuple[str, str]:
    """Choose the imports of a lesson that its sheet needs: those for answers, those of checks."""
    first = next(p for p, c in enumerate(source.cells) if exercises.grading(c).get("solution"))
    needed = set().union(*(_loaded(e.solution) | _loaded(e.judged) for e in found))
    mine, checks, known = {}, {}, set()
    for cell in source.cells[:first]:
        if cell.cell_type != "code" or "standalone" in cell.metadata.get("tags", []):
            continue
        for statement in _statements(cell.source):
            for name, line, module in _named(statement):
                known.add(name)
                if module.startswith("tlbook.checks"):
                    checks |= {name: line} if name in needed else {}
                elif name in needed or module.split(".")[0] in ALWAYS:
                    mine[name] = line
    for exercise in found:
        own = _bound(exercise.solution) | known | set(dir(builtins))
        if lacking := (_loaded(exercise.solution) | _loaded(exercise.judged)) - own:
            raise ValueError(
                f"{exercise.answer} uses {', '.join(sorted(lacking))}, which no import gives: "
                "an answer must stand on its own"
            )
    return "\n".join(mine.values()), "\n".join(checks.values())


def _statements(source: str) -> list[ast.stmt]:
    """The import statements of a cell; none if it is no plain Python."""
    try:
        body = ast.parse(source).body
    except SyntaxError:
        return []
    return [statement for statement in body if isinstance(statement, ast.Import | ast.ImportFrom)]


def _named(statement: ast.stmt) -> list[tuple[str, str, str]]:
    """Split an import into one for each name: the name, the statement, the module it is from."""
    found = []
    for alias in statement.names:
        name = alias.asname or alias.name.split(".")[0]
        one = copy.copy(statement)
        one.names = [alias]
        module = alias.name
        if isinstance(statement, ast.ImportFrom):
            module = f"{statement.module}.{alias.name}"
        found.append((name, ast.unparse(one), module))
    return found


def _loaded(source: str) -> set[str]:
    """Names that a piece of code reads."""
    nodes = ast.walk(ast.parse(source))
    return {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}


def _bound(source: str) -> set[str]:
    """Names that a piece of code gives a value, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            found.add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.arg):
            found.add(node.arg)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found |= {name for name, _, _ in _named(node)}
    return found


def _notebook(
    lesson: Lesson, source: NotebookNode, found: Sequence[Exercise], imports: str
) -> NotebookNode:
    """Put a sheet together: preface, imports, and for each exercise its prose and two cells."""
    preface = new_markdown_cell(PREFACE.format(title=lesson.title), id="preface")
    marks = {"grade": False, "solution": False, "locked": True, "task": False}
    set_up = new_code_cell(imports, id="set-up")
    set_up.metadata["nbgrader"] = {"schema_version": 3, "grade_id": "set-up"} | marks
    cells, prose = [preface, set_up], []
    wanted = {grade_id for one in found for grade_id in (one.answer, one.check)}
    for cell in copy.deepcopy(source.cells):
        if cell.cell_type == "markdown":
            prose = [cell]
        elif exercises.grading(cell).get("grade_id") in wanted:
            cell.outputs, cell.execution_count = [], None
            cells += [*prose, cell]
            prose = []
        else:
            prose = []
    metadata = {"kernelspec": source.metadata.get("kernelspec", {"name": "python3"})}
    sheet = new_notebook(cells=cells, metadata=copy.deepcopy(metadata))
    sheet.nbformat_minor = 5
    nbformat.validate(sheet)
    return sheet
