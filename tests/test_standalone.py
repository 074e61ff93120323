"""The cell to carry away does its job alone: no tlbook, an empty namespace, the reader's CSV."""

import csv
import os
import random
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[1]
POCKET = ROOT / "tlbook" / "pocket" / "pocket-bert"
CARRIED = {
    path.stem: cell.source
    for path in sorted((ROOT / "notebooks").rglob("*.ipynb"))
    for cell in nbformat.read(path, as_version=4).cells
    if "standalone" in cell.metadata.get("tags", [])
}
GOOD = ["a warm and witty film", "the battery lasts for days", "friendly staff, wonderful food"]
BAD = ["a dull and endless film", "the battery died in a week", "rude staff, cold and greasy food"]

every_cell = pytest.mark.parametrize("name", CARRIED)


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


@pytest.mark.slow
@every_cell
def test_it_runs_alone_on_the_readers_csv(name, tmp_path):
    readers_csv(tmp_path / "reviews.csv")
    script, replaced = re.subn(
        r"^MODEL = .*$", lambda _: f"MODEL = {str(POCKET)!r}", CARRIED[name], flags=re.MULTILINE
    )
    assert replaced == 1
    (tmp_path / "cell.py").write_text(script, encoding="utf-8")
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
