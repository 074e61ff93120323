"""The first page shows the map and leads to every lesson."""

import re
from dataclasses import replace

import pytest

from tlbook import figures
from tlbook.workbook.book import front


def test_it_lists_each_lesson_with_question_and_time_under_its_part(strange):
    page = front.page([strange], terms=40)
    assert page.file == "index.html"
    assert "Part 2 · Transformer" in page.body
    assert '<a href="24_bert_finetuning.html">24 · A &lt; B</a>' in page.body
    assert "25 min to read, 75 s to run" in page.body
    assert "40 words" in page.body


@pytest.mark.parametrize(
    ("name", "part", "heading"),
    [
        ("00_start_here", "", "Before part 1"),
        ("90_scoreboard", "", "After the parts"),
        ("51_mass", "5_seq2seq", "Part 5 · Seq2seq"),
    ],
)
def test_lessons_stand_under_their_part(name, part, heading, strange):
    lesson = replace(strange, path=strange.path.with_name(f"{name}.ipynb"), part=part)
    assert front.part_of(lesson) == heading


def test_a_lesson_that_tells_no_time_has_none():
    assert front.time_of("# 24\n\n**Question.** Why?") == ""


def test_the_map_says_in_words_all_that_is_drawn():
    words = re.search('aria-label="([^"]+)"', front.map_drawing())[1]
    for title, names in figures.TAXONOMY.values():
        assert title in words
        assert all(name in words for name in names)
    assert all(stage in words for stage, _ in figures.PIPELINE)


def test_the_map_is_painted_in_the_pages_colours_and_names_no_host():
    svg = front.map_drawing()
    assert svg.startswith('<svg role="img"')
    assert not re.search("#[0-9a-f]{6}", svg, re.IGNORECASE)
    addresses = set(re.findall(r"https?://[^\"' ]+", svg))
    assert addresses <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
