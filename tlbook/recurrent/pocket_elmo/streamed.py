"""A language model that reads a stream of text and carries its states from step to step."""

from collections.abc import Iterator

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from tlbook.batches import Batch
from tlbook.recurrent.elmo.prediction import LanguageModel, Losses, sampled_loss
from tlbook.recurrent.pocket_elmo.stream import DIRECTIONS

Predicting = tuple[str, Float[Tensor, "tokens projection"], Int[Tensor, " tokens"]]


class Streamed(nn.Module):
    """The model, and the states with which each row goes on (truncated back-propagation).

    Args:
        model: Trained in place.
        rows: Of the stream.
    """

    def __init__(self, model: LanguageModel, rows: int):
        super().__init__()
        self.model = model
        h, c = model.bilm.blank_state(rows)
        # Buffers, so that a checkpoint holds them and a run that was stopped goes on as it was.
        self.register_buffer("h", h)
        self.register_buffer("c", c)

    def predictions(self, batch: Batch) -> Iterator[Predicting]:
        """Read one step; yield each direction with its states and what they should predict."""
        bilm = self.model.bilm
        vectors = bilm.characters(batch["spelt"])
        for place, (name, stack) in enumerate(
            zip(DIRECTIONS, (bilm.forwards, bilm.backwards), strict=True)
        ):
            inputs = batch[f"{name}_inputs"].T  # (span, rows): all rows of a word together
            span, rows = inputs.shape
            x = nn.functional.embedding(inputs.reshape(-1), vectors)
            kept = batch["kept"][:, None]
            begun = (self.h[place] * kept, self.c[place] * kept)
            outputs, (h, c) = stack(PackedSequence(x, torch.full((span,), rows)), begun)
            self.h[place], self.c[place] = h.detach(), c.detach()
            yield name, outputs[-1].data, batch[f"{name}_targets"].T.reshape(-1)

    def losses(self, batch: Batch) -> Losses:
        """Return the loss of each direction, in nats per word.

        It is exact if the candidates are the whole vocabulary, else estimated.
        """
        return {
            name: sampled_loss(
                self.model.softmax, states, targets, batch["candidates"], batch["log_weights"]
            )
            for name, states, targets in self.predictions(batch)
        }
