"""Where answers run there are no checks; cells run as in a notebook, and errors are told."""

import socket
import sys
import threading

import pytest
import torch
from torch import nn

from tlbook.workbook.course import wire, worker


@pytest.fixture
def asked():
    """A function that asks `Answers`, served by a thread of this process, unlocked."""
    ours, theirs = socket.socketpair()
    answers = worker.Answers(theirs, {"torch": torch}, {})
    served = threading.Thread(target=answers.serve)
    served.start()

    def ask(**request):
        wire.send(ours, request)
        return wire.receive(ours)

    yield ask
    ours.close()
    served.join()
    theirs.close()


def given(*positional, **named):
    return wire.encode([list(positional), named])


def test_cells_run_in_order_and_past_errors(asked):
    reply = asked(cells=["a = 1", "b = a + 1\n1 / 0\nb = 9", "c = b"], names=["b", "c", "d"])
    assert reply["found"] == {"b": 2, "c": 2}
    assert reply["failed"]["raised"] == "ZeroDivisionError"


def test_functions_can_be_called_by_their_number(asked):
    reply = asked(cells=["f = lambda x, y=1: (x + y, torch.ones(2))"], names=["f"])
    number = reply["found"]["f"]["number"]
    assert wire.decode(asked(call=number, given=given(2, y=5))["gave"])[0] == 7


def test_what_a_call_changed_in_its_arguments_is_told(asked):
    asked(cells=["def f(found, layer):\n found.append(3)\n layer.bias.data.zero_()"], names=["f"])
    layer = nn.Linear(2, 1)
    described = worker.replicas.describe(layer, wire.encode)
    sent = wire.encode([[[1], layer], {}], lambda value: described if value is layer else None)
    (found, state), _ = wire.decode(asked(call=0, given=sent)["given"])
    assert found == [1, 3]
    assert state[""]["tensors"]["bias"].item() == 0
    assert torch.equal(state[""]["tensors"]["weight"], layer.weight)


@pytest.mark.parametrize(
    ("body", "kind"), [("1 / 0", "ZeroDivisionError"), ("raise SystemExit", "SystemExit")]
)
def test_an_error_of_a_call_is_told_and_the_next_call_works(asked, body, kind):
    asked(cells=[f"def f(x):\n if x: {body}\n return 4"], names=["f"])
    assert asked(call=0, given=given(1))["raised"] == kind
    assert asked(call=0, given=given(0))["gave"] == 4


def test_an_answer_that_cannot_be_sent_is_told_apart_from_one_that_is_missing(asked):
    reply = asked(cells=["class A: pass\na = A()"], names=["a", "b"])
    assert reply["found"] == {}
    assert reply["unusable"]["a"]["text"].endswith("not A")


@pytest.mark.parametrize(
    "cell", ["%time\nx = 3", "%%time\nx = 3", "!ls\nx = 3", "x = 3\nlen?", "x = 3  # 100 %"]
)
def test_lines_for_the_notebook_are_left_out(cell):
    names = {}
    worker.run(cell, names)
    assert names["x"] == 3


def test_a_cell_that_is_no_python_is_a_syntax_error():
    with pytest.raises(SyntaxError):
        worker.run("x = = 3", {})


def test_an_error_is_told_even_if_its_own_words_fail():
    class SilentError(Exception):
        """An error that says nothing when asked."""

        def __str__(self):
            raise KeyError

    assert worker.told(SilentError()) == {"raised": "SilentError", "text": "", "bare": True}
    assert worker.told(ValueError("x" * 999))["text"] == "x" * 500


def test_no_check_can_be_found(monkeypatch):
    monkeypatch.delitem(sys.modules, "tlbook.checks.asking", raising=False)
    monkeypatch.setattr(sys, "meta_path", [worker.NoChecks, *sys.meta_path])
    with pytest.raises(ImportError, match="no checks where answers run"):
        import tlbook.checks.asking  # noqa: F401
