"""Answers reach a check as plain values and as functions of ours; a bad process ends alone."""

import contextlib
import types

import pytest
import torch
from torch import nn

from tlbook.workbook.course.answers import AnswerError, Answering, Limits

FORGING = """
import os
def f():
    for number in range(3, 20):
        try: os.write(number, b"forged" * 99)
        except OSError: pass
"""


@pytest.fixture(scope="module")
def answering(grader):
    """The processes of the grader, with the set-up of one lesson."""
    grader.answering.prepare("counting", "import math\nfrom tlbook.corpora.splits import plain")
    return grader.answering


def answer(answering, cell, *given, **named):
    """Run a cell that defines `f`, and call it."""
    with answering.asked("counting", [cell], ["f"]) as answers:
        return answers["f"](*given, **named)


def test_values_are_plain_and_functions_are_ours(answering):
    with answering.asked("counting", ["a = (1, {'b': 2.5})", "f = math.sqrt"], ["a", "f"]) as got:
        assert got["a"] == (1, {"b": 2.5})
        assert type(got["f"]) is types.FunctionType
        assert got["f"](9) == 3


def test_a_function_may_use_what_its_set_up_imported_from_tlbook(answering):
    assert answer(answering, "f = lambda texts: [plain(t) for t in texts]", ["Hi!"]) == ["hi"]


def test_tensors_travel_both_ways(answering):
    states = torch.randn(3, 2)
    found = answer(answering, "def f(states, by): return by * states", states, by=2)
    torch.testing.assert_close(found, 2 * states)


def test_a_function_may_return_functions(answering):
    with answering.asked("counting", ["f = lambda a: (lambda b: a + b)"], ["f"]) as answers:
        assert answers["f"](1)(2) == 3


def test_a_module_is_changed_in_place(answering):
    layer = nn.Linear(2, 2)
    answer(answering, "import torch\nf = lambda m: torch.nn.init.zeros_(m.weight)", layer)
    assert (layer.weight == 0).all()
    assert (layer.bias != 0).any()


def test_arguments_are_changed_in_place(answering):
    given = [torch.zeros(2), {"a": [1]}]
    answer(answering, "def f(t, d):\n t += 1\n d['a'].append(2)", *given)
    assert given[0].tolist() == [1, 1]
    assert given[1] == {"a": [1, 2]}


@pytest.mark.parametrize(
    ("body", "kind", "text"),
    [
        ("raise ValueError('no ', 3)", ValueError, "('no ', 3)"),
        ("{}['a']", KeyError, "'a'"),
        ("raise NotImplementedError", NotImplementedError, ""),
        ("raise KeyboardInterrupt('me')", AnswerError, "me"),
        ("b'\\xff'.decode()", AnswerError, "UnicodeDecodeError: 'utf-8' codec can't decode"),
        ("raise SystemExit(3)", AnswerError, "3"),
        ("raise type('a b', (Exception,), {})('c')", AnswerError, "c"),
        ("return object()", TypeError, "not object"),
    ],
)
def test_errors_keep_their_kind_and_words(answering, body, kind, text):
    with pytest.raises(kind) as caught:
        answer(answering, f"def f(): {body}")
    assert text in str(caught.value)


def test_an_answer_with_nothing_to_say_looks_like_one_not_written_yet(answering):
    with pytest.raises(NotImplementedError) as caught:
        answer(answering, "def f(): raise NotImplementedError()")
    assert type(caught.value) is NotImplementedError


@pytest.mark.parametrize(
    "cell",
    [
        "import os; os._exit(0)",
        "def f(): import os; os._exit(0)",
        "def f():\n while True: pass",
        "def f(): import os; os.closerange(3, 99)",
        "def f(): return bytearray(2**34)",
        "def f(): return 'x' * 2**25",
        "def f():\n x = []\n for _ in range(500): x = [x]\n return x",
        FORGING,
    ],
)
def test_a_process_that_goes_astray_is_an_error_and_the_next_one_works(
    answering, monkeypatch, cell
):
    monkeypatch.setattr(answering, "limits", Limits(cpu_seconds=1, seconds=20.0, memory_mib=512))
    with pytest.raises((AnswerError, MemoryError, RecursionError)):
        answer(answering, cell)
    assert answer(answering, "f = lambda: 1") == 1


@pytest.mark.parametrize("naps", [[1000.0], [1.0] * 5])
def test_an_answer_that_sleeps_is_given_up_after_the_time_for_all_calls(
    answering, monkeypatch, naps
):
    monkeypatch.setattr(answering, "limits", Limits(cpu_seconds=9, seconds=3.0))
    cells = ["import time", "def f(naps): time.sleep(naps.pop()); return naps"]

    def call_until_none_is_left():
        with answering.asked("counting", cells, ["f"]) as answers:
            left = naps
            while left:
                left = answers["f"](left)

    with pytest.raises(AnswerError, match="no reply within 3 s"):
        call_until_none_is_left()


def test_a_submission_leaves_nothing_behind_for_the_next_one(answering):
    answer(answering, "import math\nmath.sqrt = lambda x: 7\nf = lambda: plain.__globals__.clear()")
    assert answer(answering, "f = math.sqrt", 9) == 3
    assert answer(answering, "f = plain", "A b") == "a b"


def test_a_lie_about_a_module_is_an_error(answering):
    cell = "import torch\ndef f(m): m.weight = torch.nn.Parameter(torch.ones(5))"
    with pytest.raises(AnswerError, match="changed the shape"):
        answer(answering, cell, nn.Linear(2, 2))


class Unknown(nn.Module):
    """A module that was not prepared."""


@pytest.mark.parametrize("argument", [object(), Unknown(), [nn.Sequential(Unknown())], len])
def test_what_cannot_be_handed_over_is_the_checks_fault_and_not_the_answers(answering, argument):
    def swallowed():
        with (
            answering.asked("counting", ["f = len"], ["f"]) as answers,
            contextlib.suppress(TypeError),  # as a check does
        ):
            answers["f"](argument)

    with pytest.raises(RuntimeError, match="a check of counting cannot ask this"):
        swallowed()


def test_a_set_up_that_fails_where_there_are_no_checks_is_told(answering):
    with pytest.raises(RuntimeError, match="the set-up of odd fails .*: ImportError: there are no"):
        answering.prepare("odd", "import tlbook.checks")


def test_a_process_that_is_gone_is_not_blamed_on_an_answer():
    with Answering() as over:
        over._process.kill()
        with pytest.raises(RuntimeError, match="could not be started"):
            over.prepare("counting", "import math")
