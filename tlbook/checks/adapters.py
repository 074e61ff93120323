"""Checks for the exercises of lesson 31, adapters."""

import copy

import numpy as np
import torch
from torch import Tensor, nn

from tlbook.checks import Verdict, close, judge
from tlbook.efficient.adapters.bottleneck import Bottleneck


def check_count(count: object) -> Verdict:
    """Exercise 1: weights that one more task adds to a trunk, its head not counted.

    Args:
        count: Maps ``hidden, bottleneck, layers`` to the number of trained weights.
    """
    draw = np.random.default_rng()
    hidden, bottleneck = int(draw.integers(20, 90)), int(draw.integers(2, 20))
    layers = int(draw.integers(3, 9))
    matrices, biases, norm = 2 * hidden * bottleneck, hidden + bottleneck, 2 * hidden

    def found() -> float:
        return float(count(hidden, bottleneck, layers))

    tests = [
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
    return judge(count, tests)


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
    weight, bias = torch.randn(6, 6), torch.randn(6)
    down, up = torch.randn(2, 6), torch.randn(6, 2)
    added = torch.eye(6) + up @ down

    def found() -> tuple[Tensor, Tensor]:
        one, other = fold(weight.clone(), bias.clone(), down.clone(), up.clone())
        return one, other

    def is_weight(wanted: Tensor) -> bool:
        return close(found()[0], wanted, within=1e-4)

    tests = [
        (lambda: len(found()) == 2, "return two tensors, weight and bias"),
        (
            lambda: np.shape(found()[0].detach()) == (6, 6),
            "the product of the two matrices must be as wide as the states: up @ down",
        ),
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
            lambda: not close(found()[1], bias, within=1e-4),
            "the bias of the layer goes through the adapter as well",
        ),
        (
            lambda: close(found()[1], added @ bias, within=1e-4),
            "the weight is right; what becomes of b in h + up (down h)?",
        ),
    ]
    return judge(fold, tests)
