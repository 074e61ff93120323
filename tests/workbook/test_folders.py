"""A folder of made files is replaced as a whole, or not at all."""

import pytest

from tlbook.workbook.folders import renewed


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_what_was_there_before_is_gone(tmp_path):
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "old").write_text("")
    with renewed(tmp_path / "made") as fresh:
        (fresh / "new").write_text("")
        assert names_in(tmp_path / "made") == ["old"], "until the end nothing changes"
    assert names_in(tmp_path / "made") == ["new"]


def test_an_error_leaves_the_old_folder_and_no_trace_of_the_new(tmp_path):
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "old").write_text("")
    with pytest.raises(FileNotFoundError), renewed(tmp_path / "made") as fresh:
        (fresh / "new" / "deeper").write_text("")
    assert names_in(tmp_path) == ["made"]
    assert names_in(tmp_path / "made") == ["old"]


def test_the_first_time_its_parents_are_made(tmp_path):
    with renewed(tmp_path / "build" / "made") as fresh:
        (fresh / "new").write_text("")
    assert names_in(tmp_path / "build") == ["made"]


def test_it_can_be_read_by_others_as_any_folder(tmp_path):
    (tmp_path / "usual").mkdir()
    with renewed(tmp_path / "made"):
        pass
    assert (tmp_path / "made").stat().st_mode == (tmp_path / "usual").stat().st_mode
