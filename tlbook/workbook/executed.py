"""Executed lessons on disk, each with the fingerprint of what it was executed from.

A book can be bound from them without running anything again, as long as nothing changed.
"""

import copy
import hashlib
import os
from datetime import UTC, datetime
from pathlib import Path

import nbformat

from tlbook.files import write
from tlbook.workbook.execution import Run
from tlbook.workbook.lessons import ROOT, Lesson

MARK = "tlbook"  # key in the notebook's metadata
NOT_IMPORTED = {"workbook", "bench", "__pycache__"}  # parts of tlbook that no lesson runs


def fingerprint(lesson: Lesson, *, package: Path = ROOT / "tlbook") -> str:
    """Return a hash of all that an executed lesson depends on.

    It covers the sources of its cells, the rows recorded beside it, the profile, and the package
    with its models and corpora; not its kept outputs, its metadata and versions of libraries.

    Args:
        lesson: From `tlbook.workbook.lessons.find`.
        package: Folder of the modules it imports.
    """
    found = hashlib.sha256(os.environ.get("TLBOOK_PROFILE", "").encode())
    for cell in nbformat.read(lesson.path, as_version=4).cells:
        found.update(f"\0{cell.cell_type}\0{cell.source}".encode())
    files = sorted(package.rglob("*")) + sorted(lesson.path.parent.glob("*.csv"))
    for file in files:
        if file.is_file() and not NOT_IMPORTED & set(file.parts[len(package.parts) :]):
            found.update(f"\0{file.name}\0".encode())
            found.update(hashlib.sha256(file.read_bytes()).digest())
    return found.hexdigest()


def save(folder: Path, run: Run, mark: str) -> None:
    """Write an executed notebook; of one that failed, remove what an earlier run left.

    Args:
        folder: Where executed notebooks lie.
        run: From `tlbook.workbook.execution.execute`.
        mark: The lesson's `fingerprint` from before the run: a source changed during the run
            must not pass for the one that was run.
    """
    path = folder / f"{run.lesson.name}.ipynb"
    if run.failure:
        path.unlink(missing_ok=True)
        return
    notebook = copy.deepcopy(run.notebook)
    notebook.metadata[MARK] = {
        "fingerprint": mark,
        "seconds": round(run.seconds, 1),
        "peak_mib": round(run.peak_mib),
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
    }
    write(path, nbformat.writes(notebook) + "\n")


def load(folder: Path, lesson: Lesson) -> Run | None:
    """Return the executed lesson if its file is up to date with the sources, else None.

    Args:
        folder: As for `save`.
        lesson: From `tlbook.workbook.lessons.find`.
    """
    path = folder / f"{lesson.name}.ipynb"
    if not path.exists():
        return None
    try:
        notebook = nbformat.read(path, as_version=4)
        mark = notebook.metadata[MARK]
        run = Run(lesson, notebook, mark["seconds"], mark["peak_mib"], None)
        known = mark["fingerprint"]
    except Exception:  # not ours, or damaged (nbformat raises many kinds): it is made anew
        return None
    return run if known == fingerprint(lesson) else None
