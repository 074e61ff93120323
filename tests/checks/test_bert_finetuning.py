"""Lesson 24: right answers pass, each typical mistake gets the hint that fits it."""

import numpy as np
import pytest
import torch

from tests.checks.verdicts import hint_of, require_right
from tlbook.checks.bert_finetuning import check_segments, check_share, check_span


def segments(first, second):
    return [0] * (first + 2) + [1] * (second + 1)


def segments_joined(first, second):
    return torch.cat([torch.zeros(first + 2), torch.ones(second + 1)])


def segments_by_place(first, second):
    return [int(place > first + 1) for place in range(first + second + 3)]


def share(step, rising, steps):
    return (step + 1) / rising if step < rising else (steps - step) / (steps - rising)


def share_as_a_minimum(step, rising, steps):
    return min((step + 1) / rising, (steps - step) / max(1, steps - rising))


def share_from_a_table(step, rising, steps):
    falling = np.linspace(1, 0, steps - rising + 1)[:-1]
    return np.concatenate([np.arange(1, rising + 1) / rising, falling])[step]


def span(starts, ends):
    pairs = np.triu(np.ones((len(starts), len(ends)), dtype=bool))
    total = np.where(pairs, starts[:, None] + ends[None, :], -np.inf)
    return tuple(np.unravel_index(total.argmax(), total.shape))


def span_in_loops(starts, ends):
    best, found = -np.inf, None
    for last in range(len(ends)):
        for first in range(last + 1):
            if starts[first] + ends[last] > best:
                best, found = starts[first] + ends[last], [first, last]
    return found


def span_in_one_pass(starts, ends):
    """Keep the best start so far: no pair is looked at twice."""
    first, best, found = 0, -np.inf, (0, 0)
    for last in range(len(ends)):
        first = last if starts[last] > starts[first] else first
        if starts[first] + ends[last] > best:
            best, found = starts[first] + ends[last], (first, last)
    return torch.tensor(found)


RIGHT = [
    *((check_segments, answer) for answer in (segments, segments_joined, segments_by_place)),
    *((check_share, answer) for answer in (share, share_as_a_minimum, share_from_a_table)),
    *((check_span, answer) for answer in (span, span_in_loops, span_in_one_pass)),
]


@pytest.mark.parametrize(("check", "answer"), RIGHT)
def test_the_right_answer_passes_however_it_is_written(check, answer):
    require_right(check, answer)


def test_float_noise_passes():
    assert check_share(lambda *case: np.float32(share(*case)) * (1 + 1e-6)).right


@pytest.mark.parametrize("check", [check_segments, check_share, check_span])
def test_no_answer_has_no_verdict(check):
    assert check(...).right is None


@pytest.mark.parametrize("check", [check_segments, check_share, check_span])
def test_an_answer_that_fails_is_wrong_and_not_an_error(check):
    assert check(lambda *_: 1 / 0).right is False


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        ([0, 0, 1], "write a function"),
        (lambda a, b: [0] * a + [1] * b, "three special tokens"),
        (lambda a, b: [0] * (a + 1) + [1] * (b + 1), "three special tokens"),
        (lambda a, b: [1] * (a + 2) + [2] * (b + 1), "numbered from 0"),
        (lambda a, b: [0] * (a + b + 3), "two segments"),
        (lambda a, b: [1] * (a + 2) + [0] * (b + 1), "the [CLS] before it"),
        (lambda a, b: [0] * (a + 1) + [1] * (b + 2), "first [SEP]"),
        (lambda a, b: [0] * (a + 2) + [1] * b + [0], "last [SEP]"),
        (lambda a, b: [0] * (a + 3) + [1] * b, "0 up to the first"),
    ],
)
def test_wrong_segments(wrong, hint):
    assert hint in hint_of(check_segments, wrong)


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        (0.5, "write a function"),
        (lambda t, r, s: [share(step, r, s) for step in range(s)], "one number"),
        (lambda t, r, s: (t + 1) // r if t < r else (s - t) // (s - r), "cuts them off"),
        (lambda t, r, s: t / r if t < r else (s - t) / (s - r), "first step would be wasted"),
        (lambda t, r, s: 1.0, "warm-up"),
        (lambda t, r, s: (s - t) / s, "warm-up"),
        (lambda t, r, s: min(1, (t + 1) / (r + 1)), "warm-up"),
        (lambda t, r, s: (t + 1) / r if t <= r else (s - t) / (s - r), "still 1"),
        (lambda t, r, s: (t + 1) / r if t < r else (s - t) / s, "still 1"),
        (lambda t, r, s: (t + 1) / r if t < r else (s - t - 1) / (s - r - 1), "last step would"),
        (lambda t, r, s: min(1, (t + 1) / r), "look at the decay"),
        (
            lambda t, r, s: (t + 1) / r if t < r else (1 + np.cos(np.pi * (t - r) / (s - r))) / 2,
            "look at the decay",
        ),
    ],
)
def test_wrong_shares(wrong, hint):
    assert hint in hint_of(check_share, wrong)


def too_long(starts, ends):
    total = np.where(np.triu(np.ones((len(ends),) * 2), 1) > 0, starts[:, None] + ends, -np.inf)
    return np.unravel_index(total.argmax(), total.shape)


def start_first(starts, ends):
    first = int(starts.argmax())
    return first, first + int(ends[first:].argmax())


def end_first(starts, ends):
    last = int(ends.argmax())
    return int(starts[: last + 1].argmax()), last


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        ((1, 1), "write a function"),
        (lambda s, e: (s[:, None] + e).max(), "two places"),
        (lambda s, e: span(s, e)[::-1], "first token first"),
        (lambda s, e: (s.argmax(), e.argmax()), "taken apart"),
        (lambda s, e: np.add(span(s, e), 1), "place 0"),
        (lambda s, e: np.add(span(s, e), [0, 1]), "not the place after it"),
        (too_long, "one token long"),
        (end_first, "largest starts"),
        (lambda s, e: (int(s.argmax()), int(s.argmax())), "largest starts"),
        (start_first, "larger sum"),
    ],
)
def test_wrong_spans(wrong, hint):
    assert hint in hint_of(check_span, wrong)
