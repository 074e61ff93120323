"""Parts of a model, in place or kept aside: their weights, device and precision.

Notebook: notebooks/3_efficient/31_adapters.ipynb
"""

import copy
from collections.abc import Iterable

import torch
from torch import Tensor, nn

Part = nn.Module | nn.Parameter
Precision = frozenset[torch.dtype]


def weights_of(part: Part) -> list[nn.Parameter]:
    """Return the weights of a module, or the weight that the part is."""
    return list(part.parameters()) if isinstance(part, nn.Module) else [part]


def copied(part: Part) -> Part:
    """Return a copy with weights of its own, without gradients."""
    fresh = copy.deepcopy(part)
    for weight in weights_of(fresh):
        weight.grad = None
    return fresh


def precision_of(part: Part | Iterable[Tensor]) -> Precision:
    """Return the kinds of floating-point numbers in a part, or in tensors.

    Example:
        >>> precision_of(nn.Sequential(nn.Dropout(), nn.Linear(2, 2)))
        frozenset({torch.float32})
    """
    tensors = part
    if isinstance(part, nn.Module):
        tensors = (*part.parameters(), *part.buffers())
    elif isinstance(part, Tensor):
        tensors = (part,)
    return frozenset(tensor.dtype for tensor in tensors if tensor.is_floating_point())


def named(precision: Precision) -> str:
    """Write a precision as in ``bfloat16 and float32``."""
    return " and ".join(sorted(str(dtype).removeprefix("torch.") for dtype in precision))


def moved(part: Part, device: torch.device) -> Part:
    """Put a part on a device, as the very part and in the precision that it has."""
    if isinstance(part, nn.Module):
        return part.to(device)
    part.data = part.data.to(device)
    return part


def cast(part: Part, precision: Precision) -> None:
    """Bring all floating-point numbers of a part to the one kind in `precision`."""
    (dtype,) = precision
    if isinstance(part, nn.Module):
        part.to(dtype)
    else:
        part.data = part.data.to(dtype)
