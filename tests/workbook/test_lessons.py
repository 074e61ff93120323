"""Lessons are found in reading order, and a wrong place is named."""

import pytest
from nbformat import v4

from tlbook.workbook import lessons


def test_lessons_come_in_the_order_of_their_numbers_wherever_they_lie(make_notebook, tmp_path):
    for name, part in (("90_scoreboard", ""), ("24_b", "2_transformer"), ("00_a", "")):
        make_notebook(name, "# title", part=part)
    make_notebook("11_c", "# title", part="1_recurrent")
    found = lessons.find([tmp_path / "notebooks"])
    assert [lesson.name for lesson in found] == ["00_a", "11_c", "24_b", "90_scoreboard"]
    assert [lesson.part for lesson in found] == ["", "1_recurrent", "2_transformer", ""]


def test_a_lesson_named_twice_is_found_once(make_notebook):
    path = make_notebook("24_b", "# title")
    assert len(lessons.find([path, path.parent])) == 1


def test_saved_checkpoints_are_no_lessons(make_notebook, tmp_path):
    make_notebook("24_b", "# title")
    make_notebook("24_b-checkpoint", "# title", part=".ipynb_checkpoints")
    assert [lesson.name for lesson in lessons.find([tmp_path / "notebooks"])] == ["24_b"]


def test_two_lessons_of_one_name_are_refused(make_notebook, tmp_path):
    make_notebook("24_b", "# title", part="1_recurrent")
    make_notebook("24_b", "# title", part="2_transformer")
    with pytest.raises(ValueError, match="two lessons have the same name: .*24_b.* and .*24_b"):
        lessons.find([tmp_path / "notebooks"])


def test_a_place_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no lesson at .*elsewhere: there is no such file"):
        lessons.find([tmp_path / "elsewhere"])


def test_an_empty_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no lesson at .*: the folder holds no notebook"):
        lessons.find([tmp_path])


def test_a_file_that_is_no_notebook_is_named(tmp_path):
    path = tmp_path / "notes.ipynb"
    path.write_text("plain words")
    with pytest.raises(ValueError, match=r"notes\.ipynb is not a notebook"):
        lessons.find([path])


@pytest.mark.parametrize(
    "prose",
    [
        "## Question\n\nDoes it\n*help*? Yes.",
        "**Question.** Does it `help`?",
        "**Question** · Does it help?",
        "**Question: Does it help?**",
        "> **Question**\n> Does it help?",
    ],
)
def test_the_question_is_read_however_it_is_set(prose):
    notebook = v4.new_notebook(cells=[v4.new_markdown_cell(prose)])
    assert lessons.question_of(notebook) == "Does it help?"


def test_without_a_heading_the_name_serves_as_the_title(make_notebook):
    assert lessons.read(make_notebook("24_b", "1 + 1")).title == "24_b"
    assert lessons.read(make_notebook("25_c", "# 25 · A *new* title")).title == "25 · A new title"
