"""Draw the batches of a long run in other processes, so that a GPU need not wait for them."""

import os
from collections.abc import Iterator
from typing import Protocol, runtime_checkable

import torch
from torch.utils.data import DataLoader, Dataset

from tlbook.batches import Batch

WORKERS = min(4, os.cpu_count() or 1)  # processes


@runtime_checkable
class Stream(Protocol):
    """A run whose batches can be had by their number."""

    def __len__(self) -> int:
        """Return the steps of the run."""

    def batch(self, step: int) -> Batch:
        """Return what a step (from 0) trains on."""


class Steps(Dataset):
    """A stream as PyTorch's loader wants to see it."""

    def __init__(self, stream: Stream):
        self.stream = stream

    def __len__(self) -> int:
        return len(self.stream)

    def __getitem__(self, step: int) -> Batch:
        return self.stream.batch(step)


class Ahead:
    """The batches of a stream, the same and in the same order, drawn before they are asked for.

    Args:
        stream: Its batches must depend on nothing but their number.
        workers: Processes, 1 or more.

    Raises:
        ValueError: If `workers` is below 1.
    """

    def __init__(self, stream: Stream, *, workers: int = WORKERS):
        if workers < 1:
            raise ValueError(f"workers must be 1 or more, got {workers}")
        self.stream, self.workers = stream, workers

    def __len__(self) -> int:
        """Steps of the run."""
        return len(self.stream)

    def __iter__(self) -> Iterator[Batch]:
        """Begin the run anew."""
        steps = Steps(self.stream)
        return iter(DataLoader(steps, batch_size=None, num_workers=self.workers))


def for_device(stream: Stream, device: torch.device) -> Stream | Ahead:
    """Return the stream as it is for a CPU, which has no time to spare, else drawn ahead."""
    return stream if device.type == "cpu" else Ahead(stream)
