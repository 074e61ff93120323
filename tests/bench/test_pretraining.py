"""Logits only where a token is hidden give the same loss and gradient as logits everywhere."""

import pytest
import torch
from transformers import BertForMaskedLM

from tests.tiny_models import tiny_config, tiny_rows
from tlbook.batches import Batches
from tlbook.bench import pretraining
from tlbook.tokens import IGNORED


@pytest.fixture
def model():
    torch.manual_seed(0)
    return BertForMaskedLM(tiny_config()).eval()


@pytest.fixture
def batches(model):
    return pretraining.masked(Batches(tiny_rows(7), size=7), model.config.vocab_size)


def test_labels_are_the_ids_that_were_hidden_and_nothing_else(batches):
    plain = Batches(tiny_rows(7), size=7)
    (batch,) = batches
    original = plain.collated(plain.plan(1)[0])["input_ids"]
    chosen = batch["labels"] != IGNORED
    assert chosen.any()
    assert torch.equal(batch["labels"][chosen], original[chosen])
    assert torch.equal(batch["input_ids"][~chosen], original[~chosen])
    assert (original[chosen] >= 5).all(), "padding and specials are never hidden"


def test_loss_and_gradient_are_those_of_all_logits(model, batches):
    pretraining.loss_where_hidden(model, batches[0]).backward()
    ours = {name: weight.grad.clone() for name, weight in model.named_parameters()}
    model.zero_grad()
    model(**batches[0]).loss.backward()
    stock = {name: weight.grad for name, weight in model.named_parameters()}
    torch.testing.assert_close(ours, stock)


def test_another_loss_is_noticed(model, batches, monkeypatch):
    pretraining.require_equal_loss(model, batches[0])
    right = pretraining.loss_where_hidden
    monkeypatch.setattr(pretraining, "loss_where_hidden", lambda *given: right(*given) * 1.01)
    with pytest.raises(AssertionError):
        pretraining.require_equal_loss(model, batches[0])


def test_both_ways_take_the_same_steps(model, batches, monkeypatch):
    monkeypatch.setenv("TLBOOK_PRECISION", "float32")
    ours, stock = (BertForMaskedLM(tiny_config()).eval() for _ in range(2))
    for other in (ours, stock):
        other.load_state_dict(model.state_dict())
    pretraining.by_fit(ours, batches)()
    pretraining.by_stock(stock, batches)()
    ours, stock = ours.eval(), stock.eval()
    with torch.inference_mode():
        found, expected, before = (m(**batches[0]).logits for m in (ours, stock, model))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4)
    assert not torch.allclose(found, before, atol=1e-3)


def test_a_grown_vocabulary_leaves_the_model_itself_alone(model):
    grown = pretraining.with_vocabulary(model, 40)
    assert grown.cls.predictions.decoder.out_features == 40
    assert model.cls.predictions.decoder.out_features == model.config.vocab_size < 40
