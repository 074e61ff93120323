"""From sentences to the numbers that training reads, with some text held out.

========================  =====================================================================
file in the folder        what it holds
========================  =====================================================================
``types.txt``             all distinct words, by number, one a line; 0 and 1 are ``<S> </S>``
``words.npy``             numbers of the training text: 0 before each sentence, and at the end
``held_out.npy``          the same of the held-out text
``text.json``             what was read, for the card; written last: with it, the rest is whole
========================  =====================================================================

Words are numbered by how often the training text has them, so that those of a vocabulary of n come
first. In the vocabulary the numbers 0 and 1 are the end of a sentence and any unknown word.
"""

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from tlbook import runtime
from tlbook.files import write, write_array
from tlbook.recurrent.elmo.characters import BEGIN, END
from tlbook.recurrent.elmo.prediction import BOUNDARY, UNKNOWN
from tlbook.recurrent.elmo.words import words_of
from tlbook.training import runs

Passages = list[list[str]]  # each a list of sentences
FIRST = 2  # number of the first real word
SHARE = 0.01  # of the words of each source, held out


def prepare(
    folder: Path,
    read: Callable[[], Iterable[Passages]],
    *,
    grams: Callable[[str], set],
    wanted: dict,
    vocab: int = 20_000,
    seed: int = 0,
) -> dict:
    """Hold text out, split the rest into words and number them, once; write the files above.

    Args:
        folder: Where they go; made if need be.
        read: Returns the passages of each source; called only if there is something to do.
        grams: Runs of words of a sentence; a training sentence that shares one with a held-out
            sentence is left out.
        wanted: What decides what `read` returns; stored, with the two below.
        vocab: Words that are predicted, the two special ones included.
        seed: Order of the passages.

    Returns:
        What ``text.json`` holds. If it is there already, nothing is done.

    Raises:
        ValueError: If the folder was prepared from something else, or there is too little text.
    """
    wanted = wanted | {"vocab": vocab, "seed": seed, "held_out": SHARE}
    told = runs.prepared(folder, wanted)
    if told is not None:
        return told
    folder.mkdir(parents=True, exist_ok=True)
    train, held_out = divided(list(read()), grams)
    random.Random(seed).shuffle(train)
    numbers = {BEGIN: 0, END: 1}
    words, apart = (numbered(part, numbers) for part in (train, held_out))
    if min(len(words), len(apart)) < FIRST:
        raise ValueError("there is too little text to train on some and hold some out")
    types, (words, apart) = by_frequency(list(numbers), words, apart)
    write(folder / "types.txt", "\n".join(types))
    write_array(folder / "words.npy", words)
    write_array(folder / "held_out.npy", apart)
    told = {
        "settings": wanted,
        "types": len(types),
        "words": int((words != BOUNDARY).sum()),
        "sentences": int((words == BOUNDARY).sum()) - 1,
        "known": float((words < vocab).mean()),
        "held_out_words": int((apart != BOUNDARY).sum()),
        "held_out_known": float((apart < vocab).mean()),
    }
    runs.store(folder, "text", told)
    return told


def divided(sources: Sequence[Passages], grams: Callable[[str], set]) -> tuple[Passages, Passages]:
    """Hold out the first passages of each source, `SHARE` of its words and one at least.

    Returns:
        The passages to train on, without sentences that are like a held-out one, and the others.
    """
    train, held_out = [], []
    for passages in sources:
        sizes = np.cumsum([sum(len(s.split()) for s in passage) for passage in passages])
        apart = 1 + int(np.searchsorted(sizes, SHARE * sizes[-1])) if len(sizes) else 0
        held_out += passages[:apart]
        train += passages[apart:]
    banned = set().union(*(grams(s) for passage in held_out for s in passage))
    shown = runtime.progress_bar(train, desc="leaving out what is held out", shown=True)
    kept = [[s for s in passage if banned.isdisjoint(grams(s))] for passage in shown]
    return [passage for passage in kept if passage], held_out


def numbered(passages: Passages, numbers: dict[str, int]) -> np.ndarray:
    """Return the words of all sentences end to end as numbers; new words get the next ones."""
    shown = runtime.progress_bar(passages, desc="splitting into words", shown=True)
    found = np.fromiter(flat(shown, numbers), dtype=np.int32)
    return np.append(found, np.int32(BOUNDARY)) if len(found) else found


def flat(passages: Iterable[list[str]], numbers: dict[str, int]) -> Iterator[int]:
    """Yield the numbers of each sentence behind a `BOUNDARY`."""
    for passage in passages:
        for sentence in passage:
            words = words_of(sentence)
            if words:
                yield BOUNDARY
                for word in words:
                    yield numbers.setdefault(word, len(numbers))


def by_frequency(
    types: list[str], words: np.ndarray, apart: np.ndarray
) -> tuple[list[str], tuple[np.ndarray, np.ndarray]]:
    """Number words anew, those that the training text has most often first."""
    counts = np.bincount(words, minlength=len(types))
    order = np.argsort(-counts[FIRST:], kind="stable") + FIRST
    order = np.concatenate([np.arange(FIRST), order])
    rank = np.empty(len(types), dtype=np.int32)
    rank[order] = np.arange(len(types))
    return [types[place] for place in order], (rank[words], rank[apart])


def targets_of(words: np.ndarray, vocab: int) -> np.ndarray:
    """Return words as numbers of the vocabulary.

    Example:
        >>> targets_of(np.array([0, 7, 3, 0]), vocab=5)
        array([0, 1, 3, 0])
    """
    return np.where(words < vocab, words, UNKNOWN)
