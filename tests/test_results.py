"""No row is lost, whoever writes beside us and whenever we are stopped."""

import os
import re
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest

from tlbook import results, runtime

RUN = {
    "lesson": "31_adapters",
    "method": "fine-tuning",
    "dataset": "reviews",
    "labels": 100,
    "seed": 0,
    "metric": "accuracy",
    "value": 0.75,
    "trained_weights": 12,
    "seconds": 1.5,
}


def test_a_row_comes_back_as_it_was_measured():
    results.record(**RUN)
    rows = results.load()
    assert list(rows.columns) == list(results.COLUMNS)
    (row,) = rows.to_dict("records")
    assert {name: row[name] for name in RUN} == RUN
    assert row["device"] == str(runtime.device())
    assert row["versions"] == runtime.versions()
    assert pd.Timestamp(row["date"]) <= pd.Timestamp.now("UTC").tz_localize(None)


def test_large_counts_keep_their_digits():
    results.record(**RUN | {"metric": "stored bytes", "value": 12_345_678.0})
    assert results.load()["value"].item() == 12_345_678


def test_of_a_run_recorded_twice_the_newest_counts():
    for value in (0.1, 0.2):
        results.record(**RUN | {"value": value})
    results.record(**RUN | {"seed": 1})
    assert results.load()["value"].tolist() == [0.2, 0.75]
    assert len((results.folder() / "31_adapters.csv").read_text().splitlines()) == 4


def test_each_lesson_has_a_file_and_all_are_loaded():
    for lesson in ("31_adapters", "33_lora"):
        results.record(**RUN | {"lesson": lesson})
    assert sorted(path.name for path in results.folder().glob("*.csv")) == [
        "31_adapters.csv",
        "33_lora.csv",
    ]
    assert results.load()["lesson"].tolist() == ["31_adapters", "33_lora"]
    assert len(results.load(results.folder() / "33_lora.csv")) == 1


def test_names_such_as_none_stay_names():
    results.record(**RUN | {"method": "none", "dataset": "NA"})
    row = results.load().iloc[0]
    assert (row["method"], row["dataset"]) == ("none", "NA")


def test_a_last_line_without_its_end_is_not_glued_to_the_next():
    results.record(**RUN)
    path = results.folder() / "31_adapters.csv"
    path.write_text(path.read_text().rstrip("\n"))  # as some editors leave it
    results.record(**RUN | {"seed": 1})
    assert results.load()["seed"].tolist() == [0, 1]


WRITE = """
import os
from tlbook import results  # once, then four processes that begin together
children = []
for number in range(4):
    if (child := os.fork()) == 0:
        for seed in range(10):
            results.record(lesson="l", method=str(number), dataset="d", labels=1, seed=seed,
                           metric="m", value=seed / 10, trained_weights=1, seconds=1.0)
        os._exit(0)
    children.append(child)
assert all(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0 for child in children)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork a process")
def test_four_processes_writing_at_once_lose_nothing():
    subprocess.run([sys.executable, "-c", WRITE], check=True, timeout=60)
    rows = results.load()
    assert len(rows) == 40
    assert rows.groupby("method")["seed"].apply(sorted).tolist() == [list(range(10))] * 4


STALL = """
import os, time
from tlbook import results
os.replace = lambda *_: (print("about to replace", flush=True), time.sleep(60))
results.record(lesson="31_adapters", method="m", dataset="d", labels=1, seed=7, metric="m",
               value=1.0, trained_weights=1, seconds=1.0)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system cannot kill so suddenly")
def test_a_writer_killed_in_the_act_leaves_the_old_rows_and_the_way_free():
    results.record(**RUN)
    old = (results.folder() / "31_adapters.csv").read_bytes()
    writer = subprocess.Popen([sys.executable, "-c", STALL], stdout=subprocess.PIPE, text=True)
    assert writer.stdout.readline() == "about to replace\n"
    os.kill(writer.pid, signal.SIGKILL)
    writer.wait(10)
    writer.stdout.close()
    assert (results.folder() / "31_adapters.csv").read_bytes() == old
    begun = time.monotonic()
    results.record(**RUN | {"seed": 1})
    assert time.monotonic() - begun < 5, "the dead writer's lock is gone"
    assert results.load()["seed"].tolist() == [0, 1]


