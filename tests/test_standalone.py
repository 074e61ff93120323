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


def readers_csv(path, rows=80):
    """Write invented reviews with the columns that the cell's first lines name."""
    draw = random.Random(0)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        for row in range(rows):
            good = row % 2 == 0
            text = ". ".join(draw.choices(GOOD if good else BAD, k=2))
            writer.writerow([text, "good" if good else "bad"])


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


@pytest.mark.slow
@every_cell
def test_it_runs_alone_on_the_readers_csv(name, tmp_path):
    readers_csv(tmp_path / "reviews.csv")
    (tmp_path / "cell.py").write_text(with_pocket(name), encoding="utf-8")
    ended = subprocess.run(
        [sys.executable, "-W", "error::SyntaxWarning", "cell.py"],
        cwd=tmp_path,
        env=os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "hub")},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    assert ended.stdout.strip(), "it tells the reader nothing"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:LSTM with projections")  # torch says that it is slower
def test_elmo_by_hand_gives_the_layers_of_the_bilm():
    cell = {}
    exec(with_pocket("13_elmo").partition("\nrows = load_dataset")[0], cell)
    words = ["Ada", "sat", "on", "the", "bank", "of", "an", "unpronounceableriverwithnoend", "."]
    with torch.inference_mode():
        found = cell["elmo"](words).numpy()
    np.testing.assert_allclose(found, shipped.load().embed([words])[0], rtol=0, atol=1e-5)
