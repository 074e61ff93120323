"""Narrow, bend, widen, add: the arithmetic of one adapter."""

import math

import pytest
import torch

from tlbook.efficient.adapters.bottleneck import Bottleneck


def test_it_starts_near_the_identity():
    torch.manual_seed(0)
    states = torch.randn(5, 3, 384)
    change = Bottleneck(384, 64)(states) - states
    assert 0 < change.norm() / states.norm() < 1e-3


def test_both_matrices_start_within_two_deviations_and_the_rest_at_zero():
    adapter = Bottleneck(64, 32, scale=0.1)
    for layer in (adapter.down, adapter.up):
        assert layer.weight.abs().max() <= 0.2
        # A normal variable cut at two deviations keeps 0.774 of its variance.
        assert layer.weight.var().item() == pytest.approx(0.774 * 0.01, rel=0.15)
        assert not layer.bias.any()


def test_without_a_scale_it_starts_at_the_identity_and_learns_at_once():
    adapter, states = Bottleneck(64, 32, scale=None), torch.randn(5, 64)
    found = adapter(states)
    assert torch.equal(found, states)
    found.square().sum().backward()
    assert adapter.up.weight.grad.any(), "what is read is there, so what is written can learn"
    bound = 64**-0.5  # uniform, as in a linear layer: a third of the squared bound is the variance
    assert adapter.down.weight.abs().max() <= bound
    assert adapter.down.weight.var().item() == pytest.approx(bound**2 / 3, rel=0.15)
    assert not adapter.down.bias.any()


@pytest.mark.parametrize("scale", [1e-3, None])
def test_a_generator_decides_the_start_and_the_global_one_is_left_alone(scale):
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    one, two, other = (
        Bottleneck(6, 2, scale=scale, generator=torch.Generator().manual_seed(seed))
        for seed in (1, 1, 2)
    )
    assert torch.rand(1) == expected
    assert torch.equal(one.down.weight, two.down.weight)
    assert not torch.equal(one.down.weight, other.down.weight)


def test_the_formula_by_hand():
    adapter = Bottleneck(2, 1)
    with torch.no_grad():
        adapter.down.weight.copy_(torch.tensor([[1.0, 2.0]]))
        adapter.down.bias.fill_(-4.0)
        adapter.up.weight.copy_(torch.tensor([[10.0], [0.0]]))
        adapter.up.bias.copy_(torch.tensor([0.0, 5.0]))
    # 1 * 1 + 2 * 2 - 4 = 1, and gelu(1) is 1 times the normal distribution up to 1.
    bent = 0.5 * (1 + math.erf(1 / math.sqrt(2)))
    found = adapter(torch.tensor([[1.0, 2.0]]))
    torch.testing.assert_close(found, torch.tensor([[1 + 10 * bent, 7.0]]))


@pytest.mark.parametrize(("hidden", "bottleneck"), [(6, 1), (6, 6), (8, 3)])
def test_its_weights_are_counted_by_hand(hidden, bottleneck):
    weights = sum(w.numel() for w in Bottleneck(hidden, bottleneck).parameters())
    assert weights == 2 * bottleneck * hidden + hidden + bottleneck


@pytest.mark.parametrize("bottleneck", [0, -1, 7])
def test_an_impossible_width_is_an_error(bottleneck):
    with pytest.raises(ValueError, match=rf"bottleneck must lie in 1\.\.6, got {bottleneck}"):
        Bottleneck(6, bottleneck)


@pytest.mark.parametrize("scale", [0.0, -1.0, math.inf, math.nan])
def test_an_impossible_scale_is_an_error(scale):
    with pytest.raises(ValueError, match="scale must be a number above 0"):
        Bottleneck(6, 2, scale=scale)
