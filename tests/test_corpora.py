"""A few labels: balanced, repeatable, nested; and an import that costs next to nothing."""

import subprocess
import sys
from collections import Counter

import datasets
import pytest

from tlbook.corpora import few_labels


def labelled(labels, names):
    features = datasets.Features(
        {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=names)}
    )
    texts = [f"text {row}" for row in range(len(labels))]
    return datasets.Dataset.from_dict({"text": texts, "label": labels}, features)


@pytest.fixture
def many():
    return labelled([0] * 30 + [1] * 9 + [2] * 9, ["a", "b", "c"])


@pytest.mark.parametrize("count", [3, 4, 5, 20, 27])
def test_classes_differ_by_one_row_at_most(many, count):
    sizes = Counter(few_labels(many, count, seed=3)["label"])
    assert sum(sizes.values()) == count
    assert max(sizes.values()) - min(sizes.values()) <= 1


def test_the_same_seed_draws_the_same_rows_and_another_seed_others(many):
    assert few_labels(many, 9, seed=0).to_dict() == few_labels(many, 9, seed=0).to_dict()
    assert few_labels(many, 9, seed=0).to_dict() != few_labels(many, 9, seed=1).to_dict()


def test_fewer_labels_are_the_beginning_of_more(many):
    assert few_labels(many, 20, seed=5)["text"][:7] == few_labels(many, 7, seed=5)["text"][:]


def test_no_row_is_drawn_twice(many):
    assert len(set(few_labels(many, 27, seed=0)["text"])) == 27


def test_a_class_that_is_used_up_leaves_the_last_turn_to_others():
    drawn = few_labels(labelled([0, 1, 1], ["a", "b"]), 3, seed=0)
    assert Counter(drawn["label"]) == {0: 1, 1: 2}


def test_rows_of_unknown_label_are_not_drawn():
    drawn = few_labels(labelled([-1, 0, -1, 1], ["a", "b"]), 2, seed=0)
    assert sorted(drawn["text"]) == ["text 1", "text 3"]


def test_a_class_of_too_few_rows_is_an_error_that_says_what_there_is(many):
    with pytest.raises(ValueError, match="30 rows of 3 classes need 10 of each; available: a 30,"):
        few_labels(many, 30, seed=0)
    with pytest.raises(ValueError, match="available: a 1, b 0"):
        few_labels(labelled([0], ["a", "b"]), 2, seed=0)


def test_fewer_rows_than_classes_is_an_error(many):
    with pytest.raises(ValueError, match="2 rows are fewer than the 3 classes: a 30, b 9, c 9"):
        few_labels(many, 2, seed=0)


@pytest.mark.parametrize("rows", [{"text": ["a"]}, {"text": ["a"], "label": [0.5]}])
def test_without_class_numbers_there_is_nothing_to_balance(rows):
    with pytest.raises(ValueError, match="needs a column label that holds class numbers"):
        few_labels(datasets.Dataset.from_dict(rows), 1, seed=0)


def test_importing_corpora_imports_nothing_heavy():
    code = (
        "import sys, tlbook.corpora;"
        "print([name for name in ('datasets', 'pandas', 'pyarrow', 'torch', 'numpy') "
        "if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
