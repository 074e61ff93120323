"""Words whose states lie close together: what an encoder takes for alike in their contexts.

Notebook: notebooks/2_transformer/26_features_or_finetuning.ipynb
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float

from tlbook import runtime
from tlbook.encoders.features import INPUTS

if TYPE_CHECKING:  # takes seconds to import, and not every lesson needs it
    import transformers

WORD = re.compile(r"\w+(?:['’-]\w+)*|[^\w\s]")


def split(text: str) -> list[str]:
    """Return the words and the punctuation marks of a text.

    Example:
        >>> split("It's a well-read crowd.")
        ["It's", 'a', 'well-read', 'crowd', '.']
    """
    return WORD.findall(text)


@dataclass(frozen=True)
class WordStates:
    """The state of every word of some texts, at every layer.

    Attributes:
        texts: Their words, from `split`.
        words: Columns ``text`` (number in `texts`), ``place`` (number in that text) and ``word``,
            one row per word; punctuation is left out.
        states: Of these words: 0 is the embedding; a word is the mean of its pieces.
    """

    texts: list[list[str]]
    words: pd.DataFrame
    states: Float[np.ndarray, "words layers hidden"]


def word_states(
    model: "transformers.PreTrainedModel",
    tokenizer: "transformers.PreTrainedTokenizerBase",
    texts: Sequence[str],
    *,
    size: int = 32,
) -> WordStates:
    """Read texts once and keep the states of their words.

    Args:
        model: An encoder; it is put into evaluation mode.
        tokenizer: A fast one, of the encoder.
        texts: What to read; words beyond the encoder's positions are left out.
        size: Texts per batch, 1 or more.

    Raises:
        ValueError: If there is no word in the texts.
    """
    model.eval()
    parts = [split(text) for text in texts]
    most = min(tokenizer.model_max_length, model.config.max_position_embeddings)
    found, states = [], []
    order = sorted((n for n, words in enumerate(parts) if words), key=lambda n: len(parts[n]))
    for start in range(0, len(order), size):
        numbers = order[start : start + size]
        encoded = tokenizer(
            [parts[n] for n in numbers],
            is_split_into_words=True,
            truncation=True,
            max_length=most,
            padding=True,
            return_tensors="pt",
        )
        given = {name: encoded[name].to(model.device) for name in INPUTS if name in encoded}
        with torch.inference_mode(), runtime.autocast(model.device):
            layers = model(**given, output_hidden_states=True).hidden_states
        kept = torch.stack(layers, 2).float().cpu().numpy()  # (batch, tokens, layers, hidden)
        for row, number in enumerate(numbers):
            owners = np.array([-1 if w is None else w for w in encoded.word_ids(row)])
            for place, word in enumerate(parts[number]):
                if (pieces := owners == place).any() and word[0].isalnum():
                    found.append((number, place, word))
                    states.append(kept[row, pieces].mean(0))
    if not found:
        raise ValueError("there is no word in the texts")
    words = pd.DataFrame(found, columns=["text", "place", "word"])
    return WordStates(parts, words, np.stack(states))


def nearest(
    known: WordStates,
    asked: WordStates,
    place: int,
    *,
    layer: int = -1,
    count: int = 10,
    other_words: bool = False,
) -> pd.DataFrame:
    """Return the known words whose states at a layer are most like that of one asked about.

    Likeness is the cosine of the states minus the mean state of the known words: without that,
    all states of a layer point the same way and every pair of words seems alike.

    Args:
        known: Where to look.
        asked: Of one text, from `word_states`.
        place: Number of the word in that text.
        layer: Which layer; 0 is the embedding, which no context has touched yet.
        count: How many at most.
        other_words: True leaves the word itself out, in capitals or not.

    Returns:
        Columns ``likeness`` (-1..1), ``before``, ``word`` and ``after`` (its context), best first.

    Raises:
        ValueError: If there is no word at `place`; lists those there are.
    """
    here = asked.words.index[asked.words["place"] == place]
    if len(here) != 1:
        there = dict(zip(asked.words["place"], asked.words["word"], strict=True))
        raise ValueError(f"there is no word at place {place}; the words are {there}")
    middle = known.states[:, layer].mean(0)
    states, wanted = known.states[:, layer] - middle, asked.states[here[0], layer] - middle
    lengths = np.linalg.norm(states, axis=1) * np.linalg.norm(wanted)
    table = known.words.assign(likeness=states @ wanted / np.maximum(lengths, 1e-12))
    if other_words:
        word = asked.words.loc[here[0], "word"].lower()
        table = table[table["word"].str.lower() != word]
    best = table.sort_values("likeness", ascending=False, kind="stable").head(count)
    around = [known.texts[text] for text in best["text"]]
    return pd.DataFrame(
        {
            "likeness": best["likeness"].to_numpy(),
            "before": [" ".join(t[:p]) for t, p in zip(around, best["place"], strict=True)],
            "word": best["word"].to_numpy(),
            "after": [" ".join(t[p + 1 :]) for t, p in zip(around, best["place"], strict=True)],
        }
    )
