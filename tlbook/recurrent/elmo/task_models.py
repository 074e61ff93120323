"""A recurrent tagger or classifier that takes ELMo in at its input, its output, or both.

Paper:    PAPERS["elmo"], sections 3.3 and 5.2, table 3
Notebook: notebooks/1_recurrent/13_elmo.ipynb
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from tlbook import heads, runtime
from tlbook.batches import Batch
from tlbook.recurrent.elmo import ScalarMix
from tlbook.recurrent.elmo.layers import LayerBatches
from tlbook.training import fit

INPUT, OUTPUT = "input", "output"


class TaskModel(nn.Module):
    """A BiLSTM on static word vectors, with a mix of the biLM's layers where it is asked for.

    ======  =====================  =============================================================
    paper   here                   what it is
    ======  =====================  =============================================================
    x_k     half of layer 0        vector of a word by its characters alone, never trained here
    ELMo_k  ``mixes``              a `ScalarMix` of all layers, its own for each place
    h_k     ``lstm``               reads ``[x_k; ELMo_k]``; ``head`` reads ``[h_k; ELMo_k]``
    ======  =====================  =============================================================

    Args:
        depth: Layers of the biLM, word vectors included.
        width: Features of a layer.
        classes: Number of tags or classes.
        elmo: Where it enters: ``input``, ``output``, both or, empty, nowhere.
        per_token: True for a tag per word; False for a class per text, off the largest value
            that each feature has at any of its words.
        recurrent: Width of each direction of the BiLSTM.
        dropout: On static vectors, mixes and what the head reads, 0..1.
        scale: What each layer is divided by; 1 by default.

    Raises:
        ValueError: If a place is neither ``input`` nor ``output``.
    """

    # Paper: its taggers have two BiLSTM layers, characters of their own and a CRF; this is the
    # smallest model with an input and an output.
    def __init__(
        self,
        depth: int,
        width: int,
        classes: int,
        *,
        elmo: Sequence[str] = (),
        per_token: bool,
        recurrent: int = 32,
        dropout: float = 0.2,
        scale: Float[Tensor, " layers"] | None = None,
    ):
        super().__init__()
        self.register_buffer("scale", torch.ones(depth) if scale is None else scale)
        if unknown := set(elmo) - {INPUT, OUTPUT}:
            raise ValueError(f"ELMo enters at {INPUT!r} or {OUTPUT!r}, not at {sorted(unknown)}")
        self.mixes = nn.ModuleDict({place: ScalarMix(depth) for place in elmo})
        self.static, self.per_token = width // 2, per_token
        below, above = (width if place in elmo else 0 for place in (INPUT, OUTPUT))
        self.lstm = nn.LSTM(self.static + below, recurrent, bidirectional=True, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(2 * recurrent + above, classes)

    def forward(
        self,
        layers: Float[Tensor, "layers batch tokens features"],
        attention_mask: Int[Tensor, "batch tokens"],
        **_labels: Tensor,
    ) -> Float[Tensor, "batch ..."]:
        with torch.autocast(layers.device.type, enabled=False):  # a small LSTM is slow in bfloat16
            layers = layers / self.scale[:, None, None, None]
            static = layers[0, ..., : self.static]  # both halves of layer 0 are the word vector
            states = self._read(self._joined(static, layers, INPUT), attention_mask)
            states = self._joined(states, layers, OUTPUT)
            if not self.per_token:
                states = states.masked_fill(attention_mask[..., None] == 0, -torch.inf).amax(1)
            return self.head(states)

    def _joined(self, states: Tensor, layers: Tensor, place: str) -> Tensor:
        """Put the mix of a place, if there is one, beside the states."""
        if place in self.mixes:
            states = torch.cat([states, self.mixes[place](layers)], -1)
        return self.dropout(states)

    def _read(self, x: Tensor, attention_mask: Tensor) -> Tensor:
        lengths = attention_mask.sum(1).cpu()
        packed = nn.utils.rnn.pack_padded_sequence(
            x, lengths, batch_first=True, enforce_sorted=False
        )
        states, _ = nn.utils.rnn.pad_packed_sequence(
            self.lstm(packed)[0], batch_first=True, total_length=x.shape[1]
        )
        return states

    def penalty(self) -> Tensor:
        """Return what the mixes add to the loss, see `ScalarMix.penalty`; 0 if there are none."""
        return sum((mix.penalty() for mix in self.mixes.values()), torch.zeros(()))

    def shares(self) -> dict[str, list[float]]:
        """Return the share of each layer, by place."""
        return {place: mix.weights.tolist() for place, mix in self.mixes.items()}


def deviations(layers: Sequence[np.ndarray]) -> Float[Tensor, " layers"]:
    """Return the standard deviation of each layer over all words of some sentences.

    Layers differ in size, the characters' above all: divided by it, they weigh alike at first.
    """
    # Paper: it normalises every layer in some tasks (section 3.2); one factor does not depend on
    # the batch.
    every = np.concatenate(layers, axis=1)
    return torch.from_numpy(every.std(axis=(1, 2)))


def loss_with(strength: float) -> Callable[[TaskModel, Batch], Tensor]:
    """Return the ``loss_of`` for `fit`: cross-entropy, and the penalty of the mixes.

    Args:
        strength: The paper's lambda, 0 or more: a large one makes the mixes plain means.
    """

    def loss_of(model: TaskModel, batch: Batch) -> Tensor:
        loss = heads.tagging_loss if model.per_token else heads.classification_loss
        return loss(model, batch) + strength * model.penalty()

    return loss_of


def learn(
    batches: LayerBatches,
    classes: int,
    *,
    elmo: Sequence[str],
    epochs: int,
    seed: int,
    learning_rate: float = 5e-3,
    strength: float = 1e-3,
    **sizes: float,
) -> tuple[TaskModel, float]:
    """Train a `TaskModel` by Adam and return it with the seconds that took.

    Args:
        batches: Layers and labels; tags make it a tagger.
        classes: Number of tags or classes.
        elmo: See `TaskModel`.
        epochs: Passes over the batches, 1 or more.
        seed: Of the first weights and of dropout.
        learning_rate: Of Adam.
        strength: See `loss_with`.
        **sizes: Those of `TaskModel`: ``recurrent``, ``dropout``.
    """
    runtime.seed_all(seed)
    depth, _, width = batches.layers[0].shape
    per_token = isinstance(batches.rows[0]["labels"], list)
    sizes |= {"elmo": elmo, "per_token": per_token, "scale": deviations(batches.layers)}
    model = TaskModel(depth, width, classes, **sizes)
    model.to(runtime.device())
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    records = fit(model, batches, loss_of=loss_with(strength), optimizer=optimizer, epochs=epochs)
    return model, sum(record["seconds"] for record in records)
