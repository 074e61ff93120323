"""A second model of the same parts: some are exchanged, the rest is shared."""

import pytest
import torch
from torch import nn

from tlbook.efficient.parts import with_parts


def test_the_first_model_stays_as_it_is():
    first = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    x = -torch.ones(1, 2)
    before, parts = first(x), list(first)
    second = with_parts(first, **{"0": nn.Identity()})
    assert second(x).tolist() == [[0.0, 0.0]]
    assert torch.equal(first(x), before)
    assert list(first) == parts


def test_training_one_trains_the_other():
    first = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    second = with_parts(first, **{"1": nn.Identity()})
    nn.init.zeros_(second[0].weight)
    assert not first[0].weight.any()


def test_a_single_weight_can_be_exchanged():
    first = nn.Linear(2, 2, bias=False)
    second = with_parts(first, weight=nn.Parameter(torch.zeros(2, 2)))
    assert not second(torch.ones(1, 2)).any()
    assert first.weight.any()


def test_a_part_that_is_not_there_is_an_error():
    with pytest.raises(ValueError, match="ReLU has no part 'weight' to exchange"):
        with_parts(nn.ReLU(), weight=nn.Identity())
