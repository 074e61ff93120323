"""Verdicts on exercises: silent until answered, then right, or a hint that fits the mistake.

Each lesson's checks stand in a module of its own here. A check compares properties on fresh
random inputs, so that a lucky or copied number does not pass, and never prints the solution.
With ``TLBOOK_STRICT=1``, as in the test run, a wrong or missing answer is an error.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Verdict:
    """What a check found.

    Attributes:
        right: True, False, or None while there is no answer.
        hint: What to look at, if the answer is wrong.
    """

    right: bool | None
    hint: str = ""

    def __str__(self) -> str:
        """The verdict in words; nothing while there is no answer."""
        if self.right is None:
            return ""
        return "Right." if self.right else f"Not yet: {self.hint}"

    def _repr_markdown_(self) -> str:
        return str(self)


class WrongAnswerError(AssertionError):
    """A wrong or missing answer, in a run that insists on right ones."""


def judge(answer: object, tests: Sequence[tuple[Callable[[], bool], str]]) -> Verdict:
    """Try the tests in order; the first that fails gives the hint.

    Args:
        answer: ``...`` or None means "not answered yet".
        tests: One or more pairs of a test and the hint for an answer that fails it. An exception
            inside a test counts as failed, and its message is shown after the hint.

    Returns:
        The verdict; in a notebook it is shown as the value of its cell.

    Raises:
        WrongAnswerError: With ``TLBOOK_STRICT=1``, unless the answer is right.
        ValueError: If there are no tests, which every answer would pass.

    Example:
        >>> print(judge(5, [(lambda: 5 == 4, "count the [CLS] token too")]))
        Not yet: count the [CLS] token too
        >>> print(judge(..., [(lambda: False, "not reached")]))
        <BLANKLINE>
    """
    if not tests:
        raise ValueError("give at least one test")
    verdict = Verdict(None) if answer is ... or answer is None else _try(tests)
    if os.environ.get("TLBOOK_STRICT") == "1" and not verdict.right:
        raise WrongAnswerError(verdict.hint or "no answer was given")
    return verdict


def _try(tests: Sequence[tuple[Callable[[], bool], str]]) -> Verdict:
    for test, hint in tests:
        try:
            passed = test()
        except Exception as error:  # noqa: BLE001 -- a learner's code may fail in any way
            return Verdict(False, f"{hint} ({type(error).__name__}: {error})")
        if passed is not True and passed is not np.True_:
            return Verdict(False, hint)
    return Verdict(True)


def close(found: object, wanted: object, *, within: float = 1e-5) -> bool:
    """Whether two numbers or arrays have the same shape and nearly the same values.

    Args:
        found: The learner's.
        wanted: What it should be.
        within: Largest absolute difference allowed.
    """
    found, wanted = _array(found), _array(wanted)
    return found.shape == wanted.shape and bool(np.allclose(found, wanted, rtol=0, atol=within))


def _array(numbers: object) -> np.ndarray:
    if hasattr(numbers, "detach"):  # a tensor, perhaps with gradients or in bfloat16
        numbers = numbers.detach().cpu().double()
    return np.asarray(numbers, dtype=float)
