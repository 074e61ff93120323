"""Batches of like length: tokenised once, hardly padded, the same for the same seed.

A sentence is padded to the longest of its batch. Rows are shuffled, then sorted by length
inside pools of some batches: the order stays random, and little padding is left.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from tlbook.tokens import IGNORED, Row

Batch = dict[str, Tensor]

POOL = 16  # batches whose rows are sorted together: less padding if more, more random if fewer
PADDED_WITH = {"token_type_ids": 0, "labels": IGNORED}


class Batches:
    """A re-iterable over `rows`; each pass is a new epoch with a new, reproducible order.

    Args:
        rows: From `tlbook.tokens`: ``input_ids`` (list of ids) and, where the task has them,
            ``token_type_ids``, ``labels`` (a class, a number, or one label per token),
            ``start_positions``, ``end_positions``. Other keys stay in the rows only.
        size: Rows per batch, 1 or more; the last batch may be smaller.
        seed: Decides the order of every epoch.
        shuffle: False keeps rows sorted by length, the same in each epoch (evaluation).
        pad_id: Vocabulary id of the padding token.

    Attributes:
        epoch: Passes begun so far; `tlbook.training.fit` sets it when it resumes.

    Raises:
        ValueError: If there are no rows, `size` is below 1, or a row has other keys than the
            first (says which).

    Example:
        >>> rows = [{"input_ids": [2, 7, 3]}, {"input_ids": [2, 3]}]
        >>> next(iter(Batches(rows, size=2)))["attention_mask"].sum(1).sort().values
        tensor([2, 3])
    """

    def __init__(
        self,
        rows: Sequence[Row],
        size: int = 32,
        *,
        seed: int = 0,
        shuffle: bool = True,
        pad_id: int = 0,
    ):
        if not rows:
            raise ValueError("there are no rows to batch; check the split or the filter before it")
        if size < 1:
            raise ValueError(f"size must be 1 or more rows per batch, got {size}")
        for place, row in enumerate(rows):
            if row.keys() != rows[0].keys():
                raise ValueError(f"row {place} has {sorted(row)}, row 0 has {sorted(rows[0])}")
        self.rows, self.size, self.seed = rows, size, seed
        self.shuffle, self.pad_id, self.epoch = shuffle, pad_id, 0
        self.lengths = np.array([len(row["input_ids"]) for row in rows])

    def __len__(self) -> int:
        """Batches per epoch."""
        return -(-len(self.rows) // self.size)

    def __iter__(self) -> Iterator[Batch]:
        """Begin the next epoch."""
        self.epoch += 1
        for places in self.plan(self.epoch):
            yield self.collated(places)

    def collated(self, places: Sequence[int]) -> Batch:
        """Return the rows of the given numbers as one batch."""
        return collate([self.rows[place] for place in places], pad_id=self.pad_id)

    def plan(self, epoch: int) -> list[list[int]]:
        """Return the row numbers of every batch of one epoch (from 1), in training order."""
        if not self.shuffle:
            return self._cut(np.argsort(self.lengths, kind="stable"))
        draw = np.random.default_rng([self.seed, epoch])
        order, batches = draw.permutation(len(self.rows)), []
        pool = self.size * POOL
        for start in range(0, len(order), pool):
            places = order[start : start + pool]
            batches += self._cut(places[np.argsort(self.lengths[places], kind="stable")])
        return [batches[place] for place in draw.permutation(len(batches))]

    def _cut(self, order: np.ndarray) -> list[list[int]]:
        return [order[i : i + self.size].tolist() for i in range(0, len(order), self.size)]


def collate(rows: Sequence[Row], *, pad_id: int = 0) -> Batch:
    """Stack rows into tensors, padded on the right to the longest.

    Args:
        rows: As for `Batches`, at least one, all with the same keys.
        pad_id: Vocabulary id of the padding token.

    Returns:
        ``input_ids`` and ``attention_mask`` (batch, tokens), and those of ``token_type_ids``
        (batch, tokens), ``labels`` (batch) or (batch, tokens), ``start_positions`` and
        ``end_positions`` (batch) that the rows have.

    Raises:
        ValueError: If a list of labels is not as long as its row's ids.
    """
    width = max(len(row["input_ids"]) for row in rows)
    batch = {
        "input_ids": _padded([row["input_ids"] for row in rows], width, pad_id),
        "attention_mask": _padded([[1] * len(row["input_ids"]) for row in rows], width, 0),
    }
    for key in ("token_type_ids", "labels", "start_positions", "end_positions"):
        if key not in rows[0]:
            continue
        values = [row[key] for row in rows]
        if not isinstance(values[0], list):
            batch[key] = torch.tensor(values)
            continue
        if any(len(row[key]) != len(row["input_ids"]) for row in rows):
            raise ValueError(f"{key} must be one number per row, or one per token of it")
        batch[key] = _padded(values, width, PADDED_WITH[key])
    return batch


def _padded(lists: Sequence[Sequence[int]], width: int, value: int) -> Tensor:
    table = np.full((len(lists), width), value, dtype=np.int64)
    for place, numbers in enumerate(lists):
        table[place, : len(numbers)] = numbers
    return torch.from_numpy(table)