def test_a_file_with_other_columns_is_named_and_left_alone():
    path = results.folder() / "31_adapters.csv"
    path.parent.mkdir(parents=True)
    path.write_text("method,score\nx,1\n")
    with pytest.raises(ValueError, match=r"31_adapters.csv has the columns \['method', 'score'\]"):
        results.load()
    with pytest.raises(ValueError, match="31_adapters.csv has the columns"):
        results.record(**RUN)
    assert path.read_text() == "method,score\nx,1\n"


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\xfe\x00", b'"a,b\nc', b"[" * 200_000],
    ids=["empty", "bytes", "quote", "one long line"],
)
def test_a_file_that_is_no_table_is_named(tmp_path, content):
    path = tmp_path / "odd.csv"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="odd.csv"):
        results.load(path)


def written(path, *lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([",".join(results.COLUMNS), *lines]) + "\n", encoding="utf-8")
    return path


GOOD = 'l,a,d,1,0,m,0.5,7,1.5,cpu,"python 3, torch 2",2026-11-26'


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (GOOD + ",", "it has 13 fields, not 12; mend that line or delete it"),
        ("l,a,d,1", "it has 4 fields, not 12"),
        (GOOD.replace("0.5", "high"), "value must be a number, got 'high'"),
        (GOOD.replace("1.5", ""), "seconds must be a number, got ''"),
        (GOOD.replace("d,1,", "d,few,"), "labels must be a whole number, got 'few'"),
        (GOOD.replace("1,0,m", "1,0.5,m"), "seed must be a whole number, got '0.5'"),
        (
            GOOD.replace(",7,", f",{10**30},"),
            f"trained_weights must be a whole number, got '{10**30}'",
        ),
        (GOOD.replace("a,d", 'a,"d'), "expected after '\"'; mend that line"),
        ('"' + GOOD.replace('"', ""), "unexpected end of data; mend that line"),
        (GOOD.replace("a,d", '"a,d').replace("cpu,", 'cpu",'), "it has 4 fields, not 12"),
    ],
)
def test_a_damaged_line_is_named_whatever_stands_around_it(tmp_path, line, message):
    path = written(tmp_path / "odd.csv", GOOD, "", line, GOOD.replace("1,0,m", "1,1,m"))
    wanted = rf"{re.escape(str(path))}, line 4 is no row of results: .*{re.escape(message)}"
    with pytest.raises(ValueError, match=wanted):
        results.load(path)


def test_a_torn_last_line_is_named(tmp_path):
    path = written(tmp_path / "odd.csv", GOOD)
    path.write_text(path.read_text() + "l,a,d,1")
    with pytest.raises(ValueError, match="odd.csv, line 3 is no row of results: it has 4 fields"):
        results.load(path)


def test_two_open_quotes_do_not_make_one_row_of_the_lines_between(tmp_path):
    plain = GOOD.replace('"python 3, torch 2"', "torch 2")
    first, last = plain.replace("a,d", 'a,"d'), plain.replace("a,d", 'a,d"')
    path = written(tmp_path / "odd.csv", first, plain, last)
    with pytest.raises(ValueError, match=r"odd.csv, line 2 is no row of results: unexpected end"):
        results.load(path)


def test_rows_have_the_kinds_of_their_columns_however_they_were_stored(tmp_path):
    plain = GOOD.replace("0.5,7,1.5", "1,7,2")
    path = written(tmp_path / "a.csv", plain, plain.replace("d,1,0,", "d,1.0,1,"))
    for rows in (results.load(path), results.load(written(tmp_path / "0.csv"), path)):
        kinds = rows.dtypes.astype(str).to_dict()
        text = [name for name, kind in kinds.items() if kind == "str"]
        assert text == ["lesson", "method", "dataset", "metric", "device", "versions", "date"]
        assert {kinds[name] for name in ("labels", "seed", "trained_weights")} == {"int64"}
        assert {kinds[name] for name in ("value", "seconds")} == {"float64"}
        assert rows["labels"].tolist() == [1, 1]


def test_a_score_that_is_no_number_comes_back_as_one():
    results.record(**RUN | {"value": float("nan")})
    results.record(**RUN | {"seed": 1, "value": float("inf")})
    first, second = results.load()["value"]
    assert first != first
    assert second == float("inf")


def test_every_number_is_read_to_its_last_digit(tmp_path):
    path = written(tmp_path / "a.csv", GOOD.replace("0.5", "0.30000000000000004"))
    assert results.load(path)["value"].item() == 0.1 + 0.2


