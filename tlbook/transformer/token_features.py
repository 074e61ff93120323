"""Heads on frozen states of tokens: the states of a corpus once, then any number of taggers.

Paper:    BERT (Devlin et al. 2019), section 5.3: a BiLSTM on frozen features tags names
Notebook: notebooks/2_transformer/26_features_or_finetuning.ipynb
"""

from collections.abc import Iterable

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from transformers import PreTrainedModel

from tlbook import heads, runtime
from tlbook.batches import Batch, Batches
from tlbook.encoders.features import INPUTS
from tlbook.recurrent.tagger import both_directions
from tlbook.transformer.features_or_finetuning import LayerMix


def frozen_batches(model: PreTrainedModel, batches: Batches) -> list[Batch]:
    """Run a frozen encoder once over token-level data and keep every state of every layer.

    Args:
        model: An encoder; it is put into evaluation mode.
        batches: With ``labels``, one per token.

    Returns:
        Batches for a `TokenHead`: ``states`` (batch, tokens, layers, hidden), the embedding
        as layer 0, ``attention_mask`` and ``labels``.
    """
    model.eval()
    kept = []
    with torch.inference_mode(), runtime.autocast(model.device):
        for places in batches.plan(1):
            batch = batches.collated(places)
            given = {name: batch[name].to(model.device) for name in INPUTS if name in batch}
            states = model(**given, output_hidden_states=True).hidden_states
            kept.append(
                {
                    "states": torch.stack(states, 2).float().cpu(),
                    "attention_mask": batch["attention_mask"],
                    "labels": batch["labels"],
                }
            )
    # What is made in inference mode cannot be trained on; copies can.
    return [{name: tensor.clone() for name, tensor in batch.items()} for batch in kept]


class TokenHead(nn.Module):
    """Tags from frozen states: a `LayerMix`, then a linear layer or a BiLSTM with one on top.

    Args:
        layers: Of the states, embedding included.
        hidden: Width of the states.
        classes: Number of tags.
        recurrent: Width of each direction of a two-layer BiLSTM; 0 for the linear head.
        dropout: Share of the inputs of the last layer set to zero in training, 0..1.
    """

    # Paper: BERT's BiLSTM (section 5.3) is 768 wide and reads the top four layers.
    def __init__(
        self, layers: int, hidden: int, classes: int, *, recurrent: int = 0, dropout: float = 0.1
    ):
        super().__init__()
        self.mix = LayerMix(layers)
        self.lstm = None
        if recurrent:
            self.lstm = nn.LSTM(
                hidden, recurrent, num_layers=2, bidirectional=True, batch_first=True
            )
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(2 * recurrent if recurrent else hidden, classes)

    def forward(
        self,
        states: Float[Tensor, "batch tokens layers hidden"],
        attention_mask: Int[Tensor, "batch tokens"],
        **_labels: Tensor,
    ) -> Float[Tensor, "batch tokens classes"]:
        mixed = self.mix(states)
        if self.lstm is not None:
            mixed = both_directions(self.lstm, mixed, attention_mask)
        return self.head(self.dropout(mixed))


def token_loss(model: TokenHead, batch: Batch) -> Tensor:
    """Mean cross-entropy over the tagged tokens, in nats; a small LSTM is slow in bfloat16."""
    with torch.autocast(batch["states"].device.type, enabled=False):
        return heads.tagging_loss(model, batch)


def tagged(model: nn.Module, batches: Iterable[Batch]) -> tuple[list[np.ndarray], list[list[int]]]:
    """Return the logits and the labels of every row, as `tlbook.metrics.tag_f1` takes them.

    Args:
        model: A `TokenHead` or a `tlbook.heads.Tagger`.
        batches: With ``labels``; what else `model` takes.
    """
    model.eval()
    where = next(model.parameters()).device
    logits, labels = [], []
    with torch.inference_mode():
        for batch in batches:
            found = model(**{name: tensor.to(where) for name, tensor in batch.items()})
            logits += list(found.float().cpu().numpy())
            labels += batch["labels"].tolist()
    return logits, labels
