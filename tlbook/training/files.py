"""Files that are written whole or not at all: a run that is killed leaves no half of one."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from safetensors.torch import save_file
from torch import Tensor


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Give a name to write to; the file takes the place of `path` if nothing breaks off."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        yield fresh
        os.replace(fresh, path)
    finally:
        fresh.unlink(missing_ok=True)


def write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    with whole(path) as fresh:
        fresh.write_bytes(content)


def write_array(path: Path, array: np.ndarray) -> None:
    """Write an array for `numpy.load`, whole or not at all."""
    with whole(path) as fresh, fresh.open("wb") as file:
        np.save(file, array)


def write_weights(
    path: Path, weights: Mapping[str, Tensor], metadata: dict[str, str] | None = None
) -> None:
    """Write weights as safetensors, whole or not at all.

    Args:
        path: The file.
        weights: They may be on any device, and share memory.
        metadata: Goes into the head of the file.
    """
    # A copy each: safetensors refuses weights that share memory, as those of an LSTM may.
    copies = {n: w.detach().to("cpu", copy=True).contiguous() for n, w in weights.items()}
    with whole(path) as fresh:
        save_file(copies, fresh, metadata=metadata)
