"""Tags become numbers with names: one a token, alike in every split."""

import datasets
import pytest

from tlbook.corpora.tags import number_tags


def part(tags, names=None):
    """Return a row a list of tags; with names, the tags are class numbers."""
    inner = datasets.ClassLabel(names=names) if names else datasets.Value("string")
    features = datasets.Features(
        {"words": datasets.List(datasets.Value("string")), "tags": datasets.List(inner)}
    )
    words = [["word"] * len(row) for row in tags]
    return datasets.Dataset.from_dict({"words": words, "tags": tags}, features)


def numbered(**parts):
    return number_tags(datasets.DatasetDict(parts), "words", where=lambda split: split)


def test_o_comes_first_and_other_tags_are_sorted():
    train = numbered(train=part([["B", "O"], ["A"]]))["train"]
    assert train.features["tags"].feature.names == ["O", "A", "B"]
    assert train["tags"][:] == [[2, 0], [1]]


def test_classes_with_names_stay_as_they_are():
    parts = numbered(train=part([[1, 0]], ["x", "y"]), test=part([[1]], ["x", "y"]))
    assert parts["train"].features["tags"].feature.names == ["x", "y"]
    assert [split["tags"][:] for split in parts.values()] == [[[1, 0]], [[1]]]


def test_splits_that_number_their_classes_differently_are_brought_together_by_name():
    parts = numbered(
        train=part([[1, 0]], ["x", "y"]), validation=part([[1]], ["y", "x"]), test=part([["y"]])
    )
    assert all(split.features["tags"].feature.names == ["x", "y"] for split in parts.values())
    assert [split["tags"][:] for split in parts.values()] == [[[1, 0]], [[0]], [[1]]]
    parts = numbered(train=part([["x", "y"]]), test=part([[1, 0]], ["y", "x"]))
    assert parts["test"]["tags"][:] == [[0, 1]]


def test_other_columns_are_left_alone():
    train = part([["O", "A"]]).add_column("lengths", [[1, 2]])
    assert numbered(train=train)["train"]["lengths"][:] == [[1, 2]]


@pytest.mark.parametrize(
    ("test", "message"),
    [
        (part([["A", None]]), "test: token 2 of row 1 has no tags"),
        (part([["A"], ["C"]]), "test: the label 'C' .token 2. does not occur in train"),
        (part([[0, -1]], ["A", "O"]), "test, row 1: class number -1 in token 2 has no name"),
        (part([["A"]]).remove_columns("tags"), "test has no column 'tags'"),
    ],
)
def test_a_tag_that_cannot_be_numbered_is_named(test, message):
    with pytest.raises(ValueError, match=message):
        numbered(train=part([["O", "A"]]), test=test)


def test_a_row_of_more_tokens_than_tags_is_named():
    train = part([["O", "A"], ["A"]])
    train = train.remove_columns("words").add_column("words", [["a", "b"], ["a", "b"]])
    with pytest.raises(ValueError, match="train: row 2 has 2 words but 1 tags; give every token"):
        numbered(train=train)
