"""Embed many sentences: words once, batches of like length, carried states, results on disk."""

import contextlib
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import chain, pairwise
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from tlbook import runtime
from tlbook.files import write_array
from tlbook.recurrent.elmo.characters import BEGIN, END
from tlbook.recurrent.elmo.lstm import State

Sentences = Sequence[Sequence[str]]
TYPES = 1024  # words that the character CNN takes at a time
FASTEST, PUBLISHED = 128, 64  # sentences per batch


def embed(
    bilm: nn.Module, sentences: Sentences, *, stateful: bool, batch_size: int, progress: bool
) -> list[np.ndarray]:
    """Return the layers of every sentence; see `tlbook.recurrent.elmo.BiLM.embed`."""
    if batch_size < 1:
        raise ValueError(f"batch_size must be 1 or more, got {batch_size}")
    types, rows = indexed(sentences)
    found: list[np.ndarray | None] = [None] * len(rows)
    batches = list(plan(rows, batch_size, ordered=stateful))
    with torch.inference_mode():
        vectors = vectors_of(bilm, types)
        for places in runtime.progress_bar(batches, desc="embedding", shown=progress):
            ids, lengths = stacked([rows[place] for place in places])
            state = resumed(bilm, len(places)) if stateful else bilm.blank_state(len(places))
            present, ids = ids.to(vectors.device).unique(return_inverse=True)
            layers, state = bilm.contexts(vectors[present], lengths, state, ids)
            if stateful:
                carry_on(bilm, state)
            given = layers.cpu().numpy()
            for row, place in enumerate(places):
                found[place] = given[:, row, 1 : lengths[row] - 1].copy()
    return found


def indexed(sentences: Sentences) -> tuple[list[str], list[np.ndarray]]:
    """Number the distinct words, and return them with the numbers of each sentence.

    Returns:
        The words, begin and end of sentence first, and for each sentence its numbers between
        those two.

    Raises:
        TypeError: If a sentence is a text, or a word is none.
    """
    numbers = {BEGIN: 0, END: 1}
    rows = []
    for place, sentence in enumerate(sentences):
        if isinstance(sentence, str):
            raise TypeError(
                f"sentence {place} is the text {sentence[:40]!r}; split it into a list of words"
            )
        row = [0]
        for word in sentence:
            if not isinstance(word, str):
                raise TypeError(f"sentence {place} has {word!r} where a word should be")
            row.append(numbers.setdefault(word, len(numbers)))
        rows.append(np.array([*row, 1]))
    return list(numbers), rows


def stacked(
    rows: Sequence[np.ndarray],
) -> tuple[Int[Tensor, "batch tokens"], Int[Tensor, " batch"]]:
    """Pad rows of numbers to the longest, and return them with their lengths."""
    lengths = torch.tensor([len(row) for row in rows], dtype=torch.long)
    ids = torch.zeros(len(rows), int(lengths.max()), dtype=torch.long)
    for place, row in enumerate(rows):
        ids[place, : len(row)] = torch.from_numpy(row)
    return ids, lengths


def plan(rows: Sequence[np.ndarray], size: int, *, ordered: bool) -> Iterator[list[int]]:
    """Yield the places of the rows of each batch, of like length unless they are to be ordered."""
    places = list(range(len(rows)))
    if not ordered:
        places.sort(key=lambda place: -len(rows[place]))
    for start in range(0, len(places), size):
        yield places[start : start + size]


def vectors_of(bilm: nn.Module, words: Sequence[str]) -> Float[Tensor, "words projection"]:
    """Return the vectors of words out of context, words of like length at a time."""
    order = sorted(range(len(words)), key=lambda place: len(words[place]))
    vectors = torch.empty(len(words), bilm.settings.projection, device=bilm.device)
    for start in range(0, len(order), TYPES):
        places = order[start : start + TYPES]
        vectors[places] = bilm.word_vectors([words[place] for place in places])
    return vectors


def resumed(bilm: nn.Module, rows: int) -> State:
    """Return the carried states of so many rows; new rows begin from zero."""
    blank = bilm.blank_state(rows)
    if bilm.carried is not None:
        for part, old in zip(blank, bilm.carried, strict=True):
            known = min(rows, old.shape[2])
            part[:, :, :known] = old[:, :, :known]
    return blank


def carry_on(bilm: nn.Module, state: State) -> None:
    """Keep the states of a batch; rows beyond it stay as an earlier, larger batch left them."""
    rows = state[0].shape[2]
    if bilm.carried is not None and bilm.carried[0].shape[2] > rows:
        state = tuple(
            torch.cat([new, old[:, :, rows:].to(new.device)], dim=2)
            for new, old in zip(state, bilm.carried, strict=True)
        )
    bilm.carried = state


def cached(bilm: nn.Module, sentences: Sentences, **settings: object) -> list[np.ndarray]:
    """Do as `embed`, but take the result from disk if it is there, and put it there if not.

    A damaged file is made anew; a folder that cannot be written to is let be.

    Raises:
        ValueError: If states are to be carried: the result then hangs on what went before.
    """
    if settings["stateful"]:
        raise ValueError("a stateful result depends on earlier batches; it cannot be cached")
    path = runtime.cache_folder() / "elmo" / f"{key_of(bilm, sentences)}.npy"
    with contextlib.suppress(OSError, ValueError):
        return stored(path, bilm, sentences)
    found = embed(bilm, sentences, **settings)
    if found:
        with contextlib.suppress(OSError):
            save(found, path)
    return found


def key_of(bilm: nn.Module, sentences: Sentences) -> str:
    """Return a hash of everything that decides the layers: sizes, weights and words.

    Raises:
        TypeError: If a sentence is a text, or a word is none.
    """
    digest = hashlib.sha256(json.dumps(asdict(bilm.settings)).encode())
    words = list(chain.from_iterable(sentences))
    if any(isinstance(s, str) for s in sentences) or not all(isinstance(w, str) for w in words):
        indexed(sentences)  # says which one
    for counts in (sentences, words):  # where one ends and the next begins
        digest.update(np.fromiter(map(len, counts), dtype=np.int64))
        digest.update(b"/")
    digest.update("".join(words).encode("utf-8", "surrogatepass"))
    for name, weight in sorted(bilm.state_dict().items()):
        digest.update(name.encode())
        digest.update(weight.detach().cpu().contiguous().numpy())
    return digest.hexdigest()[:32]


def stored(path: Path, bilm: nn.Module, sentences: Sentences) -> list[np.ndarray]:
    """Return the layers in a file, read from disk when they are looked at, and not before.

    They may be written to: the file stays as it is.

    Raises:
        OSError: If it is not there.
        ValueError: If it is damaged, or holds something else.
    """
    layers = np.lib.format.open_memmap(path, mode="c")
    ends = np.cumsum([0, *map(len, sentences)])
    if layers.dtype != np.float32 or layers.shape != (bilm.depth, ends[-1], bilm.width):
        raise ValueError(f"{path} holds other layers")
    layers = layers.view(np.ndarray)
    return [layers[:, start:end] for start, end in pairwise(ends.tolist())]


def save(layers: Sequence[np.ndarray], path: Path) -> None:
    """Write layers of sentences end to end, whole or not at all."""
    write_array(path, np.concatenate(layers, axis=1))
