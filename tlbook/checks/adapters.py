"""Checks for the exercises of lesson 31, adapters."""

import copy

import numpy as np
import torch
from torch import Tensor, nn

from tlbook.checks import Tests, Verdict, close, judge
from tlbook.checks.asking import Replies, ask
from tlbook.efficient.adapters.bottleneck import Bottleneck


def check_count(count: object) -> Verdict:
    """Exercise 1: weights that one more task adds to a trunk, its head not counted.

    Args:
        count: Maps ``hidden, bottleneck, layers`` to the number of trained weights.
    """
    draw = np.random.default_rng()
    case = tuple(int(n) for n in draw.integers((20, 2, 3), (90, 20, 9)))
    replies = ask(count, [case])
    tests = [(lambda: callable(count), "write a function of hidden, bottleneck and layers")]
    return judge(count, tests + _about_count(replies, *case))


def _about_count(replies: Replies, hidden: int, bottleneck: int, layers: int) -> Tests:
    """Tests of the only reply."""
    matrices, biases, norm = 2 * hidden * bottleneck, hidden + bottleneck, 2 * hidden

    def found() -> float:
        return float(replies[0])

    return [
        (
            lambda: found() != layers * (matrices + biases + 2 * norm),
            "a layer has two adapters, one after each sub-layer",
        ),
        (
            lambda: found() not in (2 * layers * matrices, 2 * layers * (matrices + norm)),
            "both matrices of an adapter have a bias",
        ),
        (
            lambda: found() != 2 * layers * (matrices + biases),
            "the two layer norms of a layer are trained as well",
        ),
        (
            lambda: found() != 2 * layers * (matrices + biases + hidden),
            "a layer norm has a gain and a bias of the width of the states each",
        ),
        (
            lambda: found() == 2 * layers * (matrices + biases + norm),
            "per layer: twice an adapter (two matrices, two biases) and twice a norm",
        ),
    ]


def check_exact_start(change: object) -> Verdict:
    """Exercise 2: an adapter that starts as the exact identity, and still learns.

    Args:
        change: Changes a `Bottleneck` in place.
    """
    states, fresh = torch.randn(7, 6), Bottleneck(6, 3, scale=0.5)

    def changed() -> Bottleneck:
        adapter = copy.deepcopy(fresh)
        change(adapter)
        return adapter

    def away() -> float:
        """The largest change to a state before any training."""
        return float((changed()(states) - states).detach().abs().max())

    def learned() -> bool:
        """Whether both matrices move when the adapter is to double its input."""
        adapter = changed()
        before = copy.deepcopy(adapter)
        optimizer = torch.optim.SGD(adapter.parameters(), lr=0.05)
        for _ in range(5):
            optimizer.zero_grad()
            (adapter(states) - 2 * states).square().mean().backward()
            optimizer.step()
        return _differ(adapter.down, before.down) and _differ(adapter.up, before.up)

    tests = [
        (
            lambda: _differ(changed().down, fresh.down) or _differ(changed().up, fresh.up),
            "change one of the two matrices in place; the biases are zero already",
        ),
        (lambda: not 0 < away() < 0.05, "that is nearly the identity, not exactly"),
        (lambda: away() == 0, "what is added must be zero for every input"),
        (
            learned,
            "it cannot learn: with both matrices at zero, the gradient of each is zero as well",
        ),
    ]
    return judge(change, tests)


def _differ(one: nn.Linear, other: nn.Linear) -> bool:
    return not torch.equal(one.weight, other.weight)


def check_fold(fold: object) -> Verdict:
    """Exercise 3: without the bend in its middle, an adapter can be folded away.

    Args:
        fold: Maps ``weight`` (hidden, hidden) and ``bias`` (hidden) of the layer before the
            adapter, ``down`` (bottleneck, hidden) and ``up`` (hidden, bottleneck) to the weight
            and bias of one layer.
    """
    draw = torch.Generator()
    draw.seed()  # not the seed that the lesson has set
    shapes = ((6, 6), (6,), (2, 6), (6, 2))
    given = tuple(torch.randn(shape, generator=draw) for shape in shapes)
    replies = ask(fold, [given])
    tests = [
        (lambda: callable(fold), "write a function of weight, bias, down and up"),
        (lambda: len(replies[0]) == 2, "return two tensors, weight and bias"),
        (
            lambda: np.shape(replies[0][0]) == (6, 6),
            "the product of the two matrices must be as wide as the states: up @ down",
        ),
    ]
    return judge(fold, tests + _about_fold(replies, *given))


def _about_fold(replies: Replies, weight: Tensor, bias: Tensor, down: Tensor, up: Tensor) -> Tests:
    """Tests of the only reply, a weight and a bias."""
    added = torch.eye(6) + up @ down

    def is_weight(wanted: Tensor) -> bool:
        return close(replies[0][0], wanted, within=1e-4)

    return [
        (
            lambda: not is_weight(up @ down @ weight),
            "the residual is missing: the states themselves come through as well",
        ),
        (
            lambda: not is_weight(weight @ added),
            "the layer comes first, so its matrix stands on the right of the product",
        ),
        (
            lambda: not is_weight(weight + up @ down),
            "that adds to the input of the layer; the adapter reads its output",
        ),
        (lambda: is_weight(added @ weight), "put h = W x + b into h + up (down h) and sort by x"),
        (
            lambda: not close(replies[0][1], bias, within=1e-4),
            "the bias of the layer goes through the adapter as well",
        ),
        (
            lambda: close(replies[0][1], added @ bias, within=1e-4),
            "the weight is right; what becomes of b in h + up (down h)?",
        ),
    ]
