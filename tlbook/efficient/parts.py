"""A second model out of the parts of a first: the same weights, some modules exchanged."""

import copy

from torch import nn


def with_parts(module: nn.Module, **parts: nn.Module | nn.Parameter) -> nn.Module:
    """Return a module that differs from the given one in some parts, and shares the others.

    It computes with the very weights of the first, so training one trains the other.

    Args:
        module: Stays as it is.
        **parts: Children or weights by name; only such as it has.

    Raises:
        ValueError: If it has no part of that name.

    Example:
        >>> first = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
        >>> second = with_parts(first, **{"1": nn.Identity()})
        >>> second[0] is first[0], first[1], second[1]
        (True, ReLU(), Identity())
    """
    view = copy.copy(module)
    view._modules, view._parameters = dict(module._modules), dict(module._parameters)
    for name, part in parts.items():
        kept = view._modules if isinstance(part, nn.Module) else view._parameters
        if kept.get(name) is None:
            raise ValueError(f"{type(module).__name__} has no part {name!r} to exchange")
        kept[name] = part
    return view
