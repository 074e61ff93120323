"""Few labels of sets whose class numbers have no names, or of which none is known."""

from collections import Counter

import datasets
import pytest

from tlbook.corpora import few_labels


def numbered(labels):
    texts = [f"text {row}" for row in range(len(labels))]
    return datasets.Dataset.from_dict({"text": texts, "label": labels})


def test_class_numbers_without_names_are_the_ones_that_occur():
    drawn = few_labels(numbered([1, 2, 3, 4, 5] * 4), 10, seed=0)
    assert Counter(drawn["label"]) == dict.fromkeys([1, 2, 3, 4, 5], 2)
    with pytest.raises(ValueError, match="2 rows are fewer than the 3 classes: 1 2, 5 1, 900 1"):
        few_labels(numbered([5, 1, -1, 900, 1]), 2, seed=0)


@pytest.mark.parametrize("labels", [[-1, -1], [-1]])
def test_labels_of_which_none_is_known_are_an_error(labels):
    with pytest.raises(ValueError, match="no row has a known label: all are below 0"):
        few_labels(numbered(labels), 1, seed=0)


def test_numbers_from_0_up_are_drawn_as_with_names():
    labels = [0, 1, 2, 1, 0, 2, 2]
    named = datasets.Features(
        {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["a", "b", "c"])}
    )
    plain = numbered(labels)
    assert few_labels(plain, 5, seed=3)["text"] == few_labels(plain.cast(named), 5, seed=3)["text"]