def test_six_hundred_rows_are_read_in_no_time(tmp_path):
    rows = [GOOD.replace("1,0,m", f"1,{seed},m") for seed in range(600)]
    path = written(tmp_path / "a.csv", *rows)
    begun = time.process_time()
    assert len(results.load(path)) == 600
    assert time.process_time() - begun < 0.5


def test_a_file_from_a_spreadsheet_takes_more_rows_and_stays_as_it_is():
    path = written(results.folder() / "31_adapters.csv", GOOD)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert len(results.load()) == 1
    results.record(**RUN)
    assert results.load()["method"].tolist() == ["a", "fine-tuning"]
    assert path.read_bytes().startswith(b"\xef\xbb\xbflesson,"), "the spreadsheet knows it again"


@pytest.mark.parametrize("content", ["größer".encode("cp1252"), "lesson".encode("utf-16")])
def test_a_file_that_is_not_utf_8_is_named_and_left_alone(content):
    path = results.folder() / "31_adapters.csv"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    for act in (results.load, lambda: results.record(**RUN)):
        with pytest.raises(
            ValueError, match=r"31_adapters.csv is no .*: byte \d+ is not UTF-8; save"
        ):
            act()
    assert path.read_bytes() == content
    assert not list(path.parent.glob("*.partial"))


@pytest.mark.parametrize("lesson", ["../esc", "/tmp/esc", "a/b", "a\\b", "C:b", "..", "", "a\n"])
def test_a_lesson_names_a_file_of_the_folder_and_no_other(lesson):
    with pytest.raises(ValueError, match="lesson must be a notebook's name such as 31_adapters"):
        results.record(**RUN | {"lesson": lesson})
    assert not list(results.folder().parent.rglob("*esc*"))
    assert not results.folder().exists()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"method": "two\nlines"}, r"a name must fit on a line, got 'two\\nlines'"),
        ({"seed": 10**30}, f"seed must be a whole number, got '{10**30}'"),
    ],
)
def test_a_row_that_could_not_be_loaded_is_not_written(wrong, message):
    results.record(**RUN)
    old = (results.folder() / "31_adapters.csv").read_bytes()
    with pytest.raises(ValueError, match=message):
        results.record(**RUN | wrong)
    assert (results.folder() / "31_adapters.csv").read_bytes() == old


def test_a_path_that_does_not_exist_says_what_to_do():
    with pytest.raises(FileNotFoundError, match="does not exist; run a lesson first"):
        results.load()


def test_an_empty_folder_gives_an_empty_table(tmp_path):
    assert results.load(tmp_path).empty
    assert results.summary(results.load(tmp_path)).empty


def test_a_summary_by_hand():
    for seed, value in enumerate((0.5, 0.7)):
        results.record(**RUN | {"seed": seed, "value": value, "seconds": 1.0 + seed})
    results.record(**RUN | {"method": "features", "value": 0.9})
    first, second = results.summary(results.load()).to_dict("records")
    assert (first["method"], first["runs"], first["trained_weights"]) == ("fine-tuning", 2, 12)
    assert first["mean"] == pytest.approx(0.6)
    assert first["spread"] == pytest.approx(0.02**0.5)  # (0.1² + 0.1²) / (2 - 1)
    assert first["seconds"] == 1.5
    assert (second["method"], second["runs"], second["mean"]) == ("features", 1, 0.9)
    assert pd.isna(second["spread"]), "one run has no spread"


def test_without_a_wish_rows_go_under_the_checkout(monkeypatch):
    monkeypatch.delenv("TLBOOK_RESULTS")
    assert results.folder().parts[-2:] == ("build", "results")


def curve(**values):
    """One run per seed and label count: method=[(labels, [value per seed])]."""
    return pd.DataFrame(
        [
            {"method": method, "labels": labels, "seed": seed, "value": value, "cost": len(method)}
            for method, points in values.items()
            for labels, runs in points
            for seed, value in enumerate(runs)
        ]
    )


def test_curves_that_swap_places_cross_between():
    rows = curve(a=[(10, [0.5]), (1000, [0.6])], b=[(10, [0.4]), (1000, [0.9])])
    # the gap goes from -0.1 to 0.3: a quarter of the way from 10 to 1000 in logarithms
    assert results.crossings(rows, "a", "b") == pytest.approx([10 * 100**0.25])


