"""Verdicts on the exercises of lesson 33, LoRA."""

import numpy as np
import torch
from torch import Tensor

from tlbook import checks
from tlbook.checks import Verdict


def check_trained(answer: object) -> Verdict:
    """Judge a function that counts the weights which LoRA and a head train.

    Args:
        answer: ``answer(layers, matrices, hidden, rank, classes)`` -> count, for `matrices` square
            matrices of width `hidden` in each of `layers` layers, and a linear head with a bias.
    """
    draw = np.random.default_rng()
    drawn = [tuple(int(n) for n in draw.integers(2, 50, 5)) for _ in range(5)]

    def difference(layers: int, matrices: int, hidden: int, rank: int, classes: int) -> int:
        """How far the answer is from the count without the head."""
        found = answer(layers, matrices, hidden, rank, classes)
        return int(found) - layers * matrices * 2 * hidden * rank

    def grows_with_rank() -> bool:
        layers, matrices, hidden, rank, classes = drawn[0]
        more = answer(layers, matrices, hidden, 2 * rank, classes)
        return more != answer(*drawn[0])

    def one_more() -> bool:
        """A rank more brings one row of A and one column of B per matrix."""
        layers, matrices, hidden, rank, classes = drawn[0]
        more = answer(layers, matrices, hidden, rank + 1, classes) - answer(*drawn[0])
        return more == layers * matrices * 2 * hidden

    return checks.judge(
        answer,
        [
            (grows_with_rank, "W is frozen: count A and B, whose size depends on the rank"),
            (
                one_more,
                "one more rank is one more row of A and one more column of B, in every matrix "
                "of every layer",
            ),
            (lambda: all(difference(*n) != 0 for n in drawn), "the head is trained, too"),
            (
                lambda: all(difference(*n) == n[2] * n[4] + n[4] for n in drawn),
                "the head maps hidden numbers to classes, and has a bias for each class",
            ),
        ],
    )


def check_folded(answer: object) -> Verdict:
    """Judge a function that folds the factors of IA3 into a linear layer.

    Args:
        answer: ``answer(weight, bias, factor)`` -> weight and bias of the layer that computes
            ``factor * (weight @ x + bias)``; weight is (out, in), factor is (out).
    """

    def given(out: int, into: int) -> tuple[tuple[Tensor, Tensor, Tensor], Tensor]:
        return (torch.randn(out, into), torch.randn(out), torch.randn(out)), torch.randn(into)

    def shaped() -> bool:
        layer, _ = given(4, 6)
        weight, bias = answer(*layer)
        return weight.shape == (4, 6) and bias.shape == (4,)

    def same(*, with_bias: bool) -> bool:
        for out, into in ((4, 6), (5, 5), (3, 2)):
            (weight, bias, factor), x = given(out, into)
            bias = bias if with_bias else torch.zeros(out)
            wanted = factor * (weight @ x + bias)
            new_weight, new_bias = answer(weight, bias, factor)
            if not checks.close(new_weight @ x + new_bias, wanted):
                return False
        return True

    def untouched() -> bool:
        layer, _ = given(4, 4)
        before = [part.clone() for part in layer]
        answer(*layer)
        return all(torch.equal(part, old) for part, old in zip(layer, before, strict=True))

    return checks.judge(
        answer,
        [
            (shaped, "return a weight and a bias of the shapes that came in"),
            (
                lambda: same(with_bias=False),
                "factor[i] multiplies output i, and so the whole row i of the weight",
            ),
            (lambda: same(with_bias=True), "the bias is part of what is multiplied"),
            (untouched, "make new tensors: those given belong to the pre-trained model"),
        ],
    )


def check_stacked(answer: object) -> Verdict:
    """Judge a function that makes one LoRA of two on the same matrix.

    Args:
        answer: ``answer(A1, B1, A2, B2)`` -> A, B with ``B @ A = B1 @ A1 + B2 @ A2``; the A are
            (rank, in) and the B (out, rank), of two ranks.
    """

    def given(one: int, two: int) -> tuple[Tensor, ...]:
        out, into = 5, 7
        shapes = ((one, into), (out, one), (two, into), (out, two))
        return tuple(torch.randn(shape) for shape in shapes)

    def sums(one: int, two: int) -> bool:
        a1, b1, a2, b2 = parts = given(one, two)
        a, b = answer(*parts)
        return checks.close(b @ a, b1 @ a1 + b2 @ a2)

    def narrow(one: int, two: int) -> bool:
        a, b = answer(*given(one, two))
        return a.shape == (one + two, 7) and b.shape == (5, one + two)

    def alone() -> bool:
        a1, b1, a2, b2 = given(2, 2)
        a, b = answer(a1, b1, torch.zeros_like(a2), torch.zeros_like(b2))
        return checks.close(b @ a, b1 @ a1)

    def no_crossing() -> bool:
        """The second LoRA is zero in A: nothing of its B may come in."""
        a1, b1, a2, b2 = given(2, 2)
        a, b = answer(a1, b1, torch.zeros_like(a2), b2)
        return checks.close(b @ a, b1 @ a1)

    return checks.judge(
        answer,
        [
            (alone, "where the second LoRA is zero, the first must come out as it is"),
            (no_crossing, "B2 reached A1: (B1 + B2)(A1 + A2) has two products too many"),
            (lambda: sums(2, 2), "the second correction is missing, or not whole"),
            (lambda: sums(1, 3), "two LoRAs may have different ranks"),
            (
                lambda: narrow(1, 3) and narrow(2, 2),
                "the sum needs no more than the ranks together: A is (rank1 + rank2, in)",
            ),
        ],
    )
