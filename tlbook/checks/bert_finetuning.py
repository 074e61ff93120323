"""Verdicts on the exercises of lesson 24, BERT fine-tuning."""

from collections.abc import Callable, Sequence

import numpy as np

from tlbook import checks
from tlbook.checks import Verdict


def check_segments(answer: object) -> Verdict:
    """Judge a function from the pieces of two texts (counts) to the segment ids of the pair.

    Args:
        answer: ``answer(first, second)`` for ``[CLS] first [SEP] second [SEP]``.
    """
    draw = np.random.default_rng()
    sizes = [(2, 3), *draw.integers(1, 9, (5, 2)).tolist()]

    def pairs():
        return [(list(answer(first, second)), first, second) for first, second in sizes]

    return checks.judge(
        answer,
        [
            (
                lambda: all(len(ids) == first + second + 3 for ids, first, second in pairs()),
                "a pair has three special tokens beside its pieces",
            ),
            (
                lambda: all(set(ids) == {0, 1} for ids, _, _ in pairs()),
                "there are two segments, numbered from 0",
            ),
            (
                lambda: all(ids[first + 1] == 0 for ids, first, _ in pairs()),
                "to which text does the first [SEP] belong? It closes the first one",
            ),
            (
                lambda: all(
                    ids == [0] * (first + 2) + [1] * (second + 1) for ids, first, second in pairs()
                ),
                "the ids are 0 up to the first [SEP] and 1 from there to the end",
            ),
        ],
    )


def check_share(answer: object) -> Verdict:
    """Judge a function that gives the share of the peak rate at a step, with warm-up and decay.

    Args:
        answer: ``answer(step, rising, steps)``: ``(step + 1) / rising`` in the first `rising`
            steps, then ``(steps - step) / (steps - rising)``.
    """
    draw = np.random.default_rng()
    runs = [(int(rising), int(rising + more)) for rising, more in draw.integers(2, 30, (5, 2))]

    def everywhere(wanted: Callable[[int, int, int], float], steps_of) -> bool:
        return all(
            checks.close(answer(step, rising, steps), wanted(step, rising, steps))
            for rising, steps in runs
            for step in steps_of(rising, steps)
        )

    return checks.judge(
        answer,
        [
            (
                lambda: all(answer(0, rising, steps) > 0 for rising, steps in runs),
                "the first step would be wasted on a rate of 0",
            ),
            (
                lambda: everywhere(lambda t, r, s: (t + 1) / r, lambda r, s: range(r)),
                "look at the warm-up: a straight line that reaches 1 at its last step",
            ),
            (
                lambda: everywhere(lambda t, r, s: 1.0, lambda r, s: [r]),
                "the decay begins where the warm-up ends: at that step the share is still 1",
            ),
            (
                lambda: everywhere(lambda t, r, s: (s - t) / (s - r), lambda r, s: range(r, s)),
                "look at the decay: a straight line from 1 that would reach 0 after the last step",
            ),
        ],
    )


def check_span(answer: object) -> Verdict:
    """Judge a function that picks the best answer span from start and end scores.

    Args:
        answer: ``answer(starts, ends)`` -> first and last token of the span with the largest
            ``starts[i] + ends[j]`` with ``j >= i``.
    """
    draw = np.random.default_rng()

    def given(starts: Sequence | np.ndarray, ends: Sequence | np.ndarray) -> tuple[int, int]:
        first, last = answer(np.array(starts), np.array(ends))
        return int(first), int(last)

    def agrees() -> bool:
        for size in draw.integers(2, 8, 20):
            starts, ends = draw.normal(size=(2, size))
            total = {
                (i, j): starts[i] + ends[j] for i in range(size) for j in range(i, size)
            }  # every span, one by one
            if given(starts, ends) != max(total, key=total.get):
                return False
        return True

    return checks.judge(
        answer,
        [
            (
                lambda: given([1, 9, 0], [8, 0, 3])[0] <= given([1, 9, 0], [8, 0, 3])[1],
                "the end came before the start: the two maxima must not be taken apart",
            ),
            (
                lambda: given([0, 9, 0], [0, 9, 1]) == (1, 1),
                "an answer may be one token long: j = i is allowed",
            ),
            (
                lambda: given([1, 9, 0], [8, 0, 3]) == (1, 2),
                "the sum counts: of all i <= j take the pair with the largest starts[i] + ends[j]",
            ),
            (agrees, "on some scores another span with i <= j has a larger sum"),
        ],
    )
