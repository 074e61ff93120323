"""`make course` says what each copy got, and fails where a mark is not the one deserved."""

import csv

import nbformat
import pytest

from tlbook.workbook import lessons
from tlbook.workbook.course import copies, gradebook, rehearsal
from tlbook.workbook.lessons import read

SET_UP = "from tlbook.checks.start_here import check_leaks\nfrom tlbook.corpora.splits import plain"
RIGHT = (
    "leaks = lambda train, test: [n for n, t in enumerate(test) if plain(t) in map(plain, train)]"
)


@pytest.fixture
def no_nbgrader(monkeypatch):
    def install(folder):
        raise gradebook.NoNbgraderError("no index answers")

    monkeypatch.setattr(gradebook, "install", install)


@pytest.fixture(autouse=True)
def one_grader(grader, monkeypatch):
    """Use the grader that is there rather than start one for each test."""
    monkeypatch.setattr(grader, "_checks", {})
    monkeypatch.setattr(type(grader), "__enter__", lambda self: grader)
    monkeypatch.setattr(type(grader), "__exit__", lambda *given: None)


@pytest.mark.usefixtures("no_nbgrader")
def test_it_holds_where_each_copy_gets_what_it_deserves(make_lesson, tmp_path, capsys):
    lesson = make_lesson("70_holds", SET_UP, ("leaks", RIGHT, "check_leaks(leaks)"))
    assert rehearsal.rehearse([lesson], out=tmp_path) == 0
    printed = capsys.readouterr().out
    assert "nbgrader is skipped: no index answers" in printed
    assert [line.split()[1:] for line in printed.splitlines() if line.startswith("70")] == [
        ["solved", "1", "of", "1", "1", "-", "ok"],
        ["as_released", "0", "of", "1", "0", "-", "ok"],
        ["half_right", "1", "of", "1", "1", "-", "ok"],
    ]
    with (tmp_path / "marks.csv").open(newline="") as file:
        assert [row["verdict"] for row in csv.DictReader(file)] == ["right", "no answer", "right"]


@pytest.mark.usefixtures("no_nbgrader")
def test_a_solution_that_is_wrong_fails_it(make_lesson, tmp_path, capsys):
    lesson = make_lesson("71_wrong", SET_UP, ("leaks", "leaks = max", "check_leaks(leaks)"))
    assert rehearsal.rehearse([lesson], out=tmp_path) == 1
    assert "WRONG" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.usefixtures("no_nbgrader")
def test_the_lessons_of_the_workbook_make_a_course(tmp_path, capsys):
    found = lessons.find([lessons.ROOT / "notebooks"])
    assert rehearsal.rehearse(found, out=tmp_path) == 0, capsys.readouterr().out


@pytest.mark.parametrize(("points", "failed"), [(1.0, 0), (0.5, 1)])
def test_a_mark_of_nbgrader_that_differs_fails_it(
    make_lesson, monkeypatch, tmp_path, capsys, points, failed
):
    lesson = make_lesson("72_differs", SET_UP, ("leaks", RIGHT, "check_leaks(leaks)"))

    def graded(python, course, paths):
        for sheet in map(rehearsal.sheets.sheet, map(read, paths)):
            gradebook.save(course / "release", sheet.lesson, copies.released(sheet))
            for copy in copies.three(copies.released(sheet), sheet):
                gradebook.save(course / "submitted" / copy.student, sheet.lesson, copy.notebook)
        found = {"solved": points, "as_released": 0.0, "half_right": 1.0}
        return {("72_differs", student): got for student, got in found.items()}

    monkeypatch.setattr(gradebook, "install", lambda folder: "python")
    monkeypatch.setattr(gradebook, "rehearse", graded)
    assert rehearsal.rehearse([lesson], out=tmp_path) == failed
    assert f"{points:g}  {'WRONG' if failed else 'ok'}" in capsys.readouterr().out


def test_lessons_without_exercises_make_no_course(make_lesson, tmp_path):
    with pytest.raises(ValueError, match="none of these lessons has an exercise"):
        rehearsal.rehearse([make_lesson("73_none", "import math")], out=tmp_path)


def test_submissions_of_a_class_are_graded(make_lesson, tmp_path, capsys):
    lesson = make_lesson("74_class", SET_UP, ("leaks", RIGHT, "check_leaks(leaks)"))
    notebook = nbformat.read(lesson.path, as_version=4)
    gradebook.save(tmp_path / "in" / "ada", "74_class", notebook)
    notebook.cells[-2].source = "leaks = lambda train, test: test"
    gradebook.save(tmp_path / "in" / "ben", "74_class", notebook)
    assert rehearsal.grade([lesson], tmp_path / "in", out=tmp_path / "out") == 0
    printed = capsys.readouterr().out
    assert "74_class, ada: 1 of 1" in printed
    assert "74_class, ben: 0 of 1\n  leaks: 0 of 1, not yet: return the places" in printed
    assert (tmp_path / "out" / "marks.csv").exists()


def test_a_folder_without_submissions_is_an_error_that_says_what_it_should_hold(
    make_lesson, tmp_path
):
    lesson = make_lesson("75_empty", SET_UP, ("leaks", RIGHT, "check_leaks(leaks)"))
    with pytest.raises(FileNotFoundError, match="it should hold STUDENT/LESSON/LESSON.ipynb"):
        rehearsal.grade([lesson], tmp_path, out=tmp_path / "out")
