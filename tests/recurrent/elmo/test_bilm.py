"""What a biLM promises about context, batches, states, mixes and gradients."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from tlbook.recurrent.elmo import BiLM, ELMoFeatures, ScalarMix
from tlbook.recurrent.elmo.settings import Settings

SETTINGS = Settings(filters=((1, 4), (2, 3)), projection=3, cell=5, longest=10)
SENTENCES = [["He", "sat", "on", "the", "bank"], ["the", "bank", "closed"], ["no"], []]
CLOSE = {"rtol": 0, "atol": 1e-6}


@pytest.fixture
def bilm():
    torch.manual_seed(0)
    return BiLM(SETTINGS)


def test_layer_0_is_the_word_vector_twice_and_knows_no_context(bilm):
    one, other, *_ = bilm.embed(SENTENCES)
    np.testing.assert_array_equal(one[0, :, :3], one[0, :, 3:])
    np.testing.assert_allclose(one[0, 4], other[0, 1], **CLOSE)
    assert abs(one[1, 4] - other[1, 1]).max() > 1e-3


def test_each_half_of_a_layer_sees_one_side_of_a_word(bilm):
    one, other = bilm.embed([["a", "b", "c"], ["a", "b", "d"]])
    np.testing.assert_allclose(one[1:, 1, :3], other[1:, 1, :3], **CLOSE)
    assert (abs(one[1:, 1, 3:] - other[1:, 1, 3:]).max(-1) > 1e-4).all()


def test_a_batch_gives_what_its_tensors_hold_and_zero_where_there_is_no_word(bilm):
    layers, mask = bilm(SENTENCES)
    assert layers.shape == (3, 4, 5, 6)
    assert mask.sum(1).tolist() == [5, 3, 1, 0]
    assert not layers[:, ~mask].any()
    for row, found in enumerate(bilm.embed(SENTENCES)):
        real = layers[:, row, : len(SENTENCES[row])].detach().numpy()
        np.testing.assert_allclose(found, real, **CLOSE)


def test_gradients_reach_every_weight(bilm):
    bilm(SENTENCES)[0].square().sum().backward()
    assert all(weight.grad is not None for weight in bilm.parameters())


def test_embedding_leaves_no_gradients_and_the_carried_state_alone(bilm):
    bilm.embed(SENTENCES[:1], stateful=True)
    before = bilm.carried
    bilm.embed(SENTENCES)
    assert bilm.carried is before
    assert all(weight.grad is None for weight in bilm.parameters())


def test_after_a_reset_a_stateful_batch_is_as_the_first(bilm):
    first = bilm.embed(SENTENCES, stateful=True)
    second = bilm.embed(SENTENCES, stateful=True)
    bilm.reset_state()
    third = bilm.embed(SENTENCES, stateful=True)
    assert abs(first[0] - second[0]).max() > 1e-4
    for one, other in zip(first, third, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_first_stateful_batch_is_as_a_stateless_one(bilm):
    for one, other in zip(bilm.embed(SENTENCES, stateful=True), bilm.embed(SENTENCES), strict=True):
        np.testing.assert_allclose(one, other, **CLOSE)


def test_a_large_batch_gives_what_single_sentences_give(bilm):
    for found, sentence in zip(bilm.embed(SENTENCES * 8), SENTENCES * 8, strict=True):
        np.testing.assert_allclose(found, bilm.embed([sentence])[0], **CLOSE)


def test_a_mix_starts_as_the_mean():
    layers = torch.randn(3, 2, 4, 5)
    torch.testing.assert_close(ScalarMix(3)(layers), layers.mean(0))


def test_a_mix_matches_the_formula_by_hand():
    mix = ScalarMix(2)
    with torch.no_grad():
        mix.scores.copy_(torch.tensor([0.0, 3.0]).log())  # log 0 is a weight of nothing
        mix.gamma.fill_(2.0)
    layers = torch.tensor([[[[5.0]]], [[[7.0]]]])
    assert mix(layers).item() == 14.0
    with torch.no_grad():
        mix.scores.copy_(torch.tensor([1.0, 3.0]).log())  # a quarter and three quarters
    assert mix(layers).item() == pytest.approx(2 * (5 / 4 + 21 / 4))
    assert mix.weights.tolist() == pytest.approx([0.25, 0.75])


def test_a_normed_mix_takes_mean_and_variance_of_the_real_words_of_each_layer():
    mask = torch.tensor([[True, True], [True, False]])
    layers = torch.randn(2, 2, 2, 3) * 5 + 2
    mix = ScalarMix(2, layer_norm=True)
    with torch.no_grad():
        mix.scores.copy_(torch.tensor([0.0, -100.0]))  # the first layer alone
    real = mix(layers, mask)[mask]
    expected = layers[0][mask]
    expected = (expected - expected.mean()) / expected.std(correction=0)
    torch.testing.assert_close(real, expected)


def test_padding_does_not_matter_to_a_normed_mix():
    mix, layers = ScalarMix(2, layer_norm=True), torch.randn(2, 2, 2, 3)
    mask = torch.tensor([[True, True], [True, False]])
    changed = layers.clone()
    changed[:, 1, 1] = 1e3
    torch.testing.assert_close(mix(layers, mask)[mask], mix(changed, mask)[mask])
    whole = torch.ones_like(mask)
    torch.testing.assert_close(mix(layers), mix(layers, whole))


def test_the_penalty_is_the_square_of_the_scores():
    features = ELMoFeatures(BiLM(SETTINGS), mixes=2)
    assert features.penalty().item() == 0
    with torch.no_grad():
        features.mixes[1].scores.copy_(torch.tensor([1.0, -2.0, 0.0]))
    assert features.penalty().item() == 5


def test_a_mix_of_another_number_of_layers_is_an_error():
    with pytest.raises(ValueError, match="this mix is of 3 layers, got 2"):
        ScalarMix(3)(torch.zeros(2, 1, 1, 1))


def test_features_train_the_mixes_and_not_the_language_model(bilm):
    features = ELMoFeatures(bilm, mixes=2, dropout=0.0)
    mixes, _ = features(SENTENCES)
    sum(mix.square().sum() for mix in mixes).backward()
    trained = {name for name, weight in features.named_parameters() if weight.requires_grad}
    assert trained == {f"mixes.{i}.{part}" for i in (0, 1) for part in ("scores", "gamma")}
    assert all(weight.grad is None for weight in bilm.parameters())
    assert all(mix.scores.grad is not None for mix in features.mixes)


def test_features_are_dropped_in_training_only(bilm):
    features = ELMoFeatures(bilm, dropout=0.5)
    (dropped,), mask = features(SENTENCES)
    assert 0.2 < (dropped[mask] == 0).float().mean() < 0.8
    (whole,), _ = features.eval()(SENTENCES)
    torch.testing.assert_close(whole, bilm(SENTENCES)[0].mean(0), **CLOSE)


def test_stored_layers_mix_like_fresh_ones(bilm):
    features = ELMoFeatures(bilm).eval()
    (stored,) = bilm.embed(SENTENCES[:1])
    (mix,) = features.mixed(torch.from_numpy(stored)[:, None])
    torch.testing.assert_close(mix, features(SENTENCES[:1])[0][0], **CLOSE)


def test_clipping_takes_the_word_by_word_path_to_the_same_vectors(bilm):
    clipped = BiLM(replace(SETTINGS, cell_clip=99.0, projection_clip=99.0))
    clipped.load_state_dict(bilm.state_dict())
    for one, other in zip(bilm.embed(SENTENCES), clipped.embed(SENTENCES), strict=True):
        np.testing.assert_allclose(one, other, **CLOSE)
