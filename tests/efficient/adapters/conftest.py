"""Encoders of every kind, float32, and batches that show a difference."""

import jaxtyping
import pytest
import torch
from transformers import MPNetConfig, MPNetModel

from tests.efficient.tiny_trunks import SIZES, TRUNKS
from tests.tiny_models import tiny_rows
from tlbook.batches import collate
from tlbook.heads import Classifier


def mpnet():
    return MPNetModel(MPNetConfig(**SIZES), add_pooling_layer=False)


KINDS = TRUNKS | {"mpnet": mpnet}


@pytest.fixture(autouse=True)
def in_float32(monkeypatch):
    monkeypatch.setenv("TLBOOK_PRECISION", "float32")


@pytest.fixture
def unchecked(monkeypatch):
    """Let wrong types through to our own messages, as for a reader, who runs without beartype."""
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)


@pytest.fixture(params=KINDS)
def trunk(request):
    torch.manual_seed(0)
    return KINDS[request.param]().eval()


@pytest.fixture
def model(trunk):
    torch.manual_seed(1)
    return Classifier(trunk, 2, dropout=0.0).eval()


@pytest.fixture
def batch():
    rows = [{k: row[k] for k in ("input_ids", "labels")} for row in tiny_rows(6)]
    return collate(rows)
