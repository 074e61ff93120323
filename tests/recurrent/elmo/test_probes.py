"""A probe reads off a layer what is there, and draws make its luck visible."""

import numpy as np
import pytest

from tlbook.recurrent.elmo import probes
from tlbook.recurrent.elmo.probes import Words


def words(count=120, seed=0, **others):
    """Layer 0 knows nothing, layer 1 the class with some noise, layer 2 the class."""
    draw = np.random.default_rng(seed)
    labels = draw.integers(0, 3, count)
    features = draw.normal(size=(count, 3, 4))
    features[:, 1, :3] += 1.5 * np.eye(3)[labels]
    features[:, 2, :3] += 30 * np.eye(3)[labels]
    return Words(features, labels, np.arange(count), **others)


def test_a_layer_scores_by_what_it_knows():
    known, unseen = words(), words(seed=1)
    found = [probes.probe(known, unseen, layer, strength=0.1) for layer in range(3)]
    assert found[0] < 0.55 < found[1] < found[2] == 1.0


def test_only_allowed_classes_come_into_question():
    known, unseen = words(), words(seed=1)
    right_only = np.eye(3, dtype=bool)[unseen.labels]
    sure = words(seed=1, allowed=right_only)
    assert probes.probe(known, unseen, 0, strength=0.1) < 1.0
    assert probes.probe(known, sure, 0, strength=0.1) == 1.0


def test_a_class_that_was_not_seen_is_not_found():
    known = Words(np.array([[[0.0]], [[1.0]]]), np.array([0, 2]), np.arange(2))
    unseen = Words(np.array([[[0.0]], [[1.0]], [[0.9]]]), np.array([0, 2, 1]), np.arange(3))
    assert probes.probe(known, unseen, 0, strength=10.0) == pytest.approx(2 / 3)


def test_whole_sentences_are_drawn_and_some_of_them_twice():
    layers = [np.full((2, count, 3), count, np.float32) for count in (1, 2, 3, 4)]
    found = probes.tagged_words(layers, [[n] * n for n in (1, 2, 3, 4)])
    assert found.features.shape == (10, 2, 3)
    assert (found.features[:, 0, 0] == found.labels).all()
    drawn = [found.drawn(seed) for seed in range(20)]
    for one in drawn:
        counts = np.bincount(one.labels, minlength=5)[1:] / [1, 2, 3, 4]
        assert (counts == counts.astype(int)).all()
        assert counts.sum() == 4
    assert len({tuple(one.labels) for one in drawn}) > 10
    assert (found.drawn(3).labels == drawn[3].labels).all()


def test_layers_are_compared_on_the_same_draws():
    rows = probes.probe_layers(words(), words(seed=1), seeds=[0, 1, 2], strength=0.1)
    assert rows.groupby("method")["seed"].apply(list).tolist() == [[0, 1, 2]] * 3
    means = rows.groupby("method")["value"].mean()
    assert means["layer 0"] < means["layer 1"] < means["layer 2"]
    assert rows.groupby("method")["value"].std()["layer 1"] > 0


def test_no_warning_is_shown_where_the_fit_could_go_on(recwarn):
    draw = np.random.default_rng(0)
    hard = Words(draw.normal(size=(300, 1, 40)), draw.integers(0, 9, 300), np.arange(300))
    probes.probe(hard, hard, 0, strength=1e3)
    assert not recwarn.list


def test_a_tie_leaves_open_what_was_published():
    assert probes.verdict(["layer 1"], "layer 1") == "holds"
    assert probes.verdict(["layer 2", "layer 1"], "layer 1") == "is open"
    assert probes.verdict(["layer 2", "layer 0"], "layer 1") == "does not hold"
