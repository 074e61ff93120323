"""Files that are written whole or not at all: a run that is killed leaves no half of one.

Needs nothing but Python until an array or weights are written: `tlbook.workbook.lock` runs before
anything is installed.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Give a name to write to; the file takes the place of `path` if nothing breaks off."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        yield fresh
        os.replace(fresh, path)
    finally:
        fresh.unlink(missing_ok=True)


def write(path: Path, content: bytes | str) -> None:
    """Write a file, text as UTF-8 with the line ends it has; make its folder if it is missing."""
    with whole(path) as fresh:
        fresh.write_bytes(content.encode() if isinstance(content, str) else content)


def write_array(path: Path, array: "np.ndarray") -> None:
    """Write an array for `numpy.load`."""
    import numpy as np

    with whole(path) as fresh, fresh.open("wb") as file:
        np.save(file, array)


def write_weights(
    path: Path, weights: Mapping[str, "Tensor"], metadata: dict[str, str] | None = None
) -> None:
    """Write weights as safetensors.

    Args:
        path: The file.
        weights: They may be on any device, and share memory.
        metadata: Goes into the head of the file.
    """
    from safetensors.torch import save_file

    # A copy each: safetensors refuses weights that share memory, as those of an LSTM may.
    copies = {n: w.detach().to("cpu", copy=True).contiguous() for n, w in weights.items()}
    with whole(path) as fresh:
        save_file(copies, fresh, metadata=metadata)
