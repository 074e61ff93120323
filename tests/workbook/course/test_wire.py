"""Messages are plain data: what can be sent arrives equal, and nothing else arrives."""

import collections
import itertools
import json
import socket
import time

import numpy as np
import pytest
import torch

from tlbook.workbook.course import wire

Pair = collections.namedtuple("Pair", "one two")


class EqualToAll:
    """What a check that compares objects of a submission would call right."""

    def __eq__(self, other):
        return True

    __hash__ = object.__hash__


class Five(int):
    """A number that says it equals any other."""

    __eq__ = EqualToAll.__eq__
    __hash__ = int.__hash__


def sent(value):
    return wire.decode(json.loads(json.dumps(wire.encode(value))))


@pytest.fixture
def ends():
    one, other = socket.socketpair()
    with one, other:
        yield one, other


@pytest.mark.parametrize(
    "value",
    [
        *(None, True, 3, 10**30, -0.5, "é\n\ud800", ..., [], (), {}, [1, (2.5, "x")]),
        *({1: {"a": None}, (1, 2): ...}, {1, 2}, frozenset({"a"})),
    ],
    ids=repr,
)
def test_plain_values_arrive_as_they_were(value):
    assert sent(value) == value
    assert type(sent(value)) is type(value)


@pytest.mark.parametrize(
    "array",
    [
        *(np.arange(6).reshape(2, 3), np.zeros((0, 2), np.float32), np.array(True)),
        *(np.array([["ab", "c"]]), np.array([1 + 2j]), np.array([], str), np.arange(6)[::2]),
    ],
    ids=repr,
)
def test_arrays_keep_values_shape_and_kind(array):
    found = sent(array)
    assert type(found) is np.ndarray
    assert found.dtype.kind == array.dtype.kind
    np.testing.assert_array_equal(found, array)


@pytest.mark.parametrize(
    "tensor",
    [
        *(
            torch.linspace(-1, 1, 6).view(2, 3).T,
            torch.tensor(1.5),
            torch.zeros(0, 3),
            torch.tensor([True]),
        ),
        *(torch.ones(2, dtype=torch.bfloat16), torch.arange(3), torch.ones(2).expand(2, 2)),
        torch.ones(2, dtype=torch.complex64).conj(),
    ],
    ids=repr,
)
def test_tensors_keep_values_shape_and_dtype(tensor):
    torch.testing.assert_close(sent(tensor), tensor, rtol=0, atol=0)


def test_a_tensor_that_is_trained_still_is():
    assert sent(torch.ones(2, requires_grad=True)).requires_grad
    assert not sent(torch.ones(2)).requires_grad


def test_numbers_of_numpy_stay_numbers_of_numpy():
    assert sent(np.float32(0.5)) == np.float32(0.5)
    assert type(sent(np.bool_(True))) is np.bool_


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        *((Pair(1, 2), (1, 2)), (collections.Counter("aab"), {"a": 2, "b": 1})),
        *((range(3), [0, 1, 2]), (map(abs, [-1]), [1]), ({"a": 1}.keys(), ["a"])),
        *((Five(5), 5), (collections.OrderedDict(a=1), {"a": 1})),
    ],
)
def test_subclasses_and_lazy_groups_arrive_as_the_plain_kind(value, plain):
    assert sent(value) == plain
    assert type(sent(value)) is type(plain)


def test_what_never_ends_is_cut():
    assert len(sent(itertools.count())) == wire.LONGEST


def test_a_number_that_equals_everything_does_so_no_more():
    assert Five(5) == 7
    assert sent(Five(5)) != 7


@pytest.mark.parametrize(
    "value",
    [EqualToAll(), [EqualToAll()], np.array([EqualToAll()]), torch.ones(2).to_sparse(), lambda: 1],
)
def test_what_is_no_plain_data_is_refused_by_name(value):
    with pytest.raises(TypeError, match="return numbers, texts, lists, arrays or tensors, not"):
        wire.encode(value)


@pytest.mark.parametrize(
    "message",
    [
        *({}, {"kind": "pickle"}, {"kind": []}, {"kind": "dict", "items": [[[], 1]]}),
        *({"kind": "dict", "items": 3}, {"kind": "set", "items": [{"kind": "dict"}]}),
        {"kind": "array", "dtype": "O", "shape": [1], "data": "AAAAAAAAAAA="},
        {"kind": "array", "dtype": "<f4", "shape": [10**9], "data": "AAAA"},
        {"kind": "scalar", "dtype": "<f4", "shape": "x", "data": None},
        {"kind": "tensor", "dtype": "storage", "shape": [1], "data": "", "trained": True},
        {"kind": "tensor", "dtype": "float32", "shape": [2], "data": "AAAA", "trained": 0},
        {"kind": "tensor", "dtype": "float32", "shape": [0, -1], "data": "", "trained": 0},
        {"kind": "frozenset", "items": list(range(wire.LARGEST_GROUP + 1))},
    ],
    ids=lambda message: str(message)[:60],
)
def test_a_message_that_makes_no_sense_is_a_value_error(message):
    with pytest.raises(ValueError):  # noqa: PT011 -- the one kind that the grader expects
        wire.decode(message)


def test_messages_arrive_one_after_another(ends):
    for message in ([1], {"a": "b" * 100_000}):
        wire.send(ends[0], message)
        assert wire.receive(ends[1]) == message


def test_a_message_that_does_not_come_is_given_up_in_time(ends):
    ends[0].sendall((5).to_bytes(wire.HEADER) + b"1")
    with pytest.raises(TimeoutError):
        wire.receive(ends[1], until=time.monotonic() + 0.05)


def test_an_end_that_is_closed_is_said_so(ends):
    ends[0].close()
    with pytest.raises(EOFError):
        wire.receive(ends[1])


def test_a_message_too_large_is_refused_before_it_is_read(ends):
    ends[0].sendall((2**40).to_bytes(wire.HEADER))
    with pytest.raises(ValueError, match="may have 4,194,304 bytes"):
        wire.receive(ends[1])


@pytest.mark.parametrize("body", [b"[" * 100_000, b"{", b"\xff", b"9" * 5000])
def test_what_is_no_json_is_a_value_error(ends, body):
    ends[0].sendall(len(body).to_bytes(wire.HEADER) + body)
    with pytest.raises(ValueError):  # noqa: PT011 -- the one kind that the grader expects
        wire.receive(ends[1])
