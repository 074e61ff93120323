"""Git keeps the outputs that are tagged, and no more than a reader needs."""

import nbformat
import pytest
from nbformat import v4

from tlbook.workbook import recording


def with_outputs(path):
    """Give every code cell an output and a run count, as a run would."""
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.execution_count = 7
            data = {"text/plain": "42"}
            cell.outputs = [v4.new_output("execute_result", data, execution_count=7)]
            cell.metadata["execution"] = {"iopub.status.busy": "2026-01-01"}
    return notebook


def test_only_tagged_cells_keep_their_outputs(make_notebook):
    path = make_notebook("24_b", "# title", "1", "2", tags=["keep_output"])
    kept = recording.stripped(with_outputs(path))
    assert [len(cell.outputs) for cell in kept.cells[1:]] == [0, 1]
    assert kept.cells[2].outputs[0].data["text/plain"] == "42"


def test_nothing_that_changes_from_run_to_run_is_kept(make_notebook):
    path = make_notebook("24_b", "1", tags=["keep_output"])
    notebook = with_outputs(path)
    notebook.metadata["widgets"] = {"state": {}}
    notebook.metadata["language_info"] = {"name": "python", "version": "3.11.7"}
    cell = recording.stripped(notebook).cells[0]
    assert cell.execution_count is None
    assert cell.outputs[0].execution_count is None
    assert "execution" not in cell.metadata
    assert recording.stripped(notebook).metadata["language_info"] == {"name": "python"}
    assert "widgets" not in recording.stripped(notebook).metadata
    assert notebook.cells[0].execution_count == 7, "the argument stays as it was"


def test_stripping_twice_is_stripping_once(make_notebook):
    once = recording.stripped(with_outputs(make_notebook("24_b", "1", "2", tags=["keep_output"])))
    assert recording.stripped(once) == once


def test_a_stripped_file_is_not_written_again(make_notebook):
    path = make_notebook("24_b", "1")
    nbformat.write(with_outputs(path), path)
    assert recording.strip(path)
    before = path.read_bytes()
    assert not recording.strip(path)
    assert path.read_bytes() == before
    assert before.endswith(b"}\n")


def test_more_than_three_kept_cells_are_refused():
    cells = [v4.new_code_cell("1", metadata={"tags": ["keep_output"]}) for _ in range(4)]
    with pytest.raises(ValueError, match="4 cells are tagged keep_output; at most 3 may be"):
        recording.kept_outputs(v4.new_notebook(cells=cells))


def test_large_kept_outputs_are_refused_and_leave_the_file(make_notebook):
    path = make_notebook("24_b", "1", tags=["keep_output"])
    before = path.read_bytes()
    notebook = with_outputs(path)
    notebook.cells[0].outputs[0].data["text/plain"] = "x" * 150_001
    with pytest.raises(ValueError, match=r"take 150,\d+ bytes; at most 150,000 may be kept"):
        recording.save(path, notebook)
    assert path.read_bytes() == before
