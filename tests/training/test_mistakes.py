"""Rows with what a model made of them, and the ones one asks for."""

import math

import numpy as np
import pandas as pd
import pytest

from tlbook.training.mistakes import chosen, judged

TEXTS = ["A fine film.", "Dull", "so-so, but the ship sails on"]


@pytest.fixture
def table():
    return judged(TEXTS, [1, 0, 0], [[0.0, 0.0], [math.log(3), 0.0], [0.0, 5.0]], ["bad", "good"])


def test_a_row_is_right_where_the_largest_logit_stands_at_its_label(table):
    assert table["called"].tolist() == ["bad", "bad", "good"]
    assert table["label"].tolist() == ["good", "bad", "bad"]
    assert table["right"].tolist() == [False, True, False]


def test_losses_by_hand(table):
    by_hand = [math.log(2), -math.log(0.75), math.log(1 + math.exp(5))]
    assert table["loss"].tolist() == pytest.approx(by_hand)


def test_large_logits_do_not_overflow():
    table = judged(["x"], [1], np.array([[1000.0, 0.0]]), ["a", "b"])
    assert table["loss"].tolist() == [1000.0]


def test_words_are_counted_between_spaces(table):
    assert table["words"].tolist() == [3, 1, 6]


def test_unlike_numbers_of_rows_are_an_error():
    with pytest.raises(ValueError, match="2 texts have 1 labels and 2 logits"):
        judged(["a", "b"], [0], [[0.0, 1.0]] * 2, ["x", "y"])


@pytest.mark.parametrize("label", [-1, 2])
def test_a_label_that_is_no_class_is_named(label):
    with pytest.raises(ValueError, match=f"row 1 is labelled {label}, but the classes are 0..1"):
        judged(["a", "b"], [0, label], [[0.0, 1.0]] * 2, ["x", "y"])


@pytest.mark.parametrize(
    ("conditions", "places"),
    [
        ({}, [0, 1, 2]),
        ({"label": "bad"}, [1, 2]),
        ({"error": "wrong"}, [0, 2]),
        ({"error": "right"}, [1]),
        ({"shortest": 3}, [0, 2]),
        ({"longest": 3}, [0, 1]),
        ({"shortest": 2, "longest": 5}, [0]),
        ({"containing": "FILM."}, [0]),
        ({"containing": "("}, []),
        ({"label": "bad", "error": "wrong"}, [2]),
    ],
    ids=str,
)
def test_rows_meet_all_conditions_and_keep_their_order(table, conditions, places):
    assert chosen(table, **conditions).index.tolist() == places


def test_an_unknown_kind_of_error_is_an_error(table):
    with pytest.raises(ValueError, match="one of .*'wrong'.*, got 'bad'"):
        chosen(table, error="bad")


def test_errors_of_rows_that_no_model_has_read_are_an_error():
    bare = pd.DataFrame({"text": ["a"], "words": [1], "label": ["x"]})
    assert len(chosen(bare)) == 1
    with pytest.raises(ValueError, match="no column 'right'; make it with judged"):
        chosen(bare, error="wrong")
