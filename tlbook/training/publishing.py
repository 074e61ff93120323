"""Put the model of a finished run where tlbook ships it, with story, card and checksums.

==================  ===================================================================
file of the model   what it holds, besides weights and what belongs to them
==================  ===================================================================
``training.json``   plan, run and text, as `tlbook.training.runs` stored them
``curve.csv``       losses of the run
``CARD.md``         for people
==================  ===================================================================
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from tlbook.encoders.sources import SUMS, sha256_of
from tlbook.files import write
from tlbook.training import runs

UNSUMMED = ("CARD.md", "measured.csv", "tagged.csv")  # for people, renewed by measurements


def publish(
    folder: Path,
    target: Path,
    *,
    fill: Callable[[Path], None],
    card: Callable[[Path], None],
    most_bytes: int,
) -> Path:
    """Write the model of a finished run to `target`, whole or not at all, with its checksums.

    Args:
        folder: Where ``prepare`` and ``train`` wrote.
        target: Where the model goes; what is there is replaced. Its checksums go to
            ``SHA256SUMS`` beside it.
        fill: Writes weights and what belongs to them into the folder that it is given.
        card: Writes ``CARD.md`` into the folder that it is given, in which all else is there.
        most_bytes: That all files together may have.

    Returns:
        `target`.

    Raises:
        FileNotFoundError: If the run is not finished.
        ValueError: If the files come to more than `most_bytes`.
    """
    if not (folder / "run.json").exists():
        raise FileNotFoundError(f"{folder} holds no finished run; run train first")
    fresh = target.with_name(f"{target.name}.partial")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    fill(fresh)
    runs.store(fresh, "training", {n: runs.read(folder, n) for n in ("plan", "run", "text")})
    shutil.copy(folder / "curve.csv", fresh)
    card(fresh)
    for path in fresh.iterdir():
        path.chmod(0o644)  # safetensors lets only the owner read
    size = size_of(fresh)
    if size > most_bytes:
        shutil.rmtree(fresh)
        raise ValueError(f"the model has {size:,} bytes, more than {most_bytes:,}; nothing written")
    replace(fresh, target)
    return target


def size_of(folder: Path) -> int:
    """Return the bytes of all files of a model."""
    return sum(path.stat().st_size for path in folder.iterdir())


def replace(fresh: Path, target: Path) -> None:
    """Put the new folder in the place of the old one, and its checksums beside it."""
    old = target.with_name(f"{target.name}.old.partial")
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        os.replace(target, old)
    os.replace(fresh, target)
    shutil.rmtree(old, ignore_errors=True)
    sums = target.parent / SUMS
    others = sums.read_text(encoding="utf-8").splitlines() if sums.exists() else []
    others = [line for line in others if f"  {target.name}/" not in line]
    own = [
        f"{sha256_of(path)}  {target.name}/{path.name}"
        for path in sorted(target.iterdir())
        if path.name not in UNSUMMED
    ]
    write(sums, "\n".join(sorted(others + own, key=lambda line: line[66:])) + "\n")
