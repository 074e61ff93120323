"""Words in their contexts: where a target stands, its states, its likes, and a picture of them.

Paper:    PAPERS["elmo"], section 5.3, table 4
Notebook: notebooks/1_recurrent/13_elmo.ipynb
"""

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float

from tlbook.encoders.neighbours import WordStates
from tlbook.recurrent.elmo import BiLM
from tlbook.recurrent.elmo.words import words_of


def place_of(target: str, words: Sequence[str]) -> int:
    """Return where a target stands in a sentence, in the singular or in the plural.

    Raises:
        ValueError: If it does not.

    Example:
        >>> place_of("bank", ["Both", "Banks", "flooded", "."])
        1
    """
    form = re.compile(rf"{re.escape(target)}(?:e?s)?", re.IGNORECASE)
    for place, word in enumerate(words):
        if form.fullmatch(word):
            return place
    raise ValueError(f"there is no {target!r} in {' '.join(words)!r}")


def in_context(bilm: BiLM, texts: Sequence[str], *, cache: bool = False) -> WordStates:
    """Read texts and keep the states of their words, as `tlbook.encoders.neighbours` takes them.

    Args:
        bilm: Gives a state per layer.
        texts: Split by `tlbook.recurrent.elmo.words.words_of`; each begins from zero states.
        cache: See `BiLM.embed`.

    Returns:
        The states; punctuation is left out.

    Raises:
        ValueError: If there is no word in the texts.
    """
    sentences = [words_of(text) for text in texts]
    layers = bilm.embed(sentences, cache=cache)
    found = [
        (text, place, word)
        for text, sentence in enumerate(sentences)
        for place, word in enumerate(sentence)
        if word[0].isalnum()
    ]
    if not found:
        raise ValueError("there is no word in the texts")
    states = np.stack([layers[text][:, place] for text, place, _ in found])
    return WordStates(sentences, pd.DataFrame(found, columns=["text", "place", "word"]), states)


def of_targets(states: WordStates, targets: Sequence[str]) -> WordStates:
    """Keep one word of each text, its target.

    Args:
        states: From `in_context`.
        targets: One per text; see `place_of`.
    """
    wanted = [(text, place_of(target, states.texts[text])) for text, target in enumerate(targets)]
    rows = pd.MultiIndex.from_frame(states.words[["text", "place"]]).get_indexer(wanted)
    words = states.words.iloc[rows].reset_index(drop=True)
    return WordStates(states.texts, words, states.states[rows])


def plane(
    states: Float[np.ndarray, "words features"],
) -> tuple[Float[np.ndarray, "words 2"], float]:
    """Lay states down in the plane that keeps most of their differences (principal components).

    Returns:
        Their places, and the share of the variance that these keep, 0..1.

    Example:
        >>> places, kept = plane(np.array([[0.0, 0, 0], [2, 0, 0], [4, 0, 0]]))
        >>> np.abs(places[:, 0]).round(6).tolist(), round(kept, 6)
        ([2.0, 0.0, 2.0], 1.0)
    """
    moved = states - states.mean(0)
    left, strength, _ = np.linalg.svd(moved, full_matrices=False)
    power = strength**2
    total = power.sum()
    share = float(power[:2].sum() / total) if total > 0 else 1.0
    return left[:, :2] * strength[:2], share
