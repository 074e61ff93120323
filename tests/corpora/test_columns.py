"""Chosen columns get the names of their roles; no other column is lost."""

import datasets
import pytest

from tlbook.corpora.columns import arrange

ROWS = {
    "title": ["one title", "two titles"],
    "text": ["a text", "b text"],
    "label": ["x", "y"],
    "year": [2001, 2002],
    "tags": [["O"], ["B"]],
}


def arranged(*columns, own=False):
    parts = datasets.DatasetDict({"train": datasets.Dataset.from_dict(ROWS)})
    return arrange(parts, "mine", *columns, own=own)["train"]


def test_roles_come_first_and_other_columns_stay_untouched():
    train = arranged()
    assert train.column_names == ["text", "label", "title", "year", "tags"]
    assert train["title"][:] == ROWS["title"]


def test_a_column_in_the_way_of_a_role_is_kept():
    train = arranged("title", None, "label")
    assert train.column_names == ["text", "label", "original_text", "year", "tags"]
    assert train["original_text"][:] == ROWS["text"]


def test_numbers_asked_for_as_label_stay_beside_it():
    train = arranged("text", None, "year")
    assert train["label"][:] == [0, 1]
    assert train["year"][:] == [2001, 2002]
    assert train["original_label"][:] == ["x", "y"]


def test_two_columns_can_change_places():
    train = arranged("label", None, "text")
    assert train["text"][:] == ["x", "y"]
    assert train.features["label"].names == ["a text", "b text"]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (("text", "text", "label"), "column 'text' was given two roles"),
        (("year", None, "label"), "mine, train: column 'year' does not hold text"),
        (("text", None, "tags"), "column 'tags' holds lists"),
        (("txt", None, None), "mine has no column 'txt'. Did you mean 'text'"),
    ],
)
def test_columns_that_cannot_serve_are_refused(columns, message):
    with pytest.raises(ValueError, match=message):
        arranged(*columns)
