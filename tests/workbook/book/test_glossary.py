"""The glossary is true: every term occurs in the lesson it names, and every lesson is named."""

import re
from pathlib import Path

import pytest

from tlbook.papers import PAPERS
from tlbook.workbook import lessons
from tlbook.workbook.book import glossary
from tlbook.workbook.book.glossary import Term

ROOT = Path(__file__).parents[3]
TERMS = glossary.terms()
LESSONS = {lesson.name: lesson for lesson in lessons.find([ROOT / "notebooks"])}


@pytest.mark.parametrize("term", TERMS, ids=lambda term: term.anchor)
def test_a_term_occurs_in_the_lesson_it_names(term):
    if term.lesson not in LESSONS and term.lesson.partition("_")[2] in PAPERS:
        pytest.skip(f"lesson {term.lesson} is not written yet; its terms are left out of the book")
    assert term.lesson in LESSONS, f"there is no lesson {term.lesson}"
    assert glossary.occurs(term, LESSONS[term.lesson].path), f"{term.lesson} never says {term.term}"


@pytest.mark.parametrize("name", LESSONS)
def test_every_lesson_gives_the_glossary_a_term(name):
    assert [one for one in TERMS if one.lesson == name], f"name a term of {name} in glossary.csv"


def test_there_are_about_forty_terms_or_more():
    assert len(TERMS) >= 40


@pytest.mark.parametrize("term", TERMS, ids=lambda term: term.anchor)
def test_a_term_is_told_in_one_sentence_and_named_in_chinese(term):
    assert re.search(r"[\u4e00-\u9fff]", term.chinese)
    assert term.sentence[0].isupper()
    assert re.findall(r"\.(?= |$)", term.sentence) == ["."]
    assert term.sentence.endswith(".")


def test_a_term_may_have_an_ending_and_stand_on_two_lines_but_is_a_whole_word(make_notebook):
    path = make_notebook("24_b", "# The *warm-up*\nTwo word\npieces. A header, no headline.")
    found = {word: glossary.occurs(Term(word, "", "", ""), path) for word in ("word piece", "head")}
    assert found == {"word piece": True, "head": False}


def test_terms_stand_in_alphabetical_order_whatever_their_case():
    assert [one.term for one in TERMS] == sorted((one.term for one in TERMS), key=str.lower)


@pytest.mark.parametrize(
    ("rows", "message"),
    [("rank,秩,How.,a\nRank,秩,How.,a", "stands twice"), ("rank,,How.,a", "incomplete")],
)
def test_a_bad_entry_is_named(rows, message, tmp_path):
    file = tmp_path / "words.csv"
    file.write_text(f"term,chinese,sentence,lesson\n{rows}\n")
    with pytest.raises(ValueError, match=f"words.csv.*{message}"):
        glossary.terms(file)


def test_a_book_without_a_lesson_leaves_its_terms_out(strange):
    kept = glossary.of([strange], TERMS)
    assert {one.lesson for one in kept} == {"24_bert_finetuning"}


def test_the_page_leads_from_a_term_to_its_lesson():
    page = glossary.page([Term("A & B", "甲乙", "Both.", "24_b")])
    assert '<dt id="a-b">A &amp; B <span lang="zh-Hans">甲乙</span></dt>' in page.body
    assert '<a href="24_b.html">Lesson 24</a>' in page.body
