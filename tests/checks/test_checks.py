"""A verdict is silent before an answer, right for a right one, a fitting hint otherwise."""

import numpy as np
import pytest
import torch

from tlbook.checks import Verdict, WrongAnswerError, close, judge


def trials_of(answer):
    return [
        (lambda: isinstance(answer, int), "give a whole number"),
        (lambda: answer > 3, "too small"),
        (lambda: np.bool_(answer == 4), "count again"),
    ]


@pytest.mark.parametrize("answer", [..., None])
def test_it_is_silent_until_there_is_an_answer(answer):
    verdict = judge(answer, trials_of(answer))
    assert verdict == Verdict(None)
    assert verdict._repr_markdown_() == ""


def test_a_right_answer_is_called_right():
    assert str(judge(4, trials_of(4))) == "Right."


@pytest.mark.parametrize(
    ("answer", "hint"), [("4", "give a whole number"), (2, "too small"), (5, "count again")]
)
def test_a_wrong_answer_gets_the_hint_that_fits(answer, hint):
    verdict = judge(answer, trials_of(answer))
    assert verdict == Verdict(False, hint)
    assert verdict._repr_markdown_() == f"Not yet: {hint}"


def test_an_exception_in_the_answer_is_wrong_and_told():
    def answer():
        return 1 / 0

    verdict = judge(answer, [(lambda: answer() == 1, "look at the divisor")])
    assert str(verdict) == "Not yet: look at the divisor (ZeroDivisionError: division by zero)"


@pytest.mark.parametrize("result", [None, 1, "yes", [True], torch.tensor(True)])
def test_only_true_itself_passes_so_that_silenced_errors_do_not(result):
    assert judge(1, [(lambda: result, "hint")]).right is False


def test_zero_and_empty_lists_are_answers():
    for answer in (0, [], np.zeros(0), False):
        assert judge(answer, [(lambda: True, "")]).right


@pytest.mark.parametrize(("answer", "message"), [(..., "no answer was given"), (2, "too small")])
def test_a_strict_run_insists_on_right_answers(monkeypatch, answer, message):
    monkeypatch.setenv("TLBOOK_STRICT", "1")
    with pytest.raises(WrongAnswerError, match=message):
        judge(answer, trials_of(answer))
    assert judge(4, trials_of(4)).right


def test_a_check_without_tests_is_an_error_as_every_answer_would_pass():
    with pytest.raises(ValueError, match="give at least one test"):
        judge(1, [])


@pytest.mark.parametrize(
    ("found", "wanted", "same"),
    [
        (1.0, 1.0 + 1e-6, True),
        (1.0, 1.1, False),
        ([1.0, 2.0], np.array([1.0, 2.0]), True),
        ([1.0], 1.0, False),
        (torch.ones(2, requires_grad=True), [1.0, 1.0], True),
        (torch.ones(2, dtype=torch.bfloat16), torch.ones(2), True),
        (float("nan"), 1.0, False),
    ],
)
def test_closeness_compares_shape_and_values(found, wanted, same):
    assert close(found, wanted) is same


def test_closeness_can_be_loosened():
    assert close(1.0, 1.05, within=0.1)
