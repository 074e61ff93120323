"""Verdicts on the exercises of lesson 33, LoRA."""

import numpy as np
import torch

from tlbook import checks
from tlbook.checks import Verdict
from tlbook.checks.asking import ask


def check_trained(answer: object) -> Verdict:
    """Judge a function that counts the weights which LoRA and a head train.

    Args:
        answer: ``answer(layers, matrices, hidden, rank, classes)`` -> count, for `matrices` square
            matrices of width `hidden` in each of `layers` layers, and a linear head with a bias.
    """
    draw = np.random.default_rng()
    drawn = [tuple(int(n) for n in draw.integers(2, 50, 5)) for _ in range(5)]
    layers, matrices, hidden, rank, classes = drawn[0]
    more = [(layers, matrices, hidden, new, classes) for new in (2 * rank, rank + 1)]
    replies = ask(answer, [*drawn, *more])

    def beyond() -> list[int]:
        """What is counted in each case besides A and B: the head."""
        without = [n[0] * n[1] * 2 * n[2] * n[3] for n in drawn]
        return [int(replies[place]) - count for place, count in enumerate(without)]

    return checks.judge(
        answer,
        [
            (
                lambda: callable(answer),
                "write a function of layers, matrices, hidden, rank and classes",
            ),
            (
                lambda: replies[5] != replies[0],
                "W is frozen: count A and B, whose size depends on the rank",
            ),
            (
                lambda: replies[6] - replies[0] == layers * matrices * 2 * hidden,
                "one more rank is one more row of A and one more column of B, in every matrix "
                "of every layer",
            ),
            (lambda: all(head != 0 for head in beyond()), "the head is trained, too"),
            (
                lambda: beyond() == [n[2] * n[4] + n[4] for n in drawn],
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
    draw = torch.Generator()
    draw.seed()  # not the seed that the lesson has set
    shapes = [(4, 6), (5, 5), (3, 2)]
    layers = [
        tuple(torch.randn(shape, generator=draw) for shape in ((out, into), (out,), (out,)))
        for out, into in shapes
    ]
    kept = torch.randn(4, 4, generator=draw), torch.ones(4), torch.full((4,), 2.0)
    before = [part.clone() for part in kept]
    replies = ask(answer, layers)
    ask(lambda: (answer(*kept), None)[1], [()])  # not on a copy: are these overwritten?

    def weights(n: int) -> tuple:
        weight, bias, factor = layers[n]
        return (*replies[n], factor.unsqueeze(1) * weight, factor * bias)

    return checks.judge(
        answer,
        [
            (lambda: callable(answer), "write a function of weight, bias and factor"),
            (
                lambda: [np.shape(part) for part in replies[0]] == [(4, 6), (4,)],
                "return a weight and a bias of the shapes that came in",
            ),
            (
                lambda: all(checks.close(weights(n)[0], weights(n)[2]) for n in range(3)),
                "factor[i] multiplies output i, and so the whole row i of the weight",
            ),
            (
                lambda: all(checks.close(weights(n)[1], weights(n)[3]) for n in range(3)),
                "the bias is part of what is multiplied",
            ),
            (
                lambda: all(map(torch.equal, kept, before)),
                "make new tensors: those given belong to the pre-trained model",
            ),
        ],
    )


def check_stacked(answer: object) -> Verdict:
    """Judge a function that makes one LoRA of two on the same matrix.

    Args:
        answer: ``answer(A1, B1, A2, B2)`` -> A, B with ``B @ A = B1 @ A1 + B2 @ A2``; the A are
            (rank, in) and the B (out, rank), of two ranks.
    """
    draw = torch.Generator()
    draw.seed()  # not the seed that the lesson has set
    ranks = [(2, 2), (2, 2), (2, 2), (1, 3)]
    cases = [
        [torch.randn(shape, generator=draw) for shape in ((one, 7), (5, one), (two, 7), (5, two))]
        for one, two in ranks
    ]
    cases[0][2], cases[0][3] = torch.zeros(2, 7), torch.zeros(5, 2)  # no second LoRA
    cases[1][2] = torch.zeros(2, 7)  # the second is zero in A: nothing of its B may come in
    replies = ask(answer, [tuple(case) for case in cases])

    def sums(n: int) -> bool:
        (a, b), (a1, b1, a2, b2) = replies[n], cases[n]
        return checks.close(b @ a, b1 @ a1 + b2 @ a2)

    def narrow(n: int) -> bool:
        rank = sum(ranks[n])
        return [np.shape(part) for part in replies[n]] == [(rank, 7), (5, rank)]

    return checks.judge(
        answer,
        [
            (lambda: callable(answer), "write a function of A1, B1, A2 and B2"),
            (lambda: sums(0), "where the second LoRA is zero, the first must come out as it is"),
            (lambda: sums(1), "B2 reached A1: (B1 + B2)(A1 + A2) has two products too many"),
            (lambda: sums(2), "the second correction is missing, or not whole"),
            (lambda: sums(3), "two LoRAs may have different ranks"),
            (
                lambda: narrow(2) and narrow(3),
                "the sum needs no more than the ranks together: A is (rank1 + rank2, in)",
            ),
        ],
    )
