"""The cell to carry away does its job alone: no tlbook, an empty namespace, the reader's CSV.

What runs is the file that `make cells` writes, header included.
"""

import csv
import functools
import os
import random
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from tlbook.recurrent.elmo import shipped
from tlbook.workbook import cells, lessons, lock

ROOT = Path(__file__).parents[1]
POCKET = ROOT / "tlbook" / "pocket"
MODELS = {"13_elmo": "pocket-elmo"}  # lesson -> shipped model; pocket-bert by default
LESSONS = {lesson.name: lesson for lesson in lessons.find([ROOT / "notebooks"])}
CARRIED = {name: cells.source(lesson) for name, lesson in LESSONS.items() if cells.source(lesson)}
GOOD = ["a warm and witty film", "the battery lasts for days", "friendly staff, wonderful food"]
BAD = ["a dull and endless film", "the battery died in a week", "rude staff, cold and greasy food"]

every_cell = pytest.mark.parametrize("name", CARRIED)


@functools.cache
def gathered(name):
    """The text of the file that `make cells` writes."""
    return cells.script(LESSONS[name], lock.pinned(ROOT / "constraints.txt"))


def with_pocket(name):
    """That text, with the model that ships in place of the one it names."""
    model = str(POCKET / MODELS.get(name, "pocket-bert"))
    script, replaced = re.subn(
        r"^MODEL = .*$", lambda _: f"MODEL = {model!r}", gathered(name), flags=re.MULTILINE
    )
    assert replaced == 1
    return script


def readers_csv(path, rows):
    """Write a file with the columns that the cell's first lines name."""
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["text", "label"], *rows])


def reviews(copies=4):
    """Invented reviews as people keep them: some stand twice, one has no label, one no text."""
    pairs = [(kind, one, other) for kind in (GOOD, BAD) for one in kind for other in kind]
    rows = [[f"{one}. {other}", "good" if kind is GOOD else "bad"] for kind, one, other in pairs]
    return [*rows * copies, ["no label", ""], ["", "good"]]


def coin_flips(texts=60, copies=4):
    """Texts with labels that nobody can tell, each several times."""
    draw = random.Random(0)
    words = [*GOOD, *BAD]
    rows = [[" ".join(draw.sample(words, k=4)), draw.choice("ab")] for _ in range(texts)]
    return rows * copies


def ended(name, folder):
    """Run the gathered file of a lesson in a folder."""
    (folder / "cell.py").write_text(with_pocket(name), encoding="utf-8")
    return subprocess.run(
        [sys.executable, "-W", "error::SyntaxWarning", "cell.py"],
        cwd=folder,
        env=os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(folder / "hub")},
        capture_output=True,
        text=True,
        timeout=300,
    )


@every_cell
def test_it_starts_with_what_the_reader_changes(name):
    head = "\n".join(CARRIED[name].splitlines()[:8])
    assert re.search(r'^CSV = "reviews\.csv"', head, re.MULTILINE)
    assert re.search(r'^TEXT, LABEL = "text", "label"', head, re.MULTILINE)
    assert re.search(r'^MODEL = "[\w./-]+"', head, re.MULTILINE)


@every_cell
def test_it_knows_nothing_of_tlbook(name):
    assert "tlbook" not in CARRIED[name]


@every_cell
def test_the_gathered_file_is_a_header_and_this_cell(name):
    header, _, code = gathered(name).partition("\n\n")
    assert code == CARRIED[name] + "\n"
    assert all(line.startswith("#") for line in header.splitlines())


def test_the_readme_shows_each_cell_once():
    shown = re.findall(r"python build/cells/(\w+)\.py", (ROOT / "README.md").read_text())
    assert len(shown) >= 3
    assert sorted(shown) == sorted(LESSONS[name].slug for name in CARRIED)


def said(name, folder, rows):
    """Run it on these rows to a good end; return what it printed."""
    readers_csv(folder / "reviews.csv", rows)
    run = ended(name, folder)
    assert run.returncode == 0, run.stderr[-3000:]
    return run.stdout


@pytest.mark.slow
@every_cell
def test_it_runs_alone_on_the_readers_csv(name, tmp_path):
    assert re.search(r"accuracy .*\d", said(name, tmp_path, reviews())), "it tells nothing"
    assert not list(tmp_path.glob("*.partial"))


@pytest.mark.slow
@every_cell
def test_no_text_stands_on_both_sides_of_its_split(name, tmp_path):
    printed = said(name, tmp_path, coin_flips())
    score = re.search(r"accuracy (?:on \d+ held-out texts: )?([01]\.\d+)", printed)
    assert float(score[1]) < 0.9, "it knows the answers to coin flips"


def reading(name):
    """The lines of a cell that read the reader's file."""
    return CARRIED[name].partition("\nrows = ")[2].partition("{names}")[0]


@every_cell
def test_every_cell_reads_the_file_alike(name):
    assert reading(name) == reading("00_start_here")


@pytest.mark.slow
def test_what_cannot_be_learned_from_is_refused_with_the_files_name(tmp_path):
    readers_csv(tmp_path / "reviews.csv", [["one text", "good"]] * 9)
    run = ended("00_start_here", tmp_path)
    assert run.returncode == 1
    assert "reviews.csv needs two labels and six different texts, it has ['good']" in run.stderr


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:LSTM with projections")  # torch says that it is slower
def test_elmo_by_hand_gives_the_layers_of_the_bilm():
    cell = {}
    exec(with_pocket("13_elmo").partition("\nrows = Dataset")[0], cell)
    words = ["Ada", "sat", "on", "the", "bank", "of", "an", "unpronounceableriverwithnoend", "."]
    with torch.inference_mode():
        found = cell["elmo"](words).numpy()
    np.testing.assert_allclose(found, shipped.load().embed([words])[0], rtol=0, atol=1e-5)
