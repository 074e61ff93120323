"""A mirror of a few sentences, and what training reads, made from it."""

import random
from dataclasses import replace

import pytest

from tests.tiny_models import WORDS, tiny_bert, tiny_tokenizer
from tlbook.corpora.running_text import Source
from tlbook.transformer.pocket_bert import preparation
from tlbook.transformer.pocket_bert.run import Plan

BANNED = "The red ship sails in Paris"
SOURCES = (Source("org/prose", "invented", 10_000, repeats=2), Source("org/notes", "invented", 10))
PLAN = Plan(
    tokens=900,
    layers=(0, 1),
    width=5,
    matched=(1, 2),
    batch_tokens=90,
    learning_rate=0.01,
    decay=0.5,
)
SHORT = replace(PLAN, tokens=250)


def sentences(count, seed=0):
    draw = random.Random(seed)
    words = [word for word in WORDS if word.isalpha()]
    return [" ".join(draw.choices(words, k=draw.randint(5, 9))) + "." for _ in range(count)]


@pytest.fixture
def prepared(small_mirror, tmp_path):
    """Return a folder with text that is ready for training."""
    prose = sentences(120)
    small_mirror("org/prose", text=[" ".join(prose[i : i + 6]) for i in range(0, 120, 6)])
    small_mirror("org/notes", text=sentences(6, seed=1))
    small_mirror("org/judged", "test", text=[BANNED])
    folder = tmp_path / "run"
    preparation.prepare(
        folder,
        tiny_tokenizer().backend_tokenizer,
        sources=SOURCES,
        held_out=["org/judged"],
        size=20,
    )
    return folder


@pytest.fixture
def teacher():
    return tiny_bert()
