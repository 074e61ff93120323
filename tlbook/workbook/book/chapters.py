"""A lesson as a chapter: solutions folded up, widgets as a line that says how to run them."""

import ast
import copy
import re
from html import escape
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from tlbook.workbook import exercises
from tlbook.workbook.execution import Run
from tlbook.workbook.lessons import ROOT, Lesson
from tlbook.workbook.markup import CellExporter
from tlbook.workbook.snapshots import VIEW

TEMPLATE = Path(__file__).with_name("lesson.html.j2")
TABLE = re.compile(r"<table\b.*?</table>", re.DOTALL)
OPENINGS = {"Question": "question", "Predict": "predict"}  # first bold word -> class of its prose


def body(lesson: Lesson, run: Run | None) -> str:
    """Return a lesson's cells as HTML that asks for nothing outside the page.

    Args:
        lesson: Whose cells.
        run: The lesson as executed; None for the outputs that are kept in its file.
    """
    notebook = run.notebook if run else nbformat.read(lesson.path, as_version=4)
    exporter = CellExporter(
        raw_template=TEMPLATE.read_text(encoding="utf-8"),
        template_name="basic",
        exclude_input_prompt=True,
        exclude_output_prompt=True,
        exclude_anchor_links=True,
    )
    place = {"metadata": {"path": str(lesson.path.parent), "name": lesson.name}}
    html, _ = exporter.from_notebook_node(prepared(notebook, lesson), resources=place)
    for word, kind in OPENINGS.items():
        html = html.replace(f"<p><strong>{word}.", f'<p class="{kind}"><strong>{word}.')
    return TABLE.sub(lambda table: f'<div class="scroll">{table[0]}</div>', html)


def prepared(notebook: NotebookNode, lesson: Lesson) -> NotebookNode:
    """Return a copy in which solutions and widgets are marked for the template.

    An answer cell shows what stands around its solution, and the solution in its metadata. A
    widget is no output any more: its last state would look alive and answer nothing.

    Args:
        notebook: The cells, executed or not.
        lesson: Where they come from.
    """
    notebook = copy.deepcopy(notebook)
    notebook.metadata.pop("widgets", None)
    makers = widget_makers(notebook)
    for place, cell in enumerate(notebook.cells, 1):
        if cell.cell_type != "code":
            continue
        if exercises.grading(cell).get("solution"):
            solution, cell.source = exercises.solved(cell, place), exercises.unsolved(cell, place)
            cell.metadata["solution"] = solution
        views = [output for output in cell.outputs if VIEW in output.get("data", {})]
        cell.outputs = [output for output in cell.outputs if output not in views]
        if views or makers & _called(cell.source):
            cell.metadata["widget"] = how_to_run(lesson)
    return notebook


def how_to_run(lesson: Lesson) -> str:
    """Return the line, as HTML, that stands in place of a widget."""
    path = lesson.path
    place = escape(str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path.name))
    return (
        "In a running notebook there are controls here. Run <code>make lab</code> and open "
        f"<code>{place}</code>; the figure above says what they start from."
    )


def widget_makers(notebook: NotebookNode) -> set[str]:
    """Return the names that a notebook imports from `tlbook.widgets`."""
    found = set()
    for cell in notebook.cells:
        for node in ast.walk(_parsed(cell.source)) if cell.cell_type == "code" else ():
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(
                "tlbook.widgets"
            ):
                found |= {alias.asname or alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module == "tlbook":
                found |= {alias.name for alias in node.names if alias.name == "widgets"}
    return found


def _called(source: str) -> set[str]:
    """Return the first names of all calls in a cell: ``explore(...)``, ``widgets.lab(...)``."""
    calls = [node.func for node in ast.walk(_parsed(source)) if isinstance(node, ast.Call)]
    return {ast.unparse(call).split(".")[0] for call in calls}


def _parsed(source: str) -> ast.AST:
    """Parse a cell; one that only IPython understands counts as empty."""
    try:
        return ast.parse(source)
    except SyntaxError:
        return ast.Module([], [])
