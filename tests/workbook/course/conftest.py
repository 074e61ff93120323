"""Lessons with exercises made where a test wants them, and one grader for many tests."""

import nbformat
import pytest
from nbformat import v4

from tlbook.workbook import lessons
from tlbook.workbook.course import sheets
from tlbook.workbook.course.answers import Limits
from tlbook.workbook.course.grading import Grader

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"


def marks(name, *, answers, points=None):
    found = {"schema_version": 3, "grade_id": name, "task": False, "locked": not answers}
    found |= {"solution": answers, "grade": not answers}
    return {"nbgrader": found if points is None else found | {"points": points}}


def answer_cell(name, before, solution):
    source = "\n".join(filter(None, [before, BEGIN, solution, END]))
    return v4.new_code_cell(source, metadata=marks(f"answer-{name}", answers=True))


def check_cell(name, source, points):
    return v4.new_code_cell(source, metadata=marks(f"check-{name}", answers=False, points=points))


@pytest.fixture(scope="session")
def make_lesson(tmp_path_factory):
    """Return a function that writes a lesson: name, set-up, exercises (name, solution, check)."""
    folder = tmp_path_factory.mktemp("lessons")

    def make(name, set_up, *exercises):
        cells = [v4.new_markdown_cell("# Counting"), v4.new_code_cell(set_up)]
        for number, (exercise, solution, check) in enumerate(exercises, 1):
            cells.append(v4.new_markdown_cell(f"**{number}** Write `{exercise}`."))
            cells.append(answer_cell(exercise, f"{exercise} = ...", solution))
            cells.append(check_cell(exercise, check, number))
        notebook = v4.new_notebook(cells=cells)
        notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
        path = folder / f"{name}.ipynb"
        nbformat.write(notebook, path)
        return lessons.read(path)

    make.folder = folder
    return make


@pytest.fixture(scope="session")
def real_sheet(make_lesson):
    """The sheet of a lesson with some checks that the workbook really has."""
    set_up = (
        "import numpy as np\nimport torch\nfrom torch.nn.functional import normalize\n"
        "from tlbook.checks.start_here import check_leaks, check_nearest, check_places\n"
        "from tlbook.checks.bert_finetuning import check_span\n"
        "from tlbook.corpora.splits import plain"
    )
    places = '{"A": ("no labels", "then"), "B": ("labels", "together"),'
    places += ' "C": ("no labels", "together"), "D": ("labels", "then")}'
    leaks = "lambda train, test: [n for n, t in enumerate(test) if plain(t) in map(plain, train)]"
    nearest = "lambda texts, names: (normalize(texts) @ normalize(names).T).argmax(1)"
    span = "lambda s, e: max((s[i] + e[j], i, j) for i in range(len(s)) for j in range(i, len(s)))"
    return sheets.sheet(
        make_lesson(
            "00_real",
            set_up,
            ("places", f"places = {places}", "check_places(places)"),
            ("leaks", f"leaks = {leaks}", "check_leaks(leaks)"),
            ("nearest", f"nearest = {nearest}", "check_nearest(nearest)"),
            ("span", f"span = lambda s, e: ({span})(s, e)[1:]", "check_span(span)"),
        )
    )


@pytest.fixture(scope="session")
def grader():
    with Grader(Limits(cpu_seconds=3, seconds=60.0, memory_mib=1024)) as found:
        yield found
