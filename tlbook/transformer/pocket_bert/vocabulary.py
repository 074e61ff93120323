"""Prune a WordPiece vocabulary to its commonest pieces, so that teacher and student share ids."""

import json
from collections import Counter
from collections.abc import Iterable
from itertools import islice

from tokenizers import Tokenizer

PAD, UNK, CLS, SEP, MASK = SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def count_pieces(texts: Iterable[str], tokenizer: Tokenizer) -> Counter[int]:
    """How often each piece id occurs in `texts`."""
    counts: Counter[int] = Counter()
    rest = iter(texts)
    while batch := list(islice(rest, 4096)):
        for encoded in tokenizer.encode_batch(batch, add_special_tokens=False):
            counts.update(encoded.ids)
    return counts


def kept_ids(tokenizer: Tokenizer, counts: Counter[int], size: int) -> list[int]:
    """The old ids to keep, in their new order: specials, printable single characters, commonest.

    Single ASCII characters (and their ``##`` forms) stay, so that no English word becomes [UNK].
    The specials come first, in the order of `SPECIAL`: [PAD] is 0.

    Args:
        tokenizer: The one to prune.
        counts: From `count_pieces`.
        size: Pieces to keep; fewer are kept where `counts` has fewer.

    Raises:
        ValueError: If `size` has no room for the specials and single characters.
    """
    vocabulary = tokenizer.get_vocab(with_added_tokens=True)
    always = [vocabulary[token] for token in SPECIAL]
    singles = [
        index
        for piece, index in sorted(vocabulary.items(), key=lambda item: item[1])
        if len(piece.removeprefix("##")) == 1 and piece.isascii()
    ]
    fixed = list(dict.fromkeys(always + singles))
    if size < len(fixed):
        raise ValueError(f"size must be at least {len(fixed)} (specials and letters), got {size}")
    common = sorted(counts, key=lambda index: (-counts[index], index))
    return list(dict.fromkeys(fixed + common))[:size]


def pruned(tokenizer: Tokenizer, kept: list[int]) -> Tokenizer:
    """A tokenizer whose new id ``i`` is the piece with old id ``kept[i]``.

    A word whose piece is gone is spelt with shorter pieces: WordPiece takes the longest match.
    """
    state = json.loads(tokenizer.to_str())
    piece_of = {index: piece for piece, index in state["model"]["vocab"].items()}
    new_id = {piece_of[old]: new for new, old in enumerate(kept)}
    state["model"]["vocab"] = new_id
    state["added_tokens"] = [t | {"id": new_id[t["content"]]} for t in state["added_tokens"]]
    for special in state["post_processor"]["special_tokens"].values():
        special["ids"] = [new_id[token] for token in special["tokens"]]
    state["truncation"] = state["padding"] = None
    return Tokenizer.from_str(json.dumps(state))
