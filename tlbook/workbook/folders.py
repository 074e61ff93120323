"""Folders of made files that are renewed as a whole: the old one or the new one, no half."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def renewed(folder: Path) -> Iterator[Path]:
    """Give an empty folder, which takes the place of `folder` when the block ends well.

    If the block ends by an error, `folder` stays as it was and what was written is gone.

    Args:
        folder: Whatever it holds is replaced, so name one that holds made files only.

    Yields:
        The folder to write into, on the same disk.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as room:
        fresh = Path(room) / "fresh"
        fresh.mkdir()
        yield fresh
        if folder.exists():
            os.replace(folder, Path(room) / "old")
        os.replace(fresh, folder)
