"""A report tells each exercise's verdict and hint, in a table and in words."""

import csv

from tlbook.workbook.course import reports
from tlbook.workbook.course.grading import Mark

MARKS = [
    Mark("24_bert", "ada", "one", "right", 1.0, 1.0, ""),
    Mark("24_bert", "ada", "two", "not yet", 0.0, 2.5, "count again"),
    Mark("24_bert", "ben", "one", "no answer", 0.0, 1.0, ""),
]


def test_the_table_has_a_row_for_each_exercise(tmp_path):
    table, _ = reports.write(MARKS, tmp_path / "new")
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["exercise"] for row in rows] == ["one", "two", "one"]
    assert rows[1]["hint"] == "count again"
    assert float(rows[1]["points"]) == 2.5


def test_the_words_sum_up_each_submission(tmp_path):
    _, text = reports.write(MARKS, tmp_path)
    assert text.read_text().splitlines() == [
        "24_bert, ada: 1 of 3.5",
        "  one: 1 of 1, right",
        "  two: 0 of 2.5, not yet: count again",
        "24_bert, ben: 0 of 1",
        "  one: 0 of 1, no answer",
    ]


def test_a_name_cannot_pass_for_a_formula(tmp_path):
    table, _ = reports.write([Mark("l", "=cmd()", "e", "right", 1.0, 1.0, "")], tmp_path)
    assert "l,'=cmd(),e" in table.read_text()


def test_a_report_replaces_the_one_before(tmp_path):
    reports.write(MARKS, tmp_path)
    reports.write(MARKS[:1], tmp_path)
    assert len((tmp_path / "marks.csv").read_text().splitlines()) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["marks.csv", "marks.txt"]
