"""Lesson 24: right answers pass, each typical mistake gets the hint that fits it."""

import numpy as np
import pytest

from tlbook.checks.bert_finetuning import check_segments, check_share, check_span


@pytest.fixture(autouse=True)
def not_strict(monkeypatch):
    monkeypatch.delenv("TLBOOK_STRICT", raising=False)


def segments(first, second):
    return [0] * (first + 2) + [1] * (second + 1)


def share(step, rising, steps):
    return (step + 1) / rising if step < rising else (steps - step) / (steps - rising)


def span(starts, ends):
    pairs = np.triu(np.ones((len(starts), len(ends)), dtype=bool))
    total = np.where(pairs, starts[:, None] + ends[None, :], -np.inf)
    return tuple(np.unravel_index(total.argmax(), total.shape))


@pytest.mark.parametrize(
    ("check", "answer"), [(check_segments, segments), (check_share, share), (check_span, span)]
)
def test_the_right_answer_passes(check, answer):
    assert check(answer).right


@pytest.mark.parametrize("check", [check_segments, check_share, check_span])
def test_no_answer_has_no_verdict(check):
    assert check(...).right is None


@pytest.mark.parametrize("check", [check_segments, check_share, check_span])
def test_an_answer_that_fails_is_wrong_and_not_an_error(check):
    assert check(lambda *_: 1 / 0).right is False


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        (lambda a, b: [0] * a + [1] * b, "three special tokens"),
        (lambda a, b: [1] * (a + 2) + [2] * (b + 1), "numbered from 0"),
        (lambda a, b: [0] * (a + 1) + [1] * (b + 2), "first \\[SEP\\]"),
        (lambda a, b: [0] * (a + 3) + [1] * b, "0 up to the first"),
    ],
)
def test_wrong_segments(wrong, hint):
    with pytest.raises(AssertionError, match=hint):
        assert check_segments(wrong).right, check_segments(wrong).hint


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        (lambda t, r, s: t / r if t < r else (s - t) / (s - r), "wasted"),
        (lambda t, r, s: 1.0, "warm-up"),
        (lambda t, r, s: (t + 1) / r if t < r else (s - t) / s, "still 1"),
        (lambda t, r, s: min(1, (t + 1) / r), "decay"),
    ],
)
def test_wrong_shares(wrong, hint):
    verdict = check_share(wrong)
    assert not verdict.right
    assert hint in verdict.hint


def too_long(starts, ends):
    total = np.where(np.triu(np.ones((len(ends),) * 2), 1) > 0, starts[:, None] + ends, -np.inf)
    return np.unravel_index(total.argmax(), total.shape)


def start_first(starts, ends):
    first = int(starts.argmax())
    return first, first + int(ends[first:].argmax())


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        (lambda s, e: (s.argmax(), e.argmax()), "taken apart"),
        (too_long, "one token long"),
        (lambda s, e: (0, int(e.argmax())) if e[0] == 8 else (1, 1), "largest starts"),
        (start_first, "larger sum"),
    ],
)
def test_wrong_spans(wrong, hint):
    verdict = check_span(wrong)
    assert not verdict.right
    assert hint in verdict.hint
