"""Batches of a biLM's layers: a corpus is embedded once, and many small models train on that.

Paper:    PAPERS["elmo"], section 3.3: the biLM is frozen
Notebook: notebooks/1_recurrent/13_elmo.ipynb
"""

from collections.abc import Sequence

import numpy as np
import torch

from tlbook.batches import Batch, Batches


class LayerBatches(Batches):
    """A re-iterable over sentences whose layers are there already.

    Order, padding and errors are those of `tlbook.batches.Batches`, so `tlbook.training.predict`
    and ``evaluate`` take it as well.

    Args:
        layers: From `tlbook.recurrent.elmo.BiLM.embed`: (layers, tokens, features) a sentence.
        labels: A class per sentence, or a list of one tag per word.
        size: Sentences per batch, 1 or more; the last batch may be smaller.
        seed: Decides the order of every epoch.
        shuffle: False keeps sentences sorted by length (evaluation).

    Raises:
        ValueError: If there are not as many labels as sentences, or tags as words; says where.

    Example:
        >>> layers = [np.ones((3, 2, 4), np.float32), np.ones((3, 5, 4), np.float32)]
        >>> batch = next(iter(LayerBatches(layers, [0, 1])))
        >>> batch["layers"].shape, batch["attention_mask"].sum(1).sort().values
        (torch.Size([3, 2, 5, 4]), tensor([2, 5]))
    """

    def __init__(
        self,
        layers: Sequence[np.ndarray],
        labels: Sequence[int | Sequence[int]],
        size: int = 32,
        *,
        seed: int = 0,
        shuffle: bool = True,
    ):
        if len(layers) != len(labels):
            raise ValueError(f"{len(layers)} sentences have {len(labels)} labels")
        rows = []
        for place, (sentence, label) in enumerate(zip(layers, labels, strict=True)):
            tags = isinstance(label, Sequence)
            if tags and len(label) != sentence.shape[1]:
                raise ValueError(
                    f"sentence {place} has {sentence.shape[1]} words but {len(label)} tags"
                )
            value = list(label) if tags else int(label)
            rows.append({"input_ids": range(sentence.shape[1]), "labels": value})
        super().__init__(rows, size, seed=seed, shuffle=shuffle)
        self.layers = layers

    def collated(self, places: Sequence[int]) -> Batch:
        """Return ``layers`` (layers, batch, tokens, features), 0 where padded, mask and labels."""
        batch = super().collated(places)
        del batch["input_ids"]
        depth, _, features = self.layers[0].shape
        states = np.zeros((depth, *batch["attention_mask"].shape, features), dtype=np.float32)
        for row, place in enumerate(places):
            states[:, row, : self.lengths[place]] = self.layers[place]
        return {"layers": torch.from_numpy(states)} | batch
