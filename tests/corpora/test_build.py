"""What ships is what was written, and its splits keep together what belongs together."""

import gzip
import os
from collections import Counter
from pathlib import Path

import pytest

from tlbook.corpora import build, embedded
from tlbook.corpora.cards import labels_of
from tlbook.corpora.shipped import CORPORA
from tlbook.corpora.splits import SPLITS, alike, straddling

ROOT = Path(__file__).parents[2]
SOURCES = Path(os.environ.get("TLBOOK_SHARED", ROOT.parent / "shared")) / "corpora"


@pytest.mark.parametrize("name", CORPORA)
def test_no_text_and_none_alike_stands_in_two_splits(name):
    rows = embedded.rows(name)
    splits = [row["split"] for row in rows]
    for texts in build.texts_of(CORPORA[name], rows):
        assert straddling([str(group) for group in alike(texts)], splits) == []


@pytest.mark.parametrize(
    ("name", "column"), [("acceptability", "pair_id"), ("pairs", "premise"), ("faq", "query")]
)
def test_rows_that_belong_together_stay_together(name, column):
    rows = embedded.rows(name)
    assert straddling([str(row[column]) for row in rows], [row["split"] for row in rows]) == []


@pytest.mark.parametrize("name", CORPORA)
def test_shares_of_the_splits_are_70_10_20(name):
    rows = embedded.rows(name)
    counts = Counter(row["split"] for row in rows)
    for split, share in zip(SPLITS, (0.7, 0.1, 0.2), strict=True):
        assert counts[split] / len(rows) == pytest.approx(share, abs=0.01)


@pytest.mark.parametrize("name", [name for name in CORPORA if CORPORA[name].label])
def test_every_class_stands_in_every_split_in_proportion(name):
    corpus, rows = CORPORA[name], embedded.rows(name)
    counts = Counter((label, row["split"]) for row in rows for label in labels_of(corpus, row))
    for label in {label for label, _ in counts}:
        total = sum(counts[label, split] for split in SPLITS)
        assert counts[label, "train"] == pytest.approx(0.7 * total, abs=2 + 0.03 * total)
        assert counts[label, "test"] > 0


def test_building_again_from_the_sources_gives_the_same_bytes(tmp_path):
    if not SOURCES.is_dir():
        pytest.skip(f"the sources are not here: TLBOOK_SHARED names none and no {SOURCES}")
    build.build(SOURCES, tmp_path)
    files = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*.*"))
    shipped = embedded.FOLDER.rglob("*.*")
    assert files == sorted(path.relative_to(embedded.FOLDER) for path in shipped)
    for file in files:
        here, there = ((root / file).read_bytes() for root in (tmp_path, embedded.FOLDER))
        if file.suffix == ".gz":  # another zlib may pack the same bytes differently
            here, there = gzip.decompress(here), gzip.decompress(there)
        assert here == there, file


def test_packing_notes_no_time(tmp_path):
    packed = (embedded.FOLDER / "faq" / "rows.jsonl.gz").read_bytes()
    assert packed[4:8] == bytes(4), "the field of RFC 1952 that holds the time"


def test_an_answer_starts_where_it_first_stands_as_whole_words():
    assert build.answer_start("The mountain of tin and tin.", "tin") == 16
    with pytest.raises(ValueError, match="the answer 'gold' does not stand in"):
        build.answer_start("The mountain of tin.", "gold")


def test_groups_that_meet_in_any_grouping_are_joined():
    assert build.joined([[1, 1, 2, 3, 4], [5, 6, 6, 7, 7]]) == [0, 0, 0, 3, 3]
