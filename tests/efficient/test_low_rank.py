"""What one corrected layer promises, whichever way round its matrix is stored."""

import copy
import inspect

import numpy as np
import pytest
import torch
from torch import nn
from transformers.pytorch_utils import Conv1D

from tlbook.efficient.low_rank import LowRankLinear


@pytest.fixture
def layer():
    torch.manual_seed(0)
    return LowRankLinear(nn.Linear(6, 5), rank=2, alpha=4.0)


def test_a_layer_starts_as_the_pretrained_one(layer):
    x = torch.randn(3, 7, 6)
    assert torch.equal(layer(x), layer.frozen(x))


def test_a_layer_trains_only_its_two_narrow_matrices(layer):
    trained = {name for name, weight in layer.named_parameters() if weight.requires_grad}
    assert trained == {"down", "up"}


def test_a_layer_matches_the_formula_by_hand():
    layer = LowRankLinear(nn.Linear(2, 1, bias=False), rank=1, alpha=3.0)
    with torch.no_grad():
        layer.frozen.weight.copy_(torch.tensor([[1.0, 0.0]]))
        layer.down.copy_(torch.tensor([[0.0, 2.0]]))
        layer.up.copy_(torch.tensor([[5.0]]))
    # W x = 1; (3 / 1) * 5 * (2 * 10) = 300
    assert layer(torch.tensor([1.0, 10.0])).item() == 301.0


def test_a_starts_within_the_bounds_of_a_linear_layer_and_fills_them():
    down = LowRankLinear(nn.Linear(100, 50), rank=40, alpha=1.0).down
    assert down.abs().max() <= 0.1
    assert down.min() < -0.09
    assert down.max() > 0.09


def test_doubling_alpha_doubles_the_correction(layer):
    nn.init.normal_(layer.up)
    before = layer.delta()
    layer.alpha *= 2
    torch.testing.assert_close(layer.delta(), 2 * before)


def test_the_correction_has_the_rank_asked_for(layer):
    nn.init.normal_(layer.up)
    assert torch.linalg.matrix_rank(layer.delta()) == 2


def test_merging_keeps_the_function(layer):
    nn.init.normal_(layer.up)
    x = torch.randn(4, 6)
    before = layer(x)
    layer.eval().merge()
    torch.testing.assert_close(layer(x), before, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(layer.frozen(x), before, atol=1e-5, rtol=1e-5)


def test_merging_twice_is_merging_once(layer):
    nn.init.normal_(layer.up)
    layer.merge()
    once = layer.frozen.weight.clone()
    layer.merge()
    assert torch.equal(layer.frozen.weight, once)


def test_unmerging_gives_the_matrix_back_bit_for_bit(layer):
    nn.init.normal_(layer.up)
    before = layer.frozen.weight.clone()
    layer.merge()
    assert not torch.equal(layer.frozen.weight, before)
    layer.unmerge()
    layer.unmerge()
    assert torch.equal(layer.frozen.weight, before)


def transposed(layer):
    """Return the same layer, stored as GPT-2 does."""
    frozen = Conv1D(layer.frozen.out_features, layer.frozen.in_features)
    with torch.no_grad():
        frozen.weight.copy_(layer.frozen.weight.T)
        frozen.bias.copy_(layer.frozen.bias)
    twin = LowRankLinear(frozen, rank=layer.rank, alpha=layer.alpha)
    twin.load_state_dict({"down": layer.down, "up": layer.up}, strict=False)
    return twin


def test_a_matrix_stored_the_other_way_round_computes_the_same(layer):
    nn.init.normal_(layer.up)
    twin, x = transposed(layer), torch.randn(3, 4, 6)
    assert twin.down.shape == (2, 6)
    assert twin.up.shape == (5, 2)
    torch.testing.assert_close(twin(x), layer(x))
    layer.merge()
    twin.merge()
    torch.testing.assert_close(twin.frozen.weight, layer.frozen.weight.T)
    torch.testing.assert_close(twin.eval()(x), layer.eval()(x))


def test_a_merged_layer_refuses_to_learn_nothing(layer):
    layer.merge()
    layer.eval()(torch.randn(2, 6))
    with pytest.raises(RuntimeError, match=r"merged.*unmerge\(model\) first"):
        layer.train()(torch.randn(2, 6))


def test_a_merged_layer_says_in_the_backward_pass_why_it_has_no_gradients(layer):
    layer.eval().merge()
    found = layer(torch.randn(2, 6))
    with pytest.raises(RuntimeError, match=r"merged.*unmerge\(model\) first"):
        found.sum().backward()


def test_what_a_merged_layer_returns_may_be_changed_in_place(layer):
    layer.eval().merge()
    assert layer(torch.zeros(2, 6)).mul_(0).sum() == 0


def test_a_merged_layer_neither_tells_nor_takes_weights(layer):
    told = copy.deepcopy(layer.state_dict())
    layer.merge()
    with pytest.raises(RuntimeError, match=r"would count the correction twice.*unmerge\(model\)"):
        layer.state_dict()
    with pytest.raises(RuntimeError, match=r"would not take part.*unmerge\(model\)"):
        layer.load_state_dict(told)


@pytest.mark.parametrize("rank", [0, 6, 2.5, True, "x", None])
def test_a_layer_rejects_impossible_ranks(rank):
    frozen = nn.Linear(6, 5)
    with pytest.raises(ValueError, match=r"rank must (lie in 1\.\.5|be a whole number), got"):
        unchecked(frozen, rank=rank, alpha=1.0)
    assert frozen.weight.requires_grad


@pytest.mark.parametrize("alpha", [0, -1.0, float("inf"), float("nan"), 10**400, True, "x", None])
def test_a_layer_rejects_impossible_strengths(alpha):
    frozen = nn.Linear(6, 5)
    with pytest.raises(ValueError, match="alpha must be a number above 0, got"):
        unchecked(frozen, rank=1, alpha=alpha)
    assert frozen.weight.requires_grad


def unchecked(*args, **options):
    """Make a layer without the test run's own check of types."""
    layer = LowRankLinear.__new__(LowRankLinear)
    inspect.unwrap(LowRankLinear.__init__)(layer, *args, **options)
    return layer


def test_numbers_of_numpy_will_do():
    layer = unchecked(nn.Linear(6, 5), rank=np.int64(2), alpha=np.float32(4))
    assert type(layer.rank) is int
    assert type(layer.alpha) is float
