"""Text of a few words, prepared for a run that takes a moment."""

import random
from dataclasses import replace

import pytest

from tlbook.recurrent.elmo.settings import Settings
from tlbook.recurrent.pocket_elmo import preparation
from tlbook.recurrent.pocket_elmo.run import Plan

VOCAB = 12
SETTINGS = Settings(filters=((1, 4), (2, 3)), projection=4, cell=6, highways=1, longest=8)
PLAN = Plan(
    settings=SETTINGS,
    words=1600,
    rows=4,
    span=5,
    common=6,
    sampled=4,
    learning_rate=0.03,
    forgetting=0.1,
)
SHORT = replace(PLAN, words=100)
SOURCES = [{"name": "org/prose", "licence": "invented", "words": 900}]


def passages(count=60, seed=0):
    """Sentences in which each word decides the next."""
    draw = random.Random(seed)
    words = [
        "the",
        "red",
        "ship",
        "sails",
        "to",
        "a",
        "far",
        "port",
        "and",
        "then",
        "home",
        "again",
    ]
    made = []
    for _ in range(count):
        starts = [draw.randrange(len(words) - 4) for _ in range(3)]
        made.append([" ".join(words[start : start + 5]) + "." for start in starts])
    return made


def prose(count=60, seed=0):
    """Sentences of words in any order, hardly two alike."""
    draw = random.Random(seed)
    words = ["the", "red", "ship", "sails", "to", "a", "far", "port", "and", "then", "home"]
    return [" ".join(draw.choices(words, k=7)) + "." for _ in range(count)]


def grams(sentence):
    return {sentence}


@pytest.fixture
def prepared(tmp_path, monkeypatch):
    monkeypatch.setattr(preparation, "SHARE", 0.05)
    folder = tmp_path / "run"
    odd = [[f"word{i} odd."] for i in range(9)]
    preparation.prepare(
        folder,
        lambda: [passages(), odd],
        grams=lambda sentence: {sentence} if "odd" in sentence else set(),
        wanted={"sources": SOURCES, "sets": ["org/judged"]},
        vocab=VOCAB,
    )
    return folder
