"""Scores against independent counts."""

import re
import string
from collections import Counter

import numpy as np
import pytest
from sklearn.metrics import accuracy_score

from tlbook.metrics import (
    accuracy,
    best_span,
    macro_f1,
    matthews,
    squad,
    tag_accuracy,
    tag_f1,
)
from tlbook.tokens import IGNORED


@pytest.fixture
def scored():
    draw = np.random.default_rng(0)
    return draw.normal(size=(50, 3)), draw.integers(3, size=50)


def one_hot(numbers, classes):
    return np.eye(classes)[numbers]


def test_accuracy_agrees_with_scikit_learn(scored):
    logits, labels = scored
    assert accuracy(logits, labels) == accuracy_score(labels, logits.argmax(1))


@pytest.mark.parametrize("score", [accuracy, macro_f1, matthews])
def test_hidden_labels_are_no_mistakes_but_an_error(scored, score):
    logits, labels = scored
    labels[[3, 7]] = -1
    with pytest.raises(ValueError, match="2 of 50 labels are below 0, so hidden"):
        score(logits, labels)


def test_macro_f1_counts_every_class_the_same():
    # class 0: precision 2/3, recall 1 -> 0.8; class 1: precision 1, recall 1/2 -> 2/3
    logits = one_hot([0, 0, 0, 1], 2)
    assert macro_f1(logits, [0, 0, 1, 1]) == pytest.approx((0.8 + 2 / 3) / 2)


def test_matthews_is_the_correlation_of_two_binary_columns():
    draw = np.random.default_rng(1)
    labels, found = draw.integers(2, size=60), draw.integers(2, size=60)
    wanted = np.corrcoef(labels, found)[0, 1]
    assert matthews(one_hot(found, 2), labels) == pytest.approx(wanted)


@pytest.mark.parametrize("metric", [accuracy, macro_f1, matthews])
@pytest.mark.parametrize("labels", [[], [1]])
def test_logits_without_their_labels_are_an_error(metric, labels):
    with pytest.raises(ValueError, match=f"2 rows of logits for {len(labels)} labels"):
        metric([[0.0, 1.0], [1.0, 0.0]], labels)


NAMES = ["O", "B-PER", "I-PER", "B-LOC"]


def test_a_name_counts_only_if_both_ends_and_its_kind_are_right():
    gold = [IGNORED, 1, 2, IGNORED, 0, 3, 1, IGNORED]
    found = [0, 1, 2, 3, 0, 1, 1, 0]  # Per Per right, Loc taken for a person, Per right
    # found 3, gold 3, right 2
    assert tag_f1([one_hot(found, 4)], [gold], names=NAMES) == pytest.approx(2 / 3)
    assert tag_accuracy([one_hot(found, 4)], [gold]) == 4 / 5


def test_half_a_name_is_no_name_but_half_its_tags():
    logits, gold = [one_hot([1, 0], 4)], [[1, 2]]
    assert tag_f1(logits, gold, names=NAMES) == 0
    assert tag_accuracy(logits, gold) == 0.5


def test_a_name_may_begin_inside_as_in_the_script_of_conll():
    names = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
    gold, found = [[0, 1, 2, 3, 4, 4]], [one_hot([0, 2, 2, 4, 4, 4], 5)]
    assert tag_f1(found, gold, names=names) == 1  # PER at 1 and 2, LOC at 3 to 5
    assert tag_f1([one_hot([0, 2, 1, 4, 4, 4], 5)], gold, names=names) == pytest.approx(0.4)


def test_no_name_anywhere_scores_zero_without_a_warning():
    assert tag_f1([one_hot([0, 0], 4)], [[0, 0]], names=NAMES) == 0


def test_names_in_no_rows_are_an_error():
    with pytest.raises(ValueError, match="there are no rows of tags"):
        tag_f1([], [], names=NAMES)


def test_tags_of_no_word_are_an_error():
    with pytest.raises(ValueError, match="there are no tagged words"):
        tag_accuracy([one_hot([0], 4)], [[IGNORED]])


def by_brute_force(logits, offsets, longest, threshold):
    best, found = logits[0].sum() + threshold, None
    for i in range(len(logits)):
        for j in range(i, min(len(logits), i + longest)):
            score = logits[i, 0] + logits[j, 1]
            if offsets[i] is not None and offsets[j] is not None and score > best:
                best, found = score, (offsets[i][0], offsets[j][1])
    return found


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("threshold", [-1.0, 0.0, 1.0])
def test_the_best_span_agrees_with_trying_all(seed, threshold):
    logits = np.random.default_rng(seed).normal(size=(7, 2))
    offsets = [None, None, (0, 2), (3, 4), (5, 9), (10, 11), None]
    found = best_span(logits, offsets, longest=2, threshold=threshold)
    assert found == by_brute_force(logits, offsets, 2, threshold)


def test_without_a_context_there_is_no_answer():
    assert best_span(np.ones((3, 2)), [None] * 3) is None


def official_normalisation(text):
    """As in the evaluation script of SQuAD 2.0, step by step."""
    kept = "".join(letter for letter in text.lower() if letter not in set(string.punctuation))
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", kept).split())


@pytest.mark.parametrize(
    ("found", "gold"),
    [
        ("The Red Ship!", "red ship"),
        ("an  old   red ship", "the red ship"),
        ("ship ship", "ship"),
        ("theatre", "the atre"),
        ("", "ship"),
        ("ship", ""),
        ("the", "a"),
        ("no. 7", "No 7"),
    ],
)
def test_squad_agrees_with_its_official_definition(found, gold):
    mine = squad([found], [[gold] if gold else []])
    words, wanted = official_normalisation(found).split(), official_normalisation(gold).split()
    common = sum((Counter(words) & Counter(wanted)).values())
    if not words or not wanted:
        f1 = float(words == wanted)
    elif not common:
        f1 = 0.0
    else:
        precision, recall = common / len(words), common / len(wanted)
        f1 = 2 * precision * recall / (precision + recall)
    assert mine["exact"] == float(words == wanted)
    assert mine["f1"] == pytest.approx(f1)


def test_the_best_of_several_right_answers_counts():
    assert squad(["ship"], [["a boat", "the ship"]]) == {"exact": 1.0, "f1": 1.0}


def test_an_answer_of_articles_alone_counts_as_none():
    assert squad(["", "ship"], [["the"], ["the", "ship"]]) == {"exact": 1.0, "f1": 1.0}


def test_silence_is_right_only_where_there_is_no_answer():
    assert squad(["", "", "ship"], [[], ["ship"], []]) == {"exact": 1 / 3, "f1": 1 / 3}
