"""One sitting: every lesson gets its line and its page, and the exit code tells."""

import json

import pytest

from tlbook import results
from tlbook.workbook import __main__ as command
from tlbook.workbook import executed, lessons, session

RECORD = (
    "from tlbook.results import record\n"
    "record(lesson='24_b', method='m', dataset='d', labels=10, seed={seed}, metric='accuracy',"
    " value=0.5, trained_weights=1, seconds=1.0)"
)


@pytest.fixture
def out(tmp_path):
    return tmp_path / "pages"


def found(tmp_path):
    return lessons.find([tmp_path / "notebooks"])


def test_a_failing_lesson_does_not_stop_the_others(make_notebook, tmp_path, out, capsys):
    make_notebook("24_b", "# 24", "1 / 0")
    make_notebook("25_c", "# 25", "print('fine')")
    assert session.run(found(tmp_path), out=out) == 1
    lines = capsys.readouterr().out.splitlines()
    assert "failed at cell 2: ZeroDivisionError: division by zero" in lines[0]
    assert lines[1].startswith("[2/2] 25_c")
    assert lines[1].endswith("MiB  ok")
    assert "1 of 2 lessons ok; failed: 24_b" in lines
    assert "ZeroDivisionError" in (out / "24_b.html").read_text()
    assert "fine" in (out / "25_c.html").read_text()
    assert set(json.loads((out / "runs.json").read_text())) == {"24_b", "25_c"}
    assert [executed.load(out, lesson) is not None for lesson in found(tmp_path)] == [False, True]


def test_the_run_ends_with_the_recorded_results(make_notebook, tmp_path, out, capsys):
    make_notebook("24_b", "# 24", RECORD.format(seed=0), RECORD.format(seed=1))
    assert session.run(found(tmp_path), out=out) == 0
    assert "recorded results" in capsys.readouterr().out
    assert len(results.load()) == 2
    assert "Recorded results" in (out / "index.html").read_text()


@pytest.mark.slow
def test_a_lessons_new_rows_replace_its_old_ones_and_no_others(make_notebook, tmp_path, out):
    other = dict(method="m", dataset="d", labels=10, seed=0, metric="f1", value=1.0)
    for lesson in ("24_b", "31_other"):
        results.record(lesson=lesson, trained_weights=1, seconds=1.0, **other)
    make_notebook("24_b", "# 24", RECORD.format(seed=3))
    session.run(found(tmp_path), out=out)
    rows = results.load()
    assert sorted(zip(rows["lesson"], rows["metric"], strict=True)) == [
        ("24_b", "accuracy"),
        ("31_other", "f1"),
    ]


@pytest.mark.slow
def test_recording_writes_kept_outputs_and_rows_beside_the_lesson(make_notebook, tmp_path):
    path = make_notebook("24_b", RECORD.format(seed=0), "print('kept')", tags=["keep_output"])
    assert session.record(found(tmp_path)) == 0
    assert "kept" in path.read_text().split('"outputs"')[2]
    assert len(results.load(path.with_suffix(".csv"))) == 1


def test_a_lesson_that_fails_is_not_recorded(make_notebook, tmp_path, capsys):
    path = make_notebook("24_b", "1 / 0", tags=["keep_output"])
    before = path.read_bytes()
    assert session.record(found(tmp_path)) == 1
    assert path.read_bytes() == before
    assert "not recorded: cell 1: ZeroDivisionError" in capsys.readouterr().out


def test_a_wrong_path_is_an_error_in_one_line(capsys, tmp_path):
    assert command.main(["run", "--lessons", str(tmp_path / "24_typo.ipynb")]) == 1
    assert capsys.readouterr().err.startswith("error: no lesson at ")


def test_the_strip_command_says_what_it_changed(make_notebook, capsys):
    path = make_notebook("24_b", "1")
    path.write_text(path.read_text().replace('"execution_count": null', '"execution_count": 3'))
    assert command.main(["strip", "--lessons", str(path)]) == 0
    assert capsys.readouterr().out == "stripped 1 of 1 lessons 24_b\n"
