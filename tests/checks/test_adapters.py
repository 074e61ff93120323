"""Lesson 31's checks pass right answers and give each common mistake its own hint."""

import pytest
import torch
from torch import nn

from tlbook.checks.adapters import check_count, check_exact_start, check_fold


@pytest.fixture(autouse=True)
def lenient(monkeypatch):
    monkeypatch.delenv("TLBOOK_STRICT", raising=False)


def test_count_accepts_the_right_answer():
    assert check_count(lambda d, m, layers: layers * 2 * (2 * m * d + d + m + 2 * d)).right


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda d, m, n: n * (2 * m * d + d + m + 4 * d), "a layer has two adapters"),
        (lambda d, m, n: n * 2 * (2 * m * d), "have a bias"),
        (lambda d, m, n: n * 2 * (2 * m * d + 2 * d), "have a bias"),
        (lambda d, m, n: n * 2 * (2 * m * d + d + m), "layer norms of a layer are trained"),
        (lambda d, m, n: n * 2 * (2 * m * d + d + m + d), "a gain and a bias"),
        (lambda d, m, n: 2 * (2 * m * d + 3 * d + m), "per layer"),
        (lambda d, m: 5, "two adapters"),
    ],
)
def test_count_hints_at_the_mistake(answer, hint):
    verdict = check_count(answer)
    assert not verdict.right
    assert hint in verdict.hint


@pytest.mark.parametrize("name", ["up", "down"])
def test_exact_start_accepts_either_matrix_at_zero(name):
    assert check_exact_start(lambda adapter: nn.init.zeros_(getattr(adapter, name).weight)).right


def both(adapter):
    nn.init.zeros_(adapter.up.weight)
    nn.init.zeros_(adapter.down.weight)


def smaller(adapter):
    adapter.up.weight.data *= 1e-4


def biases(adapter):
    nn.init.zeros_(adapter.up.bias)
    nn.init.zeros_(adapter.down.bias)


def ones(adapter):
    nn.init.ones_(adapter.up.weight)


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (both, "it cannot learn"),
        (smaller, "nearly the identity"),
        (biases, "biases are zero already"),
        (ones, "zero for every input"),
        (lambda adapter: None, "change one of the two matrices"),
    ],
)
def test_exact_start_hints_at_the_mistake(answer, hint):
    verdict = check_exact_start(answer)
    assert not verdict.right
    assert hint in verdict.hint


def test_fold_accepts_the_right_answer():
    def fold(weight, bias, down, up):
        return weight + up @ (down @ weight), bias + up @ (down @ bias)

    assert check_fold(fold).right


EYE = torch.eye(6)


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda w, b, d, u: (u @ d @ w, b), "the residual is missing"),
        (lambda w, b, d, u: (w @ (EYE + u @ d), b), "on the right of the product"),
        (lambda w, b, d, u: (w + u @ d, b), "the adapter reads its output"),
        (lambda w, b, d, u: (w + u @ d @ w, b), "goes through the adapter as well"),
        (lambda w, b, d, u: (w + u @ d @ w, u @ d @ b), "what becomes of b"),
        (lambda w, b, d, u: (d @ u, b), "up @ down"),
        (lambda w, b, d, u: (w, b), "sort by x"),
        (lambda w, b, d, u: (w, b, d), "two tensors"),
    ],
)
def test_fold_hints_at_the_mistake(answer, hint):
    verdict = check_fold(answer)
    assert not verdict.right
    assert hint in verdict.hint


@pytest.mark.parametrize("check", [check_count, check_exact_start, check_fold])
def test_no_answer_is_neither_right_nor_wrong(check):
    assert check(...).right is None
