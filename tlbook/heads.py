"""One new output layer on a pre-trained encoder: for sentences, pairs, words, answers.

BERT (section 4, figure 4) adds nothing but these. Each head maps a batch to logits; the losses
below are what `tlbook.training.fit` asks for as ``loss_of``.
"""

import copy
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from tlbook.batches import Batch
from tlbook.encoders.features import INPUTS, POOLINGS, pooled
from tlbook.tokens import IGNORED

if TYPE_CHECKING:  # takes seconds to import, and not every lesson needs it
    import transformers


def states_of(encoder: nn.Module, batch: Batch) -> Float[Tensor, "batch tokens hidden"]:
    """Run the encoder on what it takes of a batch (no labels) and return its last layer."""
    return encoder(**{name: batch[name] for name in INPUTS if name in batch}).last_hidden_state


class Classifier(nn.Module):
    """One class per sentence or pair: ``logits = W dropout(pool(states)) + b`` (section 4.1).

    =====  ===============  =================  ==================
    paper  here             shape              at the start
    =====  ===============  =================  ==================
    W      ``head.weight``  (classes, hidden)  normal, std 0.02
    C      ``pool(...)``    (batch, hidden)    pre-trained
    =====  ===============  =================  ==================

    Args:
        encoder: A `transformers` encoder.
        classes: Number of classes, 2 or more.
        pooling: ``cls`` (the paper's) or ``mean`` (what pocket-bert was pre-trained with).
        dropout: Share of the pooled vector set to zero in training, 0..1.

    Raises:
        ValueError: If `classes` is below 2 or `pooling` is unknown.
    """

    # Paper: BERT passes [CLS] through a pooler that next-sentence prediction trained; not every
    # encoder has one, so there is none here.
    def __init__(
        self,
        encoder: "transformers.PreTrainedModel",
        classes: int,
        *,
        pooling: str = "mean",
        dropout: float = 0.1,
    ):
        super().__init__()
        if classes < 2:
            raise ValueError(f"classes must be 2 or more, got {classes}")
        if pooling not in POOLINGS:
            raise ValueError(f"pooling must be one of {POOLINGS}, got {pooling!r}")
        self.encoder, self.pooling = encoder, pooling
        self.dropout = nn.Dropout(dropout)
        self.head = _output_layer(encoder, classes)

    def forward(self, **batch: Tensor) -> Float[Tensor, "batch classes"]:
        states = states_of(self.encoder, batch)
        return self.head(self.dropout(pooled(states, batch["attention_mask"], self.pooling)))


class Tagger(nn.Module):
    """One class per token (section 5.3): ``logits_i = W dropout(T_i) + b``.

    Args:
        encoder: A `transformers` encoder.
        classes: Number of tags.
        dropout: Share of each state set to zero in training, 0..1.
    """

    def __init__(
        self, encoder: "transformers.PreTrainedModel", classes: int, *, dropout: float = 0.1
    ):
        super().__init__()
        self.encoder, self.dropout = encoder, nn.Dropout(dropout)
        self.head = _output_layer(encoder, classes)

    def forward(self, **batch: Tensor) -> Float[Tensor, "batch tokens classes"]:
        return self.head(self.dropout(states_of(self.encoder, batch)))


class SpanFinder(nn.Module):
    """Start and end of an answer (section 4.2): ``start_i = S . T_i``, ``end_i = E . T_i``.

    Args:
        encoder: A `transformers` encoder.
    """

    def __init__(self, encoder: "transformers.PreTrainedModel"):
        super().__init__()
        self.encoder = encoder
        self.head = _output_layer(encoder, 2)

    def forward(self, **batch: Tensor) -> Float[Tensor, "batch tokens 2"]:
        logits = self.head(states_of(self.encoder, batch))
        padding = batch["attention_mask"].unsqueeze(-1) == 0
        return logits.masked_fill(padding, torch.finfo(logits.dtype).min)


def classification_loss(model: nn.Module, batch: Batch) -> Tensor:
    """Mean cross-entropy over the batch, in nats, for a `Classifier`."""
    return cross_entropy(model(**batch).float(), batch["labels"])


def tagging_loss(model: nn.Module, batch: Batch) -> Tensor:
    """Mean cross-entropy over the tagged tokens, in nats, for a `Tagger`; 0 if there are none."""
    logits, labels = model(**batch).float(), batch["labels"]
    total = cross_entropy(
        logits.flatten(0, 1), labels.flatten(), ignore_index=IGNORED, reduction="sum"
    )
    return total / (labels != IGNORED).sum().clamp(min=1)


def span_loss(model: nn.Module, batch: Batch) -> Tensor:
    """Mean of the cross-entropies of start and end, in nats, for a `SpanFinder`."""
    start, end = model(**batch).float().unbind(-1)  # (batch, tokens) each
    return (
        cross_entropy(start, batch["start_positions"]) + cross_entropy(end, batch["end_positions"])
    ) / 2


def scratch(
    encoder: "transformers.PreTrainedModel", *, seed: int
) -> "transformers.PreTrainedModel":
    """Return the same architecture with fresh random weights: the baseline of every transfer.

    Args:
        encoder: Gives the configuration, device and mode; it is not changed.
        seed: For the new weights; the global generator is left as it was.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        fresh = type(encoder)(copy.deepcopy(encoder.config))
    if hasattr(encoder, "pooler") and encoder.pooler is None:
        fresh.pooler = None
    return fresh.to(encoder.device).train(encoder.training)


def _output_layer(encoder: "transformers.PreTrainedModel", classes: int) -> nn.Linear:
    layer = nn.Linear(encoder.config.hidden_size, classes).to(encoder.device)
    nn.init.normal_(layer.weight, std=0.02)
    nn.init.zeros_(layer.bias)
    return layer
