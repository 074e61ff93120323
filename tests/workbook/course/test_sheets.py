"""A sheet holds a lesson's exercises and the imports they need, and nothing to train."""

import nbformat
import pytest
from nbformat import v4

from tlbook.workbook import lessons
from tlbook.workbook.course import sheets

SET_UP = (
    "import numpy as np\nfrom pathlib import Path\nimport pandas as pd\n"
    "from tlbook import corpora, tokens\nfrom tlbook.checks import lora as exercise\n"
    "from tlbook.checks.start_here import check_leaks, check_nearest\n"
    "profile = tokens.profile()"
)
TWICE = ("twice", "twice = lambda x: 2 * x", "exercise.check_twice(twice)")


def test_each_exercise_has_its_answer_check_points_and_names(make_lesson):
    one, other = sheets.sheet(
        make_lesson("50_two", SET_UP, TWICE, ("leaks", "leaks = [np.e]", "check_leaks(leaks)"))
    ).exercises
    assert (one.name, one.answer, one.check) == ("twice", "answer-twice", "check-twice")
    assert (one.points, other.points) == (1.0, 2.0)
    assert one.names == ("twice",)
    assert one.solution == "twice = ...\ntwice = lambda x: 2 * x"
    assert "lambda" not in one.blank


def test_it_imports_what_answers_and_checks_use_and_the_cheap_rest(make_lesson):
    leaks = ("leaks", "leaks = corpora.load", "check_leaks(leaks)")
    found = sheets.sheet(make_lesson("51_imports", SET_UP, TWICE, leaks))
    assert found.imports.splitlines() == [
        "import numpy as np",
        "from pathlib import Path",
        "from tlbook import corpora",
    ]
    assert found.checks.splitlines() == [
        "from tlbook.checks import lora as exercise",
        "from tlbook.checks.start_here import check_leaks",
    ]


def test_the_notebook_is_prose_and_the_cells_of_exercises(make_lesson):
    lesson = make_lesson("52_cells", SET_UP, TWICE)
    source = nbformat.read(lesson.path, as_version=4)
    source.cells.insert(2, v4.new_code_cell("train(for_an_hour)"))
    nbformat.write(source, lesson.path)
    found = sheets.sheet(lesson)
    kinds = [cell.cell_type for cell in found.notebook.cells]
    assert kinds == ["markdown", "code", "markdown", "code", "code"]
    assert "for_an_hour" not in str(found.notebook)
    assert found.notebook.cells[1].metadata["nbgrader"]["locked"]
    assert found.notebook.cells[2].source == "**1** Write `twice`."
    assert "### BEGIN SOLUTION" in found.notebook.cells[3].source


def test_a_lesson_without_exercises_has_no_sheet(make_lesson):
    assert sheets.sheet(make_lesson("53_none", "import math")) is None


def test_an_answer_that_needs_the_rest_of_its_lesson_is_refused(make_lesson):
    lesson = make_lesson("54_needs", SET_UP, ("x", "x = profile.name", "check_leaks(x)"))
    with pytest.raises(ValueError, match="54_needs.ipynb: answer-x uses profile, which no import"):
        sheets.sheet(lesson)


def edited(lesson, edit):
    source = nbformat.read(lesson.path, as_version=4)
    edit(source.cells)
    nbformat.write(source, lesson.path)
    return lesson


@pytest.mark.parametrize(
    ("place", "message"),
    [(4, "the answer answer-twice has no check"), (3, "gives points, but no answer")],
)
def test_an_answer_needs_a_check_and_a_check_an_answer(make_lesson, place, message):
    lesson = edited(make_lesson("55_pairs", SET_UP, TWICE), lambda cells: cells.pop(place))
    with pytest.raises(ValueError, match=f"55_pairs.ipynb: .*{message}"):
        sheets.sheet(lesson)


def test_every_lesson_of_the_workbook_can_be_made_a_sheet():
    found = lessons.find([lessons.ROOT / "notebooks"])
    made = [sheet for sheet in map(sheets.sheet, found) if sheet]
    assert len(made) >= 3
    assert all(exercise.names for sheet in made for exercise in sheet.exercises)
