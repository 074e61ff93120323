"""The instructor's page tells of each lesson what its notebook says, and nothing else."""

from pathlib import Path

import nbformat
import pytest
from nbformat import v4

from tlbook.workbook import __main__ as command
from tlbook.workbook import lessons, teaching

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "notebooks" / "TEACHING.md"
LESSONS = lessons.find([ROOT / "notebooks"])
START = """\
# 24 · A title

**Part 2** · needs 00, 13 · 25 min to read, 70 s to run

After this lesson you can
1. do one thing;
2. do another.

And more.
"""
EMPTY = (
    "before\n<!-- lessons -->\nold\n<!-- end of lessons -->\nbetween\n"
    "<!-- points -->\n<!-- end of points -->\nafter\n"
)

every_lesson = pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)


@pytest.fixture
def lesson(tmp_path):
    """A lesson with two exercises, of one point and of half a point."""
    cells = [v4.new_markdown_cell(START)]
    for number, worth in ((1, 1), (2, 0.5)):
        marks = {"solution": True, "grade": False, "grade_id": f"x-{number}"}
        check = {"solution": False, "grade": True, "grade_id": f"check-{number}", "points": worth}
        cells += [
            v4.new_markdown_cell(f"**{number}. Recall.** Say it."),
            v4.new_code_cell("x = 1", metadata={"nbgrader": marks}),
            v4.new_code_cell("check(x)", metadata={"nbgrader": check}),
        ]
    path = tmp_path / "2_transformer" / "24_b.ipynb"
    path.parent.mkdir()
    nbformat.write(v4.new_notebook(cells=cells), path)
    return lessons.read(path)


@every_lesson
def test_the_page_tells_what_the_lesson_says(lesson):
    page = PAGE.read_text(encoding="utf-8")
    told = "notebooks/TEACHING.md is older than the lesson: make fix renews it"
    assert teaching.goals(lesson) in page, told
    assert teaching.points(lesson) in page, told


@every_lesson
def test_every_timetable_of_weeks_has_its_lesson(lesson):
    weeks = PAGE.read_text(encoding="utf-8").split("\n## ")
    for title in ("Six weeks", "Twelve weeks"):
        (table,) = [part for part in weeks if part.startswith(title)]
        assert f"| {lesson.name.partition('_')[0]} |" in table, f"{title}: give it a week"


@every_lesson
def test_a_lesson_says_what_it_needs_how_long_it_takes_and_what_it_teaches(lesson):
    told = teaching.goals(lesson)
    assert " · needs " in told
    assert " min to read · " in told
    assert "\n1. " in told


def test_goals_and_prerequisites_come_from_the_first_cell(lesson):
    assert teaching.goals(lesson) == (
        "**[24 · A title](2_transformer/24_b.ipynb)** · needs 00, 13 · 25 min to read · "
        "1.5 points\n\n1. do one thing;\n2. do another.\n"
    )


def test_points_come_from_the_metadata_with_their_sum(lesson):
    assert teaching.points(lesson).splitlines() == [
        "| 24 | 1. Recall | `check-1` | 1 |",
        "| 24 | 2. Recall | `check-2` | 0.5 |",
        "| **24** | **all** | | **1.5** |",
    ]


def test_only_the_blocks_are_written_and_once(lesson, tmp_path):
    page = tmp_path / "TEACHING.md"
    page.write_text(EMPTY)
    assert teaching.renew(page, [lesson])
    text = page.read_text()
    assert "old" not in text
    assert teaching.goals(lesson) in text
    assert teaching.points(lesson) in text
    assert [text.index(word) for word in ("before", "between", "after\n")] == sorted(
        text.index(word) for word in ("before", "between", "after\n")
    )
    assert not teaching.renew(page, [lesson])
    assert page.read_text() == text


def test_a_missing_block_is_named_and_leaves_the_page(lesson, tmp_path):
    page = tmp_path / "TEACHING.md"
    page.write_text(EMPTY.replace("<!-- end of points -->", ""))
    before = page.read_text()
    with pytest.raises(ValueError, match="TEACHING.md has no <!-- points --> ..."):
        teaching.renew(page, [lesson])
    assert page.read_text() == before


def test_the_command_says_whether_it_changed_the_page(lesson, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(command, "ROOT", tmp_path)
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "TEACHING.md").write_text(EMPTY)
    for word in ("renewed", "is as it should be"):
        assert command.main(["teaching", "--lessons", str(lesson.path)]) == 0
        assert capsys.readouterr().out.endswith(f"TEACHING.md {word}\n")
