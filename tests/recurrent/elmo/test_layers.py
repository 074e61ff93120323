"""Batches hold the layers of their sentences, with nothing between and nothing behind them."""

import numpy as np
import pytest
import torch

from tlbook import training
from tlbook.recurrent.elmo.layers import LayerBatches

draw = np.random.default_rng(0)
LAYERS = [draw.normal(size=(3, count, 4)).astype(np.float32) for count in (2, 5, 1)]


def test_a_batch_holds_each_sentence_and_zero_behind_it():
    batches = LayerBatches(LAYERS, [1, 0, 1], size=3, shuffle=False)
    (batch,) = batches
    assert batch["labels"].tolist() == [1, 1, 0], "sorted by length"
    assert batch["attention_mask"].sum(1).tolist() == [1, 2, 5]
    for row, place in enumerate((2, 0, 1)):
        length = LAYERS[place].shape[1]
        np.testing.assert_array_equal(batch["layers"][:, row, :length], LAYERS[place])
        assert not batch["layers"][:, row, length:].any()


def test_tags_are_padded_with_what_the_loss_leaves_out():
    (batch,) = LayerBatches(LAYERS[:2], [[1, 2], [3, 4, 5, 6, 7]], size=2, shuffle=False)
    assert batch["labels"].tolist() == [[1, 2, -100, -100, -100], [3, 4, 5, 6, 7]]


def test_what_is_predicted_comes_in_the_order_of_the_sentences():
    class Sums(torch.nn.Linear):
        def forward(self, layers, **_others):
            return layers.sum((0, 2, 3))[:, None]

    found = training.predict(Sums(1, 1), LayerBatches(LAYERS, [0, 0, 0], size=2))
    np.testing.assert_allclose(np.concatenate(found), [s.sum() for s in LAYERS], rtol=1e-5)


def test_labels_that_do_not_fit_are_told():
    with pytest.raises(ValueError, match="3 sentences have 2 labels"):
        LayerBatches(LAYERS, [0, 1])
    with pytest.raises(ValueError, match="sentence 1 has 5 words but 2 tags"):
        LayerBatches(LAYERS, [[0, 1], [0, 1], [0]])
