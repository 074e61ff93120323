"""Cards and index count the rows that ship."""

import re
from collections import Counter

import pytest

from tlbook.corpora import embedded
from tlbook.corpora.cards import card, labels_of, summary
from tlbook.corpora.shipped import CORPORA
from tlbook.corpora.splits import SPLITS


@pytest.mark.parametrize("name", CORPORA)
def test_the_card_counts_the_rows_that_ship(name):
    corpus, rows = CORPORA[name], embedded.rows(name)
    text = (embedded.FOLDER / name / "CARD.md").read_text(encoding="utf-8")
    found = re.findall(r"^\| (.+) \| (\d+) \| (\d+) \| (\d+) \|$", text, flags=re.MULTILINE)
    counts = {label: tuple(map(int, numbers)) for label, *numbers in found}
    per_split = Counter(row["split"] for row in rows)
    assert counts.pop("rows") == tuple(per_split[split] for split in SPLITS)
    if corpus.label not in (None, "polarity"):
        labels = Counter((row[corpus.label], row["split"]) for row in rows)
        expected = {label for label, _ in labels}
        assert counts == {
            label: tuple(labels[label, split] for split in SPLITS) for label in expected
        }
    if corpus.label == "polarity":
        stars = Counter((row["stars"], row["split"]) for row in rows)
        for label, kept in {"negative": (1, 2), "positive": (4, 5)}.items():
            assert counts[label] == tuple(sum(stars[n, split] for n in kept) for split in SPLITS)
    assert "CC BY 4.0" in text
    assert text == card(name, corpus, rows)


def test_the_index_counts_the_rows_that_ship():
    index = embedded.index()
    assert list(index) == list(CORPORA)
    for name, entry in index.items():
        entry.pop("sha256")
        assert entry == summary(CORPORA[name], embedded.rows(name))


def test_every_card_names_its_limits_columns_and_licence():
    for name, corpus in CORPORA.items():
        text = (embedded.FOLDER / name / "CARD.md").read_text(encoding="utf-8")
        assert all(limit in text for limit in corpus.limits)
        assert all(f"`{column}`" in text for column in embedded.index()[name]["columns"])
        assert "by the tlbook authors" in text


def test_tags_are_counted_one_a_token():
    row = {"upos": ["DET", "NOUN"], "ner_tags": ["O", "O"]}
    assert labels_of(CORPORA["tagged"], row) == ["DET", "NOUN", "O", "O"]
