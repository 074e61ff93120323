"""One new layer on an encoder: what it adds, what it starts from, and that padding is nothing."""

import math

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from tests.tiny_models import tiny_bert, tiny_rows
from tlbook.batches import collate
from tlbook.heads import (
    Classifier,
    SpanFinder,
    Tagger,
    classification_loss,
    scratch,
    span_loss,
    tagging_loss,
)
from tlbook.tokens import IGNORED

HEADS = {
    "mean": lambda encoder: Classifier(encoder, 3, pooling="mean"),
    "cls": lambda encoder: Classifier(encoder, 3, pooling="cls"),
    "tags": lambda encoder: Tagger(encoder, 3),
    "span": SpanFinder,
}


class Fixed(nn.Module):
    """Gives the same logits to every batch."""

    def __init__(self, logits):  # noqa: D107
        super().__init__()
        self.logits = logits

    def forward(self, **batch):
        return self.logits


@pytest.fixture(autouse=True)
def exact(monkeypatch):
    monkeypatch.setenv("TLBOOK_PRECISION", "float32")


@pytest.fixture(params=HEADS)
def model(request):
    encoder = tiny_bert()
    torch.manual_seed(1)
    return HEADS[request.param](encoder).eval()


def test_a_head_starts_near_no_opinion(model):
    logits = model(**collate(tiny_rows(3)))
    assert logits[:, 0].abs().max() < 1
    assert model.head.weight.std().item() == pytest.approx(0.02, rel=0.5)
    assert not model.head.bias.any()


def test_a_head_adds_one_matrix_and_one_vector(model):
    own = {name: p.numel() for name, p in model.named_parameters() if "encoder." not in name}
    outputs = model.head.out_features
    assert own == {"head.weight": 8 * outputs, "head.bias": outputs}


def test_the_labels_are_not_looked_at(model):
    batch = collate(tiny_rows(3))
    logits = model(**batch)
    torch.testing.assert_close(model(**{**batch, "labels": batch["labels"] + 1}), logits)


def test_padding_does_not_matter(model):
    short, long = tiny_rows(1)[0], {"input_ids": [2, *[7] * 20, 3], "token_type_ids": [0] * 22}
    short = {key: short[key] for key in long}
    alone, together = model(**collate([short]))[0], model(**collate([short, long]))[0]
    length = len(short["input_ids"])
    together = together[:length] if together.ndim == 2 else together
    torch.testing.assert_close(alone, together, atol=1e-5, rtol=0)


def test_the_second_segment_matters(model):
    batch = collate(tiny_rows(2))
    logits = model(**batch)
    batch["token_type_ids"] = batch["attention_mask"].clone()
    assert not torch.allclose(model(**batch), logits)


def test_no_answer_ends_in_the_padding():
    batch = collate([{"input_ids": [2, 3]}, {"input_ids": [2, 7, 8, 3]}])
    logits = SpanFinder(tiny_bert())(**batch)
    assert (logits.softmax(1)[0, 2:] == 0).all()
    assert torch.isfinite(logits).all()


def test_classification_loss_by_hand():
    model = Fixed(torch.tensor([[0.0, 0.0], [0.0, math.log(3)]]))
    # -log 1/2 and -log 1/4, halved
    loss = classification_loss(model, {"labels": torch.tensor([1, 0])})
    assert loss.item() == pytest.approx((math.log(2) + math.log(4)) / 2)


def test_tagging_loss_counts_only_tagged_tokens():
    logits = torch.randn(2, 3, 4)
    labels = torch.tensor([[IGNORED, 2, IGNORED], [IGNORED, 1, 3]])
    loss = tagging_loss(Fixed(logits), {"labels": labels})
    kept = labels != IGNORED
    torch.testing.assert_close(loss, cross_entropy(logits[kept], labels[kept]))


def test_a_batch_without_a_tag_costs_nothing():
    logits = torch.randn(1, 2, 4, requires_grad=True)
    loss = tagging_loss(Fixed(logits), {"labels": torch.full((1, 2), IGNORED)})
    loss.backward()
    assert loss.item() == 0
    assert not logits.grad.any()


def test_span_loss_is_the_mean_of_both_ends():
    logits = torch.randn(2, 5, 2)
    batch = {"start_positions": torch.tensor([0, 3]), "end_positions": torch.tensor([0, 4])}
    by_hand = [
        -(logits[i, :, end].log_softmax(0)[batch[name][i]])
        for i in range(2)
        for end, name in enumerate(batch)
    ]
    loss = span_loss(Fixed(logits), batch)
    torch.testing.assert_close(loss, torch.stack(by_hand).mean())


def test_scratch_has_the_architecture_but_none_of_the_weights():
    encoder = tiny_bert(3)
    fresh = scratch(encoder, seed=3)
    assert fresh.config is not encoder.config
    shapes = {name: p.shape for name, p in encoder.named_parameters()}
    assert {name: p.shape for name, p in fresh.named_parameters()} == shapes
    matrices = [name for name, shape in shapes.items() if len(shape) == 2]
    theirs = dict(fresh.named_parameters())
    assert not any(torch.equal(encoder.get_parameter(name), theirs[name]) for name in matrices)


def test_scratch_depends_on_its_seed_alone_and_leaves_the_generator_as_it_was():
    encoder = tiny_bert()
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    one, two, other = (scratch(encoder, seed=seed) for seed in (1, 1, 2))
    assert torch.rand(1) == expected
    ids = torch.tensor([[2, 7, 3]])
    states = [model(input_ids=ids).last_hidden_state for model in (one, two, other)]
    torch.testing.assert_close(states[0], states[1], rtol=0, atol=0)
    assert not torch.allclose(states[0], states[2])


def test_one_class_is_an_error():
    with pytest.raises(ValueError, match="classes must be 2 or more, got 1"):
        Classifier(tiny_bert(), 1)


def test_an_unknown_pooling_is_an_error():
    with pytest.raises(ValueError, match=r"pooling must be one of \('mean', 'cls'\), got 'max'"):
        Classifier(tiny_bert(), 2, pooling="max")
