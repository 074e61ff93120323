"""Lesson 13's checks pass right answers and give each common mistake its own hint."""

import math

import numpy as np
import pytest
import torch

from tlbook.checks.elmo import check_perplexity, check_sense, check_touched
from tlbook.recurrent.elmo import BiLM
from tlbook.recurrent.elmo.settings import Settings


@pytest.fixture(autouse=True)
def lenient(monkeypatch):
    monkeypatch.delenv("TLBOOK_STRICT", raising=False)


def touched(length, place):
    return list(range(place, length)), list(range(place + 1))


def touched_by_trying(length, place):
    """Change the word, and see."""
    bilm = BiLM(Settings(filters=((2, 32),), projection=8, cell=32))
    words = [f"word{number}" for number in range(length)]
    changed = [*words[:place], "other", *words[place + 1 :]]
    before, after = bilm.embed([words, changed])
    moved = abs(before[1] - after[1]).reshape(length, 2, 8).max(-1) > 0
    return np.flatnonzero(moved[:, 0]), np.flatnonzero(moved[:, 1])


@pytest.mark.parametrize(
    "answer", [touched, touched_by_trying, lambda n, p: (range(p, n), set(range(p + 1)))]
)
def test_touched_accepts_the_right_answer_however_it_is_found(answer):
    torch.manual_seed(0)
    for _ in range(5):
        verdict = check_touched(answer)
        assert verdict.right, verdict.hint


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda n, p: touched(n, p)[::-1], "changed places"),
        (lambda n, p: ([*range(n)], [*range(n)]), "one side of its word"),
        (lambda n, p: ([*range(p + 1, n)], [*range(p)]), "its own word as well"),
        (lambda n, p: ([*range(p, n)], [*range(p)]), "its own word as well"),
        (lambda n, p: ([*range(p + 1, n + 1)], [*range(1, p + 2)]), "has place 0"),
        (lambda n, p: ([p], [p]), "carried on"),
        (lambda n, p: ([*range(p, n)], [p]), "read from its end"),
        (lambda n, p: [*range(p, n)], "two lists"),
        (lambda n: 5, "two lists"),
    ],
)
def test_touched_hints_at_the_mistake(answer, hint):
    verdict = check_touched(answer)
    assert not verdict.right
    assert hint in verdict.hint


@pytest.mark.parametrize(
    "answer",
    [
        lambda text: math.exp(sum(map(sum, text)) / sum(map(len, text))),
        lambda text: np.exp(np.mean(np.concatenate(text))),
        lambda text: torch.tensor(sum(text, [])).double().mean().exp(),
    ],
)
def test_perplexity_accepts_the_right_answer_however_it_is_written(answer):
    for _ in range(5):
        verdict = check_perplexity(answer)
        assert verdict.right, verdict.hint


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda text: np.concatenate(text).mean(), "that is the loss in nats"),
        (lambda text: 2 ** np.concatenate(text).mean(), "not to 2"),
        (lambda text: math.exp(sum(map(sum, text))), "divide by the number of words"),
        (lambda text: np.mean([np.exp(np.mean(s)) for s in text]), "perplexities is larger"),
        (lambda text: np.exp(np.mean([np.mean(s) for s in text])), "counts more than a short"),
        (lambda text: np.exp(np.concatenate(text)).mean(), "the mean of 1 / p"),
        (lambda text: np.exp(-np.concatenate(text).mean()), "e to the mean loss"),
        (lambda text: [np.exp(np.mean(s)) for s in text], "one number"),
    ],
)
def test_perplexity_hints_at_the_mistake(answer, hint):
    verdict = check_perplexity(answer)
    assert not verdict.right
    assert hint in verdict.hint


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def by(likeness, of=np.mean):
    """An answer that takes the largest likeness to something made of each sense's states."""

    def answer(states, senses, asked):
        names = np.unique(senses)
        centres = np.stack([of(states[senses == name], axis=0) for name in names])
        return names[likeness(asked, centres).argmax(1)]

    return answer


def cosine(asked, centres):
    return unit(asked) @ unit(centres).T


def one_by_one(states, senses, asked):
    centres = {s: torch.tensor(states[senses == s]).mean(0) for s in set(senses.tolist())}
    like = lambda one, other: torch.cosine_similarity(torch.tensor(one), other, dim=0)
    return [max(centres, key=lambda sense, one=one: like(one, centres[sense])) for one in asked]


@pytest.mark.parametrize("answer", [by(cosine), by(cosine, of=np.sum), one_by_one])
def test_sense_accepts_the_right_answer_however_it_is_written(answer):
    for _ in range(5):
        verdict = check_sense(answer)
        assert verdict.right, verdict.hint


def place_not_sense(states, senses, asked):
    return np.searchsorted(np.unique(senses), by(cosine)(states, senses, asked))


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (place_not_sense, "the sense itself"),
        (lambda states, senses, asked: np.full(len(asked), 5), "stand in senses"),
        (
            lambda states, senses, asked: senses[cosine(asked, states).argmax(1)],
            "the nearest single word",
        ),
        (by(lambda asked, centres: asked @ centres.T), "win by its length"),
        (by(lambda asked, centres: asked @ centres.T, of=np.sum), "win by its length"),
        (
            by(lambda asked, centres: -np.linalg.norm(asked[:, None] - centres, axis=2)),
            "only the direction counts",
        ),
        (by(lambda asked, centres: -cosine(asked, centres)), "far away"),
        (lambda states, senses, asked: np.full(len(asked), senses[0]), "the largest cosine"),
        (lambda states, senses, asked: senses, "one sense for each"),
    ],
)
def test_sense_hints_at_the_mistake(answer, hint):
    verdict = check_sense(answer)
    assert not verdict.right
    assert hint in verdict.hint


@pytest.mark.parametrize("check", [check_touched, check_perplexity, check_sense])
def test_no_answer_is_neither_right_nor_wrong(check):
    assert check(...).right is None
