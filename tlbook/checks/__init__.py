"""Verdicts on exercises: silent until answered, then right, or a hint that fits the mistake.

Each lesson's checks stand in a module of its own here. A check compares properties on fresh
random inputs, so that a lucky or copied number does not pass, and never prints the solution. It
asks the answer first and compares later (`tlbook.checks.asking`).
With ``TLBOOK_STRICT=1``, as in the test run, a wrong or missing answer is an error.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tlbook.checks.asking import bare

Tests = list[tuple[Callable[[], bool], str]]  # each with the hint for an answer that fails it


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
        answer: ``...`` or None means "not answered yet", and so does a function that only says
            ``raise NotImplementedError``, as those to be written do.
        tests: One or more pairs of a test and the hint for an answer that fails it. A test passes
            with True alone. An exception inside it counts as failed, whatever its kind, and its
            message is shown after the hint.

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
    strict = os.environ.get("TLBOOK_STRICT") == "1"  # read before the answer's code can run
    verdict = Verdict(None) if answer is ... or answer is None else _try(tests)
    if strict and not verdict.right:
        raise WrongAnswerError(verdict.hint or "no answer was given")
    return verdict


def _try(tests: Sequence[tuple[Callable[[], bool], str]]) -> Verdict:
    for test, hint in tests:
        try:
            passed = test()
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 -- a learner's code may fail in any way
            if type(error) is NotImplementedError and not error.args:
                return Verdict(None)
            return Verdict(False, f"{hint} ({_told(error)})")
        if passed is not True and passed is not np.True_:
            return Verdict(False, hint)
    return Verdict(True)


def _told(error: BaseException) -> str:
    """Name an error, whose own words may fail as well."""
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:  # noqa: BLE001
        return type(error).__name__


def close(found: object, wanted: object, *, within: float = 1e-5) -> bool:
    """Whether two numbers or arrays have the same shape and nearly the same values.

    Args:
        found: The learner's.
        wanted: What it should be.
        within: Largest absolute difference allowed.
    """
    found, wanted = (np.asarray(bare(numbers), dtype=float) for numbers in (found, wanted))
    return found.shape == wanted.shape and bool(np.allclose(found, wanted, rtol=0, atol=within))
