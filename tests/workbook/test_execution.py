"""A lesson runs in this environment's kernel, and a failure is told, not raised."""

import subprocess
import sys

import pytest

from tlbook.workbook import execution, lessons


@pytest.fixture
def run(make_notebook, tmp_path):
    """Return a function that executes cells and gives the run."""

    def run(*sources):
        path = make_notebook("24_b", *sources)
        return execution.execute(lessons.read(path), results=tmp_path / "rows")

    return run


def printed(cell):
    return "".join(output.get("text", "") for output in cell.outputs)


def test_it_runs_in_this_python_in_the_lessons_folder_with_the_results_folder(run, tmp_path):
    ended = run("import os, sys; print(sys.executable, os.getcwd(), os.environ['TLBOOK_RESULTS'])")
    python, folder, rows = printed(ended.notebook.cells[0]).split()
    assert python == sys.executable
    assert folder == str(tmp_path / "notebooks")
    assert rows == str(tmp_path / "rows")
    assert ended.failure is None


def test_progress_bars_leave_nothing_on_the_page(run):
    bar = "runtime.progress_bar(range(3), shown=True)"
    ended = run("from tlbook import runtime", f"for _ in {bar}: pass")
    assert ended.notebook.cells[1].outputs == []


def test_it_says_in_which_cell_it_stopped_and_runs_none_after_it(run):
    ended = run("# title", "print('one')", "int('two')", "print('three')")
    assert str(ended.failure) == (
        "cell 3: ValueError: invalid literal for int() with base 10: 'two'"
    )
    assert [len(cell.outputs) for cell in ended.notebook.cells[1:]] == [1, 1, 0]
    assert ended.notebook.cells[2].outputs[0].ename == "ValueError"


def test_a_kernel_that_dies_fails_its_cell(run):
    ended = run("import os; os._exit(1)")
    assert ended.failure.cell == 1
    assert "DeadKernelError" in ended.failure.message
    assert ended.notebook.cells[0].outputs[-1].ename == "DeadKernelError"


def test_an_error_inside_a_widget_is_a_failure(run):
    ended = run("import ipywidgets", "ipywidgets.interact(lambda rank: 1 / 0, rank=(0, 4));")
    assert ended.failure.message == "inside a widget: ZeroDivisionError: division by zero"


def test_a_widget_that_works_is_none(run):
    ended = run("import ipywidgets", "ipywidgets.interact(lambda rank: 1 / rank, rank=(1, 4));")
    assert ended.failure is None


@pytest.mark.parametrize("others", [0, 1], ids=["alone", "beside another child"])
def test_memory_grows_by_what_the_lesson_holds(run, others):
    sleepers = [subprocess.Popen(["sleep", "60"]) for _ in range(others)]
    small = run("import time; time.sleep(0.5)")
    large = run("import time; held = bytearray(300 * 2**20); time.sleep(0.5)")
    assert 250 < large.peak_mib - small.peak_mib < 350
    assert small.seconds > 0.5
    for sleeper in sleepers:
        sleeper.kill()
        sleeper.wait()


def test_each_code_cell_is_announced_by_its_place(make_notebook, tmp_path):
    seen = []
    lesson = lessons.read(make_notebook("24_b", "1", "# title", "2"))
    execution.execute(lesson, results=tmp_path, on_cell=lambda *place: seen.append(place))
    assert [place for place in seen if place[0] != 2] == [(1, 3), (3, 3)]
