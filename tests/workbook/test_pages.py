"""Pages are whole, need no network, and say how a lesson ended."""

import re
from dataclasses import replace

import nbformat
import pandas as pd
import pytest

from tlbook.workbook import lessons, pages
from tlbook.workbook.execution import Failure, Run


@pytest.fixture
def ended(make_notebook):
    """Return a run of a lesson with a formula, a table and code, as if executed."""
    prose = (
        "# 24 · A < B\n\n**Question.** Is $a < b$?\n\n$$\\begin{aligned} x &= 1 \\end{aligned}$$"
    )
    path = make_notebook("24_b", prose, "print('hello')", part="2_transformer")
    return Run(lessons.read(path), nbformat.read(path, 4), 12.34, 1234.5, None)


def test_a_page_asks_no_network(ended):
    html = pages.page(ended, before=None, after=None)
    assert not re.search(r"""(src|href)=["'](https?:)?//""", html)
    assert "<script" not in html
    assert "@import" not in html


def test_formulas_are_drawn_by_the_browser(ended):
    html = pages.page(ended, before=None, after=None)
    assert html.count("<math") == 2
    assert 'display="block"' in html
    assert "$$" not in html
    assert "aligned" not in html


def test_a_page_links_to_its_neighbours_and_the_index(ended):
    other = replace(ended.lesson, path=ended.lesson.path.with_name("25_c.ipynb"), title="25 · C")
    html = pages.page(ended, before=None, after=other)
    assert 'href="index.html"' in html
    assert 'href="25_c.html">25 · C →' in html
    assert "←" not in html


def test_a_failed_lessons_page_leads_to_the_cell(ended):
    failed = replace(ended, failure=Failure(2, "KeyError: '<x>'"))
    html = pages.page(failed, before=None, after=None)
    (anchor,) = re.findall(r'<p class="stopped">.*?href="#([^"]+)"', html)
    assert f'id="{anchor}"' in html
    assert "stopped at cell 2: KeyError: &#x27;&lt;x&gt;&#x27;" in html


def test_the_index_shows_question_time_memory_and_failure(ended, tmp_path):
    runs = pages.remember(tmp_path, replace(ended, failure=Failure(2, "KeyError: 1")))
    other = replace(ended.lesson, path=ended.lesson.path.with_name("25_c.ipynb"), title="25 · C")
    html = pages.index([ended.lesson, other], runs, None)
    assert "Part 2 · transformer" in html
    assert '<a href="24_b.html">24 · A &lt; B</a>' in html
    assert "cell 2: KeyError: 1" in html
    assert "12.3 s · 1,234 MiB" in html
    assert html.count(pages.NOT_RUN) == 1
    assert "25_c.html" not in html


def test_the_index_remembers_lessons_of_earlier_runs(ended, tmp_path):
    other = replace(ended.lesson, path=ended.lesson.path.with_name("25_c.ipynb"))
    pages.remember(tmp_path, ended)
    assert set(pages.remember(tmp_path, replace(ended, lesson=other))) == {"24_b", "25_c"}


def test_the_index_shows_recorded_results(ended):
    table = pd.DataFrame({"method": ["fine-tuning"], "mean": [0.51234]})
    html = pages.index([ended.lesson], {}, table)
    assert "fine-tuning" in html
    assert "0.512<" in html
