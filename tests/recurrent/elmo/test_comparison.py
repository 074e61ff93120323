"""A comparison runs each setting once, on equal rows, and tells what ELMo adds."""

import numpy as np
import pandas as pd
import pytest
import torch

from tlbook.recurrent.elmo import BiLM, comparison
from tlbook.recurrent.elmo.comparison import METHODS, STATIC, Comparison
from tlbook.recurrent.elmo.settings import Settings
from tlbook.recurrent.elmo.words import words_of


@pytest.fixture
def bilm():
    torch.manual_seed(0)
    return BiLM(Settings(filters=((1, 4), (2, 3)), projection=3, cell=5, longest=10)).eval()


@pytest.fixture
def reviews(bilm):
    return comparison.task(bilm, "reviews", name="reviews", most=(12, 6))


def test_a_set_of_texts_becomes_a_task(bilm, reviews):
    assert (reviews.dataset, reviews.metric, reviews.classes) == ("reviews", "accuracy", 2)
    assert {split: len(rows) for split, rows in reviews.words.items()} == {"train": 12, "test": 6}
    texts = reviews.columns["test"]["text"]
    assert reviews.words["test"] == [words_of(text) for text in texts]
    for layers, wanted in zip(
        reviews.layers["test"], bilm.embed(reviews.words["test"]), strict=True
    ):
        np.testing.assert_allclose(layers, wanted, atol=1e-6)


def test_a_tagged_set_becomes_a_task_scored_by_whole_names(bilm):
    names = comparison.task(bilm, "tagged", name="names", most=(4, 3))
    assert (names.metric, names.classes) == ("entity F1", 9)
    for words, tags, layers in zip(
        names.words["test"], names.labels["test"], names.layers["test"], strict=True
    ):
        assert len(words) == len(tags) == layers.shape[1]
    right = [np.eye(9)[tags] for tags in names.labels["train"]]
    assert names.score(right, names.labels["train"]) in (0.0, 1.0)


def test_a_larger_draw_of_a_seed_holds_the_smaller(reviews):
    few, more, every = (reviews.drawn(share, 3).tolist() for share in (0.25, 0.5, 1))
    assert few == more[:3] == every[:3]
    assert sorted(every) == list(range(12))
    assert reviews.drawn(0.5, 4).tolist() != more
    assert len(reviews.drawn(0.001, 0)) == 2


def test_the_same_task_is_read_by_another_bilm(bilm, reviews):
    torch.manual_seed(1)
    other = reviews.embedded_by(BiLM(bilm.settings).eval(), "again")
    assert (other.name, other.words, other.labels) == ("again", reviews.words, reviews.labels)
    assert abs(other.layers["test"][0] - reviews.layers["test"][0]).max() > 0.01


def test_a_setting_is_run_once_and_told_in_a_row(reviews):
    trial = Comparison({0.5: 2, 1: 1}, learning_rate=0.01, size=4)
    first = trial.run([reviews], [STATIC, "ELMo at both"], [0.5, 1], [0, 1])
    before = dict(trial.runs)
    again = trial.run([reviews], METHODS, [1], [0])
    assert len(first) == 8
    assert len(again) == 10, "two methods were new"
    assert {key: trial.runs[key] for key in before} == before
    row = again.set_index(["task", "method", "share", "seed"]).loc["reviews", STATIC, 0.5, 1]
    assert row["labels"] == 6
    assert 0 <= row["value"] <= 1
    assert set(trial.mixes["reviews", "ELMo at both", 1, 0]) == {"input", "output"}


def made(values):
    """A comparison whose runs are made up: (task, method, share, seed) -> value."""
    trial = Comparison({}, learning_rate=0.1, size=1)
    trial.runs = {key: (5, value, 7, 1.0) for key, value in values.items()}
    return trial


VALUES = {
    ("a", STATIC, 1, 0): 0.5,
    ("a", STATIC, 1, 1): 0.7,
    ("a", "ELMo at input", 1, 0): 0.8,
    ("a", "ELMo at input", 1, 1): 0.8,
    ("b", STATIC, 1, 0): 0.2,
    ("b", "ELMo at input", 1, 0): 0.1,
    ("a", STATIC, 0.1, 0): 0.1,
    ("a", "ELMo at input", 0.1, 0): 0.5,
}


def test_gains_are_points_above_static_vectors_of_the_same_task():
    found = made(VALUES).summary()
    assert found["score"].tolist() == pytest.approx([0.6, 0.8, 0.2, 0.1])
    assert found["gain"].tolist() == pytest.approx([0, 20, 0, -10])
    assert found["spread"].iloc[0] == pytest.approx(np.std([0.5, 0.7], ddof=1))
    gains = made(VALUES).gains("ELMo at input")
    assert gains.loc["a"].to_dict() == pytest.approx({0.1: 40, 1: 20})
    assert pd.isna(gains.loc["b", 0.1])


def test_a_mean_mix_is_the_mean_over_seeds():
    trial = made(VALUES)
    trial.mixes = {
        ("a", "ELMo at input", 1, 0): {"input": [0.5, 0.5]},
        ("a", "ELMo at input", 1, 1): {"input": [0.7, 0.3]},
        ("a", "ELMo at input", 0.1, 0): {"input": [0.0, 1.0]},
    }
    mix = trial.mean_mix("a", "ELMo at input")
    np.testing.assert_allclose(mix["input"], [0.6, 0.4])


def test_a_task_shows_its_rows_and_three_of_them(reviews):
    found = reviews.described()
    assert (found["train"], found["test"], found["classes"]) == (12, 6, 2)
    assert found["examples"].split(" | ")[2] == " ".join(reviews.words["train"][2])
