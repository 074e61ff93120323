"""Lesson 31's checks pass right answers and give each common mistake its own hint."""

import pytest
import torch
from torch import nn

from tests.checks.verdicts import require_right
from tlbook.checks.adapters import check_count, check_exact_start, check_fold
from tlbook.efficient.adapters.bottleneck import Bottleneck


def counted(hidden, bottleneck, layers):
    """Count what is there instead of multiplying."""
    parts = [Bottleneck(hidden, bottleneck), nn.LayerNorm(hidden)] * 2 * layers
    return sum(weight.numel() for part in parts for weight in part.parameters())


@pytest.mark.parametrize(
    "answer",
    [
        lambda d, m, layers: layers * 2 * (2 * m * d + d + m + 2 * d),
        lambda d, m, layers: torch.tensor(layers * (4 * m * d + 6 * d + 2 * m)),
        lambda d, m, layers: sum(4.0 * m * d + 2 * m + 6 * d for _ in range(layers)),
        counted,
    ],
)
def test_count_accepts_the_right_answer_however_it_is_written(answer):
    require_right(check_count, answer)


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
@pytest.mark.parametrize(
    "to_zero",
    [
        lambda layer: nn.init.zeros_(layer.weight),
        lambda layer: layer.weight.data.mul_(0),
        lambda layer: setattr(layer, "weight", nn.Parameter(torch.zeros_like(layer.weight))),
    ],
)
def test_exact_start_accepts_either_matrix_at_zero_however_it_gets_there(name, to_zero):
    require_right(check_exact_start, lambda adapter: to_zero(getattr(adapter, name)))


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


def fold(weight, bias, down, up):
    return weight + up @ (down @ weight), bias + up @ (down @ bias)


def fold_as_one_matrix(weight, bias, down, up):
    both = nn.Parameter(torch.eye(len(bias)) + up @ down)
    return [both @ weight, torch.mv(both, bias)]


def fold_by_what_comes_out(weight, bias, down, up):
    """Read the weight off the outputs for each unit vector, and the bias off that for zero."""
    states = torch.cat([torch.zeros(1, 6), torch.eye(6)]) @ weight.T + bias
    states = states + states @ down.T @ up.T
    return (states[1:] - states[0]).T, states[0]


@pytest.mark.parametrize("answer", [fold, fold_as_one_matrix, fold_by_what_comes_out])
def test_fold_accepts_the_right_answer_however_it_is_written(answer):
    require_right(check_fold, answer)


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
