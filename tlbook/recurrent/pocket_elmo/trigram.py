"""The baseline: a trigram with modified Kneser-Ney smoothing (Chen and Goodman 1999, section 3.4).

    p(w | u v) = max(0, c(u v w) - D(c(u v w))) / c(u v .) + g(u v) p(w | v)

Below the trigrams a word is counted once for each different word before it, and below the words
stands 1 / vocabulary. Each order has discounts D for counts of 1, 2 and more, from the numbers of
n-grams that occur once to four times.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Order:
    """Discounted probabilities of one order, without the share of the order below.

    Attributes:
        grams: Keys of the n-grams that occur, sorted.
        kept: For each, (count - discount) / (count of its context).
        contexts: Keys of their contexts, sorted.
        given: For each context, the share that goes to the order below.
    """

    grams: np.ndarray
    kept: np.ndarray
    contexts: np.ndarray
    given: np.ndarray


class Trigram:
    """A trigram of a text that is one long row of numbers.

    Args:
        words: Numbers from 0, three or more; ends of sentences are words like others.
        vocab: Numbers there may be, at most 2,000,000.

    Raises:
        ValueError: If the vocabulary is too large for keys of 63 bits.

    Example:
        >>> text = np.array([0, 2, 3, 0, 2, 4, 0, 2, 3, 0])
        >>> shares = Trigram(text, vocab=5).probabilities(np.array([[0, 2, w] for w in range(5)]))
        >>> int(shares.argmax()), round(float(shares.sum()), 6)
        (3, 1.0)
    """

    def __init__(self, words: np.ndarray, *, vocab: int):
        if vocab > 2_000_000:
            raise ValueError(f"a trigram takes at most 2,000,000 words, got {vocab}")
        self.vocab = vocab
        words = words.astype(np.int64)
        threes = (words[:-2] * vocab + words[1:-1]) * vocab + words[2:]
        threes, counts = np.unique(threes, return_counts=True)
        twos, before_two = np.unique(threes % vocab**2, return_counts=True)
        ones, before_one = np.unique(twos % vocab, return_counts=True)
        self.orders = [
            _order(threes, counts, vocab),
            _order(twos, before_two, vocab),
            _order(ones, before_one, vocab),
        ]

    def probabilities(self, grams: np.ndarray) -> np.ndarray:
        """Return p(w | u v) of each row (u, v, w)."""
        u, v, w = grams.astype(np.int64).T
        found = np.full(len(grams), 1 / self.vocab)
        keys = (w, v * self.vocab + w, (u * self.vocab + v) * self.vocab + w)
        for order, key in zip(reversed(self.orders), keys, strict=True):
            kept = _at(order.grams, order.kept, key, 0.0)
            given = _at(order.contexts, order.given, key // self.vocab, 1.0)
            found = kept + given * found
        return found

    def perplexity(self, words: np.ndarray) -> float:
        """Return the perplexity of the third word of a text and all that follow."""
        grams = np.stack([words[:-2], words[1:-1], words[2:]], axis=1)
        return float(np.exp(-np.log(self.probabilities(grams)).mean()))


def _order(grams: np.ndarray, counts: np.ndarray, vocab: int) -> Order:
    discounts = _discounts(counts)[np.minimum(counts, 3)]
    contexts, place = np.unique(grams // vocab, return_inverse=True)
    totals = np.bincount(place, weights=counts)
    given = np.bincount(place, weights=discounts) / totals
    return Order(grams, (counts - discounts) / totals[place], contexts, given)


def _discounts(counts: np.ndarray) -> np.ndarray:
    """Discounts of counts 0 to 3; half the count where a text is too small to estimate one."""
    n = np.bincount(np.minimum(counts, 5), minlength=6).astype(float)
    found = [0.0]
    for count in (1, 2, 3):
        discount = 0.0
        if n[1] and n[count]:
            discount = count - (count + 1) * n[1] / (n[1] + 2 * n[2]) * n[count + 1] / n[count]
        found.append(discount if 0 < discount < count else count / 2)
    return np.array(found)


def _at(keys: np.ndarray, values: np.ndarray, wanted: np.ndarray, absent: float) -> np.ndarray:
    """Look values up by sorted keys."""
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[place] == wanted, values[place], absent)