def test_curves_may_cross_twice():
    rows = curve(a=[(n, [0.5]) for n in (1, 10, 100)], b=[(1, [0.4]), (10, [0.6]), (100, [0.4])])
    assert len(results.crossings(rows, "a", "b")) == 2


@pytest.mark.parametrize(
    ("gaps", "crossed"),
    [
        ((-0.1, 0.0, 0.1), [100]),
        ((0.1, 0.0, -0.1), [100]),
        ((-0.1, 0.0, 0.0, 0.1), [100]),  # level from there on, until the other takes the lead
        ((-0.1, 0.0, -0.1), []),  # a touch
        ((-0.1, 0.0), []),
        ((0.0, 0.1), []),
        ((0.0, 0.0), []),
        ((0.0, -0.1, 0.0, 0.1, 0.0), [1000]),
        ((-0.1, float("nan"), 0.1), []),  # not measured there: nobody knows
    ],
)
def test_curves_that_meet_at_a_measured_count_cross_there_if_they_change_places(gaps, crossed):
    counts = [10**power for power in range(1, len(gaps) + 1)]
    rows = curve(
        a=[(count, [0.5]) for count in counts],
        b=[(count, [0.5 + gap]) for count, gap in zip(counts, gaps, strict=True)],
        c=[(50, [0.7])],  # of another method, in between
    )
    assert results.crossings(rows, "a", "b") == crossed


def test_means_that_differ_by_a_rounding_are_level():
    rows = curve(
        a=[(10, [0.5] * 3), (100, [0.1, 0.1, 0.4]), (1000, [0.5] * 3)],
        b=[(10, [0.4] * 3), (100, [0.4, 0.1, 0.1]), (1000, [0.4] * 3)],
    )
    one, other = rows[rows["labels"] == 100].groupby("method")["value"].mean()
    assert one < other, "in floating point"
    assert results.crossings(rows, "a", "b") == []


def test_a_curve_that_stays_above_crosses_nowhere():
    rows = curve(a=[(10, [0.5]), (100, [0.5])], b=[(10, [0.6]), (100, [0.7])])
    assert results.crossings(rows, "a", "b") == []


def test_a_lead_above_its_spread_wins():
    assert results.level_with(curve(a=[(1, [0.8, 0.7, 0.9])], b=[(1, [0.75, 0.66, 0.84])])) == ["a"]


def test_a_lead_below_its_spread_is_a_tie():
    rows = curve(a=[(1, [0.9, 0.6, 0.7])], b=[(1, [0.6, 0.8, 0.7])])
    assert results.level_with(rows) == ["a", "b"]


def test_a_lead_too_small_to_see_is_a_tie():
    rows = curve(a=[(1, [0.805, 0.705])], b=[(1, [0.8, 0.7])])
    assert results.level_with(rows) == ["a", "b"]
    assert results.level_with(rows, at_least=0.001) == ["a"]


def test_draws_are_compared_pair_by_pair():
    # b is far behind a on every draw, though the draws differ by much more than that
    assert results.level_with(curve(a=[(1, [0.9, 0.5])], b=[(1, [0.85, 0.45])])) == ["a"]


def test_of_a_single_draw_the_smallest_lead_decides():
    rows = curve(a=[(1, [0.8])], b=[(1, [0.75])])
    assert results.level_with(rows, at_least=0.04) == ["a"]
    assert results.level_with(rows, at_least=0.06) == ["a", "b"]


def test_a_missing_run_is_an_error():
    with pytest.raises(ValueError, match="every method needs a run with each seed"):
        results.level_with(curve(a=[(1, [0.8, 0.7])], b=[(1, [0.8])]))


def test_a_limit_excludes_what_costs_too_much():
    rows = curve(dear=[(10, [0.9, 0.9])], low=[(10, [0.7, 0.7])])
    table = results.decide(rows, {"any": {}, "cheap": {"cost": 3}, "free": {"cost": 0}})
    assert dict(zip(table["constraint"], table["winner"], strict=True)) == {
        "any": "dear",
        "cheap": "low",
        "free": "none",
    }


def test_a_tie_names_all_that_share_the_first_place():
    table = results.decide(curve(a=[(10, [0.8, 0.8])], b=[(10, [0.8, 0.8])]), {"any": {}})
    assert table.loc[0, "winner"] == "tie"
    assert sorted(table.loc[0, "level"]) == ["a", "b"]
