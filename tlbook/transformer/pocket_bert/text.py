"""The pre-training text as token ids: sentences encoded, and cut into chunks."""

import random
from collections.abc import Iterable, Iterator

import numpy as np
from tokenizers import Tokenizer

CHUNK_TOKENS = (24, 48, 64, 126)  # target lengths, special tokens not counted
CHUNK_SHARES = (0.15, 0.30, 0.40, 0.15)
SHORTEST = 4  # tokens: a shorter chunk teaches nothing


def encode(passages: list[list[str]], tokenizer: Tokenizer) -> list[list[list[int]]]:
    """Token ids of every sentence, kept grouped by passage, without special tokens."""
    flat = [sentence for passage in passages for sentence in passage]
    ids = [e.ids for e in tokenizer.encode_batch(flat, add_special_tokens=False)]
    ends = np.cumsum([len(passage) for passage in passages])
    return [ids[end - len(passage) : end] for passage, end in zip(passages, ends, strict=True)]


def chunks_of(passages: Iterable[list[list[int]]], *, seed: int) -> Iterator[list[int]]:
    """Pack consecutive sentences of one passage into chunks of a few target lengths.

    Args:
        passages: Token ids, one list a sentence, without special tokens.
        seed: Draws the target lengths, `CHUNK_TOKENS` with `CHUNK_SHARES`.

    Yields:
        Chunks of `SHORTEST` to ``max(CHUNK_TOKENS)`` ids. A sentence longer than that is cut.
    """
    draw, longest = random.Random(seed), CHUNK_TOKENS[-1]
    for sentences in passages:
        chunk: list[int] = []
        target = draw.choices(CHUNK_TOKENS, CHUNK_SHARES)[0]
        for sentence in sentences:
            sentence = sentence[:longest]
            if chunk and len(chunk) + len(sentence) > target:
                if len(chunk) >= SHORTEST:
                    yield chunk[:longest]
                chunk, target = [], draw.choices(CHUNK_TOKENS, CHUNK_SHARES)[0]
            chunk = chunk + sentence
        if len(chunk) >= SHORTEST:
            yield chunk[:longest]
