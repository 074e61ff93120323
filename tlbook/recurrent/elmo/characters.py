"""From the characters of a word to its vector: filters, highway layers, projection.

Paper:    PAPERS["elmo"], sections 3.2 and 3.4; highway layers: Srivastava et al. 2015, equation 3
Notebook: notebooks/1_recurrent/13_elmo.ipynb
"""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from tlbook.recurrent.elmo.settings import Settings

# Ids of the published models: the bytes of UTF-8 are 1..256; 0 is kept for "no word at all".
BEGIN_SENTENCE, END_SENTENCE, BEGIN_WORD, END_WORD, PADDING = 257, 258, 259, 260, 261
CHARACTERS = 262
BEGIN, END = "<S>", "</S>"  # as words


def ids_of(words: Sequence[str], longest: int) -> Int[np.ndarray, "words characters"]:
    """Spell words in the character ids of the published models.

    A word is begin of word, its bytes in UTF-8 (as many as fit), end of word, padding.

    Args:
        words: ``<S>`` and ``</S>`` stand for the begin and the end of a sentence.
        longest: Ids per word, 3 or more.

    Example:
        >>> ids_of(["if", "<S>"], 6)
        array([[259, 106, 103, 260, 261, 261],
               [259, 257, 260, 261, 261, 261]], dtype=int16)
    """
    ids = np.full((len(words), longest), PADDING, dtype=np.int16)
    ids[:, 0] = BEGIN_WORD
    special = {BEGIN: [BEGIN_SENTENCE], END: [END_SENTENCE]}
    for row, word in zip(ids, words, strict=True):
        spelt = special.get(word)
        if spelt is None:
            spelt = [1 + byte for byte in word.encode("utf-8", "ignore")[: longest - 2]]
        row[1 : 1 + len(spelt)] = spelt
        row[1 + len(spelt)] = END_WORD
    return ids


class Highway(nn.Module):
    """Let each feature through partly as it is and partly transformed.

    ``carry * relu(T x + b_T) + (1 - carry) * x`` with ``carry = sigmoid(C x + b_C)``.

    Args:
        features: In and out.
    """

    def __init__(self, features: int):
        super().__init__()
        self.gates = nn.Linear(features, 2 * features)  # T above C: one product for both
        with torch.no_grad():
            self.gates.bias[features:] = -2.0  # at first most of x is let through

    def forward(self, x: Float[Tensor, "words features"]) -> Float[Tensor, "words features"]:
        transformed, carry = self.gates(x).chunk(2, dim=-1)
        return torch.lerp(x, transformed.relu(), carry.sigmoid())


class CharacterCNN(nn.Module):
    """Make one vector of each word, whatever its neighbours.

    Every filter of width w looks at all runs of w characters; its largest answer counts.

    Args:
        settings: Widths, counts and activation.
    """

    def __init__(self, settings: Settings):
        super().__init__()
        width = settings.character_width
        self.embedding = nn.Embedding(CHARACTERS, width, padding_idx=0)
        self.filters = nn.ModuleList(
            nn.Conv1d(width, count, span) for span, count in settings.filters
        )
        self.highways = nn.ModuleList(Highway(settings.features) for _ in range(settings.highways))
        self.projection = nn.Linear(settings.features, settings.projection)
        self.activation = getattr(torch, settings.activation)
        self.widest = max(span for span, _ in settings.filters)
        nn.init.uniform_(self.embedding.weight[1:].detach(), -1, 1)

    def forward(self, ids: Int[Tensor, "words characters"]) -> Float[Tensor, "words projection"]:
        # All runs of padding alone are alike, so one is enough: the rest is cut off.
        used = int((ids != PADDING).any(0).nonzero().max()) + 1
        letters = self.embedding(ids[:, : used + self.widest])
        # The activation grows with its input: after the maximum it has less to do.
        found = [self.activation(largest(look, letters)) for look in self.filters]
        x = torch.cat(found, dim=-1)
        for highway in self.highways:
            x = highway(x)
        return self.projection(x)


def largest(
    look: nn.Conv1d, letters: Float[Tensor, "words characters width"]
) -> Float[Tensor, "words filters"]:
    """Return the largest answer of each filter to the characters of each word.

    With derivatives, runs of characters side by side in one matrix product: forward and backward
    that takes two thirds of the time of a convolution, which is the faster without them.
    """
    if not torch.is_grad_enabled():
        return look(letters.transpose(1, 2)).amax(-1)
    (span,) = look.kernel_size
    places = letters.shape[1] - span + 1
    runs = torch.cat([letters[:, at : at + places] for at in range(span)], dim=-1)
    weight = look.weight.transpose(1, 2).flatten(1)
    return nn.functional.linear(runs, weight, look.bias).max(dim=1).values
