"""An executed lesson is taken again as long as nothing that it came from has changed."""

import json

import nbformat
import pytest

from tlbook.workbook import executed, lessons
from tlbook.workbook.execution import Failure, Run


@pytest.fixture
def lesson(make_notebook):
    return lessons.read(make_notebook("24_b", "# 24", "print('hello')"))


@pytest.fixture
def package(tmp_path):
    """Return a folder that stands for the package a lesson imports."""
    for name in ("tokens.py", "workbook/pages.py", "__pycache__/tokens.pyc"):
        path = tmp_path / "package" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("1")
    return tmp_path / "package"


def run_of(lesson, failure=None):
    return Run(lesson, nbformat.read(lesson.path, 4), 12.34, 1234.5, failure)


def edit(lesson, change):
    notebook = nbformat.read(lesson.path, 4)
    change(notebook)
    nbformat.write(notebook, lesson.path)


def test_what_was_saved_is_found_again_with_its_seconds_and_memory(lesson, tmp_path):
    executed.save(tmp_path / "out", run_of(lesson), executed.fingerprint(lesson))
    found = executed.load(tmp_path / "out", lesson)
    assert found.notebook.cells[1].source == "print('hello')"
    assert (found.seconds, found.peak_mib, found.failure) == (12.3, 1234, None)


def test_a_lesson_that_was_never_run_is_not_up_to_date(lesson, tmp_path):
    assert executed.load(tmp_path, lesson) is None


def test_a_changed_cell_makes_it_stale(lesson, tmp_path):
    executed.save(tmp_path / "out", run_of(lesson), executed.fingerprint(lesson))
    edit(lesson, lambda notebook: notebook.cells[1].update(source="print('bye')"))
    assert executed.load(tmp_path / "out", lesson) is None


def test_kept_outputs_and_metadata_do_not_matter(lesson):
    before = executed.fingerprint(lesson)
    stream = nbformat.v4.new_output("stream", text="hello")
    edit(lesson, lambda notebook: notebook.cells[1].update(outputs=[stream], execution_count=3))
    assert executed.fingerprint(lesson) == before


def test_rows_beside_it_matter(lesson):
    before = executed.fingerprint(lesson)
    lesson.path.with_name("31_other.csv").write_text("lesson,method\n")
    assert executed.fingerprint(lesson) != before


def test_the_profile_matters(lesson, monkeypatch):
    before = executed.fingerprint(lesson)
    monkeypatch.setenv("TLBOOK_PROFILE", "hub")
    assert executed.fingerprint(lesson) != before


@pytest.mark.parametrize(
    ("name", "matters"),
    [("tokens.py", True), ("workbook/pages.py", False), ("__pycache__/tokens.pyc", False)],
)
def test_the_package_matters_without_what_no_lesson_imports(lesson, package, name, matters):
    before = executed.fingerprint(lesson, package=package)
    (package / name).write_text("2")
    assert (executed.fingerprint(lesson, package=package) != before) is matters


def test_a_run_that_failed_takes_the_earlier_one_away(lesson, tmp_path):
    mark = executed.fingerprint(lesson)
    executed.save(tmp_path / "out", run_of(lesson), mark)
    executed.save(tmp_path / "out", run_of(lesson, Failure(2, "KeyError: 1")), mark)
    assert executed.load(tmp_path / "out", lesson) is None


@pytest.mark.parametrize("text", ["", "{", json.dumps({"nbformat": 4, "cells": []})])
def test_a_damaged_file_is_made_anew(lesson, tmp_path, text):
    (tmp_path / f"{lesson.name}.ipynb").write_text(text)
    assert executed.load(tmp_path, lesson) is None
