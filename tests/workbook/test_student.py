"""The student edition holds no answer and no output, compiles, and its checks are silent."""

import ast
from pathlib import Path

import nbformat
import pytest
from nbformat import v4

from tlbook.checks import Verdict
from tlbook.workbook import __main__ as command
from tlbook.workbook import exercises, lessons, student

ROOT = Path(__file__).parents[2]
LESSONS = lessons.find([ROOT / "notebooks"])
SOLUTION = "x = ...\n### BEGIN SOLUTION\nx = 40 + 2\n### END SOLUTION"

every_lesson = pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)


@pytest.fixture
def make_lesson(make_notebook):
    """Return a function that writes a lesson with one exercise."""

    def make(name, source=SOLUTION, part=""):
        path = make_notebook(name, "# 24 · Title", source, "check(x)", part=part)
        notebook = nbformat.read(path, as_version=4)
        task = v4.new_markdown_cell("## Exercises\n\n**1.** Say `x`.")
        notebook.cells.insert(1, task)
        marks = {"schema_version": 3, "task": False, "locked": False}
        notebook.cells[2].metadata["nbgrader"] = marks | {"solution": True, "grade_id": "x"}
        points = {"solution": False, "grade": True, "grade_id": "check-x", "points": 2}
        notebook.cells[3].metadata["nbgrader"] = marks | points
        notebook.cells[3].outputs = [v4.new_output("stream", text="Right.")]
        nbformat.write(notebook, path)
        return path

    return make


