"""Lesson 33: right answers pass, each typical mistake gets the hint that fits it."""

import pytest
import torch
from torch import nn

from tests.checks.verdicts import require_right
from tlbook.checks.lora import check_folded, check_stacked, check_trained


def trained(layers, matrices, hidden, rank, classes):
    return layers * matrices * 2 * hidden * rank + hidden * classes + classes


def folded(weight, bias, factor):
    return factor.unsqueeze(1) * weight, factor * bias


def stacked(A1, B1, A2, B2):
    return torch.cat([A1, A2]), torch.cat([B1, B2], dim=1)


def trained_one_by_one(layers, matrices, hidden, rank, classes):
    down, up = nn.Linear(hidden, rank, bias=False), nn.Linear(rank, hidden, bias=False)
    parts = [down, up] * matrices * layers + [nn.Linear(hidden, classes)]
    return sum(weight.numel() for part in parts for weight in part.parameters())


def trained_in_floats(layers, matrices, hidden, rank, classes):
    return hidden * (2.0 * rank * matrices * layers) + (hidden + 1) * classes


def folded_by_a_diagonal(weight, bias, factor):
    return torch.diag(factor) @ weight, torch.diag(factor) @ bias


def folded_row_by_row(weight, bias, factor):
    rows = [number * row for number, row in zip(factor, weight, strict=True)]
    return nn.Parameter(torch.stack(rows)), torch.mul(bias, factor)


def stacked_the_other_way(A1, B1, A2, B2):
    return torch.vstack([A2, A1]), torch.hstack([B2, B1])


def stacked_and_scaled(A1, B1, A2, B2):
    return torch.cat([2 * A1, -A2]), torch.cat([B1 / 2, -B2], dim=1)


CHECKS = [(check_trained, trained), (check_folded, folded), (check_stacked, stacked)]
WRITTEN_OTHERWISE = [
    *((check_trained, answer) for answer in (trained_one_by_one, trained_in_floats)),
    *((check_folded, answer) for answer in (folded_by_a_diagonal, folded_row_by_row)),
    *((check_stacked, answer) for answer in (stacked_the_other_way, stacked_and_scaled)),
]


@pytest.mark.parametrize(("check", "answer"), CHECKS + WRITTEN_OTHERWISE)
def test_the_right_answer_passes_however_it_is_written(check, answer):
    require_right(check, answer)


@pytest.mark.parametrize(("check", "_answer"), CHECKS)
def test_no_answer_has_no_verdict(check, _answer):
    assert check(...).right is None


@pytest.mark.parametrize(("check", "_answer"), CHECKS)
def test_an_answer_that_fails_is_wrong_and_not_an_error(check, _answer):
    assert check(lambda *_: 1 / 0).right is False


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        (lambda n, m, h, r, c: n * m * h * h + h * c + c, "W is frozen"),
        (lambda n, m, h, r, c: n * m * h * r + h * c + c, "one more column of B"),
        (lambda n, m, h, r, c: m * 2 * h * r + h * c + c, "of every layer"),
        (lambda n, m, h, r, c: n * m * 2 * h * r, "head is trained, too"),
        (lambda n, m, h, r, c: n * m * 2 * h * r + h * c, "has a bias"),
    ],
)
def test_wrong_counts(wrong, hint):
    verdict = check_trained(wrong)
    assert not verdict.right
    assert hint in verdict.hint


def in_place(weight, bias, factor):
    weight *= factor.unsqueeze(1)
    return weight, factor * bias


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        (lambda w, b, f: ((f.unsqueeze(1) * w).T, f * b), "shapes that came in"),
        (lambda w, b, f: (w, f * b), "the whole row i"),
        (lambda w, b, f: (w * f.mean(), f * b), "the whole row i"),
        (lambda w, b, f: (f.unsqueeze(1) * w, b), "bias is part"),
        (in_place, "make new tensors"),
    ],
)
def test_wrong_foldings(wrong, hint):
    verdict = check_folded(wrong)
    assert not verdict.right
    assert hint in verdict.hint


def padded(A1, B1, A2, B2):
    A, B = stacked(A1, B1, A2, B2)
    return torch.cat([A, 0 * A]), torch.cat([B, B], dim=1)


def whole(A1, B1, A2, B2):
    return torch.eye(A1.shape[1]), B1 @ A1 + B2 @ A2


def for_one_rank(A1, B1, A2, B2):
    rank = len(A1)
    return torch.cat([A1, A2[:rank]]), torch.cat([B1, B2[:, :rank]], dim=1)


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        (lambda A1, B1, A2, B2: (A1 + A2, B1 + B2), "two products too many"),
        (lambda A1, B1, A2, B2: (A1, B1), "second correction is missing"),
        (
            lambda A1, B1, A2, B2: (torch.cat([A1, A2]) / 2, torch.cat([B1, B2], dim=1)),
            "must come out as it is",
        ),
        (for_one_rank, "different ranks"),
        (padded, "no more than the ranks together"),
        (whole, "no more than the ranks together"),
    ],
)
def test_wrong_sums(wrong, hint):
    verdict = check_stacked(wrong)
    assert not verdict.right
    assert hint in verdict.hint
