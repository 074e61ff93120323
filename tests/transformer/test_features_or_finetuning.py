"""What the lesson's heads and rules promise: exact sums, frozen encoders, honest ties."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from tests.tiny_models import tiny_bert, tiny_rows
from tlbook.training.reports import Curve
from tlbook.transformer.features_or_finetuning import (
    FeatureClassifier,
    LayerMix,
    bag_of_words,
    fine_tune,
    fit_features,
    timed,
)


@pytest.fixture
def clouds():
    """Two clouds in the second of two layers; the first layer says nothing."""
    draw = torch.Generator().manual_seed(0)
    labels = torch.arange(40) % 2
    features = torch.randn(40, 2, 3, generator=draw)
    features[:, 1, 0] += 6 * labels
    return features, labels


def test_a_fresh_mix_is_the_mean_of_the_layers():
    states = torch.randn(5, 3, 4)
    torch.testing.assert_close(LayerMix(3)(states), states.mean(1))


def test_a_mix_by_hand():
    mix = LayerMix(3)
    with torch.no_grad():
        mix.weights.copy_(torch.tensor([0.0, 0.0, math.log(2)]))
        mix.gamma.fill_(2.0)
    states = torch.tensor([[1.0, 0.0], [0.0, 1.0], [2.0, 2.0]])
    # shares 1/4, 1/4, 1/2: 2 * (0.25 + 0 + 1), 2 * (0 + 0.25 + 1)
    torch.testing.assert_close(mix(states), torch.tensor([2.5, 2.5]))


def test_shares_of_a_mix_sum_to_one_whatever_the_weights():
    mix = LayerMix(4)
    nn.init.normal_(mix.weights, std=3.0)
    torch.testing.assert_close(mix.shares().sum(), torch.tensor(1.0))


def test_a_mix_needs_a_layer():
    with pytest.raises(ValueError, match="layers must be 1 or more, got 0"):
        LayerMix(0)


def test_a_fresh_head_cannot_tell_the_classes(clouds):
    head = FeatureClassifier(clouds[0], 2, combine="mix")
    assert head(clouds[0]).abs().max() == 0


def test_training_rows_are_brought_to_mean_zero_and_deviation_one(clouds):
    even = FeatureClassifier(5 + 3 * clouds[0], 2, combine="mix").evened(5 + 3 * clouds[0])
    torch.testing.assert_close(even.mean(0), torch.zeros(2, 3), atol=1e-5, rtol=0)
    torch.testing.assert_close(even.square().mean((0, 2)), torch.ones(2))


def test_mixing_logits_is_mixing_layers(clouds):
    head = FeatureClassifier(clouds[0], 2, combine="mix")
    for weight in head.parameters():
        nn.init.normal_(weight)
    wanted = head.head(head.mix(head.evened(clouds[0])))
    torch.testing.assert_close(head(clouds[0]), wanted)


@pytest.mark.parametrize("combine", ["concatenation", "mix"])
def test_a_trained_head_tells_the_classes(clouds, combine):
    head = fit_features(*clouds, classes=2, combine=combine, strength=1.0)
    assert (head(clouds[0]).argmax(1) == clouds[1]).all()


def test_the_mix_learns_which_layer_speaks(clouds):
    shares = fit_features(*clouds, classes=2, combine="mix", strength=1.0).mix.shares()
    assert shares[1] > 0.6


def test_the_head_finds_what_scikit_learn_finds(clouds):
    from sklearn.linear_model import LogisticRegression

    features, labels = clouds
    head = fit_features(features, labels, classes=2, strength=0.1, steps=2000)
    even = head.evened(features).flatten(1).numpy()
    # two rows of weights share the work of scikit-learn's single one: half of it each, so the
    # penalty on |W|^2 is half of that on its w
    oracle = LogisticRegression(C=0.2, tol=1e-8).fit(even, labels)
    found = (head.head.weight[1] - head.head.weight[0]).detach().numpy()
    np.testing.assert_allclose(found, oracle.coef_[0], atol=1e-3)


def test_an_unknown_way_to_combine_is_an_error(clouds):
    with pytest.raises(ValueError, match="combine must be 'concatenation' or 'mix', got 'sum'"):
        FeatureClassifier(clouds[0], 2, combine="sum")


def test_labels_must_be_trusted_a_little(clouds):
    with pytest.raises(ValueError, match="strength must be above 0, got 0"):
        fit_features(*clouds, classes=2, strength=0)


def test_a_head_and_a_fine_tuning_report_every_step_and_are_the_same_without(clouds):
    head, tuned = Curve(), Curve()
    told = fit_features(*clouds, classes=2, steps=3, report=head)
    untold = fit_features(*clouds, classes=2, steps=3)
    torch.testing.assert_close(told(clouds[0]), untold(clouds[0]))
    knobs = {"classes": 2, "learning_rate": 0.01, "epochs": 2, "size": 4, "seed": 0}
    fine_tune(tiny_bert(), tiny_rows(), report=tuned, **knobs)
    assert head.table()["step"].tolist() == [1, 2, 3]
    assert tuned.step == tuned.steps == 2 * -(-len(tiny_rows()) // 4)


def test_fine_tuning_moves_a_copy_and_leaves_the_original():
    encoder, before = tiny_bert(), tiny_bert()
    model = fine_tune(encoder, tiny_rows(), classes=2, learning_rate=0.01, epochs=2, size=4, seed=0)
    for name, weight in encoder.state_dict().items():
        assert torch.equal(weight, before.state_dict()[name])
    moved = model.encoder.embeddings.word_embeddings.weight
    assert not torch.equal(moved, encoder.embeddings.word_embeddings.weight)


def test_fine_tuning_is_the_same_for_the_same_seed():
    made = [
        fine_tune(tiny_bert(), tiny_rows(), classes=2, learning_rate=0.01, epochs=1, size=4, seed=s)
        for s in (0, 0, 1)
    ]
    weights = [model.head.weight for model in made]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_a_bag_of_words_learns_words_not_their_order():
    model = bag_of_words(
        ["good film", "bad film", "good ship", "bad ship"], [1, 0, 1, 0], strength=10
    )
    assert model.predict(["ship bad", "a good one"]).tolist() == [0, 1]


def test_timing_hands_through_arguments_and_answer():
    found, spent = timed(sorted, [3, 1], reverse=True)
    assert found == [3, 1]
    assert spent >= 0
