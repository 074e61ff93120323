"""The exercises of a lesson, by their nbgrader metadata (schema 3): answer, check and points."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from nbformat import NotebookNode

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
TO_WRITE = {"code": "# YOUR CODE HERE", "markdown": "YOUR ANSWER HERE"}
MARKER = re.compile(r"\s*#+\s*(begin|end)[\s_]*solution\b", re.IGNORECASE)


@dataclass(frozen=True)
class Exercise:
    """One exercise.

    Attributes:
        task: The prose before the answer, which asks for it.
        answer: The answer cell with its solution, without the markers.
        kind: ``code`` or ``markdown``, the kind of the answer cell.
        checks: The ``grade_id`` of each cell that gives points for it.
        points: All of them together.
    """

    task: str
    answer: str
    kind: str
    checks: tuple[str, ...]
    points: float


def read(notebook: NotebookNode) -> list[Exercise]:
    """Return the exercises in their order.

    Raises:
        ValueError: If a marker is wrong, or a cell gives points before there is an answer; names
            the cell, counted from 1, prose included.
    """
    found, task = [], ""
    for place, cell in enumerate(notebook.cells, 1):
        marks = grading(cell)
        if marks.get("solution"):
            found.append([task, solved(cell, place), cell.cell_type, [], 0])
        elif cell.cell_type == "markdown":
            task = cell.source
        if marks.get("grade"):
            if not found:
                raise ValueError(f"cell {place} gives points, but no answer stands before it")
            found[-1][3].append(marks["grade_id"])
            found[-1][4] += marks["points"]
    return [Exercise(*most, tuple(checks), points) for *most, checks, points in found]


def grading(cell: NotebookNode) -> dict:
    """Return a cell's nbgrader metadata, empty if it has none."""
    return cell.metadata.get("nbgrader", {})


def solved(cell: NotebookNode, place: int) -> str:
    """Return the source of a cell with its solutions and without their markers.

    Args:
        cell: Of a lesson's source.
        place: Where it stands, from 1, to be named in an error.

    Raises:
        ValueError: If a marker is wrong; names the cell.
    """
    return "\n".join(line for line, _, marker in _lines(cell, place) if not marker)


def unsolved(cell: NotebookNode, place: int) -> str:
    r"""Return the source of a cell with a place to write instead of each solution.

    What stands around the markers stays. Inside a function the place to write says
    ``raise NotImplementedError``, which `tlbook.checks.judge` takes for "not answered yet".
    An answer cell without markers is a solution as a whole.

    Raises:
        ValueError: If a marker is wrong, or stands in a cell that is no answer; names the cell.

    Example:
        >>> from nbformat.v4 import new_code_cell
        >>> source = "x = ...\n### BEGIN SOLUTION\nx = 2\n### END SOLUTION"
        >>> cell = new_code_cell(source, metadata={"nbgrader": {"solution": True}})
        >>> print(unsolved(cell, place=1))
        x = ...
        # YOUR CODE HERE
    """
    lines = list(_lines(cell, place))
    marked, answer = any(marker for *_, marker in lines), grading(cell).get("solution")
    if marked and not answer:
        raise ValueError(
            f"cell {place} holds a solution, but its nbgrader metadata do not say solution: true"
        )
    to_write = TO_WRITE.get(cell.cell_type, "")
    if answer and not marked:
        return to_write
    kept = []
    for line, inside, marker in lines:
        if marker and inside:  # where a solution begins
            indent = line[: len(line) - len(line.lstrip())]
            kept.append(indent + to_write)
            if indent and cell.cell_type == "code":
                kept.append(f"{indent}raise NotImplementedError")
        elif not marker and not inside:
            kept.append(line)
    return "\n".join(kept)


def _lines(cell: NotebookNode, place: int) -> Iterator[tuple[str, bool, bool]]:
    """Give each line, whether a solution goes on after its start, and whether it is a marker."""
    inside = 0  # number of the line where the solution began
    for number, line in enumerate(cell.source.split("\n"), 1):
        marker = MARKER.match(line) is not None
        if marker and line.strip() != (END if inside else BEGIN):
            wanted = f"{END!r} for the one in line {inside}" if inside else repr(BEGIN)
            raise ValueError(f"cell {place}, line {number}: {line.strip()!r} where {wanted} is due")
        if marker:
            inside = 0 if inside else number
        yield line, bool(inside), marker
    if inside:
        raise ValueError(f"cell {place}, line {inside}: {BEGIN!r} without {END!r}")
