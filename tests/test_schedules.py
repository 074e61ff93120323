"""Rates by arithmetic."""

import pytest
import torch

from tlbook.schedules import linear


def rates(steps, warmup, *, peak=1.0):
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=peak)
    schedule = linear(optimizer, steps=steps, warmup=warmup)
    found = []
    for _ in range(steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return found, optimizer.param_groups[0]["lr"]


def test_a_tenth_of_the_steps_warm_up():
    found, _ = rates(20, 0.1)
    assert found[:3] == [0.5, 1.0, 1.0]
    assert found[3:] == pytest.approx([1 - step / 18 for step in range(1, 18)])


def test_without_warm_up_it_falls_from_the_peak():
    assert rates(4, 0.0, peak=2.0) == ([2.0, 1.5, 1.0, 0.5], 0.0)


def test_with_nothing_but_warm_up_it_ends_at_the_peak():
    assert rates(4, 1.0)[0] == [0.25, 0.5, 0.75, 1.0]


@pytest.mark.parametrize("warmup", [0.0, 0.1, 0.5, 1.0])
def test_no_step_is_wasted_and_the_end_is_zero(warmup):
    found, after = rates(10, warmup)
    assert min(found) > 0
    assert max(found) == 1
    assert after == 0


def test_each_group_keeps_its_own_peak():
    groups = [{"params": [torch.zeros(1)], "lr": lr} for lr in (1.0, 0.1)]
    optimizer = torch.optim.SGD(groups)
    linear(optimizer, steps=4, warmup=0.5)
    assert [group["lr"] for group in optimizer.param_groups] == [0.5, 0.05]


def test_impossible_lengths_are_errors():
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    with pytest.raises(ValueError, match="steps must be 1 or more, got 0"):
        linear(optimizer, steps=0)
    with pytest.raises(ValueError, match=r"warmup must lie in 0..1, got 1.5"):
        linear(optimizer, steps=1, warmup=1.5)
