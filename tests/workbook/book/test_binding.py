"""The book is whole: all its pages, no link that leads nowhere, the notebooks beside them."""

import re
from html.parser import HTMLParser

import nbformat
import pytest

from tlbook.workbook import executed, lessons, session
from tlbook.workbook.book import binding
from tlbook.workbook.execution import Run


@pytest.fixture
def bound(strange, make_notebook, tmp_path):
    """Return a book of two lessons."""
    make_notebook("00_start_here", "# 00 · Start", "print('hello')")
    chosen = lessons.find([tmp_path / "notebooks"])
    return binding.bind(chosen, out=tmp_path / "book", runs={}).parent


class Links(HTMLParser):
    """Collects ids and links of a page."""

    def __init__(self, html):
        super().__init__()
        self.ids, self.links = [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.ids += [given["id"]] if "id" in given else []
        self.links += [given["href"]] if tag == "a" else []


def test_the_book_holds_a_page_for_each_lesson_and_three_more(bound):
    assert {path.name for path in bound.glob("*.html")} == {
        *("index.html", "00_start_here.html", "24_bert_finetuning.html"),
        *("results.html", "glossary.html"),
    }


def test_every_link_inside_the_book_leads_somewhere(bound):
    pages = {path.name: Links(path.read_text()) for path in bound.glob("*.html")}
    for name, page in pages.items():
        for link in page.links:
            file, _, anchor = link.partition("#")
            if not re.match("https?:", link):
                assert (bound / (file or name)).exists(), f"{name}: {link}"
                assert not anchor or anchor in pages[file or name].ids, f"{name}: {link}"


def test_no_id_stands_twice_on_a_page(bound):
    for path in bound.glob("*.html"):
        ids = Links(path.read_text()).ids
        assert len(ids) == len(set(ids)), path.name


def test_notebooks_and_rows_lie_beside_the_pages_as_they_are(bound, strange):
    for name in ("24_bert_finetuning.ipynb", "24_bert_finetuning.csv"):
        assert (bound / "notebooks" / name).read_bytes() == (
            strange.path.with_name(name).read_bytes()
        )
    assert 'href="notebooks/24_bert_finetuning.ipynb"' in (
        (bound / "24_bert_finetuning.html").read_text()
    )


def test_a_lesson_names_its_words(bound):
    html = (bound / "24_bert_finetuning.html").read_text()
    assert '<a href="glossary.html#warm-up">warm-up</a>' in html


def test_a_page_that_is_no_longer_of_the_book_goes(bound, strange):
    binding.bind([strange], out=bound, runs={})
    assert not (bound / "00_start_here.html").exists()


def test_a_book_that_cannot_be_bound_leaves_the_old_one(bound, strange):
    strange.path.with_suffix(".csv").write_text("a,b\n1,2\n")
    before = (bound / "results.html").read_bytes()
    with pytest.raises(ValueError, match="has the columns"):
        binding.bind([strange], out=bound, runs={})
    assert (bound / "results.html").read_bytes() == before


def test_a_page_says_where_its_outputs_come_from(strange):
    notebook = nbformat.read(strange.path, 4)
    notebook.metadata[executed.MARK] = {"date": "2026-11-26"}
    run = Run(strange, notebook, 74.0, 1234.0, None)
    told = [
        binding.state(strange, runs) for runs in ({strange.name: run}, {strange.name: None}, {})
    ]
    assert "Executed on 2026-11-26 in 74 s with at most 1,234 MiB" in told[0]
    assert "failed when the book was made" in told[1]
    assert "kept with the lesson" in told[2]


def test_only_lessons_that_are_not_up_to_date_are_run(make_notebook, tmp_path, monkeypatch, capsys):
    for name in ("24_b", "25_c"):
        make_notebook(name, "# A", "1")
    old, new = lessons.find([tmp_path / "notebooks"])
    out, ran = tmp_path / "workbook", []

    def leave(lesson):
        run = Run(lesson, nbformat.read(lesson.path, 4), 1.0, 1.0, None)
        executed.save(out, run, executed.fingerprint(lesson))

    def run(chosen, *, out):
        ran.extend(chosen)
        leave(new)

    leave(old)
    monkeypatch.setattr(session, "run", run)
    runs = binding.up_to_date([old, new], workbook=out)
    assert ran == [new]
    assert all(runs.values())
    assert "1 of 2 lessons are executed and up to date" in capsys.readouterr().out


def test_a_lesson_that_fails_is_known_as_failed(make_notebook, tmp_path, monkeypatch):
    make_notebook("24_b", "# A", "1 / 0")
    monkeypatch.setattr(session, "run", lambda chosen, *, out: 1)
    runs = binding.up_to_date(lessons.find([tmp_path / "notebooks"]), workbook=tmp_path)
    assert runs == {"24_b": None}
