"""Checks for the exercises of lesson 26, features or fine-tuning."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from tlbook.checks import Tests, Verdict, close, judge
from tlbook.checks.asking import Replies, ask


def check_shares(weights: object) -> Verdict:
    """Exercise 1: weights of a `LayerMix` whose shares are 1/2, 1/4 and 1/4.

    Args:
        weights: Three numbers; adding the same to each changes nothing.
    """
    replies = ask(lambda: weights, [()])
    wanted = np.array([0.5, 0.25, 0.25])

    def shares(of: float = np.e) -> np.ndarray:
        """The shares, if the weights were powers `of` some number."""
        found = np.asarray(replies[0], dtype=float)
        raised = np.power(of, found - found.max())
        return raised / raised.sum()

    tests = [
        (
            lambda: np.shape(replies[0]) == (3,) and bool(np.isfinite(replies[0]).all()),
            "give three numbers, one per layer",
        ),
        (
            lambda: not close(replies[0], wanted),
            "these are the shares; which weights does the softmax turn into them?",
        ),
        (
            lambda: not close(shares(), wanted[::-1]) and not close(shares(), [0.25, 0.5, 0.25]),
            "the right shares in another order: the first layer gets the half",
        ),
        (
            lambda: not close(shares(of=2), wanted),
            "the softmax raises e, not 2: take the natural logarithm",
        ),
        (
            lambda: close(shares(), wanted, within=1e-3),
            "a share is e to the weight over the sum: twice the share is log 2 more weight",
        ),
    ]
    return judge(weights, tests)


def check_stored_bytes(stored: object) -> Verdict:
    """Exercise 2: bytes to keep for a number of tasks, with features and with fine-tuning.

    Args:
        stored: Maps ``tasks, encoder_weights, head_weights`` to (features, fine_tuning) bytes.
    """
    draw = np.random.default_rng()
    lows, highs = (3, 1000, 10), (20, 9000, 90)
    cases = [tuple(int(n) for n in draw.integers(lows, highs)) for _ in range(3)]
    replies = ask(stored, cases)
    tests = [
        (lambda: callable(stored), "write a function of tasks, encoder_weights and head_weights"),
        (
            lambda: all(np.shape(reply) == (2,) for reply in replies),
            "return two numbers: bytes with features, with fine-tuning",
        ),
    ]
    return judge(stored, tests + _about_bytes(replies, cases))


def _about_bytes(replies: Replies, cases: list[tuple[int, int, int]]) -> Tests:
    """Tests of pairs of numbers; a case is tasks t, encoder weights e and head weights h."""

    def shared(t: int, e: int, h: int) -> int:
        return e + t * h

    def copied(t: int, e: int, h: int) -> int:
        return t * (e + h)

    def gives(place: int, weights: Callable[[int, int, int], int], each: int = 4) -> bool:
        wanted = [each * weights(*case) for case in cases]
        return close([reply[place] for reply in replies], wanted, within=0.1)

    return [
        (
            lambda: not (gives(0, shared, each=1) or gives(1, copied, each=1)),
            "those are weights; a float32 weight takes 4 bytes",
        ),
        (
            lambda: not (gives(0, shared, each=8) or gives(1, copied, each=8)),
            "8 bytes are a float64; half of its bits make a float32",
        ),
        (
            lambda: not (gives(0, copied) and gives(1, shared)),
            "the numbers changed places: features come first, then fine-tuning",
        ),
        (lambda: not gives(0, copied), "frozen, one encoder serves all tasks: count it once"),
        (
            lambda: not gives(1, shared),
            "fine-tuning moves the encoder itself: each task keeps its own",
        ),
        (
            lambda: not gives(1, lambda t, e, h: t * e),
            "a fine-tuned model has a head of its own too",
        ),
        (
            lambda: gives(0, shared) and gives(1, copied),
            "features: one encoder and a head per task; fine-tuning: both per task",
        ),
    ]


def check_shortcut(shortcut: object) -> Verdict:
    """Exercise 3: logits of a mix without ever making the mix.

    Args:
        shortcut: Maps ``states`` (rows, layers, hidden), ``shares`` (layers), ``gamma``,
            ``weight`` (classes, hidden), ``bias`` (classes) to logits (rows, classes).
    """
    rows, layers, hidden, classes = 5, 3, 4, 2
    draw = torch.Generator()
    draw.seed()  # not the seed that the lesson has set
    states = torch.randn(rows, layers, hidden, generator=draw)
    shares = torch.randperm(layers, generator=draw) + torch.rand(layers, generator=draw)
    shares = shares.softmax(0)  # far from one another
    gamma = 1.5 + float(torch.rand((), generator=draw))
    weight, bias = (torch.randn(shape, generator=draw) for shape in ((classes, hidden), (classes,)))
    replies = ask(shortcut, [(states, shares, gamma, weight, bias)])
    tests = [
        (lambda: callable(shortcut), "write a function of states, shares, gamma, weight and bias"),
        (
            lambda: np.shape(replies[0]) == (rows, classes),
            "one row of logits per text: sum over the layers",
        ),
    ]
    return judge(shortcut, tests + _about_logits(replies, states, shares, gamma, weight, bias))


def _about_logits(
    replies: Replies, states: Tensor, shares: Tensor, gamma: float, weight: Tensor, bias: Tensor
) -> Tests:
    """Tests of the only reply, against the mix itself."""
    layers = len(shares)

    def gives(gamma: float = gamma, shares: Tensor = shares, bias: Tensor = bias) -> bool:
        mixed = gamma * torch.einsum("l,rlh->rh", shares, states)
        return close(replies[0], mixed @ weight.T + bias, within=1e-4)

    return [
        (lambda: not gives(gamma=1.0), "gamma is missing"),
        (
            lambda: not gives(bias=gamma * bias),
            "gamma stretches the states, not the bias: add the bias last",
        ),
        (
            lambda: not (gives(bias=layers * bias) or gives(bias=gamma * layers * bias)),
            "the bias is added once, not once per layer",
        ),
        (lambda: not gives(bias=0 * bias), "the bias is missing"),
        (
            lambda: not gives(shares=torch.full((layers,), 1 / layers)),
            "layers count by their shares, not all the same",
        ),
        (
            lambda: not gives(shares=shares.softmax(0)),
            "these are the shares already: they need no softmax",
        ),
        (gives, "logits of each layer first (states @ weight.T), then their weighted sum"),
    ]
