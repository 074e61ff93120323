"""Counted memory: what is alive together, each storage once."""

import torch
from torch import nn

from tlbook.training.memory import peak_bytes


def test_what_is_freed_does_not_count_on():
    def work():
        for _ in range(5):
            torch.zeros(100)

    assert peak_bytes(work) == 400


def test_what_is_kept_adds_up():
    def work():
        return [torch.zeros(100) for _ in range(5)]

    assert peak_bytes(work) == 2000


def test_a_view_costs_nothing():
    def work():
        table = torch.zeros(10, 10)
        return table[0], table.T, table.reshape(100)

    assert peak_bytes(work) == 400


def test_a_view_keeps_the_whole_storage_alive():
    def work():
        part = torch.zeros(100)[:1]
        return part, torch.zeros(100)

    assert peak_bytes(work) == 800


def test_weights_count_when_they_are_used():
    layer, x = nn.Linear(10, 10, bias=False), torch.zeros(5, 10)
    with torch.no_grad():
        # 100 weights, 50 inputs, 50 outputs, 4 bytes each
        assert peak_bytes(lambda: layer(x)) == 800


def test_training_counts_gradients_and_optimizer_state():
    layer, x = nn.Linear(50, 50, bias=False), torch.ones(1, 50)
    optimizer = torch.optim.AdamW(layer.parameters())

    def step():
        layer(x).sum().backward()
        optimizer.step()

    weights = 50 * 50 * 4
    # weight, its gradient, two averages, and at least one temporary of AdamW
    assert 4 * weights <= peak_bytes(step) <= 8 * weights


def test_the_frozen_way_needs_less_than_training():
    layer, x = nn.Sequential(nn.Linear(20, 20), nn.Linear(20, 20)), torch.ones(30, 20)
    with torch.no_grad():
        frozen = peak_bytes(lambda: layer(x))
    assert frozen < peak_bytes(lambda: layer(x).sum().backward())
