"""From text to the files that training reads: pruned tokenizer, ids of all chunks, their places.

========================  =====================================================================
file in the folder        what it holds
========================  =====================================================================
``tokenizer.json``        the pruned tokenizer
``kept.json``             for each new id the old one, so that embeddings can be pruned alike
``ids.npy``               token ids of all chunks, end to end, without special tokens
``offsets.npy``           chunk ``i`` is ``ids[offsets[i]:offsets[i + 1]]``
``text.json``             what was read, for the card; written last: with it, the rest is whole
========================  =====================================================================
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import islice
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from tlbook import runtime
from tlbook.corpora import running_text
from tlbook.corpora.running_text import Source
from tlbook.files import write, write_array
from tlbook.training import runs
from tlbook.transformer.pocket_bert import text, vocabulary

COUNTED = 40_000  # passages of a source from which its pieces are counted
FIRST_CUT = 7  # seed of the first cutting into chunks; each repeat takes the next


def prepare(
    folder: Path,
    tokenizer: Tokenizer,
    *,
    sources: Sequence[Source] = running_text.SOURCES,
    held_out: Sequence[str],
    size: int = 12_000,
    seed: int = 0,
) -> dict:
    """Read, clean, count, prune, encode and cut the text, once; write the files above.

    Args:
        folder: Where they go; made if need be.
        tokenizer: The teacher's.
        sources: What to read.
        held_out: Sets whose test and validation rows must not be in the text.
        size: Pieces of the pruned vocabulary.
        seed: Order of the passages.

    Returns:
        What ``text.json`` holds. If it is there already, nothing is done.

    Raises:
        ValueError: If the folder was prepared from other sources or with another size.
    """
    wanted = {"sources": [asdict(source) for source in sources], "size": size, "seed": seed}
    told = runs.prepared(folder, wanted)
    if told is not None:
        return told
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    banned = running_text.held_out_grams(held_out)
    passages = [
        list(running_text.read(source, banned, seed=seed))
        for source in runtime.progress_bar(sources, desc="reading", shown=True)
    ]
    counts = counted(passages, sources, tokenizer)
    kept = vocabulary.kept_ids(tokenizer, counts, size)
    small = vocabulary.pruned(tokenizer, kept)
    ids, lengths, tokens = cut(passages, sources, small)
    write(folder / "tokenizer.json", small.to_str(pretty=True))
    write(folder / "kept.json", json.dumps(kept))
    write_array(folder / "ids.npy", ids)
    write_array(folder / "offsets.npy", np.concatenate([[0], np.cumsum(lengths)]))
    told = {
        "settings": wanted,
        "held_out": {"sets": list(held_out), "runs": len(banned), "words": running_text.GRAM},
        "coverage": sum(counts[piece] for piece in kept) / counts.total(),
        "words": [sum(len(s.split()) for p in group for s in p) for group in passages],
        "tokens": tokens,
        "chunks": len(lengths),
    }
    runs.store(folder, "text", told)
    return told


def counted(
    passages: Sequence[list[list[str]]], sources: Sequence[Source], tokenizer: Tokenizer
) -> Counter[int]:
    """Count the pieces of the first `COUNTED` passages of each source, times its repeats."""
    counts: Counter[int] = Counter()
    pairs = list(zip(passages, sources, strict=True))
    for group, source in runtime.progress_bar(pairs, desc="counting pieces", shown=True):
        sentences = (sentence for passage in islice(group, COUNTED) for sentence in passage)
        for piece, count in vocabulary.count_pieces(sentences, tokenizer).items():
            counts[piece] += count * source.repeats
    return counts


def cut(
    passages: Sequence[list[list[str]]], sources: Sequence[Source], tokenizer: Tokenizer
) -> tuple[np.ndarray, list[int], list[int]]:
    """Encode all passages and cut them into chunks.

    Returns:
        The ids end to end, the length of each chunk, and the tokens of each source.
    """
    parts: list[np.ndarray] = []
    tokens: list[int] = []
    pairs = list(zip(passages, sources, strict=True))
    for group, source in runtime.progress_bar(pairs, desc="encoding", shown=True):
        before = len(parts)
        parts += chunks(group, source, tokenizer)
        tokens.append(sum(len(part) for part in parts[before:]))
    if not parts:
        raise ValueError("the sources hold no text that can be used")
    return np.concatenate(parts), [len(part) for part in parts], tokens


def chunks(passages: list[list[str]], source: Source, tokenizer: Tokenizer) -> Iterator[np.ndarray]:
    """Yield the chunks of one source, of each of its repeats in turn."""
    encoded = text.encode(passages, tokenizer)
    for repeat in range(source.repeats):
        for chunk in text.chunks_of(encoded, seed=FIRST_CUT + repeat):
            yield np.array(chunk, dtype=np.uint16)  # a vocabulary has fewer than 65,536 pieces
