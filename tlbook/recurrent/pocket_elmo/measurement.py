"""Perplexity on held-out text, by the whole softmax, beside that of a trigram of the same text."""

import math
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from tlbook import runtime
from tlbook.recurrent.elmo.characters import ids_of
from tlbook.recurrent.elmo.prediction import LanguageModel
from tlbook.recurrent.pocket_elmo.preparation import targets_of
from tlbook.recurrent.pocket_elmo.run import types_of
from tlbook.recurrent.pocket_elmo.stream import DIRECTIONS, Stream
from tlbook.recurrent.pocket_elmo.streamed import Streamed
from tlbook.recurrent.pocket_elmo.trigram import Trigram

Row = dict[str, object]
ROWS, SPAN = 8, 50  # in which held-out text is read
NAMES = {
    "carried": "pocket-elmo, states carried on",
    "anew": "pocket-elmo, each sentence on its own",
    "trigram": "trigram, modified Kneser-Ney",
}


def measure(folder: Path, model: LanguageModel) -> list[Row]:
    """Measure perplexity in both directions, of the model and of a trigram.

    Args:
        folder: Where ``prepare`` wrote.
        model: As it ships, in evaluation mode.

    Returns:
        Rows with ``model``, ``direction``, ``perplexity``, the held-out ``words`` that were
        predicted (ends of sentences too), ``seconds``, ``device`` and ``versions``.
    """
    types = types_of(folder)
    train, held_out = (np.load(folder / f"{name}.npy") for name in ("words", "held_out"))
    rows = []
    ways = (
        ("carried", lambda: carried(model, held_out, types)),
        ("anew", lambda: anew(model, held_out, types)),
        ("trigram", lambda: trigram(train, held_out, len(model.vocabulary))),
    )
    for name, way in ways:
        begun = time.perf_counter()
        found, words = way()
        shared = {
            "words": words,
            "seconds": round(time.perf_counter() - begun, 1),
            "device": str(model.bilm.device) if name != "trigram" else "cpu",
            "versions": runtime.versions(),
        }
        for direction, value in found.items():
            rows.append(
                {"model": NAMES[name], "direction": direction, "perplexity": value} | shared
            )
    return rows


@torch.inference_mode()
def carried(
    model: LanguageModel, held_out: np.ndarray, types: list[str]
) -> tuple[dict[str, float], int]:
    """Perplexity when the text is read on and on, as in training; and words per direction."""
    stream = Stream(
        held_out,
        ids_of(types, model.bilm.settings.longest),
        vocab=len(model.vocabulary),
        rows=ROWS,
        span=min(SPAN, max(1, len(held_out) // ROWS)),
        total=len(held_out),
        common=0,
        sampled=0,
        forgetting=0.0,
        seed=0,
    )
    streamed = Streamed(model, ROWS).to(model.bilm.device)
    totals = dict.fromkeys(DIRECTIONS, 0.0)
    for batch in runtime.progress_bar(stream, desc="perplexity", shown=True):
        given = {name: tensor.to(model.bilm.device) for name, tensor in batch.items()}
        for name, states, targets in streamed.predictions(given):
            totals[name] += model.loss(states, targets).item()
    words = len(stream) * ROWS * stream.span
    return {name: math.exp(total / words) for name, total in totals.items()}, words


def anew(
    model: LanguageModel, held_out: np.ndarray, types: list[str]
) -> tuple[dict[str, float], int]:
    """Perplexity when each sentence is read on its own; and words per direction."""
    return model.perplexity(list(sentences_of(held_out, types))), len(held_out) - 1


def sentences_of(words: np.ndarray, types: list[str]) -> Iterator[list[str]]:
    """Yield the sentences of a text of numbers."""
    ends = np.flatnonzero(words == 0)
    for start, end in zip(ends[:-1], ends[1:], strict=True):
        yield [types[word] for word in words[start + 1 : end]]


def trigram(train: np.ndarray, held_out: np.ndarray, vocab: int) -> tuple[dict[str, float], int]:
    """Perplexity of a trigram of the training text in each direction; and words per direction."""
    found = {}
    for direction, turn in zip(DIRECTIONS, (1, -1), strict=True):
        known, unseen = (targets_of(words, vocab)[::turn] for words in (train, held_out))
        found[direction] = Trigram(known, vocab=vocab).perplexity(unseen)
    return found, len(held_out) - 2
