"""Embedding by like length and by one size for all give the same vectors."""

import pytest
import torch
from torch import nn

from tests.tiny_models import tiny_bert, tiny_rows
from tlbook.batches import Batches
from tlbook.bench import frozen
from tlbook.encoders.features import embed


@pytest.fixture(autouse=True)
def in_float32(monkeypatch):
    monkeypatch.setenv("TLBOOK_PRECISION", "float32")


def test_padding_to_one_size_changes_nothing_but_the_time():
    model, batches = tiny_bert(), Batches(tiny_rows(7), size=3)
    found = frozen.padded(model, batches)
    torch.testing.assert_close(found, embed(model, batches)[:, 0], rtol=0, atol=1e-5)


def test_every_text_is_padded_to_the_one_size():
    widths = []
    model = tiny_bert()
    model.register_forward_pre_hook(
        lambda _, args, kwargs: widths.append(kwargs["input_ids"].shape), with_kwargs=True
    )
    frozen.padded(model, Batches(tiny_rows(7), size=3))
    assert widths == [(3, frozen.WIDTH), (3, frozen.WIDTH), (1, frozen.WIDTH)]


def test_the_head_learns_from_stored_features():
    torch.manual_seed(0)
    x = torch.randn(6, 4)
    stored = [{"features": x, "labels": (x[:, 0] > 0).long()}]
    head = nn.Linear(4, 2)
    loss = lambda: nn.functional.cross_entropy(head(x), stored[0]["labels"]).item()
    before = loss()
    frozen.by_head(head, stored, epochs=50)()
    assert loss() < before
