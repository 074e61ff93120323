"""Checks for the exercises of lesson 26, features or fine-tuning."""

import numpy as np
import torch

from tlbook.checks import Verdict, close, judge


def check_shares(weights: object) -> Verdict:
    """Exercise 1: weights of a `LayerMix` whose shares are 1/2, 1/4 and 1/4.

    Args:
        weights: Three numbers; adding the same to each changes nothing.
    """
    wanted = np.array([0.5, 0.25, 0.25])

    def shares() -> np.ndarray:
        raised = np.exp(np.asarray(weights, dtype=float))
        return raised / raised.sum()

    tests = [
        (lambda: np.shape(weights) == (3,), "give three numbers, one per layer"),
        (
            lambda: not close(weights, wanted),
            "these are the shares; which weights does the softmax turn into them?",
        ),
        (
            lambda: not close(shares(), wanted[::-1]) and not close(shares(), [0.25, 0.5, 0.25]),
            "the right shares in another order: the first layer gets the half",
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
    tasks, encoder = int(draw.integers(3, 20)), int(draw.integers(1000, 9000))
    head = int(draw.integers(10, 90))

    def found() -> tuple[int, int]:
        return tuple(stored(tasks, encoder, head))

    tests = [
        (lambda: len(found()) == 2, "return two numbers: bytes with features, with fine-tuning"),
        (
            lambda: found() != (encoder + tasks * head, tasks * (encoder + head)),
            "those are weights; a float32 weight takes 4 bytes",
        ),
        (
            lambda: found()[0] != 4 * tasks * (encoder + head),
            "frozen, one encoder serves all tasks: count it once",
        ),
        (
            lambda: found()[1] != 4 * (encoder + tasks * head),
            "fine-tuning moves the encoder itself: each task keeps its own",
        ),
        (
            lambda: found()[1] != 4 * tasks * encoder,
            "a fine-tuned model has a head of its own too",
        ),
        (
            lambda: found() == (4 * (encoder + tasks * head), 4 * tasks * (encoder + head)),
            "features: one encoder and a head per task; fine-tuning: both per task",
        ),
    ]
    return judge(stored, tests)


def check_shortcut(shortcut: object) -> Verdict:
    """Exercise 4: logits of a mix without ever making the mix.

    Args:
        shortcut: Maps ``states`` (rows, layers, hidden), ``shares`` (layers), ``gamma``,
            ``weight`` (classes, hidden), ``bias`` (classes) to logits (rows, classes).
    """
    rows, layers, hidden, classes = 5, 3, 4, 2
    states, shares = torch.randn(rows, layers, hidden), torch.rand(layers).softmax(0)
    gamma, weight, bias = 1.7, torch.randn(classes, hidden), torch.randn(classes)

    def wanted(gamma: float = gamma, bias: torch.Tensor = bias) -> torch.Tensor:
        mixed = gamma * torch.einsum("l,rlh->rh", shares, states)
        return mixed @ weight.T + bias

    def found() -> torch.Tensor:
        return torch.as_tensor(shortcut(states, shares, gamma, weight, bias)).detach()

    tests = [
        (
            lambda: found().shape == (rows, classes),
            "one row of logits per text: sum over the layers",
        ),
        (lambda: not close(found(), wanted(gamma=1.0), within=1e-4), "gamma is missing"),
        (
            lambda: not close(found(), wanted(bias=gamma * bias), within=1e-4),
            "gamma stretches the states, not the bias: add the bias last",
        ),
        (
            lambda: not close(found(), wanted(bias=layers * bias), within=1e-4),
            "the bias is added once, not once per layer",
        ),
        (
            lambda: not close(found(), gamma * states.mean(1) @ weight.T + bias, within=1e-4),
            "layers count by their shares, not all the same",
        ),
        (
            lambda: close(found(), wanted(), within=1e-4),
            "logits of each layer first (states @ weight.T), then their weighted sum",
        ),
    ]
    return judge(shortcut, tests)
