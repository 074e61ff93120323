"""Batches of words for a BiLSTM: ids of known words, spellings of all, perhaps layers of a biLM.

Paper:    PAPERS["elmo"], section 3.3
Notebook: notebooks/1_recurrent/13_elmo.ipynb
"""

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from tlbook.batches import Batch, Batches
from tlbook.recurrent.elmo.characters import ids_of
from tlbook.recurrent.elmo.settings import Settings
from tlbook.tokens import Row

UNKNOWN = 1  # id of every word that has no vector of its own; 0 is padding
# As Ma and Hovy (2016, table 1) have it: 30 filters, three characters wide.
SPELLING = Settings(filters=((3, 30),), projection=30, cell=30, highways=0, longest=20)


class Vocabulary:
    """The words that get a vector of their own; capitals are left to the spelling.

    Args:
        sentences: Training text, each sentence a list of words.
        at_least: Occurrences of such a word. The rarer ones teach what an unknown word is.

    Example:
        >>> vocabulary = Vocabulary([["The", "ship", "and", "the", "sea"]], at_least=2)
        >>> len(vocabulary), vocabulary.rows([["the", "quay"]], [[0, 1]])
        (3, [{'input_ids': [2, 1], 'words': ['the', 'quay'], 'labels': [0, 1]}])
    """

    def __init__(self, sentences: Iterable[Sequence[str]], *, at_least: int = 2):
        counts = Counter(word.lower() for sentence in sentences for word in sentence)
        kept = sorted(word for word, count in counts.items() if count >= at_least)
        self.ids = {word: place for place, word in enumerate(kept, start=UNKNOWN + 1)}

    def __len__(self) -> int:
        """Ids in use, padding and the unknown word included."""
        return len(self.ids) + 2

    def rows(
        self, sentences: Sequence[Sequence[str]], labels: Sequence[Sequence[int] | int]
    ) -> list[Row]:
        """Return rows for `WordBatches`.

        Args:
            sentences: Lists of one word or more.
            labels: For each sentence a tag per word, or one class.

        Raises:
            ValueError: If a sentence has no words; says which.
        """
        rows = []
        for place, (words, label) in enumerate(zip(sentences, labels, strict=True)):
            if not len(words):
                raise ValueError(f"sentence {place} has no words; leave it out")
            ids = [self.ids.get(word.lower(), UNKNOWN) for word in words]
            rows.append({"input_ids": ids, "words": list(words), "labels": label})
        return rows


class WordBatches(Batches):
    """`tlbook.batches.Batches` of words, with their spellings and perhaps the layers of a biLM.

    A batch has in addition ``spellings`` (words, characters), each distinct word once, ``spelt``
    (batch, tokens), the places in it, and with `layers` ``layers`` (layers, batch, tokens,
    features), 0 on padding.

    Args:
        rows: From `Vocabulary.rows`.
        size: As for `Batches`, like `seed` and `shuffle`.
        layers: One array (layers, tokens, features) per row, from `BiLM.embed`.

    Raises:
        ValueError: If `layers` do not belong to the rows; says where.
    """

    def __init__(
        self,
        rows: Sequence[Row],
        size: int = 32,
        *,
        layers: Sequence[np.ndarray] | None = None,
        seed: int = 0,
        shuffle: bool = True,
    ):
        super().__init__(rows, size, seed=seed, shuffle=shuffle)
        if layers is not None:
            found = [array.shape[1] for array in layers]
            if found != self.lengths.tolist():
                raise ValueError(
                    f"{len(found)} arrays of layers with {sum(found)} words do not belong to "
                    f"{len(rows)} rows with {self.lengths.sum()}; embed the same sentences"
                )
        self.layers = layers
        types = sorted({word for row in rows for word in row["words"]})
        self.spellings = torch.from_numpy(ids_of(types, SPELLING.longest).astype(np.int64))
        numbers = {word: place for place, word in enumerate(types)}
        self.spelt = [torch.tensor([numbers[word] for word in row["words"]]) for row in rows]

    def collated(self, places: Sequence[int]) -> Batch:
        """Return the rows of the given numbers as one batch."""
        batch = super().collated(places)
        spelt = pad_sequence([self.spelt[place] for place in places], batch_first=True)
        present, batch["spelt"] = spelt.unique(return_inverse=True)
        batch["spellings"] = self.spellings[present]
        if self.layers is not None:
            batch["layers"] = stacked([self.layers[place] for place in places])
        return batch


def stacked(
    layers: Sequence[Float[np.ndarray, "layers _ features"]],
) -> Float[Tensor, "layers batch tokens features"]:
    """Stack the layers of sentences, padded with 0 on the right to the longest."""
    depth, _, width = layers[0].shape
    found = torch.zeros(depth, len(layers), max(one.shape[1] for one in layers), width)
    for row, one in enumerate(layers):
        found[:, row, : one.shape[1]] = torch.from_numpy(one)
    return found
