"""Every lesson keeps to the anatomy, so that a reader who knows one finds the way in all.

The notebooks outside the eight parts (00_start_here and those from 90 on) teach no single paper:
they may be shorter, and need no paper, no prediction and no standalone cell.
"""

import re
import symtable
from pathlib import Path
from statistics import median

import nbformat
import pytest

from tlbook.papers import PAPERS
from tlbook.workbook import lessons, recording, snapshots

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").rglob("*.ipynb"))
LESSONS = [path for path in NOTEBOOKS if re.match(r"[1-8]_", path.parent.name)]
SECTIONS = (
    *("question", "predict|guess", "settings", "by hand", "experiment", "results", "paper found"),
    *("take it with you", "exercises"),
)

every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
every_lesson = pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)


def cells_of(path, kind):
    return [c for c in nbformat.read(path, as_version=4).cells if c.cell_type == kind]


def tagged(path, tag):
    return [c for c in cells_of(path, "code") if tag in c.metadata.get("tags", [])]


def plain(path):
    """Code cells that a reader works through: all but the one to carry away."""
    return [c for c in cells_of(path, "code") if "standalone" not in c.metadata.get("tags", [])]


def words_in(prose):
    """Count words as read: without code, formulas, tables, drawings and addresses of links."""
    for not_read in (r"```.*?```", r"\$\$.*?\$\$", r"<svg.*?</svg>", r"<[^>]+>", r"\]\([^)]*\)"):
        prose = re.sub(not_read, " ", prose, flags=re.DOTALL)
    rows = [line for line in prose.splitlines() if not line.lstrip().startswith("|")]
    return len([word for word in " ".join(rows).split() if re.search(r"\w", word)])


def test_words_are_counted_as_read():
    prose = "Two *words*.\n\n| a | table |\n\n```\nand code\n```\n[a link](https://example.org/x)"
    assert words_in(prose) == 4


@every_lesson
def test_a_lesson_has_30_to_45_cells(path):
    assert 30 <= len(nbformat.read(path, as_version=4).cells) <= 45


@every_notebook
def test_no_notebook_is_longer_than_a_lesson(path):
    assert len(nbformat.read(path, as_version=4).cells) <= 45


@every_notebook
def test_code_cells_are_short(path):
    lengths = [len(cell.source.splitlines()) for cell in plain(path)]
    assert max(lengths) <= 20
    assert median(lengths) <= 6


@every_notebook
def test_prose_cells_hold_at_most_110_words(path):
    long = {c.source[:40]: words_in(c.source) for c in cells_of(path, "markdown")}
    assert not {start: count for start, count in long.items() if count > 110}


@every_notebook
def test_prose_stands_between_code(path):
    kinds = "".join(c.cell_type[0] for c in nbformat.read(path, as_version=4).cells)
    assert "ccc" not in kinds, f"three code cells in a row at cell {kinds.index('ccc') + 1}"


@every_notebook
def test_one_cell_holds_the_settings(path):
    assert len(tagged(path, "parameters")) == 1


@every_lesson
def test_one_cell_can_be_carried_away(path):
    (cell,) = tagged(path, "standalone")
    # Runs of ours pass over it; in JupyterLab "Run All" goes on below it without the reader's file.
    assert {"skip-execution", "raises-exception"} <= set(cell.metadata["tags"])


@every_notebook
def test_it_asks_one_question(path):
    assert lessons.read(path).question


@every_notebook
def test_an_answer_takes_no_name_from_the_lesson(path):
    """Functions of a panel, called after "Run All", would find the answer under that name."""
    made = {True: set(), False: set()}
    for cell in plain(path):
        symbols = symtable.symtable(cell.source, cell.id, "exec").get_symbols()
        names = {one.get_name() for one in symbols if one.is_assigned() or one.is_imported()}
        made[cell.id.startswith("answer-")] |= names
    assert not made[True] & made[False]


@every_lesson
def test_the_sections_stand_in_their_order(path):
    heads = re.findall(
        r"^#+ .+$|\*\*[^*]+\*\*",
        "\n".join(c.source for c in cells_of(path, "markdown")),
        re.MULTILINE,
    )
    places = []
    for section in SECTIONS:
        found = [n for n, head in enumerate(heads) if re.search(section, head, re.IGNORECASE)]
        assert found, f"no heading and no bold word says {section!r}"
        places.append(found)
    assert places[0][0] < places[2][-1] < places[-1][-1]


@every_lesson
def test_it_names_its_paper_and_its_module(path):
    prose = "\n".join(c.source for c in cells_of(path, "markdown"))
    slug = path.stem.split("_", 1)[1]
    assert PAPERS[slug].url in prose
    assert f"tlbook/{path.parent.name.split('_', 1)[1]}/{slug}" in prose


@every_notebook
def test_it_says_first_how_long_it_takes(path):
    prose = "\n".join(c.source for c in cells_of(path, "markdown")[:2])
    assert re.search(r"\d+ min", prose)
    assert re.search(r"\d+ s(ec|\b)", prose)


@every_notebook
def test_it_prints_its_seconds(path):
    assert any("runtime.seconds()" in cell.source for cell in cells_of(path, "code"))


@every_notebook
def test_every_figure_has_a_text_alternative(path):
    code = "\n".join(cell.source for cell in plain(path))
    assert len(re.findall(r"plt\.(?:subplots|figure)\(", code)) <= len(re.findall(r"alt=", code))
    for cell in cells_of(path, "code"):
        for output in cell.outputs:
            assert "image/png" not in output.get("data", {}), "show it with figures.show"
            html = "".join(output.get("data", {}).get("text/html", ""))
            assert not re.search(r"<img(?![^>]*\balt=.[^\"'>])", html)


@every_notebook
def test_no_output_is_an_error(path):
    notebook = nbformat.read(path, as_version=4)
    assert not snapshots.hidden_errors(notebook)
    for cell in cells_of(path, "code"):
        assert not [output for output in cell.outputs if output.output_type == "error"]
        assert "Traceback" not in str(cell.outputs)


@every_notebook
def test_only_what_is_to_be_kept_is_kept(path):
    notebook = nbformat.read(path, as_version=4)
    recording.kept_outputs(notebook)
    assert recording.stripped(notebook) == notebook, "make fix clears the rest"


@every_notebook
def test_it_installs_nothing(path):
    for cell in cells_of(path, "code"):
        assert not re.search(r"^\s*[!%]|\bpip install\b", cell.source, re.MULTILINE)
