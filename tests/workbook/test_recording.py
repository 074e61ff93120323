"""Git keeps the outputs that are tagged, and no more than a reader needs."""

import nbformat
import pytest
from nbformat import v4

from tlbook import results
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


@pytest.fixture
def rows(tmp_path, monkeypatch):
    """Return a function that records runs (method, value) in a folder, and gives the file."""

    def record(folder, *runs):
        monkeypatch.setenv("TLBOOK_RESULTS", str(tmp_path / folder))
        for method, value in runs:
            results.record(
                lesson="31_a",
                method=method,
                dataset="d",
                labels=10,
                seed=0,
                metric="accuracy",
                value=value,
                trained_weights=1,
                seconds=1.0,
            )
        return tmp_path / folder / "31_a.csv"

    return record


def test_rows_that_a_longer_command_measured_stay_beside_those_of_the_run(rows):
    kept = rows("kept", ("measured for an hour", 0.9), ("live", 0.1))
    recording.save_rows(kept, rows("fresh", ("new", 0.3), ("live", 0.2)))
    found = results.load(kept)
    assert dict(zip(found["method"], found["value"], strict=True)) == {
        "measured for an hour": 0.9,
        "live": 0.2,
        "new": 0.3,
    }
    assert len(kept.read_text().splitlines()) == 1 + 3, "what was replaced is gone"


def test_recording_the_same_rows_again_changes_no_byte(rows):
    kept, fresh = rows("kept", ("a", 0.5), ("b", 1 / 3)), rows("fresh", ("b", 1 / 3), ("a", 0.5))
    before = kept.read_bytes()
    recording.save_rows(kept, fresh)
    assert kept.read_bytes() == before


def test_the_first_rows_of_a_lesson_make_its_file(rows, tmp_path):
    fresh = rows("fresh", ("a", 0.5))
    recording.save_rows(tmp_path / "new" / "31_a.csv", fresh)
    assert (tmp_path / "new" / "31_a.csv").read_bytes() == fresh.read_bytes()


def test_a_file_that_is_no_table_of_results_is_named_and_stays(rows, tmp_path):
    kept = tmp_path / "31_a.csv"
    kept.write_text("method,value\na,1\n")
    with pytest.raises(ValueError, match="31_a.csv has the columns"):
        recording.save_rows(kept, rows("fresh", ("a", 0.5)))
    assert kept.read_text() == "method,value\na,1\n"
