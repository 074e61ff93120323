"""Words in their contexts: where a target stands, its states, its likes, and a picture of them.

Paper:    PAPERS["elmo"], section 5.3, table 4
Notebook: notebooks/1_recurrent/13_elmo.ipynb
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from datasets import Dataset
from jaxtyping import Float

from tlbook.encoders.neighbours import WordStates, nearest
from tlbook.recurrent.elmo import BiLM
from tlbook.recurrent.elmo.probes import Words
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


@dataclass(frozen=True)
class Senses:
    """A corpus of words with two meanings, read by a biLM.

    Attributes:
        words: States of all words.
        targets: States of one word per row, whose sense is known.
        rows: Columns ``text``, ``target``, ``sense`` (its name), ``label`` (its number), ``split``.
        names: Of all senses, such as ``bank.river``, by number.
    """

    words: WordStates
    targets: WordStates
    rows: pd.DataFrame
    names: list[str]

    def near(self, asked: WordStates, place: int, *, layer: int, count: int = 5) -> list[str]:
        """Return the sentences whose targets are most like a word, each with its sense.

        Args:
            asked: Of one text, from `in_context`.
            place: Of the word in that text.
            layer: 0 is the static vector.
            count: How many.
        """
        found = nearest(self.targets, asked, place, layer=layer, count=count)
        sense = {
            " ".join(t): s for t, s in zip(self.targets.texts, self.rows["sense"], strict=True)
        }
        said = found[["before", "word", "after"]].agg(" ".join, axis=1).str.strip()
        return [f"{text} [{sense[text].split('.')[1]}]" for text in said]

    def laid_out(
        self, target: str, asked: Float[np.ndarray, "layers features"], *, layer: int
    ) -> tuple[pd.DataFrame, tuple[float, float], float]:
        """Lay all occurrences of a target, and the one that is asked about, down in one `plane`.

        Only those spelt like the target count: the plane is to tell contexts, not plurals.

        Returns:
            Columns ``x``, ``y``, ``kind`` (the sense) of the target; the place of the word asked
            about; the share of the variance that is kept, 0..1.
        """
        own = (self.targets.words["word"] == target).to_numpy()
        places, kept = plane(np.vstack([self.targets.states[own, layer], asked[layer]]))
        kinds = self.rows.loc[own, "sense"].to_list()
        points = pd.DataFrame({"x": places[:-1, 0], "y": places[:-1, 1], "kind": kinds})
        return points, (float(places[-1, 0]), float(places[-1, 1])), kept

    def probed(self, split: str) -> Words:
        """Return the targets of a split; only the two senses of a target come into question."""
        of = np.array([name.split(".")[0] for name in self.names])
        allowed = self.rows["target"].to_numpy()[:, None] == of
        numbers, labels = np.arange(len(self.rows)), self.rows["label"].to_numpy()
        own = (self.rows["split"] == split).to_numpy()
        return Words(self.targets.states, labels, numbers, allowed).at(own)


def read(bilm: BiLM, sets: Mapping[str, Dataset]) -> Senses:
    """Read the corpus ``senses``, all splits, and keep the layers on disk.

    Args:
        bilm: See `in_context`.
        sets: From ``corpora.load("senses")``: columns ``text``, ``target``, ``label``.
    """
    rows = pd.concat([part.to_pandas().assign(split=split) for split, part in sets.items()])
    names = sets["train"].features["label"].names
    rows = rows.assign(sense=[names[number] for number in rows["label"]]).reset_index(drop=True)
    words = in_context(bilm, rows["text"].to_list(), cache=True)
    return Senses(words, of_targets(words, rows["target"].to_list()), rows, names)
