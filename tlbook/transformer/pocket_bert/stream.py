"""The batches of one training run: chunks of like length, masked anew each time they are seen.

Everything is decided by the seed and the number of the step, so that a run that was stopped
goes on exactly as it would have.
"""

from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from tlbook.batches import Batch

PAD, CLS, SEP, MASK, FIRST_ORDINARY = 0, 2, 3, 4, 5  # ids, in the order of `vocabulary.SPECIAL`
HIGHEST_MASK_RATE = 0.3
STEP = 8  # tokens: lengths that differ by less may share a batch


class Stream:
    """A re-iterable over the steps of a whole run; one pass is the run.

    Args:
        ids: Token ids of all chunks, end to end.
        offsets: Where each chunk begins, and the end.
        vocab: Size of the vocabulary, for random replacements.
        tokens: The run ends with the step that reaches so many tokens, specials included.
        batch_tokens: Of a batch, padding included; see `plan`.
        seed: Of the order and the masks.

    Attributes:
        tokens_before: Tokens seen before each step, and those of the whole run last.
    """

    def __init__(
        self,
        ids: np.ndarray,
        offsets: np.ndarray,
        *,
        vocab: int,
        tokens: float,
        batch_tokens: int,
        seed: int,
    ):
        self.ids, self.offsets, self.vocab, self.seed = ids, offsets, vocab, seed
        lengths = np.diff(offsets)
        self.steps: list[np.ndarray] = []
        seen, epoch = [0], 0
        while seen[-1] < tokens:
            for rows in plan(lengths, batch_tokens=batch_tokens, seed=seed + epoch):
                self.steps.append(rows)
                seen.append(seen[-1] + int(lengths[rows].sum()) + 2 * len(rows))
                if seen[-1] >= tokens:
                    break
            epoch += 1
        self.tokens_before = np.array(seen)

    def __len__(self) -> int:
        """Steps of the run."""
        return len(self.steps)

    def __iter__(self) -> Iterator[Batch]:
        """Begin the run anew."""
        for step in range(len(self)):
            yield self.batch(step)

    def batch(self, step: int) -> Batch:
        """Return what the step (from 0) trains on.

        Returns:
            ``input_ids``, ``attention_mask``, ``seen_ids`` (with tokens hidden) and ``chosen``
            (where), each (batch, tokens), and the number of the ``step``.
        """
        token_ids = collate(self.ids, self.offsets, self.steps[step])
        generator = torch.Generator().manual_seed(self.seed * 10**9 + step)
        seen_ids, chosen = mask(token_ids, self.vocab, generator)
        return {
            "input_ids": token_ids,
            "attention_mask": (token_ids != PAD).long(),
            "seen_ids": seen_ids,
            "chosen": chosen,
            "step": torch.tensor(step),
        }


def plan(lengths: np.ndarray, *, batch_tokens: int, seed: int) -> list[np.ndarray]:
    """Divide the rows of one epoch into batches of like length, in random order.

    Args:
        lengths: Of each chunk, without special tokens.
        batch_tokens: Padded tokens of a batch, `STEP` more per row where its lengths straddle a
            multiple of `STEP`; one row at least.
        seed: Of rows and batches.
    """
    draw = np.random.default_rng(seed)
    order = draw.permutation(len(lengths))
    order = order[np.argsort(lengths[order] // STEP, kind="stable")]
    batches, start = [], 0
    while start < len(order):
        longest = int(lengths[order[start]]) // STEP * STEP + STEP - 1 + 2  # with [CLS] and [SEP]
        rows = max(1, batch_tokens // longest)
        batches.append(order[start : start + rows])
        start += rows
    return [batches[i] for i in draw.permutation(len(batches))]


def collate(ids: np.ndarray, offsets: np.ndarray, rows: np.ndarray) -> Int[Tensor, "batch tokens"]:
    """Stack chunks as ``[CLS] chunk [SEP]``, padded to the longest."""
    lengths = offsets[rows + 1] - offsets[rows]
    token_ids = np.full((len(rows), int(lengths.max()) + 2), PAD, dtype=np.int64)
    token_ids[:, 0] = CLS
    for place, row in enumerate(rows):
        token_ids[place, 1 : 1 + lengths[place]] = ids[offsets[row] : offsets[row + 1]]
        token_ids[place, 1 + lengths[place]] = SEP
    return torch.from_numpy(token_ids)


def mask(
    token_ids: Int[Tensor, "batch tokens"], vocab: int, generator: torch.Generator
) -> tuple[Int[Tensor, "batch tokens"], Bool[Tensor, "batch tokens"]]:
    """Hide tokens BERT's way (80% [MASK], 10% random, 10% kept); return (seen, chosen).

    Each row draws its own rate from 0 to `HIGHEST_MASK_RATE`, so that the student learns from
    whole sentences, which is what its users will feed it, as well as from damaged ones.

    Args:
        token_ids: Special tokens are never hidden.
        vocab: Size of the vocabulary.
        generator: Draws everything, on the CPU.
    """
    # Paper: BERT masks a fixed 15%; here that is the mean.
    rate = torch.rand(len(token_ids), 1, generator=generator) * HIGHEST_MASK_RATE
    chosen = torch.rand(token_ids.shape, generator=generator) < rate
    chosen &= token_ids >= FIRST_ORDINARY
    kind = torch.rand(token_ids.shape, generator=generator)
    random_ids = torch.randint(FIRST_ORDINARY, vocab, token_ids.shape, generator=generator)
    hidden = torch.where(chosen & (kind < 0.8), MASK, token_ids)
    return torch.where(chosen & (kind >= 0.9), random_ids, hidden), chosen
