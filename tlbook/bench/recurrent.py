"""What batches, word types, a disk and the fused LSTM save when a biLM embeds a corpus.

The biLM has the sizes of pocket-elmo and random weights: how fast it is does not hang on them.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from tlbook import corpora, runtime
from tlbook.bench.pairs import Row, in_turns, ratios
from tlbook.bench.task import Sizes
from tlbook.recurrent.elmo import BiLM, embedding
from tlbook.recurrent.elmo.lstm import ProjectedLSTM, Stack
from tlbook.recurrent.elmo.settings import Settings
from tlbook.recurrent.elmo.words import words_of
from tlbook.recurrent.pocket_elmo.run import POCKET

EQUAL = 1e-6
BATCH = embedding.FASTEST  # sentences, as in `BiLM.embed`
MORE = 4  # times as many sentences, where it matters how often a word comes back
BARS = {"batches": 4.0, "word types": 1.4, "disk": 50.0, "cells": 4.0}
UNREACHED = 1e6  # a clip that takes the word-by-word path and clips nothing
Layers = list[np.ndarray]


def elmo(sizes: Sizes, settings: Settings = POCKET) -> Iterator[Row]:
    """Compare `BiLM.embed` on reviews with doing without each of what makes it fast."""
    torch.manual_seed(0)
    bilm = BiLM(settings).to(runtime.device()).eval()
    texts = corpora.load("reviews")["train"]["text"][: MORE * sizes.rows]
    many = [words_of(text) for text in texts]
    sentences = many[: sizes.rows]
    looped = BiLM(replace(settings, cell_clip=UNREACHED, projection_clip=UNREACHED))
    looped.load_state_dict(bilm.state_dict())
    looped.to(runtime.device()).eval()
    compared = (
        ("one sentence at a time", one_by_one, bilm, sentences, BARS["batches"]),
        ("every word anew", word_by_word, bilm, many, BARS["word types"]),
        ("a loop over the words of a batch", BiLM.embed, looped, sentences, None),
    )
    for name, way, model, given, bar in compared:
        ours = lambda given=given: bilm.embed(given)
        stock = lambda way=way, model=model, given=given: way(model, given)
        require_equal(ours(), stock())
        turns = in_turns(lambda ours=ours: ours, lambda stock=stock: stock, pairs=sizes.pairs)
        yield Row(f"pocket-elmo, embed : {name}", bar=bar, labels=len(given), **ratios(turns))
    yield from (stored(bilm, sentences, sizes), cells(bilm, sentences, sizes))


def stored(bilm: BiLM, sentences: list[list[str]], sizes: Sizes) -> Row:
    """Compare layers that are on disk with computing them."""
    ours = lambda: bilm.embed(sentences)

    def found() -> None:
        for _ in range(sizes.repeats):
            bilm.embed(sentences, cache=True)

    with own_cache():
        require_equal(bilm.embed(sentences, cache=True), ours())
        require_equal(bilm.embed(sentences, cache=True), ours())
        turns = in_turns(lambda: found, lambda: ours, pairs=sizes.pairs)
    times = ratios(turns, scale=sizes.repeats)
    name = "pocket-elmo, layers on disk : embed"
    return Row(name, bar=BARS["disk"], labels=sizes.rows, **times)


def cells(bilm: BiLM, sentences: list[list[str]], sizes: Sizes) -> Row:
    """Compare the LSTMs alone: fused on a batch, and cell by cell as one writes it by hand."""
    types, rows = embedding.indexed(sentences[:BATCH])
    ids, lengths = embedding.stacked(rows)
    with torch.inference_mode():
        vectors = bilm.word_vectors(types)[ids.to(bilm.device)]
        blank = bilm.blank_state(len(rows))
        ours = lambda: bilm.contexts(vectors, lengths, blank)[0]
        stock = lambda: by_cells(bilm, vectors, lengths)
        top = ours()[-1]
        for row, (found, length) in enumerate(zip(stock(), lengths.tolist(), strict=True)):
            torch.testing.assert_close(found, top[row, :length], rtol=0, atol=EQUAL)
        turns = in_turns(lambda: ours, lambda: stock, pairs=sizes.pairs)
    name = "pocket-elmo, fused LSTMs on a batch : cell by cell"
    return Row(name, bar=BARS["cells"], labels=len(rows), **ratios(turns))


def one_by_one(bilm: BiLM, sentences: list[list[str]]) -> Layers:
    """Embed without batches."""
    return [bilm.embed([sentence])[0] for sentence in sentences]


@torch.inference_mode()
def word_by_word(bilm: BiLM, sentences: list[list[str]], size: int = BATCH) -> Layers:
    """Embed in the batches of `embed`, but run the character CNN for every word of each."""
    types, rows = embedding.indexed(sentences)
    found: list[np.ndarray | None] = [None] * len(rows)
    for places in embedding.plan(rows, size, ordered=False):
        ids, lengths = embedding.stacked([rows[place] for place in places])
        spelt = bilm.word_vectors([types[number] for number in ids.flatten().tolist()])
        vectors = spelt.view(*ids.shape, -1)
        layers, _ = bilm.contexts(vectors, lengths, bilm.blank_state(len(places)))
        given = layers.cpu().numpy()
        for row, place in enumerate(places):
            found[place] = given[:, row, 1 : lengths[row] - 1].copy()
    return found


def by_cells(bilm: BiLM, vectors: Tensor, lengths: Tensor) -> list[Tensor]:
    """Compute the last layer of each sentence with a loop over layers and words."""
    found = []
    for x, length in zip(vectors, lengths.tolist(), strict=True):
        there = through(bilm.forwards, list(x[:length]))
        back = through(bilm.backwards, list(x[:length].flip(0)))
        found.append(torch.cat([torch.stack(there), torch.stack(back[::-1])], dim=-1))
    return found


def through(stack: Stack, words: list[Tensor]) -> list[Tensor]:
    """Run the words of one sentence through the layers of one direction."""
    for depth, layer in enumerate(stack.layers):
        states = states_of(layer, words)
        added = zip(states, words, strict=True)
        words = [h + x for h, x in added] if depth and stack.skip else states
    return words


def states_of(layer: ProjectedLSTM, words: list[Tensor]) -> list[Tensor]:
    """Run the words of one sentence through one layer."""
    weights = layer.lstm
    h, c = words[0].new_zeros(weights.proj_size), words[0].new_zeros(weights.hidden_size)
    states = []
    for x in words:
        asked = weights.weight_ih_l0 @ x + weights.bias_ih_l0
        told = weights.weight_hh_l0 @ h + weights.bias_hh_l0
        i, f, g, o = (asked + told).chunk(4)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = weights.weight_hr_l0 @ (o.sigmoid() * c.tanh())
        states.append(h)
    return states


def require_equal(one: Layers, other: Layers) -> None:
    """Check that two ways give the same layers.

    Raises:
        AssertionError: If they differ.
    """
    for found, expected in zip(one, other, strict=True):
        np.testing.assert_allclose(found, expected, rtol=0, atol=EQUAL)


@contextmanager
def own_cache() -> Iterator[None]:
    """Let caches lie in a folder of their own for a while."""
    before = os.environ.get("TLBOOK_CACHE")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TLBOOK_CACHE"] = folder
        try:
            yield
        finally:
            if before is None:
                del os.environ["TLBOOK_CACHE"]
            else:
                os.environ["TLBOOK_CACHE"] = before
