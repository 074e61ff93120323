"""The faster way to train an LSTM computes what PyTorch's LSTM computes, and learns alike."""

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence

from tlbook.recurrent.elmo import through_time
from tlbook.recurrent.elmo.lstm import ProjectedLSTM
from tlbook.recurrent.elmo.settings import Settings

TOKENS, ROWS = 5, 3


@pytest.fixture
def given():
    """Return an LSTM in double precision, and leaves to differentiate by."""
    torch.manual_seed(0)
    lstm = nn.LSTM(4, 6, proj_size=4).double()
    leaves = [torch.randn(TOKENS * ROWS, 4), torch.randn(1, ROWS, 4), torch.randn(1, ROWS, 6)]
    return lstm, [leaf.double().requires_grad_() for leaf in leaves]


def packed(data):
    return PackedSequence(data, torch.full((TOKENS,), ROWS))


def test_outputs_states_and_gradients_are_those_of_the_lstm(given):
    lstm, (data, h, c) = given
    weights = [torch.randn(TOKENS * ROWS, 4), torch.randn(1, ROWS, 4), torch.randn(1, ROWS, 6)]
    results = []
    for compute in (lstm, lambda x, state: through_time.run(lstm, x, state)):
        y, (last_h, last_c) = compute(packed(data), (h, c))
        parts = (y.data, last_h, last_c)
        total = sum((part * weight).sum() for part, weight in zip(parts, weights, strict=True))
        gradients = torch.autograd.grad(total, [data, h, c, *lstm.parameters()])
        results.append([*parts, *gradients])
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-12)


def test_the_derivative_is_that_of_finite_differences(given):
    lstm, leaves = given

    def compute(data, h, c):
        y, (last_h, last_c) = through_time.run(lstm, packed(data), (h, c))
        return y.data, last_h, last_c

    assert torch.autograd.gradcheck(compute, leaves)


def test_it_is_taken_where_it_pays():
    layer = ProjectedLSTM(Settings(filters=((1, 2),), projection=3, cell=5))
    even = PackedSequence(torch.randn(6, 3), torch.tensor([3, 3]))
    uneven = PackedSequence(torch.randn(5, 3), torch.tensor([3, 2]))
    assert through_time.pays(layer.lstm, even)
    assert not through_time.pays(layer.lstm, uneven), "rows of several lengths"
    with torch.no_grad():
        assert not through_time.pays(layer.lstm, even), "nothing to learn"
    wide = ProjectedLSTM(Settings(filters=((1, 2),), projection=3, cell=3))
    assert not through_time.pays(wide.lstm, even), "no projection"
    layer.requires_grad_(False)
    assert not through_time.pays(layer.lstm, even), "frozen"