def tree(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_lessons_keep_their_folders_and_rows_and_solutions_lie_apart(make_lesson, tmp_path):
    path = make_lesson("24_b", part="2_transformer")
    path.with_suffix(".csv").write_text("rows")
    make_lesson("00_a")
    student.write(lessons.find([tmp_path / "notebooks"]), out=tmp_path / "student")
    assert set(tree(tmp_path / "student")) == {
        *("00_a.ipynb", "2_transformer/24_b.ipynb", "2_transformer/24_b.csv"),
        *("solutions/a.md", "solutions/b.md"),
    }


def test_answers_and_outputs_are_gone_and_the_metadata_stay(make_lesson, tmp_path):
    path = make_lesson("24_b")
    student.write(lessons.find([path]), out=tmp_path / "student")
    before = nbformat.read(path, as_version=4)
    after = nbformat.read(tmp_path / "student" / "24_b.ipynb", as_version=4)
    assert after.cells[2].source == "x = ...\n# YOUR CODE HERE"
    assert after.cells[3].outputs == []
    assert [c.metadata for c in after.cells] == [c.metadata for c in before.cells]
    assert [c.id for c in after.cells] == [c.id for c in before.cells]


def test_the_solution_is_folded_up_below_its_task(make_lesson, tmp_path):
    student.write(lessons.find([make_lesson("24_b")]), out=tmp_path / "student")
    page = (tmp_path / "student" / "solutions" / "b.md").read_text()
    task, folded = page.split("<details>")
    assert "# 24 · Title: solutions" in task
    assert "**1.** Say `x`." in task
    assert "## Exercises" not in task
    assert "40 + 2" not in task
    assert "Show the solution (2 points)" in folded
    assert "```python\nx = ...\nx = 40 + 2\n```" in folded


def test_writing_it_again_changes_no_byte(make_lesson, tmp_path):
    found = lessons.find([make_lesson("24_b")])
    student.write(found, out=tmp_path / "student")
    before = tree(tmp_path / "student")
    student.write(found, out=tmp_path / "student")
    assert tree(tmp_path / "student") == before


def test_a_lesson_that_is_no_more_goes(make_lesson, tmp_path):
    one, other = make_lesson("00_a"), make_lesson("24_b")
    student.write(lessons.find([one, other]), out=tmp_path / "student")
    student.write(lessons.find([other]), out=tmp_path / "student")
    assert set(tree(tmp_path / "student")) == {"24_b.ipynb", "solutions/b.md"}


def test_an_unbalanced_marker_is_named_and_leaves_the_old_edition(make_lesson, tmp_path):
    student.write(lessons.find([make_lesson("00_a")]), out=tmp_path / "student")
    before = tree(tmp_path / "student")
    make_lesson("24_b", "### BEGIN SOLUTION\nx = 1")
    with pytest.raises(ValueError, match="24_b.ipynb, cell 3, line 1: '### BEGIN SOLUTION' with"):
        student.write(lessons.find([tmp_path / "notebooks"]), out=tmp_path / "student")
    assert tree(tmp_path / "student") == before


def test_the_source_stays_as_it_is(make_lesson, tmp_path):
    path = make_lesson("24_b")
    before = path.read_bytes()
    student.write(lessons.find([path]), out=tmp_path / "student")
    assert path.read_bytes() == before


def test_a_fence_in_an_answer_does_not_end_the_block():
    answer = exercises.Exercise("task", 'x = """\n```\n"""', "code", (), 1)
    assert '````python\nx = """\n```\n"""\n````' in student.solutions("title", [answer])


def test_the_command_writes_to_the_build_folder(make_lesson, tmp_path, monkeypatch, capsys):
    path = make_lesson("24_b")
    monkeypatch.setattr(command, "ROOT", tmp_path)
    assert command.main(["student", "--lessons", str(path)]) == 0
    assert (tmp_path / "build" / "student" / "24_b.ipynb").exists()
    assert capsys.readouterr().out.startswith("wrote 1 lessons to ")
    make_lesson("24_b", "### END SOLUTION")
    assert command.main(["student", "--lessons", str(path)]) == 1
    assert capsys.readouterr().err.startswith("error: 24_b.ipynb, cell 3, line 1:")


@every_lesson
def test_no_line_of_a_lessons_solutions_is_left_in_its_answer_cells(lesson):
    source = nbformat.read(lesson.path, as_version=4)
    blank = student.edition(source)
    for place, (cell, left) in enumerate(zip(source.cells, blank.cells, strict=True), 1):
        if exercises.grading(cell).get("solution"):
            assert left.source != exercises.solved(cell, place)
            assert "SOLUTION" not in left.source
            ast.parse(left.source)
            kept = set(left.source.splitlines())
            solution = cell.source.split("BEGIN SOLUTION")[1].split("### END SOLUTION")[0]
            assert not kept & {line for line in solution.splitlines() if line.strip()}
        else:
            assert left.source == cell.source


def verdicts_of(notebook):
    """Run answers and checks alone: an exercise needs the imports of its lesson, no more."""
    space, found = {}, []
    for cell in notebook.cells:
        if cell.cell_type != "code" or "standalone" in cell.metadata.get("tags", []):
            continue
        marks = exercises.grading(cell)
        tree = ast.parse(cell.source)
        if marks.get("grade") and not marks.get("solution"):
            *before, last = tree.body
            exec(compile(ast.Module(before, []), "check", "exec"), space)
            found.append(eval(compile(ast.Expression(last.value), "check", "eval"), space))
        elif marks.get("solution"):
            exec(compile(tree, "answer", "exec"), space)
        else:
            imports = [n for n in tree.body if isinstance(n, ast.Import | ast.ImportFrom)]
            exec(compile(ast.Module(imports, []), "imports", "exec"), space)
    return found


@pytest.mark.slow
@every_lesson
def test_solutions_are_right_and_a_blank_lesson_gets_no_verdict(lesson, monkeypatch):
    monkeypatch.delenv("TLBOOK_STRICT", raising=False)
    source = nbformat.read(lesson.path, as_version=4)
    right, blank = verdicts_of(source), verdicts_of(student.edition(source))
    assert right == [Verdict(True)] * len(exercises.read(source))
    assert blank == [Verdict(None)] * len(right)
