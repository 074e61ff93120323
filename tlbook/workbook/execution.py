"""Execute one lesson in a kernel of its own; note seconds, memory and where it failed."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import nbformat
import psutil
import zmq
from nbclient import NotebookClient
from nbclient.exceptions import CellControlSignal, CellExecutionError, DeadKernelError
from nbformat import NotebookNode
from traitlets.config import Config

from tlbook.workbook import replies, snapshots
from tlbook.workbook.lessons import Lesson

ENCRYPTION = "auto" if zmq.has("curve") else "disabled"
LOOK_EVERY = 0.2  # seconds between two looks at the memory
REST = 9  # times as long as weighing what is shared took, before it is weighed again


@dataclass(frozen=True)
class Failure:
    """Where a lesson stopped.

    Attributes:
        cell: Place of the cell in the notebook, counted from 1, prose included. For an error
            inside a widget, which does not say where it arose, the last cell.
        message: Last line of the error.
    """

    cell: int
    message: str

    def __str__(self):
        return f"cell {self.cell}: {self.message}"


@dataclass(frozen=True)
class Run:
    """One executed lesson.

    Attributes:
        lesson: Which.
        notebook: The notebook with the outputs of this run.
        seconds: Wall time, start of the kernel included.
        peak_mib: Largest memory of the kernel and its children together, in MiB.
        failure: Where it stopped, if it did.
    """

    lesson: Lesson
    notebook: NotebookNode
    seconds: float
    peak_mib: float
    failure: Failure | None


def execute(
    lesson: Lesson,
    *,
    results: Path,
    on_cell: Callable[[int, int], None] = lambda cell, cells: None,
) -> Run:
    """Execute every cell of a lesson in order, in its own folder, up to the first error.

    Args:
        lesson: From `tlbook.workbook.lessons.find`.
        results: Folder for the rows it records (``TLBOOK_RESULTS`` of the kernel).
        on_cell: Called before each cell with its place, from 1, and the number of cells.

    Returns:
        The run. An error inside the lesson is part of it, with its traceback among the outputs.
    """
    replies.poll()
    notebook = nbformat.read(lesson.path, as_version=4)
    for cell in notebook.cells:  # an old output must not pass for one of this run
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    place = 1

    def starting(cell: NotebookNode, cell_index: int) -> None:
        nonlocal place
        place = cell_index + 1
        on_cell(place, len(notebook.cells))

    folder = str(lesson.path.parent)
    client = NotebookClient(
        notebook,
        timeout=None,
        kernel_name="python3",
        resources={"metadata": {"path": folder}},
        on_cell_start=starting,
        # Other users of the machine must not read along between this process and its kernel.
        config=Config(KernelManager={"transport_encryption": ENCRYPTION}),
    )
    # The kernel must be this environment's, whatever `python3` means elsewhere in Jupyter.
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"
    begun, failure = time.perf_counter(), None
    with _watched_memory() as peak:
        try:
            # A page shows what a bar looked like half-way, so there are none.
            settings = {"TLBOOK_RESULTS": str(results.resolve()), "TQDM_DISABLE": "1"}
            client.execute(env=os.environ | settings)
        except CellExecutionError as error:
            failure = Failure(place, _headline(error.ename, error.evalue))
        except (CellControlSignal, DeadKernelError) as error:
            failure = Failure(place, _headline(type(error).__name__, str(error)))
            _leave_error(notebook.cells[place - 1], type(error).__name__, str(error))
    if not failure and (hidden := snapshots.hidden_errors(notebook)):
        failure = Failure(place, f"inside a widget: {hidden[0]}")
    return Run(lesson, notebook, time.perf_counter() - begun, max(peak), failure)


def _headline(name: str, text: str) -> str:
    """Say an error in one line."""
    return f"{name}: {text.strip().splitlines()[0]}" if text.strip() else name


def _leave_error(cell: NotebookNode, name: str, text: str) -> None:
    """Show an error of the kernel itself where the cell's own would stand."""
    error = nbformat.v4.new_output("error", ename=name, evalue=text, traceback=[f"{name}: {text}"])
    cell.setdefault("outputs", []).append(error)


@contextmanager
def _watched_memory() -> Iterator[list[float]]:
    """Collect the memory (MiB) of this process's children, kernels among them, in a list."""
    seen, done = [0.0], threading.Event()

    def look() -> None:
        this, rested = psutil.Process(), 0.0
        while not done.wait(LOOK_EVERY):
            there = this.children(recursive=True)
            total = sum(_memory(child) for child in there)
            if total > seen[0] and len(there) > 1:  # forks share what they had in common
                begun = time.monotonic()
                if begun < rested:
                    continue
                total = sum(_memory(child, shared_out=True) for child in there)
                rested = time.monotonic() + REST * (time.monotonic() - begun)
            seen[0] = max(seen[0], total)

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    try:
        yield seen
    finally:
        done.set()
        watcher.join()


def _memory(process: psutil.Process, *, shared_out: bool = False) -> float:
    """Return MiB in use: all that is mapped, or with its part of what it shares (on Linux)."""
    try:
        found = process.memory_full_info() if shared_out else process.memory_info()
        return getattr(found, "pss" if shared_out else "rss", found.rss) / 2**20
    except psutil.Error:  # it ended between two calls
        return 0.0
