"""Every page is whole: it names its neighbours, lists all others, and asks for nothing outside."""

import re

import pytest

from tlbook.workbook.book.frame import HERE, Page, document

PAGES = [
    Page("index.html", "Start", '<h1 id="s">Start</h1>'),
    Page(
        "24_b.html",
        "24 · A < B",
        '<h1 id="t">A</h1><h2 id="one">One</h2><h2 id="two">Two</h2><h3 id="three">Three</h3>',
        group="Part 2",
        above="<p>above</p>",
        below="<p>below</p>",
    ),
    Page("glossary.html", "Glossary", '<h1 id="g">G</h1>', group="Beside the lessons"),
]


@pytest.fixture
def html():
    return document(PAGES[1], PAGES, '{"pages":[],"sections":[]}')


def test_a_page_names_the_one_before_and_the_one_after(html):
    assert 'rel="prev" href="index.html"' in html
    assert 'rel="next" href="glossary.html"' in html
    assert '<a rel="prev"' not in document(PAGES[0], PAGES, "{}")
    assert '<a rel="next"' not in document(PAGES[2], PAGES, "{}")


def test_the_contents_list_every_page_and_mark_this_one(html):
    contents = re.search(r"<nav id=.contents..*?</nav>", html, re.DOTALL)[0]
    links = re.findall(r'<a href="([^"]+)"( aria-current="page")?>([^<]+)<', contents)
    assert [file for file, _, _ in links] == [page.file for page in PAGES]
    assert [bool(mark) for _, mark, _ in links] == [False, True, False]
    assert links[1][2] == "24 · A &lt; B"
    assert re.findall("<h2>(.*?)</h2>", contents) == ["Part 2", "Beside the lessons"]


def test_the_outline_lists_the_sections_of_the_second_level(html):
    outline = re.search(r"<aside.*?</aside>", html, re.DOTALL)[0]
    assert re.findall('href="#([^"]+)"', outline) == ["one", "two"]
    assert "<aside" not in document(PAGES[0], PAGES, "{}")


def test_what_stands_above_and_below_frames_the_body(html):
    assert html.index("above") < html.index('id="t"') < html.index("below")


def test_a_page_has_landmarks_and_begins_with_a_way_past_them(html):
    body = html[html.index("<body>") :]
    first = re.search("<(a|button|input)[^>]*>", body)[0]
    assert 'href="#content"' in first
    for landmark in ("<header", '<main id="content"', "<nav", "<footer"):
        assert landmark in body


def test_a_page_asks_for_nothing_and_forbids_it(html):
    assert "default-src 'none'" in html
    assert not re.search(r"""<(script|link|img)[^>]*(src|href)=["'](?!data:)""", html)
    assert not re.search(r"url\(|@import|fetch\(|XMLHttpRequest", html)


@pytest.mark.parametrize("name", ["book.css", "book.js"])
def test_style_and_script_close_no_element(name):
    assert "</" not in (HERE / name).read_text()
