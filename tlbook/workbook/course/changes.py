"""Change arguments in place as an answer changed its copies of them, in another process."""

import numpy as np
import torch
from torch import Tensor, nn

from tlbook.workbook.course import replicas


def restore(given: object, changed: object) -> None:
    """Make what was given equal to what it has become, without replacing the object.

    Args:
        given: An argument of a call, of whatever kind; plain values cannot change.
        changed: What came back for it, in plain data; a module's `replicas.state`.

    Raises:
        ValueError: If it has become something that this object cannot be.

    Example:
        >>> given = [3, 1, 2]
        >>> restore(given, [1, 2, 3])
        >>> given
        [1, 2, 3]
    """
    if isinstance(given, nn.Module):
        replicas.apply(given, changed)
    elif isinstance(given, Tensor | np.ndarray):
        _restore_numbers(given, changed)
    elif type(given) in (list, dict, set, tuple):
        if type(changed) is not type(given):
            raise ValueError(f"a {type(given).__name__} that was given is one no more")
        _restore_group(given, changed)


def _restore_numbers(given: Tensor | np.ndarray, changed: object) -> None:
    if type(changed) is not type(given) and not isinstance(changed, Tensor):
        raise ValueError(f"a {type(given).__name__} that was given is one no more")
    if changed.shape != given.shape or changed.dtype != given.dtype:
        raise ValueError("the answer changed the shape or the kind of numbers that were given")
    if isinstance(given, np.ndarray):
        given[...] = changed
    elif not torch.equal(given, changed):  # writing to what autograd has seen costs it its graph
        with torch.no_grad():
            given.copy_(changed)


def _restore_group(given: list | dict | set | tuple, changed: list | dict | set | tuple) -> None:
    if isinstance(given, list | tuple) and len(given) == len(changed):
        for place, (old, new) in enumerate(zip(given, changed, strict=True)):
            if _changes_inside(old, new):
                restore(old, new)
            elif isinstance(given, list):
                given[place] = new
    elif isinstance(given, dict) and given.keys() == changed.keys():
        for key, old in given.items():
            if _changes_inside(old, changed[key]):
                restore(old, changed[key])
            else:
                given[key] = changed[key]
    elif isinstance(given, list):
        given[:] = changed
    elif isinstance(given, tuple):
        raise ValueError("a tuple that was given has another length")
    else:
        given.clear()
        given.update(changed)


def _changes_inside(old: object, new: object) -> bool:
    """Whether the object itself can take the new values on."""
    if isinstance(old, nn.Module):
        return True
    if isinstance(old, Tensor | np.ndarray):
        same = isinstance(new, Tensor) == isinstance(old, Tensor) and hasattr(new, "shape")
        return same and new.shape == old.shape and new.dtype == old.dtype
    return type(old) in (list, dict, set, tuple) and type(new) is type(old)
