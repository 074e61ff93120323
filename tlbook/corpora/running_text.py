"""Running text to pre-train on: which sources, cleaned of every evaluation sentence."""

import random
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import datasets

from tlbook import runtime
from tlbook.corpora import embedded, hub, mirror
from tlbook.corpora.shipped import CORPORA

GRAM = 8  # words: a sentence that shares so long a run with a held-out row is dropped
HELD_OUT = ("test", "validation")
SENTENCE_END = re.compile(r"(?<=[.!?])[\"')\]]*\s+|\n+")
WORD = re.compile(r"[a-z0-9]+")


@dataclass(frozen=True)
class Source:
    """Running text to read.

    Attributes:
        name: A set of the mirror or the Hub with a column ``text``; its ``train`` split is read.
        licence: Under which it may be used, for the card.
        words: What is read at most.
        repeats: How often the text is used, 1 or more, each time cut into other chunks.
    """

    name: str
    licence: str
    words: int
    repeats: int = 1


SOURCES = (
    Source("nltk/movie_reviews", "CC BY 4.0", 2_000_000, repeats=4),
    Source("nltk/pros_cons", "CC BY 4.0", 1_000_000, repeats=4),
    Source("text/wikipedia_en", "CC BY-SA", 9_000_000),
    Source("text/wikipedia_en_core", "CC BY-SA", 1_000_000),
    Source("text/openstax_cc_by", "CC BY 4.0", 2_000_000),
    Source("text/gutenberg_classics", "public domain", 9_000_000),
)


def parts_of(name: str) -> Mapping[str, datasets.Dataset]:
    """Read a shipped corpus, or a set as it stands in the mirror or else on the Hub.

    Raises:
        ValueError: If there is no such set.
        ConnectionError: If the Hub is needed and cannot be reached.
    """
    if name in CORPORA:
        return embedded.read(name)
    return mirror.parts_of(name) or hub.from_hub(name)


def words_of(text: str) -> list[str]:
    """Lower-cased runs of letters and digits, so that spacing and punctuation do not matter.

    Example:
        >>> words_of("It's  FINE, 9/10!")
        ['it', 's', 'fine', '9', '10']
    """
    return WORD.findall(text.lower())


def grams_of(words: list[str]) -> Iterator[int]:
    """Hashes of all runs of `GRAM` words; of the whole text where it is shorter."""
    for start in range(max(1, len(words) - GRAM + 1)):
        yield hash(tuple(words[start : start + GRAM]))


def grams(sentence: str) -> set[int]:
    """Return the word runs by which a sentence is recognised, none if it has no word."""
    words = words_of(sentence)
    return set(grams_of(words)) if words else set()


def held_out_grams(names: Iterable[str]) -> set[int]:
    """The word runs of every test and validation row of the named sets.

    Text columns are used as they are, token columns joined by spaces. The hashes are good for
    this process only.

    Args:
        names: Sets of the mirror or the Hub.
    """
    found: set[int] = set()
    for name in runtime.progress_bar(list(names), desc="held-out rows", shown=True):
        for split, part in parts_of(name).items():
            if split.startswith(HELD_OUT):
                for text in texts_of(part):
                    found |= grams(text)
    return found


def texts_of(part: datasets.Dataset) -> Iterator[str]:
    """Every text of a split: columns of strings, and of lists of strings joined by spaces."""
    string = datasets.Value("string")
    for column, feature in part.features.items():
        if feature in (string, datasets.Value("large_string")):
            yield from filter(None, part.data.column(column).to_pylist())
        elif isinstance(feature, datasets.List) and feature.feature == string:
            yield from (" ".join(value or ()) for value in part.data.column(column).to_pylist())


def sentences_of(passage: str) -> list[str]:
    """Split a passage after sentence-final punctuation and at line breaks.

    Example:
        >>> sentences_of('He left. "Why?" she asked.')
        ['He left.', '"Why?', 'she asked.']
    """
    return [s.strip() for s in SENTENCE_END.split(passage) if s and s.strip()]


def read(source: Source, banned: set[int], *, seed: int) -> Iterator[list[str]]:
    """Yield the passages of one source as lists of sentences, shuffled, without banned ones.

    Args:
        source: What to read.
        banned: Hashes from `held_out_grams`; a sentence that contains one is left out.
        seed: Order of the passages, which decides what a word cap keeps.

    Raises:
        ValueError: If the set has no ``train`` split with a column ``text``.
    """
    train = parts_of(source.name).get("train")
    if train is None or "text" not in train.column_names:
        raise ValueError(f"{source.name} needs a train split with a column 'text' of running text")
    order = list(range(len(train)))
    random.Random(seed).shuffle(order)
    passages = train.data.column("text")
    budget = source.words
    for row in order:
        kept = []
        for sentence in sentences_of(passages[row].as_py()):
            words = words_of(sentence)
            if words and banned.isdisjoint(grams_of(words)):
                kept.append(sentence)
                budget -= len(words)
        if kept:
            yield kept
        if budget <= 0:
            return
