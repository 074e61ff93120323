"""One line per comparison, with its spread, its bar and what became of it."""

from tlbook import results
from tlbook.bench import table
from tlbook.bench.pairs import Row

ROWS = [
    Row("fast", (2.0, 4.0, 3.0), (1.0, 1.0, 1.25), bar=2.0, labels=7, trained_weights=9, seconds=5),
    Row("slow", (1.5,), (1.5,), bar=2.0),
    Row("accuracy", (0.5, -0.2), bar=-1.0, unit="points"),
    Row("peak", (0.5,), (0.25,), unit="of peak", note="aim 0.6"),
    Row("memory", (2.5,), unit="x memory", note="fine-tuning 9 MiB"),
    Row("not here", bar=2.0, note="bfloat16 does not pay on this machine"),
]


def test_each_line_says_what_was_measured_and_whether_it_will_do():
    lines = [" ".join(line.split()) for line in table.text(ROWS).splitlines()]
    assert lines == [
        "compared by CPU seconds by wall seconds bar",
        "fast 3.00x (2.00x..4.00x) 1.00x (1.00x..1.25x) 2.00x met",
        "slow 1.50x (1.50x..1.50x) 1.50x (1.50x..1.50x) 2.00x MISSED",
        "accuracy +0.1 (-0.2..+0.5) - -1.0 met",
        "peak 50% (50%..50%) 25% (25%..25%) - aim 0.6",
        "memory 2.50x (2.50x..2.50x) - - fine-tuning 9 MiB",
        "not here - - 2.00x bfloat16 does not pay on this machine",
    ]


def test_columns_stand_under_each_other():
    lines = table.text(ROWS).splitlines()
    assert lines[1].index("2.00x  met") == lines[2].index("2.00x  MISSED") == lines[0].index("bar")


def test_figures_that_mean_nothing_are_not_judged():
    assert "MISSED" not in table.text(ROWS, judged=False)


def test_a_row_with_a_figure_is_recorded_and_one_without_is_not():
    table.record(ROWS)
    found = results.load()
    assert found["method"].tolist() == ["fast", "slow", "accuracy", "peak", "memory"]
    assert found["value"].tolist() == [3.0, 1.5, 0.15, 0.5, 2.5]
    first = found.iloc[0]
    assert (first["lesson"], first["metric"]) == ("bench", "times as fast")
    assert (first["labels"], first["trained_weights"], first["seconds"]) == (7, 9, 5)
