"""How much memory a step of training or embedding needs, counted tensor by tensor."""

import weakref
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


def peak_bytes(work: Callable, *given, **options) -> int:
    """Run `work` and return the most bytes of tensors that were alive at one time.

    Counted: weights, batches, activations kept for the backward pass, gradients, optimizer
    state; each storage once, from the first operation that touches it until it is freed. Not
    counted: Python, libraries, scratch space inside an operation, what an allocator keeps in
    reserve. The figure is the same on every machine that computes in the same precision.

    Args:
        work: What to run, such as one training step.
        *given: Its arguments.
        **options: Its keyword arguments.

    Example:
        >>> def work():
        ...     one = torch.zeros(1000) + 1  # the zeros are freed, the sum lives on
        ...     return one * 2
        >>> peak_bytes(work)
        8000
    """
    with _LiveTensors() as live:
        work(*given, **options)
    return live.peak


class _LiveTensors(TorchDispatchMode):
    """Adds up the bytes of every tensor that operations read or make, until it is freed."""

    def __init__(self):
        super().__init__()
        self.now = self.peak = 0
        self.seen: dict[int, weakref.ref] = {}

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        for tensor in tree_leaves((args, kwargs, result)):
            if isinstance(tensor, Tensor):
                self._count(tensor.untyped_storage())  # views share one: counted once
        return result

    def _count(self, storage: torch.UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()
        if key not in self.seen:
            self.seen[key] = weakref.ref(storage, partial(self._freed, key, size))
            self.now += size
            self.peak = max(self.peak, self.now)

    def _freed(self, key: int, size: int, _reference: weakref.ref) -> None:
        if self.seen.pop(key, None) is not None:
            self.now -= size
