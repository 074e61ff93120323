"""Files that are written whole or not at all: a run that is killed leaves no half of one."""

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors.torch import save_file
from torch import Tensor


def write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    fresh = path.with_name(f"{path.name}.partial")
    fresh.write_bytes(content)
    os.replace(fresh, path)


def write_array(path: Path, array: np.ndarray) -> None:
    """Write an array for `numpy.load`, whole or not at all."""
    fresh = path.with_name(f"{path.name}.partial")
    with fresh.open("wb") as file:
        np.save(file, array)
    os.replace(fresh, path)


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
    fresh = path.with_name(f"{path.name}.partial")
    save_file(copies, fresh, metadata=metadata)
    os.replace(fresh, path)
