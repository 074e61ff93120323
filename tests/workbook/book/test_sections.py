"""A page is cut at its headings, and only what a reader reads is searched."""

import json

import pytest

from tlbook.workbook.book.sections import search_index, sections, with_anchors


def test_headings_of_the_same_words_get_ids_of_their_own():
    html = with_anchors("<h2>Results</h2><h2>Results</h2><h3>1 &lt; 2!</h3><h2>…</h2>")
    assert [one.anchor for one in sections(html)] == ["results", "results-2", "1-2", "section"]


def test_a_heading_links_to_itself_without_becoming_part_of_its_words():
    html = with_anchors("<h2>By <em>hand</em></h2>")
    assert 'href="#by-hand"' in html
    assert sections(html)[0].heading == "By hand"


def test_a_section_is_the_text_up_to_the_next_heading():
    one, two = sections('<p>no</p><h1 id="a">A</h1><p>x</p><ul><li>y</li></ul><h2 id="b">B</h2>z')
    assert (one.level, one.anchor, one.heading, one.text) == (1, "a", "A", "x y")
    assert (two.level, two.text) == (2, "z")


@pytest.mark.parametrize(
    "unread",
    [
        '<div class="output">no<div>no</div><p>no<br></div>',
        "<style>no</style>",
        "<math><mi>no</mi></math>",
        '<svg role="img"><text>no</text></svg>',
        "<details><summary>no</summary></details>",
        '<img alt="no">',
    ],
)
def test_outputs_formulas_and_drawings_are_not_searched(unread):
    (one,) = sections(f'<h1 id="a">A</h1><p>yes</p>{unread}<p>and on</p>')
    assert one.text == "yes and on"


def test_code_is_kept_apart_from_prose():
    (one,) = sections('<h1 id="a">A</h1><p>x</p><pre>fit(<b>model</b>)</pre><p>y</p>')
    assert (one.text, one.code) == ("x y", "fit(model)")


def test_terms_of_the_glossary_are_sections():
    one, two = sections('<h1 id="g">G</h1><dl><dt id="rank">rank <i>秩</i></dt><dd>How.</dd></dl>')
    assert (two.anchor, two.heading, two.text) == ("rank", "rank 秩", "How.")


def test_the_index_names_pages_by_their_place_and_ends_no_script():
    html = '<h1 id="a">A &lt;/script&gt;</h1><p>x</p><pre>embed(rows)</pre>'
    text = search_index([("a.html", "A", html), ("b.html", "B", html)])
    assert "</" not in text
    index = json.loads(text)
    assert index["pages"] == [["a.html", "A"], ["b.html", "B"]]
    assert index["sections"][1] == [1, "a", "A </script>", "x", "embed rows"]
