"""Encoders of every kind, float32, and batches that show a difference."""

import pytest
import torch

from tests.efficient.tiny_trunks import TRUNKS, tiny_trunk
from tests.tiny_models import tiny_rows
from tlbook.batches import collate
from tlbook.heads import Classifier


@pytest.fixture(autouse=True)
def in_float32(monkeypatch):
    monkeypatch.setenv("TLBOOK_PRECISION", "float32")


@pytest.fixture(params=TRUNKS)
def trunk(request):
    return tiny_trunk(request.param)


@pytest.fixture
def model(trunk):
    torch.manual_seed(1)
    return Classifier(trunk, 2, dropout=0.0).eval()


@pytest.fixture
def batch():
    rows = [{k: row[k] for k in ("input_ids", "labels")} for row in tiny_rows(6)]
    return collate(rows)
