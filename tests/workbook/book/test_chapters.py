"""A lesson's cells as a page shows them: solutions folded up, widgets quiet, boxes for the wide."""

import re

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from tlbook.workbook.book import chapters
from tlbook.workbook.execution import Run
from tlbook.workbook.snapshots import VIEW


@pytest.fixture
def html(strange):
    return chapters.body(strange, None)


def test_a_solution_is_folded_up_and_the_place_to_write_is_not(html):
    html = re.sub(r'\b(cell-)?id="?[\w=-]+"?', "", html)  # drawn by chance, of letters and digits
    before, folded = html.split("<details", 1)
    assert "answer" in before
    assert "YOUR CODE HERE" in before
    assert "42" not in before
    assert "42" in folded.split("</details>")[0]
    assert "SOLUTION" not in html


def test_a_widget_is_one_line_that_says_how_to_run_it(html):
    (line,) = re.findall(r'<p class="widget">(.*?)</p>', html)
    assert "<code>make lab</code>" in line
    assert "24_bert_finetuning.ipynb" in line
    assert "Panel()" not in html
    assert "Controls stand here" not in html


def test_a_widget_is_known_by_its_call_where_it_was_not_run(strange):
    notebook = nbformat.read(strange.path, 4)
    for cell in notebook.cells:
        cell.outputs = []
    cells = chapters.prepared(notebook, strange).cells
    assert [cell.metadata.get("widget") is not None for cell in cells].count(True) == 1
    assert cells[6].metadata["widget"]


@pytest.mark.parametrize(
    ("imports", "call"),
    [
        ("from tlbook.widgets import explore", "explore(draw, rank=[1])"),
        ("from tlbook.widgets.lab import Lab as Panel", "panel = Panel(fit)"),
        ("from tlbook import tokens, widgets", "widgets.explore(draw)"),
    ],
)
def test_widgets_are_known_by_any_form_of_import(imports, call, strange):
    cells = [new_code_cell(imports), new_code_cell(call), new_code_cell("tokens.encode(rows)")]
    prepared = chapters.prepared(new_notebook(cells=cells), strange)
    assert ["widget" in cell.metadata for cell in prepared.cells] == [False, True, False]


def test_a_cell_that_is_no_python_is_shown_all_the_same(strange):
    notebook = new_notebook(cells=[new_code_cell("%timeit x")])
    assert chapters.prepared(notebook, strange).cells[0].source == "%timeit x"


def test_the_notebook_itself_is_not_changed(strange):
    notebook = nbformat.read(strange.path, 4)
    chapters.prepared(notebook, strange)
    assert notebook == nbformat.read(strange.path, 4)
    assert VIEW in notebook.cells[6].outputs[0].data


def test_every_table_can_scroll_in_a_box_of_its_own(html):
    assert html.count("<table") == html.count('<div class="scroll"><table') == 2


def test_question_and_prediction_are_marked(html):
    assert '<p class="question"><strong>Question.' in html
    assert '<p class="predict"><strong>Predict.' in html


def test_what_was_printed_is_shown_as_text(html):
    assert "</script>" not in html
    assert "&lt;/script&gt;&lt;b&gt;" in html


def test_a_run_is_shown_in_place_of_what_is_kept(strange):
    notebook = nbformat.read(strange.path, 4)
    notebook.cells[2].outputs = [nbformat.v4.new_output("stream", text="fresh")]
    html = chapters.body(strange, Run(strange, notebook, 1.0, 1.0, None))
    assert "fresh" in html
    assert "&lt;/script&gt;" not in html
