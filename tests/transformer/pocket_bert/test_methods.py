"""What the compared methods promise: the labels they may use, and scores on the split asked for."""

import numpy as np
import pytest

from tests.tiny_models import tiny_bert, tiny_tokenizer
from tlbook.transformer.pocket_bert import methods
from tlbook.transformer.pocket_bert.methods import Task

GOOD, BAD = ["the good film", "good red ship", "a good ada"], ["the bad film", "bad red ship"]
CACHED = (methods.corpus, methods.rows, methods.vectors, methods._resident)


@pytest.fixture(autouse=True)
def small(small_mirror, monkeypatch):
    """Ten rows to train on, of which a classifier needs one word, and a tiny encoder."""
    for split, times in (("train", 2), ("validation", 1), ("test", 1)):
        texts = GOOD * times + BAD * times
        small_mirror("org/films", split, text=texts, label=[int("good" in t) for t in texts])
    small_mirror("org/plain", text=GOOD + BAD, label=[1, 1, 1, 0, 0])
    monkeypatch.setattr(
        methods.encoders, "load", lambda name: (tiny_tokenizer(), tiny_bert(vocab_size=23))
    )
    yield
    for function in CACHED:
        function.cache_clear()


def test_with_few_labels_a_run_gets_a_balanced_draw_of_its_own():
    task = Task("org/films", 4)
    known = methods.labels(task, "train")
    for seed in range(3):
        assert sorted(known[methods.places(task, seed)]) == [0, 0, 1, 1]
    assert methods.places(task, 0) != methods.places(task, 1)
    assert methods.places(task, 0) == methods.places(task, 0)


def test_with_all_labels_every_row_is_used():
    assert methods.places(Task("org/films"), 3) == list(range(10))


def test_tfidf_learns_the_word_that_decides():
    found = methods.tfidf(Task("org/films"), "test", 0, strength=10.0, words=1)
    assert found.value == 1
    assert found.trained_weights == len({w for t in GOOD + BAD for w in t.split()} - {"a"}) + 1


def test_frozen_features_train_the_output_layer_only():
    for layers in (1, 2):
        found = methods.frozen(
            Task("org/films"), "test", 0, encoder="any", strength=100.0, layers=layers
        )
        assert found.value == 1
        assert found.trained_weights == layers * 8 + 1


def test_the_top_layers_are_put_side_by_side():
    both = methods.vectors("any", "org/films", "test")
    assert both.shape == (5, 2, 8)
    encoder = tiny_bert(vocab_size=23)
    inputs = tiny_tokenizer()(GOOD[0], return_tensors="pt")
    states = encoder(**inputs, output_hidden_states=True).hidden_states
    for place, layer in enumerate((-1, -2)):
        expected = states[layer].mean(1)[0].detach().numpy()
        np.testing.assert_allclose(both[0, place], expected, atol=0.05)  # may be bfloat16


@pytest.mark.parametrize("scratch", [False, True])
def test_fine_tuning_trains_every_weight_and_scores_the_split(scratch):
    found = methods.fine_tuning(
        Task("org/films", 4), "validation", 0, learning_rate=0.02, epochs=20, scratch=scratch
    )
    whole = sum(w.numel() for w in tiny_bert(vocab_size=23).parameters())
    assert found.trained_weights == whole + 2 * 8 + 2
    assert found.value >= 0.6
    assert found.seconds > 0


def test_a_seed_repeats_a_run():
    def run(seed):
        return methods.fine_tuning(
            Task("org/films", 4), "test", seed, learning_rate=1e-3, epochs=1
        ).value

    assert run(0) == run(0)


def test_a_split_is_embedded_once(monkeypatch):
    first = methods.vectors("any", "org/films", "test")
    monkeypatch.setattr(methods.features, "embed", None)
    np.testing.assert_array_equal(methods.vectors("any", "org/films", "test"), first)


def test_speed_counts_the_texts_that_were_embedded():
    found = methods.embedding_speed("any", "org/films", 3)
    assert found.value > 0
    assert found.seconds > 0
    assert found.trained_weights == 0
