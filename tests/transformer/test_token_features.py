"""Frozen token states are the encoder's own, and heads on them see what they should."""

import numpy as np
import pytest
import torch

from tests.tiny_models import tiny_bert
from tlbook.batches import Batches
from tlbook.transformer.features_or_finetuning import adapt
from tlbook.transformer.token_features import TokenHead, frozen_batches, tagged, token_loss


@pytest.fixture
def words():
    rows = [
        {"input_ids": [2, 7, 8, 9, 3], "labels": [-100, 0, 1, 2, -100]},
        {"input_ids": [2, 9, 3], "labels": [-100, 1, -100]},
    ]
    return tiny_bert(), Batches(rows, size=2)


def test_frozen_states_are_those_of_the_encoder(words):
    encoder, batches = words
    (kept,) = frozen_batches(encoder, batches)
    batch = batches.collated(batches.plan(1)[0])
    with torch.no_grad():
        states = encoder(batch["input_ids"], batch["attention_mask"], output_hidden_states=True)
    assert kept["states"].shape == (2, 5, 3, 8)
    torch.testing.assert_close(
        kept["states"][:, :, -1], states.last_hidden_state, atol=0.1, rtol=0.1
    )


def test_training_on_frozen_states_leaves_the_encoder_alone(words):
    encoder, batches = words
    (kept,) = frozen_batches(encoder, batches)
    TokenHead(3, 8, 4)(**kept).sum().backward()
    assert all(weight.grad is None for weight in encoder.parameters())


@pytest.mark.parametrize("recurrent", [0, 5])
def test_a_token_head_gives_every_token_its_logits(words, recurrent):
    (kept,) = frozen_batches(*words)
    assert TokenHead(3, 8, 4, recurrent=recurrent)(**kept).shape == (2, 5, 4)


def test_padding_does_not_matter_to_the_recurrent_head():
    torch.manual_seed(0)
    head = TokenHead(2, 4, 3, recurrent=5).eval()
    states, mask = torch.randn(1, 3, 2, 4), torch.ones(1, 3, dtype=torch.long)
    padded = torch.cat([states, torch.randn(1, 2, 2, 4)], 1)
    wider = torch.tensor([[1, 1, 1, 0, 0]])
    torch.testing.assert_close(
        head(padded, attention_mask=wider)[:, :3], head(states, attention_mask=mask)
    )


def test_only_the_recurrent_head_sees_the_neighbours():
    states = torch.randn(1, 3, 2, 4)
    changed = states.clone()
    changed[:, 2] += 1
    mask = torch.ones(1, 3, dtype=torch.long)
    same = []
    for recurrent in (0, 5):
        head = TokenHead(2, 4, 3, recurrent=recurrent).eval()
        before, after = (head(s, attention_mask=mask)[:, 0] for s in (states, changed))
        same.append(torch.equal(before, after))
    assert same == [True, False]


def test_a_head_learns_tags_from_frozen_states(words):
    kept = frozen_batches(*words)
    torch.manual_seed(0)
    head = TokenHead(3, 8, 3, dropout=0.0)
    adapt(head, kept, loss_of=token_loss, learning_rate=0.1, epochs=40)
    logits, labels = tagged(head, kept)
    right = [
        logit.argmax(1)[np.array(label) != -100].tolist()
        for logit, label in zip(logits, labels, strict=True)
    ]
    assert sorted(right) == [[0, 1, 2], [1]]
