"""nbgrader, where it can be had, gives honest copies the marks that we give them."""

import sys
from pathlib import Path

import pytest

from tlbook.workbook.course import copies, gradebook
from tlbook.workbook.lessons import read


def test_a_notebook_lies_where_nbgrader_looks_for_it(real_sheet, tmp_path):
    gradebook.save(tmp_path, "33_lora", real_sheet.notebook)
    assert read(tmp_path / "33_lora" / "33_lora.ipynb").title == "Exercises: Counting"


def test_an_index_that_does_not_have_it_is_told_with_its_reason(tmp_path, monkeypatch):
    command = [sys.executable, "-c", "import sys; sys.exit('noise\\nERROR: no index\\nmore noise')"]
    with pytest.raises(
        gradebook.NoNbgraderError, match="nbgrader==.* was not installed: ERROR: no"
    ):
        gradebook._ran(command)


def test_an_environment_that_is_there_is_taken_as_it_is(tmp_path, monkeypatch):
    monkeypatch.setattr(gradebook, "_ran", lambda command: pytest.fail("installed again"))
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    python.touch()
    done = f"{gradebook.NBGRADER} beside {sys.prefix}, Python {sys.version}"
    (tmp_path / "installed.txt").write_text(done)
    assert gradebook.install(tmp_path) == python
    (tmp_path / "installed.txt").write_text("nbgrader==0.1")
    with pytest.raises(pytest.fail.Exception, match="installed again"):
        gradebook.install(tmp_path)


def test_what_nbgrader_said_when_it_failed_is_kept(tmp_path):
    (tmp_path / "course").mkdir()
    with pytest.raises(RuntimeError, match="see .*nbgrader.log: ModuleNotFoundError"):
        gradebook.rehearse(Path(sys.executable), tmp_path / "course", [])
    assert "nbgrader" in (tmp_path / "course" / "nbgrader.log").read_text()


@pytest.mark.slow
def test_nbgrader_and_we_give_three_honest_copies_what_they_deserve(
    grader, make_lesson, real_sheet, tmp_path
):
    try:
        python = gradebook.install(gradebook.ROOT / "build" / "course" / "venv")
    except gradebook.NoNbgraderError as reason:
        pytest.skip(str(reason))
    lesson = next(make_lesson.folder.glob(f"{real_sheet.lesson}.ipynb"))
    theirs = gradebook.rehearse(python, tmp_path, [lesson])
    for copy in copies.three(copies.released(real_sheet), real_sheet):
        path = gradebook.place(tmp_path / "submitted" / copy.student, real_sheet.lesson)
        ours = sum(mark.got for mark in grader.marks(real_sheet, copy.student, path))
        assert ours == theirs[real_sheet.lesson, copy.student] == copy.expected
