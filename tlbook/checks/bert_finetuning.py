"""Verdicts on the exercises of lesson 24, BERT fine-tuning."""

from collections.abc import Callable

import numpy as np

from tlbook import checks
from tlbook.checks import Tests, Verdict
from tlbook.checks.asking import Replies, ask

OUT_OF_REACH = -50.0  # a score that no best span holds


def check_segments(answer: object) -> Verdict:
    """Judge a function from the pieces of two texts (counts) to the segment ids of the pair.

    Args:
        answer: ``answer(first, second)`` for ``[CLS] first [SEP] second [SEP]``.
    """
    draw = np.random.default_rng()
    short, more = draw.integers(1, 9, (2, 3))
    sizes = [*zip(short, short + more, strict=True), *zip(short + more, short, strict=True)]
    sizes = [(int(first), int(second)) for first, second in sizes]
    replies = ask(answer, sizes)
    tests = [(lambda: callable(answer), "write a function of two numbers of pieces")]
    return checks.judge(answer, tests + _about_segments(replies, sizes))


def _about_segments(replies: Replies, sizes: list[tuple[int, int]]) -> Tests:
    """Tests of the ids for pairs of different sizes."""

    def every(fits: Callable[[list, int, int], bool]) -> bool:
        return all(
            fits(list(ids), first, second)
            for ids, (first, second) in zip(replies, sizes, strict=True)
        )

    hints = [
        (
            lambda ids, first, second: len(ids) == first + second + 3,
            "a pair has three special tokens beside its pieces",
        ),
        (
            lambda ids, first, second: set(ids) == {0, 1},
            "there are two segments, numbered from 0",
        ),
        (
            lambda ids, first, second: ids[0] == 0,
            "the first text is segment 0, and so is the [CLS] before it",
        ),
        (
            lambda ids, first, second: ids[first + 1] == 0,
            "to which text does the first [SEP] belong? It closes the first one",
        ),
        (
            lambda ids, first, second: ids[-1] == 1,
            "to which text does the last [SEP] belong? It closes the second one",
        ),
        (
            lambda ids, first, second: ids == [0] * (first + 2) + [1] * (second + 1),
            "the ids are 0 up to the first [SEP] and 1 from there to the end",
        ),
    ]
    return [(lambda fits=fits: every(fits), hint) for fits, hint in hints]


def check_share(answer: object) -> Verdict:
    """Judge a function that gives the share of the peak rate at a step, with warm-up and decay.

    Args:
        answer: ``answer(step, rising, steps)``: ``(step + 1) / rising`` in the first `rising`
            steps, then ``(steps - step) / (steps - rising)``.
    """
    draw = np.random.default_rng()
    runs = [(int(rising), int(rising + more)) for rising, more in draw.integers(2, 30, (5, 2))]
    cases = [(step, rising, steps) for rising, steps in runs for step in range(steps)]
    replies = ask(answer, cases)
    tests = [
        (lambda: callable(answer), "write a function of step, rising and steps"),
        (
            lambda: all(np.shape(reply) == () for reply in replies),
            "return one number, the share at this step",
        ),
        (
            lambda: set(replies) != {0, 1},
            "between 0 and 1 there are fractions: / divides, // cuts them off",
        ),
    ]
    return checks.judge(answer, tests + _about_share(replies, cases))


def _about_share(replies: Replies, cases: list[tuple[int, int, int]]) -> Tests:
    """Tests of the shares at the steps of some runs; a case is step t, rising r and steps s."""

    def shares(chosen: Callable[[int, int, int], bool]) -> list:
        return [reply for reply, case in zip(replies, cases, strict=True) if chosen(*case)]

    def follow(
        wanted: Callable[[int, int, int], float], chosen: Callable[[int, int, int], bool]
    ) -> bool:
        return checks.close(shares(chosen), [wanted(*case) for case in cases if chosen(*case)])

    return [
        (
            lambda: all(share > 0 for share in shares(lambda t, r, s: t == 0)),
            "the first step would be wasted on a rate of 0",
        ),
        (
            lambda: follow(lambda t, r, s: (t + 1) / r, lambda t, r, s: t < r),
            "look at the warm-up: a straight line that reaches 1 at its last step",
        ),
        (
            lambda: follow(lambda t, r, s: 1.0, lambda t, r, s: t == r),
            "the decay begins where the warm-up ends: at that step the share is still 1",
        ),
        (
            lambda: all(share > 0 for share in shares(lambda t, r, s: t == s - 1)),
            "the last step would be wasted on a rate of 0",
        ),
        (
            lambda: follow(lambda t, r, s: (s - t) / (s - r), lambda t, r, s: t >= r),
            "look at the decay: a straight line from 1 that would reach 0 after the last step",
        ),
    ]


def check_span(answer: object) -> Verdict:
    """Judge a function that picks the best answer span from start and end scores.

    Args:
        answer: ``answer(starts, ends)`` -> first and last token of the span with the largest
            ``starts[i] + ends[j]`` with ``j >= i``.
    """
    draw = np.random.default_rng()
    before = int(draw.integers(0, 4))  # tokens that no span wants
    crossing, single = (
        tuple(np.array([OUT_OF_REACH] * before + scores) for scores in pair)
        for pair in (([1.0, 9.0, 0.0], [8.0, 0.0, 3.0]), ([0.0, 9.0, 0.0], [0.0, 9.0, 1.0]))
    )
    drawn = [tuple(draw.normal(size=(2, size))) for size in draw.integers(2, 8, 100)]
    replies = ask(answer, [crossing, single, *drawn])
    tests = [
        (lambda: callable(answer), "write a function of two lists of scores"),
        (
            lambda: np.shape(replies[0]) == (2,),
            "return two places: the first token of the span and its last",
        ),
        *_about_span(replies, before),
        (
            lambda: all(_best(*_span(replies, n), *drawn[n - 2]) for n in range(2, len(replies))),
            "on some scores another span with i <= j has a larger sum",
        ),
    ]
    return checks.judge(answer, tests)


def _about_span(replies: Replies, before: int) -> Tests:
    """Tests of the first two replies: where the maxima cross, and where one token is best."""
    first, last, alone = before + 1, before + 2, before + 1
    return [
        (lambda: _span(replies, 0) != (last, first), "first token first, then the last"),
        (
            lambda: _span(replies, 0)[0] <= _span(replies, 0)[1],
            "the end came before the start: the two maxima must not be taken apart",
        ),
        (lambda: _span(replies, 1) != (alone + 1, alone + 1), "the first token has place 0"),
        (
            lambda: _span(replies, 0)[1] != last + 1 or _span(replies, 1)[1] != alone + 1,
            "the last token itself ends the span, not the place after it",
        ),
        (
            lambda: _span(replies, 1) == (alone, alone),
            "an answer may be one token long: j = i is allowed",
        ),
        (
            lambda: _span(replies, 0) == (first, last),
            "the sum counts: of all i <= j take the pair with the largest starts[i] + ends[j]",
        ),
    ]


def _span(replies: Replies, number: int) -> tuple[int, int]:
    first, last = replies[number]
    return int(first), int(last)


def _best(first: int, last: int, starts: np.ndarray, ends: np.ndarray) -> bool:
    """Whether no span has a larger sum, looked at one by one; rounding may decide between two."""
    size = len(starts)
    largest = max(starts[i] + ends[j] for i in range(size) for j in range(i, size))
    return 0 <= first <= last < size and bool(starts[first] + ends[last] >= largest - 1e-9)
