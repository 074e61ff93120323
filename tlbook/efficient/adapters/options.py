"""What the options of adapters may be; a wrong one is named before anything has changed.

Notebook: notebooks/3_efficient/31_adapters.ipynb
"""

import operator
from collections.abc import Sequence


def whole_number(option: str, value: object) -> int:
    """Return a whole number, of NumPy or torch too, as one of Python.

    Args:
        option: Its name, for the message.
        value: The number.

    Raises:
        ValueError: If it is none; True, 2.0 and "4" are none.
    """
    try:
        if not isinstance(value, bool):
            return operator.index(value)
    except TypeError:
        pass
    raise ValueError(f"{option} must be a whole number, got {value!r}")


def layer_numbers(layers: Sequence[int], count: int) -> tuple[int, ...]:
    """Return numbers of layers in order, each once.

    Args:
        layers: From 0, one or more.
        count: Layers that there are.

    Raises:
        ValueError: If there is none, or one that is no whole number below `count`.
    """
    try:
        found = sorted({whole_number("layers", layer) for layer in layers})
    except (TypeError, ValueError):
        found = []
    if not found or found[0] < 0 or found[-1] >= count:
        raise ValueError(f"layers must be some of 0..{count - 1}, got {layers!r}")
    return tuple(found)


def set_name(name: str) -> str:
    """Return the name of a set of adapters as it is.

    Raises:
        ValueError: If it is no string, or empty.
    """
    if not isinstance(name, str):
        raise ValueError(f"name must be a string, got {name!r}")
    if not name:
        raise ValueError("name must not be empty")
    return name
