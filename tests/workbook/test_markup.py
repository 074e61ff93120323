"""Formulas become MathML, whatever way they are written."""

import pytest
from nbformat.v4 import new_markdown_cell, new_notebook

from tlbook.workbook.markup import CellExporter


def exported(source, **options):
    notebook = new_notebook(cells=[new_markdown_cell(source)])
    return CellExporter(template_name="basic", **options).from_notebook_node(notebook)[0]


def test_a_formula_in_a_sentence_stays_in_it():
    html = exported("Is $a < b$ or not?")
    assert html.count("<math") == 1
    assert 'display="inline"' in html
    assert "$" not in html


@pytest.mark.parametrize(
    "source",
    ["$$a$$", r"\begin{equation}a\end{equation}", "$$\\begin{aligned} x &= 1 \\end{aligned}$$"],
)
def test_a_formula_of_its_own_stands_in_a_box_that_can_scroll(source):
    html = exported(source)
    assert '<span class="formula"><math' in html
    assert 'display="block"' in html
    assert "aligned" not in html


def test_headings_link_to_themselves_unless_told_otherwise():
    assert "anchor-link" in exported("# A")
    assert "anchor-link" not in exported("# A", exclude_anchor_links=True)
