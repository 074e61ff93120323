"""The page of results says what the rows beside the lessons say."""

import re

import pytest

from tlbook.workbook.book import scores


def test_runs_of_a_setting_become_one_row_with_mean_and_spread(strange):
    body = scores.page([strange]).body
    first, second = re.findall("<tr><td>(.*?)</tr>", body)
    assert first.startswith("a &lt; b<")
    assert "0.600 ± 0.141" in first
    for words in (">1,500<", ">1,234,567<", ">2<", ">1.5<"):
        assert words in first
    assert "±" not in second, "one run has no spread"


def test_only_a_share_is_drawn_as_a_bar(strange):
    first, second = re.findall("<tr><td>(.*?)</tr>", scores.page([strange]).body)
    assert "--part: 60.0%" in first
    assert "--part" not in second


def test_it_leads_to_the_lesson_and_its_rows(strange):
    body = scores.page([strange]).body
    assert 'href="24_bert_finetuning.html"' in body
    assert 'href="notebooks/24_bert_finetuning.csv"' in body


def test_runs_that_only_chose_a_learning_rate_are_no_results(strange):
    rows = strange.path.with_suffix(".csv")
    rows.write_text(rows.read_text().replace("0,loss,1.5", "0,validation accuracy at 0.1,0.5"))
    body = scores.page([strange]).body
    assert len(re.findall("<tr><td>", body)) == 1
    assert "validation" not in body


def test_a_lesson_without_rows_is_left_out(strange):
    strange.path.with_suffix(".csv").unlink()
    assert "has recorded anything yet" in scores.page([strange]).body


def test_a_damaged_file_is_named(strange):
    strange.path.with_suffix(".csv").write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match=r"24_bert_finetuning\.csv"):
        scores.page([strange])
