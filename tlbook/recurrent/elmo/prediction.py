"""What the biLM was trained to do: predict the next word, and the one before.

Paper:    PAPERS["elmo"], section 3.1
Notebook: notebooks/1_recurrent/13_elmo.ipynb
"""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from tlbook.recurrent.elmo import BiLM, embedding
from tlbook.recurrent.elmo.characters import BEGIN, END

BOUNDARY, UNKNOWN = 0, 1  # numbers in a vocabulary: a sentence's end (or begin), any other word
NAMES = ("</S>", "<UNK>")
Losses = dict[str, Tensor]


class LanguageModel(nn.Module):
    """A biLM with the softmax that both of its directions share.

    ``p(w_k | w_1 .. w_(k-1))`` is read off the last layer's forward half at word k - 1, and
    ``p(w_k | w_(k+1) ..)`` off its backward half at word k + 1. The end of a sentence is a word
    to be predicted, and so is its begin, from behind; words out of the vocabulary are one word.

    Args:
        bilm: Its LSTMs are as wide as the softmax.
        vocabulary: ``</S>``, ``<UNK>``, then words, the commonest first.

    Raises:
        ValueError: If the vocabulary does not begin so.
    """

    def __init__(self, bilm: BiLM, vocabulary: Sequence[str]):
        super().__init__()
        if tuple(vocabulary[:2]) != NAMES:
            raise ValueError(f"a vocabulary begins with {NAMES}, not with {vocabulary[:2]}")
        self.bilm = bilm
        self.softmax = nn.Linear(bilm.settings.projection, len(vocabulary))
        self.vocabulary = list(vocabulary)
        self.numbers = {word: number for number, word in enumerate(vocabulary)}
        self.numbers |= {BEGIN: BOUNDARY, END: BOUNDARY}

    def losses(self, sentences: Sequence[Sequence[str]]) -> Losses:
        """Return the mean loss of each direction, in nats per word, each sentence on its own.

        Args:
            sentences: Lists of words. Each is begun from zero states.

        Returns:
            ``forward`` and ``backward``, with gradients.
        """
        found = self.sums(sentences)
        words = sum(len(sentence) + 1 for sentence in sentences)
        return {name: total / words for name, total in found.items()}

    def sums(self, sentences: Sequence[Sequence[str]]) -> Losses:
        """Return the loss of each direction, summed over words and ends of sentences."""
        types, rows = embedding.indexed(sentences)
        ids, lengths = embedding.stacked(rows)
        ids = ids.to(self.bilm.device)
        vectors = self.bilm.word_vectors(types)[ids]
        layers, _ = self.bilm.contexts(vectors, lengths, self.bilm.blank_state(len(rows)))
        there, back = layers[-1].chunk(2, dim=-1)
        known = torch.tensor([self.numbers.get(word, UNKNOWN) for word in types]).to(ids.device)
        place = torch.arange(ids.shape[1] - 1).expand(len(rows), -1)
        real = (place < lengths[:, None] - 1).to(ids.device)
        targets = known[ids]
        return {
            "forward": self.loss(there[:, :-1][real], targets[:, 1:][real]),
            "backward": self.loss(back[:, 1:][real], targets[:, :-1][real]),
        }

    def loss(
        self, states: Float[Tensor, "tokens projection"], targets: Int[Tensor, " tokens"]
    ) -> Float[Tensor, ""]:
        """Return the summed loss of predictions, over the whole vocabulary."""
        logits = self.softmax(states).float()
        return nn.functional.cross_entropy(logits, targets, reduction="sum")

    @torch.inference_mode()
    def perplexity(
        self, sentences: Sequence[Sequence[str]], *, batch_size: int = 32
    ) -> dict[str, float]:
        """Return the perplexity of each direction on held-out sentences, each on its own.

        Args:
            sentences: Lists of words, one at least.
            batch_size: Sentences at a time.
        """
        ordered = sorted(sentences, key=len)
        totals = {"forward": 0.0, "backward": 0.0}
        for start in range(0, len(ordered), batch_size):
            for name, total in self.sums(ordered[start : start + batch_size]).items():
                totals[name] += total.item()
        words = sum(len(sentence) + 1 for sentence in sentences)
        return {name: math.exp(total / words) for name, total in totals.items()}


def sampled_loss(
    softmax: nn.Linear,
    states: Float[Tensor, "tokens projection"],
    targets: Int[Tensor, " tokens"],
    candidates: Int[Tensor, " candidates"],
    log_weights: Float[Tensor, " candidates"],
) -> Float[Tensor, ""]:
    """Return the mean loss with an estimate of the sum over the vocabulary.

    ``-l_y + log(exp(l_y) + sum_(s != y) weight_s exp(l_s))``, whose sum over candidates s has the
    sum over all other words as its expectation if a word's weight is 1 / (its expected count
    among the candidates).

    Args:
        softmax: Of the whole vocabulary.
        states: To predict from.
        targets: The words y.
        candidates: Words s; a sampled one may be there more than once.
        log_weights: Logarithms of their weights.
    """
    weight = softmax.weight[targets]  # (tokens, projection)
    right = (states * weight).sum(-1) + softmax.bias[targets]
    others = nn.functional.linear(
        states, softmax.weight[candidates], softmax.bias[candidates] + log_weights
    )
    others = others.masked_fill(candidates == targets[:, None], -torch.inf)
    total = torch.logaddexp(right, others.logsumexp(-1))
    return (total - right).mean()
