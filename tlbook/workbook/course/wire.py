"""Messages between the grader and the process that runs answers: plain data, nothing else.

A message is JSON behind its length. Nothing is unpickled, and no object of a submission arrives:
numbers, texts, lists, tuples, sets, dictionaries, arrays and tensors are rebuilt from their
values, so whatever a class of a submission would have answered to ``==`` stays behind.
"""

import base64
import itertools
import json
import math
import socket
import time
from collections.abc import Callable, ItemsView, Iterator, KeysView, ValuesView

import numpy as np
import torch
from torch import Tensor

LARGEST_MESSAGE = 2**22  # bytes
LARGEST_GROUP = 10_000  # entries of a set or dictionary, whose keys could be made to collide
LONGEST = 10_000  # items taken of what may never end
HEADER = 8  # bytes that tell the length of what follows
DTYPES = {
    str(dtype).removeprefix("torch."): dtype
    for dtype in (
        *(torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.complex64),
        *(torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool),
    )
}
LAZY = (range, Iterator, KeysView, ValuesView, ItemsView)
NO_KIND = "return numbers, texts, lists, arrays or tensors, not {}"
Other = Callable[[object], dict | None]


def send(connection: socket.socket, message: object) -> None:
    """Send one message.

    Raises:
        OSError: If nobody listens any more.
    """
    body = json.dumps(message).encode()
    connection.sendall(len(body).to_bytes(HEADER) + body)


def receive(connection: socket.socket, *, until: float = math.inf) -> object:
    """Wait for one message.

    Args:
        connection: From `socket.socketpair`.
        until: Time by `time.monotonic` at which to give up.

    Raises:
        TimeoutError: If it did not come in time.
        EOFError: If the other side has ended.
        ValueError: If it is too large or no JSON.
    """
    size = int.from_bytes(_exactly(connection, HEADER, until))
    if size > LARGEST_MESSAGE:
        raise ValueError(f"an answer may have {LARGEST_MESSAGE:,} bytes, this one has {size:,}")
    try:
        return json.loads(_exactly(connection, size, until))
    except RecursionError as error:
        raise ValueError("an answer is nested too deeply") from error


def _exactly(connection: socket.socket, size: int, until: float) -> bytes:
    found = bytearray()
    while len(found) < size:
        left = until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        connection.settimeout(None if left == math.inf else left)
        part = connection.recv(min(size - len(found), 2**16))
        if not part:
            raise EOFError
        found += part
    return bytes(found)


def encode(value: object, other: Other = lambda value: None) -> object:
    """Turn a value into JSON.

    Subclasses lose what they changed: a named tuple becomes a tuple, a counter a dictionary.

    Args:
        value: Numbers, texts, arrays and tensors, and groups of them.
        other: Describes what is none of these by a dictionary with ``kind``, or returns None.

    Raises:
        TypeError: If it is anything else; names the type.

    Example:
        >>> decode(encode((1, {"a": np.float32(0.5)}, torch.ones(2))))
        (1, {'a': np.float32(0.5)}, tensor([1., 1.]))
    """
    if value is None or type(value) in (bool, int, float, str):
        return value
    if value is ...:
        return {"kind": "ellipsis"}
    if isinstance(value, Tensor):
        return _tensor(value)
    if isinstance(value, np.ndarray | np.generic):
        return _array(value)
    for kind in (int, float, str):
        if isinstance(value, kind):
            return kind(value)
    if (told := other(value)) is not None:
        return told
    return _group(value, other)


def _group(value: object, other: Other) -> object:
    """Encode what holds several values, or says itself how to be an array."""
    if isinstance(value, LAZY):
        value = list(itertools.islice(value, LONGEST))
    if isinstance(value, list):
        return [encode(item, other) for item in value]
    if isinstance(value, dict):
        pairs = [[encode(key, other), encode(item, other)] for key, item in value.items()]
        return {"kind": "dict", "items": pairs}
    for kind in (tuple, set, frozenset):
        if isinstance(value, kind):
            return {"kind": kind.__name__, "items": [encode(item, other) for item in value]}
    if hasattr(type(value), "__array__"):  # numpy would look for ever into what holds itself
        return _array(np.array(value))
    raise TypeError(NO_KIND.format(type(value).__name__))


def _array(value: np.ndarray | np.generic) -> dict:
    kind = "array" if isinstance(value, np.ndarray) else "scalar"
    shape, plain = list(np.shape(value)), np.array(value)
    if plain.dtype.kind == "U":
        return {"kind": kind, "shape": shape, "texts": plain.ravel().tolist()}
    if plain.dtype.kind not in "biufc":
        raise TypeError(NO_KIND.format(f"an array of {plain.dtype}"))
    return {"kind": kind, "shape": shape, "dtype": plain.dtype.str, "data": _text(plain.tobytes())}


def _tensor(value: Tensor) -> dict:
    name = str(value.dtype).removeprefix("torch.")
    if name not in DTYPES or value.layout != torch.strided:
        raise TypeError(NO_KIND.format(f"a tensor of {value.dtype} ({value.layout})"))
    flat = value.detach().cpu().resolve_conj().resolve_neg().contiguous().reshape(-1)
    data = _text(flat.view(torch.uint8).numpy().tobytes())
    shape, trained = list(value.shape), value.requires_grad
    return {"kind": "tensor", "shape": shape, "dtype": name, "data": data, "trained": trained}


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def decode(message: object, other: Callable[[dict], object] | None = None) -> object:
    """Rebuild a value from what `encode` made of it, or a liar says it made.

    Args:
        message: Lists, dictionaries with ``kind``, numbers, texts.
        other: Rebuilds the kinds that are not known here.

    Raises:
        ValueError: If it makes no sense.
    """
    if type(message) is list:
        return [decode(item, other) for item in message]
    if type(message) is not dict:
        return message
    try:
        return _decoded(message, other)
    except (KeyError, TypeError, OverflowError, RuntimeError) as error:
        raise ValueError(f"an answer cannot be read: {type(error).__name__}: {error}") from error


def _decoded(message: dict, other: Callable[[dict], object] | None) -> object:
    kind = message["kind"]
    if kind == "ellipsis":
        return ...
    if kind in ("dict", "tuple", "set", "frozenset"):
        if kind != "tuple" and len(message["items"]) > LARGEST_GROUP:
            raise ValueError(f"a {kind} may have {LARGEST_GROUP:,} entries")
        build = {"dict": dict, "tuple": tuple, "set": set, "frozenset": frozenset}[kind]
        return build(decode(item, other) for item in message["items"])
    if kind in ("array", "scalar"):
        return _array_of(message) if kind == "array" else _array_of(message)[()]
    if kind == "tensor":
        dtype = DTYPES[message["dtype"]]
        if not math.prod(message["shape"]):
            found = torch.empty(message["shape"], dtype=dtype)
        else:
            data = bytearray(base64.b64decode(message["data"]))
            found = torch.frombuffer(data, dtype=dtype).reshape(message["shape"]).clone()
        trained = message["trained"] is True and found.dtype.is_floating_point
        return found.requires_grad_(trained)
    if other is None:
        raise ValueError(f"an answer holds a {kind}")
    return other(message)


def _array_of(message: dict) -> np.ndarray:
    if "texts" in message:
        return np.array([str(text) for text in message["texts"]], str).reshape(message["shape"])
    dtype = np.dtype(message["dtype"])
    if dtype.kind not in "biufc":
        raise ValueError(f"an answer holds an array of {dtype}")
    return np.frombuffer(base64.b64decode(message["data"]), dtype).reshape(message["shape"]).copy()
