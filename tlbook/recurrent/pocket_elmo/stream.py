"""The batches of one training run: rows that read on where they stopped, in both directions.

Everything is decided by the seed and the number of the step, so that a run that was stopped
goes on exactly as it would have.
"""

from collections.abc import Iterator

import numpy as np
import torch

from tlbook.batches import Batch
from tlbook.recurrent.pocket_elmo.preparation import targets_of

DIRECTIONS = ("forward", "backward")


class Stream:
    """A re-iterable over the steps of a whole run; one pass is the run.

    The text is a ring of which each row reads its own share, the forward rows from its begin and
    the backward rows from its end; they go on into the next share when theirs is read.

    Args:
        words: Numbers of the text; see `preparation`.
        spelt: Character ids of each word (words, characters).
        vocab: Words that are predicted.
        rows: Read at the same time.
        span: Words per row and step, through which gradients flow.
        total: Words of the run; each is read in both directions.
        common: Words of the vocabulary, the commonest, that are candidates at every step.
        sampled: Candidates that are drawn from the others, by frequency.
        forgetting: Share of the rows, 0..1, that begin a step from zero states.
        seed: Of candidates and forgetting.
    """

    def __init__(
        self,
        words: np.ndarray,
        spelt: np.ndarray,
        *,
        vocab: int,
        rows: int,
        span: int,
        total: float,
        common: int,
        sampled: int,
        forgetting: float,
        seed: int,
    ):
        self.words, self.spelt, self.vocab, self.seed = words[:-1], spelt, vocab, seed
        self.lanes, self.span, self.forgetting = rows, span, forgetting
        self.starts = np.arange(rows) * len(self.words) // rows
        self.length = int(total // (rows * span))
        self.common = min(common, vocab)
        self.sampled = sampled if self.common < vocab else 0
        rare = np.bincount(targets_of(self.words, vocab), minlength=vocab)[self.common :] + 1.0
        self.shares = rare / max(1.0, rare.sum())
        self.sums = np.cumsum(self.shares)

    def __len__(self) -> int:
        """Steps of the run."""
        return self.length

    def __iter__(self) -> Iterator[Batch]:
        """Begin the run anew."""
        for step in range(len(self)):
            yield self.batch(step)

    def batch(self, step: int) -> Batch:
        """Return what the step (from 0) trains on.

        Returns:
            ``spelt`` (distinct words, characters); for each direction ``forward_inputs``, places
            among these, and ``forward_targets``, numbers of the vocabulary, each (rows, span);
            ``candidates`` and their ``log_weights``; ``kept`` (rows), 0 where states are
            forgotten and else 1; the number of the ``step``.
        """
        read = [self.window(step, direction) for direction in DIRECTIONS]
        given = [words[:, :-1] for words in read]
        # From behind, a sentence begins with its end.
        given[1] = np.where(given[1] == 0, 1, given[1])
        types, places = np.unique(np.stack(given), return_inverse=True)
        inputs = torch.from_numpy(places.reshape(2, self.lanes, self.span))
        draw = np.random.default_rng((self.seed, step))
        batch = self.candidates(draw)
        batch["kept"] = torch.from_numpy(draw.random(self.lanes) >= self.forgetting).float()
        batch["spelt"] = torch.from_numpy(self.spelt[types].astype(np.int64))
        for place, direction in enumerate(DIRECTIONS):
            batch[f"{direction}_inputs"] = inputs[place]
            wanted = targets_of(read[place][:, 1:], self.vocab).astype(np.int64)
            batch[f"{direction}_targets"] = torch.from_numpy(wanted)
        return batch | {"step": torch.tensor(step)}

    def window(self, step: int, direction: str) -> np.ndarray:
        """Return the words of each row at a step, and the one behind them: (rows, span + 1)."""
        offset = step * self.span + np.arange(self.span + 1)
        if direction == "backward":
            offset = -offset  # row 0 reads the last share of the ring, and so on
        return self.words[(self.starts[:, None] + offset) % len(self.words)]

    def candidates(self, draw: np.random.Generator) -> Batch:
        """Return words to predict against, and the logarithms of their weights."""
        drawn = np.searchsorted(self.sums, draw.random(self.sampled), side="right")
        drawn = np.minimum(drawn, len(self.sums) - 1)  # sums may end just below 1
        weights = -np.log(self.sampled * self.shares[drawn])
        return {
            "candidates": torch.from_numpy(np.append(np.arange(self.common), drawn + self.common)),
            "log_weights": torch.from_numpy(np.append(np.zeros(self.common), weights)).float(),
        }
