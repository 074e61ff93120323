"""An answer is asked once for each case, and only plain data is left of what it gives."""

import sys

import numpy as np
import pandas as pd
import pytest
import torch

from tlbook.checks.asking import ask, bare


def test_it_is_called_once_for_each_case_in_order():
    called = []
    ask(lambda *case: called.append(case), [(1, 2), (3, 4)])
    assert called == [(1, 2), (3, 4)]


def test_what_it_does_to_its_arguments_changes_no_case():
    case = ([1, 2], torch.ones(2))
    ask(lambda numbers, tensor: (numbers.clear(), tensor.zero_()), [case, case])
    assert case[0] == [1, 2]
    assert case[1].tolist() == [1, 1]


@pytest.mark.parametrize("kind", [ValueError, SystemExit, GeneratorExit, StopIteration])
def test_an_error_is_kept_for_its_case_and_raised_when_looked_at(kind):
    def answer(number):
        if number == 1:
            raise kind("mine")
        return number

    replies = ask(answer, [(0,), (1,), (2,)])
    assert (len(replies), replies[0], replies[2]) == (3, 0, 2)
    with pytest.raises(kind, match="mine"):
        replies[1]


def test_an_interruption_is_the_readers_own():
    def answer():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ask(answer, [()])


def test_what_is_no_function_gives_an_error_for_each_case():
    replies = ask(5, [(1,), (2,)])
    assert len(replies) == 2
    with pytest.raises(TypeError, match="not callable"):
        replies[1]


def test_the_callers_hold_inputs_and_nothing_else():
    seen = []

    def answer(number):
        frame = sys._getframe(1)
        seen.append(set(frame.f_locals))

    ask(answer, [(1,)])
    assert seen == [{"answer", "cases", "outcomes", "case"}]


class Two(int):
    """Equal to everything."""

    def __eq__(self, other):
        return True

    __hash__ = int.__hash__


class Text(str):
    """Equal to everything."""

    def __eq__(self, other):
        return True

    __hash__ = str.__hash__


class Numbers(np.ndarray):
    """Equal to everything."""

    def __eq__(self, other):
        return True

    __hash__ = None


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (Two(2), 2),
        (Text("two"), "two"),
        (np.float64(0.5), 0.5),
        (np.bool_(True), True),
        (torch.tensor(3), 3),
        ((Two(2), [Text("a")]), (2, ["a"])),
        ({Text("a"): Two(1)}, {"a": 1}),
        ({1, 2}, {1, 2}),
        ((n for n in (Two(1), Two(2))), [1, 2]),
        ({"a": 1}.keys(), ["a"]),
        (..., ...),
        (None, None),
    ],
)
def test_a_value_loses_what_its_class_changed(value, plain):
    found = bare(value)
    assert type(found) is type(plain)
    assert found == plain


@pytest.mark.parametrize(
    "numbers",
    [
        np.array([1.0, 2.0]).view(Numbers),
        torch.tensor([1.0, 2.0], requires_grad=True),
        torch.nn.Parameter(torch.tensor([1.0, 2.0])),
        torch.tensor([1.0, 2.0], dtype=torch.bfloat16),
        pd.Series([1.0, 2.0]),
    ],
)
def test_arrays_of_all_kinds_become_numpys(numbers):
    found = bare(numbers)
    assert type(found) is np.ndarray
    assert found.tolist() == [1, 2]


def test_a_copy_does_not_follow_what_is_changed_later():
    array, tensor = np.ones(2), torch.ones(2)
    found = bare([array, tensor])
    array[:], tensor[:] = 5, 5
    assert [part.tolist() for part in found] == [[1, 1], [1, 1]]


def test_a_tensor_cannot_bring_a_detach_of_its_own():
    tensor = torch.ones(2)
    tensor.detach = lambda: pytest.fail("it was asked")
    assert bare(tensor).tolist() == [1, 1]


@pytest.mark.parametrize("value", [object(), lambda: 1, np.array([object()]), 1j])
def test_anything_else_is_named(value):
    with pytest.raises(TypeError, match="return numbers, texts, lists, arrays or tensors, not "):
        bare(value)
