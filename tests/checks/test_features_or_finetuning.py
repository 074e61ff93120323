"""Lesson 26's checks pass right answers and give each common mistake its own hint."""

import math

import pytest

from tlbook.checks.features_or_finetuning import check_shares, check_shortcut, check_stored_bytes


@pytest.fixture(autouse=True)
def lenient(monkeypatch):
    monkeypatch.delenv("TLBOOK_STRICT", raising=False)


@pytest.mark.parametrize(
    "answer", [[math.log(2), 0.0, 0.0], [0.0, -math.log(2), -math.log(2)], (5.693, 5.0, 5.0)]
)
def test_shares_accept_every_shift_of_the_right_weights(answer):
    assert check_shares(answer).right


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        ([0.5, 0.25, 0.25], "these are the shares"),
        ([0.0, 0.0, math.log(2)], "another order"),
        ([0.0, math.log(2), 0.0], "another order"),
        ([2.0, 1.0, 1.0], "log 2 more"),
        ([math.log(2), 0.0], "three numbers"),
    ],
)
def test_shares_hint_at_the_mistake(answer, hint):
    verdict = check_shares(answer)
    assert not verdict.right
    assert hint in verdict.hint


def test_stored_bytes_accepts_the_right_answer():
    assert check_stored_bytes(lambda t, e, h: (4 * (e + t * h), 4 * t * (e + h))).right


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda t, e, h: (e + t * h, t * (e + h)), "4 bytes"),
        (lambda t, e, h: (4 * t * (e + h), 4 * t * (e + h)), "count it once"),
        (lambda t, e, h: (4 * (e + t * h), 4 * (e + t * h)), "keeps its own"),
        (lambda t, e, h: (4 * (e + t * h), 4 * t * e), "head of its own"),
        (lambda t, e, h: (4 * (e + h), 4 * t * (e + h)), "a head per task"),
        (lambda t, e, h: (1, 2, 3), "two numbers"),
    ],
)
def test_stored_bytes_hints_at_the_mistake(answer, hint):
    verdict = check_stored_bytes(answer)
    assert not verdict.right
    assert hint in verdict.hint


def test_shortcut_accepts_the_right_answer():
    def answer(states, shares, gamma, weight, bias):
        logits = states @ weight.T
        return gamma * (shares[:, None] * logits).sum(1) + bias

    assert check_shortcut(answer).right


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda s, p, g, w, b: g * p[:, None] * (s @ w.T) + b, "sum over the layers"),
        (lambda s, p, g, w, b: (p[:, None] * (s @ w.T)).sum(1) + b, "gamma is missing"),
        (lambda s, p, g, w, b: g * (p[:, None] * (s @ w.T + b)).sum(1), "add the bias last"),
        (lambda s, p, g, w, b: (g * p[:, None] * (s @ w.T) + b).sum(1), "once per layer"),
        (lambda s, p, g, w, b: g * (s @ w.T).mean(1) + b, "by their shares"),
        (lambda s, p, g, w, b: g * (p[:, None] * (s @ w.T)).sum(1), "logits of each layer first"),
    ],
)
def test_shortcut_hints_at_the_mistake(answer, hint):
    verdict = check_shortcut(answer)
    assert not verdict.right
    assert hint in verdict.hint


@pytest.mark.parametrize("check", [check_shares, check_shortcut, check_stored_bytes])
def test_no_answer_is_neither_right_nor_wrong(check):
    assert check(...).right is None
