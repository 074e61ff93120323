"""A gathered cell is the lesson's own, below a header that says what, how, with what and whose."""

import nbformat
import pytest
from nbformat import v4

from tlbook.workbook import __main__ as command
from tlbook.workbook import cells, lessons

LOCK = {"torch": "2.13.0", "scikit-learn": "1.9.1", "datasets": "5.2.0"}
CODE = 'CSV = "a.csv"\nimport os\nimport torch\nfrom sklearn.svm import SVC\nprint(CSV)'
PURPOSE = (
    "## Take it with you\n\nIt **counts** the `rows` of\na [file](https://a.b/c).\n\nAnd more."
)


@pytest.fixture
def make_lesson(make_notebook):
    """Return a function that writes a lesson with a cell to take away, and gives the lesson."""

    def make(name="24_b", code=CODE, title="# 24 · What it is", times=1):
        path = make_notebook(name, title, "1 + 1", PURPOSE, *[code] * times, "# after")
        notebook = nbformat.read(path, as_version=4)
        for cell in notebook.cells[3 : 3 + times]:
            cell.metadata["tags"] = ["standalone"]
        nbformat.write(notebook, path)
        return lessons.read(path)

    return make


def test_below_the_header_stands_the_cell_and_nothing_else(make_lesson):
    header, code = cells.script(make_lesson(), LOCK).split("\n\n", 1)
    assert code == CODE + "\n"
    assert all(line.startswith("#") for line in header.splitlines())


def test_the_header_tells_what_how_with_what_and_whose(make_lesson):
    header = cells.script(make_lesson(), LOCK).split("\n\n")[0]
    assert header.startswith(
        "# What it is\n#\n# It counts the rows of a file (https://a.b/c).\n#\n# And more.\n#\n"
    )
    assert "\n# Run it:   python b.py\n" in header
    assert "pip install scikit-learn==1.9.1 torch==2.13.0\n" in header
    assert "lesson 24 of tlbook" in header
    assert header.endswith("SPDX-License-Identifier: Apache-2.0")


def test_a_title_without_a_number_takes_it_from_the_file(make_lesson):
    header = cells.script(make_lesson(title="# What it is"), LOCK)
    assert header.startswith("# What it is\n")
    assert "lesson 24 of tlbook" in header


def test_what_the_lock_does_not_pin_is_named(make_lesson):
    with pytest.raises(ValueError, match="24_b.ipynb: its cell to take away imports torch, which"):
        cells.script(make_lesson(code="import torch"), {"datasets": "5.2.0"})


def test_two_cells_to_take_away_are_refused(make_lesson):
    with pytest.raises(ValueError, match="24_b.ipynb: 2 cells are tagged standalone, not one"):
        cells.source(make_lesson(times=2))


def test_each_lesson_gives_a_file_and_one_without_such_a_cell_gives_none(
    make_lesson, make_notebook, tmp_path
):
    chosen = [make_lesson("24_b"), make_lesson("31_c")]
    chosen.append(lessons.read(make_notebook("90_d", "# 90 · Board")))
    made = cells.gather(chosen, lock=LOCK, out=tmp_path / "cells")
    assert made == [tmp_path / "cells" / "b.py", tmp_path / "cells" / "c.py"]
    assert sorted((tmp_path / "cells").iterdir()) == made
    assert made[0].read_text() == cells.script(chosen[0], LOCK)


def test_if_one_cannot_be_gathered_the_earlier_ones_stay(make_lesson, tmp_path):
    (made,) = cells.gather([make_lesson("24_b")], lock=LOCK, out=tmp_path / "cells")
    before = made.read_text()
    chosen = [make_lesson("24_b", "1"), make_lesson("31_c", "import nowhere_known")]
    with pytest.raises(ValueError, match="31_c.ipynb"):
        cells.gather(chosen, lock=LOCK, out=tmp_path / "cells")
    assert made.read_text() == before


def test_the_command_reads_the_lock_and_writes_to_the_build_folder(
    make_lesson, tmp_path, monkeypatch, capsys
):
    (tmp_path / "constraints.txt").write_text("torch==1.0\nscikit-learn==2.0\n")
    monkeypatch.setattr(command, "ROOT", tmp_path)
    assert command.main(["cells", "--lessons", str(make_lesson().path)]) == 0
    assert "scikit-learn==2.0 torch==1.0" in (tmp_path / "build" / "cells" / "b.py").read_text()
    assert capsys.readouterr().out.endswith(": b.py\n")


def test_the_prose_is_that_of_the_cell_just_before(make_lesson):
    lesson = make_lesson()
    notebook = nbformat.read(lesson.path, as_version=4)
    notebook.cells.insert(1, v4.new_markdown_cell("far away"))
    nbformat.write(notebook, lesson.path)
    assert "far away" not in cells.script(lesson, LOCK)
