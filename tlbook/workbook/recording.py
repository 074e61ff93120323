"""What git keeps of a lesson's outputs: those of cells tagged ``keep_output``, and its rows."""

import copy
import csv
import io
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from tlbook import results
from tlbook.files import write

KEEP = "keep_output"
MOST_CELLS = 3
MOST_BYTES = 150_000


def stripped(notebook: NotebookNode) -> NotebookNode:
    """Return a copy without run counts, timings, widget states and outputs that are not kept.

    Args:
        notebook: In the notebook format 4; not changed.
    """
    notebook = copy.deepcopy(notebook)
    notebook.metadata.pop("widgets", None)
    notebook.metadata.get("language_info", {}).pop("version", None)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type != "code":
            continue
        cell.execution_count = None
        if KEEP not in cell.metadata.get("tags", []):
            cell.outputs = []
        for output in cell.outputs:
            if "execution_count" in output:
                output.execution_count = None
    return notebook


def kept_outputs(notebook: NotebookNode) -> list[NotebookNode]:
    """Return the cells whose outputs stay in git.

    Raises:
        ValueError: If they are more than 3, or their outputs larger than 150 kB together.
    """
    kept = [c for c in notebook.cells if KEEP in c.metadata.get("tags", [])]
    if len(kept) > MOST_CELLS:
        raise ValueError(f"{len(kept)} cells are tagged {KEEP}; at most {MOST_CELLS} may be")
    size = sum(len(nbformat.v4.writes_json(_only(cell)).encode()) for cell in kept)
    if size > MOST_BYTES:
        raise ValueError(f"kept outputs take {size:,} bytes; at most {MOST_BYTES:,} may be kept")
    return kept


def _only(cell: NotebookNode) -> NotebookNode:
    """Return a notebook that holds one cell and nothing else."""
    return nbformat.v4.new_notebook(cells=[cell])


def save(path: Path, notebook: NotebookNode) -> bool:
    """Write the stripped notebook in one step if that changes the file; say whether it did.

    Raises:
        ValueError: If too much is to be kept; the file stays as it was.
    """
    notebook = stripped(notebook)
    kept_outputs(notebook)
    text = nbformat.writes(notebook).rstrip("\n") + "\n"
    if path.read_text(encoding="utf-8") == text:
        return False
    write(path, text)
    return True


def strip(path: Path) -> bool:
    """Clear a notebook's file of all outputs that are not kept; say whether it changed."""
    return save(path, nbformat.read(path, as_version=4))


def save_rows(path: Path, fresh: Path) -> None:
    """Put the rows of a lesson's run into the file beside it; a run recorded before is replaced.

    Rows of other runs stay: a lesson may show what a longer command measured. So rows of a method
    that a lesson no longer runs stay as well, until the file is removed.

    Args:
        path: Beside the lesson; made if it is not there.
        fresh: From `tlbook.results.record`.

    Raises:
        ValueError: If one of them is no table of results; nothing is changed then.
    """
    files = [file for file in (path, fresh) if file.exists()]
    results.load(*files)  # it names a file that is damaged
    rows = {}
    for file in files:
        with file.open(newline="", encoding="utf-8") as lines:
            for row in csv.DictReader(lines):
                rows[tuple(row[name] for name in results.RUN)] = row
    text = io.StringIO()
    table = csv.DictWriter(text, results.COLUMNS, lineterminator="\n")
    table.writeheader()
    table.writerows(rows.values())
    write(path, text.getvalue())
