"""Values become numbers with names; a row is named by its number from 1."""

import datasets
import pytest

from tlbook.corpora.labels import number


def numbered(train, test=None, *, own=False, names=None):
    parts = {"train": train} | ({"test": test} if test else {})
    parts = datasets.DatasetDict(
        {split: datasets.Dataset.from_dict({"label": labels}) for split, labels in parts.items()}
    )
    return number(parts, source="mine", names=names, own=own, where=lambda split: f"mine {split}")


@pytest.mark.parametrize(
    ("values", "names", "numbers"),
    [
        (["b", "a", "b", "a"], ["a", "b"], [1, 0, 1, 0]),
        ([10, 9, 10, 9], ["9", "10"], [1, 0, 1, 0]),
        ([2.0, 4.0, 2.0, 4.0], ["2", "4"], [0, 1, 0, 1]),
        ([True, False], ["False", "True"], [1, 0]),
        (["a", None, "b", ""], ["a", "b"], [0, -1, 1, -1]),
        ([0, 1, -1, 1], ["0", "1"], [0, 1, -1, 1]),
    ],
)
def test_values_are_numbered_in_order(values, names, numbers):
    train = numbered(values)["train"]
    assert train.features["label"].names == names
    assert train["label"][:] == numbers


def test_a_known_order_is_kept():
    train = numbered(["good", "bad"], names=["good", "bad"])["train"]
    assert train["label"][:] == [0, 1]


def test_numbers_with_a_fraction_are_for_regression():
    assert numbered([0.5, 1.0])["train"]["label"][:] == [0.5, 1.0]


def test_all_splits_share_one_numbering():
    parts = numbered(["b", "a", "c", "a", "b", "c"], ["c"])
    assert parts["test"]["label"][:] == [2]
    assert parts["test"].features == parts["train"].features


@pytest.mark.parametrize("blank", [None, " ", float("nan")])
def test_a_missing_label_of_the_readers_own_is_an_error(blank):
    other = 1.0 if isinstance(blank, float) else "a"
    with pytest.raises(ValueError, match="mine train: no label in row 2"):
        numbered([other, blank, other], own=True)


def test_nearly_as_many_labels_as_rows_are_no_classes():
    with pytest.raises(ValueError, match="mine: the label column holds 11 different values in 20"):
        numbered([str(row % 11) for row in range(20)], own=True)


def test_a_small_set_may_have_many_classes():
    assert numbered(["a", "b", "c", "a"], own=True)["train"]["label"][:] == [0, 1, 2, 0]


def test_class_numbers_of_the_readers_own_are_checked_as_well():
    feature = datasets.Features({"label": datasets.ClassLabel(names=["x", "y"])})
    part = datasets.Dataset.from_dict({"label": [1, 1]}, feature)
    with pytest.raises(ValueError, match="every row has the label 'y'"):
        number(
            datasets.DatasetDict({"train": part}),
            source="mine",
            names=None,
            own=True,
            where=lambda split: split,
        )


def test_an_endless_number_of_the_readers_own_is_no_label():
    with pytest.raises(ValueError, match="mine train: the label inf in row 3 is no number to"):
        numbered([1.0, 0.0, float("inf")], own=True)


def test_words_in_one_split_and_numbers_in_another_are_compared_by_name():
    parts = numbered([10, 9, 10, 9], ["9", " 10 "], own=True)
    assert parts["train"].features["label"].names == ["10", "9"]
    assert parts["test"]["label"][:] == [1, 0]
    with pytest.raises(ValueError, match="the label 'x' .row 1. does not occur .* has '10', '9'"):
        numbered([10, 9, 10, 9], ["x", "9"], own=True)
    with pytest.raises(ValueError, match="the label '1' .rows 1, 2. does not occur"):
        numbered([True, False], [1, 0], own=True)


def test_class_numbers_beyond_the_names_are_refused_by_row():
    feature = datasets.Features({"label": datasets.ClassLabel(names=["x", "y"])})
    part = datasets.Dataset.from_dict({"label": [0, 1, 0, 1]}, feature)
    table = part.data.table.set_column(0, "label", [[0, 1, 2, 3]]).cast(part.data.schema)
    parts = datasets.DatasetDict({"train": datasets.Dataset(table)})
    with pytest.raises(ValueError, match="train: class number 2 in rows 3, 4 has no name.*x, y"):
        number(parts, source="mine", names=None, own=True, where=lambda split: split)


def test_class_names_of_the_hub_stay_unless_two_splits_number_them_differently():
    def part(names, labels):
        feature = datasets.Features({"label": datasets.ClassLabel(names=names)})
        return datasets.Dataset.from_dict({"label": labels}, feature)

    parts = {"train": part(["x", "y"], [0, 1, -1]), "test": part(["y", "x"], [0, -1, 1])}
    parts["later"] = part(["z"], [0])
    parts = number(
        datasets.DatasetDict(parts), source="mine", names=None, own=False, where=lambda split: split
    )
    assert parts["test"].features["label"].names == ["x", "y", "z"]
    assert [split["label"][:] for split in parts.values()] == [[0, 1, -1], [1, -1, 0], [2]]
