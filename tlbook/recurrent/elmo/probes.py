"""What a linear classifier can read off each layer of a biLM.

Paper:    PAPERS["elmo"], section 5.3, tables 5 and 6
Notebook: notebooks/1_recurrent/13_elmo.ipynb
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int
from sklearn.linear_model import LogisticRegression  # here, so that no worker has to
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tlbook import metrics
from tlbook.training.side_by_side import side_by_side


@dataclass(frozen=True)
class Words:
    """Words to be classified, each off its own states.

    Attributes:
        features: Their states.
        labels: A class number each.
        sentences: The number of the sentence that a word stands in.
        allowed: The classes that come into question, where not all do.
    """

    features: Float[np.ndarray, "words layers features"]
    labels: Int[np.ndarray, " words"]
    sentences: Int[np.ndarray, " words"]
    allowed: Bool[np.ndarray, "words classes"] | None = None

    def drawn(self, seed: int) -> "Words":
        """Draw as many sentences as there are, with replacement, and return all their words."""
        draw, numbers = np.random.default_rng(seed), np.unique(self.sentences)
        words = {number: np.flatnonzero(self.sentences == number) for number in numbers}
        return self.at(np.concatenate([words[n] for n in draw.choice(numbers, len(numbers))]))

    def at(self, rows: np.ndarray) -> "Words":
        """Return the words of the given numbers, or those where `rows` is true."""
        allowed = None if self.allowed is None else self.allowed[rows]
        return Words(self.features[rows], self.labels[rows], self.sentences[rows], allowed)


def tagged_words(layers: Sequence[np.ndarray], tags: Sequence[Sequence[int]]) -> Words:
    """Return all words of tagged sentences.

    Args:
        layers: From `tlbook.recurrent.elmo.BiLM.embed`.
        tags: One per word.
    """
    counts = [len(row) for row in tags]
    features = np.concatenate(layers, axis=1).transpose(1, 0, 2)
    return Words(features, np.concatenate(tags), np.repeat(np.arange(len(counts)), counts))


def probe(train: Words, test: Words, layer: int, *, strength: float) -> float:
    """Fit logistic regression on one layer, standardised, and return its accuracy on `test`.

    Args:
        train: To fit on.
        test: To score.
        layer: 0 is the word vector.
        strength: How far to trust the labels, above 0: scikit-learn's ``C``.
    """
    # A rough fit will do: what is left is far below what another draw changes.
    classify = LogisticRegression(C=strength, tol=1e-3, max_iter=1000)
    fitted = make_pipeline(StandardScaler(), classify).fit(train.features[:, layer], train.labels)
    scores = fitted.predict_log_proba(test.features[:, layer])
    count = max(train.labels.max(), test.labels.max()) + 1
    logits = np.full((len(scores), count), -np.inf)
    logits[:, fitted.classes_] = scores
    if test.allowed is not None:
        logits[~test.allowed[:, :count]] = -np.inf
    return metrics.accuracy(logits, test.labels)


def probe_layers(
    train: Words, test: Words, *, seeds: Sequence[int], strength: float
) -> pd.DataFrame:
    """Probe every layer on the same draws, so that layers can be compared draw by draw.

    Each seed draws the sentences to fit on and those to score anew, with replacement
    (`Words.drawn`): the spread holds the luck of both.

    Returns:
        Columns ``method`` (``layer 0``, ...), ``seed``, ``value`` (accuracy, 0..1).
    """
    jobs = list(product(seeds, range(train.features.shape[1])))

    def value_of(seed: int, layer: int) -> float:
        return probe(train.drawn(seed), test.drawn(seed), layer, strength=strength)

    values = side_by_side(value_of, jobs)
    rows = [
        (f"layer {layer}", seed, value) for (seed, layer), value in zip(jobs, values, strict=True)
    ]
    return pd.DataFrame(rows, columns=["method", "seed", "value"])


def verdict(level: Sequence[str], wanted: str) -> str:
    """Say whether a layer is the best one.

    Args:
        level: The layers that cannot be told from the best, from `tlbook.results.level_with`.
        wanted: That which was published as the best.

    Example:
        >>> verdict(["layer 1"], "layer 1"), verdict(["layer 2", "layer 1"], "layer 1")
        ('holds', 'is open')
        >>> verdict(["layer 2"], "layer 1")
        'does not hold'
    """
    if wanted not in level:
        return "does not hold"
    return "holds" if len(level) == 1 else "is open"
