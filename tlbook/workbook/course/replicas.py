"""Carry a torch module to the process that runs answers, and what they changed in it back.

A check may hand a module over to be changed in place. It is described by its class and its
numbers, rebuilt over there from a class that was imported before any answer ran, and afterwards
only numbers come back: weights of the shapes that were sent, whether they are trained, settings.
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

PLAIN = (bool, int, float, str, tuple)


def describe(module: nn.Module, encode: Callable[[object], object]) -> dict:
    """Say of a module all that `rebuild` needs.

    Args:
        module: Holds weights, buffers, plain settings and further modules, and nothing else.
        encode: From `tlbook.workbook.course.wire`.

    Raises:
        TypeError: If it holds anything else; names it.
    """
    own = vars(nn.Module())
    settings = {name: value for name, value in vars(module).items() if name not in own}
    for name, value in settings.items():
        if value is not None and type(value) not in PLAIN:
            raise TypeError(f"{type(module).__name__}.{name} cannot be sent to an answer")
        settings[name] = encode(value)
    return {
        "kind": "module",
        "class": name_of(type(module)),
        "training": module.training,
        "settings": settings,
        "weights": {name: encode(weight) for name, weight in module._parameters.items()},
        "buffers": {name: encode(buffer) for name, buffer in module._buffers.items()},
        "parts": {name: describe(part, encode) for name, part in module._modules.items()},
    }


def name_of(kind: type) -> str:
    """Say where a class is found: its module and its name there."""
    return f"{kind.__module__}:{kind.__qualname__}"


def rebuild(
    told: dict, decode: Callable[[object], object], classes: Mapping[str, type]
) -> nn.Module:
    """Make the module that `describe` described.

    Args:
        told: The description.
        decode: From `tlbook.workbook.course.wire`.
        classes: Those of our own by `name_of`; torch's are found without.
    """
    home, _, name = told["class"].partition(":")
    kind = classes.get(told["class"])
    if kind is None and home.startswith("torch.nn."):
        kind = getattr(nn, name)
    if kind is None:
        raise TypeError(f"the set-up of answers does not know the class {told['class']}")
    module = kind.__new__(kind)
    nn.Module.__init__(module)
    module.training = told["training"]
    for name, value in told["settings"].items():
        setattr(module, name, decode(value))
    for name, message in told["weights"].items():
        weight = decode(message)
        module.register_parameter(name, weight if weight is None else _trained(weight))
    for name, message in told["buffers"].items():
        module.register_buffer(name, decode(message))
    for name, part in told["parts"].items():
        module.add_module(name, rebuild(part, decode, classes))
    return module


def _trained(weight: Tensor) -> nn.Parameter:
    return nn.Parameter(weight.detach(), requires_grad=weight.requires_grad)


def state(module: nn.Module) -> dict:
    """Return what an answer may have changed in a module: plain data, by the places of parts."""
    found = {}
    for place, part in module.named_modules():
        found[place] = {
            "training": part.training,
            "settings": {name: v for name, v in vars(part).items() if type(v) in PLAIN},
            "tensors": dict(_tensors(part)),
        }
    return found


def _tensors(module: nn.Module) -> list[tuple[str, Tensor]]:
    own = [*module._parameters.items(), *module._buffers.items()]
    return [(name, tensor) for name, tensor in own if tensor is not None]


def apply(module: nn.Module, changed: dict) -> None:
    """Change a module as an answer changed its replica.

    Args:
        module: The one that was described.
        changed: The replica's `state`; it is not trusted.

    Raises:
        ValueError: If its parts, or the shapes of its weights, are no longer those sent.
    """
    if set(changed) != {place for place, _ in module.named_modules()}:
        raise ValueError("the answer took parts of the module away, or added some")
    for place, part in module.named_modules():
        found = changed[place]["tensors"]
        if set(found) != {name for name, _ in _tensors(part)}:
            raise ValueError(
                f"the answer took weights of {place or 'the module'} away, or added some"
            )
        for name, tensor in _tensors(part):
            _copy(tensor, found[name])
        part.training = changed[place]["training"] is True
        for name, value in vars(part).items():
            new = changed[place]["settings"].get(name)
            if type(value) in PLAIN and type(new) is type(value):
                setattr(part, name, new)


def _copy(tensor: Tensor, found: object) -> None:
    if not isinstance(found, Tensor) or found.shape != tensor.shape or found.dtype != tensor.dtype:
        raise ValueError("the answer changed the shape or the kind of a weight")
    with torch.no_grad():
        tensor.copy_(found.detach())
    if tensor.is_leaf and tensor.is_floating_point():
        tensor.requires_grad_(found.requires_grad)
