"""Lesson 26's checks pass right answers and give each common mistake its own hint."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from tests.checks.verdicts import hint_of, require_right
from tlbook.checks.features_or_finetuning import check_shares, check_shortcut, check_stored_bytes


def by_loop(states, shares, gamma, weight, bias):
    logits = 0
    for layer, share in enumerate(shares):
        logits = logits + share * (states[:, layer] @ weight.T)
    return gamma * logits + bias


def by_einsum(states, shares, gamma, weight, bias):
    return gamma * torch.einsum("rlh,ch,l->rc", states, weight, shares) + bias


def by_layer(states, shares, gamma, weight, bias):
    linear = nn.Linear(weight.shape[1], weight.shape[0], bias=False)
    linear.weight = nn.Parameter(weight)
    return (linear(states) * (gamma * shares).view(1, -1, 1)).sum(dim=1).add(bias)


def bias_in_the_sum(states, shares, gamma, weight, bias):
    return gamma * (shares.unsqueeze(-1) * (states @ weight.T + bias / gamma)).sum(1)


RIGHT = [
    *(
        (check_shares, answer)
        for answer in (
            [math.log(2), 0.0, 0.0],
            [0.0, -math.log(2), -math.log(2)],
            (5.693, 5.0, 5.0),
            np.log([0.5, 0.25, 0.25]),
            nn.Parameter(torch.tensor([800.6931, 800.0, 800.0])),
        )
    ),
    *(
        (check_stored_bytes, answer)
        for answer in (
            lambda t, e, h: (4 * (e + t * h), 4 * t * (e + h)),
            lambda t, e, h: [(t * h + e) * 32 / 8, (t * h + t * e) * 32 / 8],
            lambda t, e, h: np.array([e + t * h, t * e + t * h]) * np.float32().nbytes,
        )
    ),
    *((check_shortcut, answer) for answer in (by_loop, by_einsum, by_layer, bias_in_the_sum)),
]


@pytest.mark.parametrize(("check", "answer"), RIGHT)
def test_the_right_answer_passes_however_it_is_written(check, answer):
    require_right(check, answer)


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        ([0.5, 0.25, 0.25], "these are the shares"),
        ([0.0, 0.0, math.log(2)], "another order"),
        ([0.0, math.log(2), 0.0], "another order"),
        ([1.0, 0.0, 0.0], "natural logarithm"),
        ([2.0, 1.5, 1.5], "log 2 more"),
        ([1 / 3, 1 / 3, 1 / 3], "log 2 more"),
        ([math.log(2), 0.0], "three numbers"),
        ([math.nan, 0.0, 0.0], "three numbers"),
        ("log 2", "three numbers"),
    ],
)
def test_shares_hint_at_the_mistake(answer, hint):
    assert hint in hint_of(check_shares, answer)


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        ((12, 30), "write a function"),
        (lambda t, e, h: (e + t * h, t * (e + h)), "4 bytes"),
        (lambda t, e, h: (8 * (e + t * h), 8 * t * (e + h)), "float64"),
        (lambda t, e, h: (4 * t * (e + h), 4 * (e + t * h)), "changed places"),
        (lambda t, e, h: (4 * t * (e + h), 4 * t * (e + h)), "count it once"),
        (lambda t, e, h: (4 * (e + t * h), 4 * (e + t * h)), "keeps its own"),
        (lambda t, e, h: (4 * (e + t * h), 4 * t * e), "head of its own"),
        (lambda t, e, h: (4 * (e + h), 4 * t * (e + h)), "a head per task"),
        (lambda t, e, h: (4 * t * h, 4 * t * (e + h)), "features: one encoder"),
        (lambda t, e, h: (1, 2, 3), "two numbers"),
        (lambda t, e, h: 4 * (e + t * h), "two numbers"),
    ],
)
def test_stored_bytes_hints_at_the_mistake(answer, hint):
    assert hint in hint_of(check_stored_bytes, answer)


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (torch.ones(5, 2), "write a function"),
        (lambda s, p, g, w, b: g * p[:, None] * (s @ w.T) + b, "sum over the layers"),
        (lambda s, p, g, w, b: g * s @ w + b, "sum over the layers"),
        (lambda s, p, g, w, b: (p[:, None] * (s @ w.T)).sum(1) + b, "gamma is missing"),
        (lambda s, p, g, w, b: g * (p[:, None] * (s @ w.T + b)).sum(1), "add the bias last"),
        (lambda s, p, g, w, b: (g * p[:, None] * (s @ w.T) + b).sum(1), "once per layer"),
        (lambda s, p, g, w, b: g * (p[:, None] * (s @ w.T) + b).sum(1), "once per layer"),
        (lambda s, p, g, w, b: g * (p[:, None] * (s @ w.T)).sum(1), "the bias is missing"),
        (lambda s, p, g, w, b: g * (s @ w.T).mean(1) + b, "by their shares"),
        (
            lambda s, p, g, w, b: g * (p.softmax(0)[:, None] * (s @ w.T)).sum(1) + b,
            "need no softmax",
        ),
        (lambda s, p, g, w, b: g * (s @ w.T).sum(1) + b, "logits of each layer first"),
        (lambda s, p, g, w, b: g * (s[:, -1] @ w.T) + b, "logits of each layer first"),
    ],
)
def test_shortcut_hints_at_the_mistake(answer, hint):
    assert hint in hint_of(check_shortcut, answer)


@pytest.mark.parametrize("check", [check_shares, check_shortcut, check_stored_bytes])
def test_no_answer_is_neither_right_nor_wrong(check):
    assert check(...).right is None
