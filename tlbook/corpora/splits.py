"""Train, validation and test parts: fixed, stratified, and with no text on two sides.

Rows that belong together (one text, one premise, one article) form a *group*
that is never divided. Groups of one *stratum* (label, domain, ...) are put in a
fixed order by a hash of their key and dealt out by share. What rounding leaves
over is carried on to the next stratum, so totals come out right as well.
Lesson 00 tells why a text must not stand on two sides.
"""

import hashlib
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence

SPLITS = ("train", "validation", "test")
SHARES = {"train": 0.7, "validation": 0.1, "test": 0.2}
WORD = re.compile(r"\w+")


def plain(text: str) -> str:
    """Return the text's words, case folded, without punctuation or extra spaces.

    Two texts of equal plain form count as the same text. A text that holds no
    word (":-)") is its own plain form.

    Example:
        >>> plain("It's  FINE!"), plain(":-)")
        ('it s fine', ':-)')
    """
    return " ".join(WORD.findall(text.casefold())) or text


def alike(texts: Sequence[str], *, overlap: float = 0.7) -> list[int]:
    """Group texts that share most of their words.

    Two texts are alike if |A & B| / |A | B| of their word sets (the Jaccard
    index) reaches `overlap`; chains of alike texts are one group. Only pairs that
    share one of their rarest words are compared: two sets can reach the bar only
    if the ``|A| - ceil(overlap |A|) + 1`` rarest words of each have one in common.

    Args:
        texts: One text per row.
        overlap: Jaccard index from which texts belong together, in (0, 1].

    Returns:
        For each row the first row of its group.

    Example:
        >>> alike(["The room was cold.", "Great soup!", "the ROOM was very cold"])
        [0, 1, 0]
    """
    bags = [frozenset(plain(text).split()) for text in texts]
    commonness = Counter(word for bag in bags for word in bag)
    holders: dict[str, list[int]] = {}
    first = list(range(len(texts)))

    def root(row: int) -> int:
        while first[row] != row:
            row = first[row]
        return row

    for row, bag in enumerate(bags):
        rarest = sorted(bag, key=lambda word: (commonness[word], word))
        rarest = rarest[: len(bag) - math.ceil(overlap * len(bag)) + 1]
        for other in {other for word in rarest for other in holders.get(word, ())}:
            if len(bag & bags[other]) >= overlap * len(bag | bags[other]):
                low, high = sorted((root(other), root(row)))
                first[high] = low
        for word in rarest:
            holders.setdefault(word, []).append(row)
    return [root(row) for row in range(len(texts))]


def order_of(key: object, *, seed: int = 0) -> str:
    """Return a sort key that looks random and never changes.

    Args:
        key: Anything whose `repr` is the same on every machine: text, numbers, tuples of them.
        seed: Another seed gives another order.

    Returns:
        64 hexadecimal digits (SHA-256), equal on every machine and version.

    Example:
        >>> "".join(sorted("abcdefg", key=order_of)), "".join(sorted("gfedcba", key=order_of))
        ('acdbgfe', 'acdbgfe')
    """
    return hashlib.sha256(f"{seed}\x00{key!r}".encode("utf-8", "backslashreplace")).hexdigest()


def divide(
    groups: Sequence,
    strata: Sequence,
    *,
    shares: Mapping[str, float] = SHARES,
    seed: int = 0,
) -> list[str]:
    """Deal rows out to splits; groups stay whole, strata keep their proportions.

    The first group of every stratum goes to the first split named in `shares`,
    so that no label is met for the first time in a test set. If the groups that hold
    a stratum all count as another, the smallest of them is exchanged for one there.

    Args:
        groups: One key per row; rows with equal keys go to the same split.
        strata: One key per row; a group of several strata counts as its rarest.
        shares: Split name -> share in 0..1, summing to 1, training part first.
        seed: Another seed deals another hand.

    Returns:
        The split of each row, in row order.

    Raises:
        ValueError: If the shares do not sum to 1, or groups and strata differ in length.

    Example:
        >>> parts = divide(range(10), ["a", "b"] * 5, shares={"train": 0.8, "test": 0.2})
        >>> parts.count("train"), parts.count("test")
        (8, 2)
    """
    if any(share < 0 for share in shares.values()) or not math.isclose(sum(shares.values()), 1):
        raise ValueError(f"shares must lie in 0..1 and sum to 1, got {dict(shares)}")
    sizes, commonness, stratum_of = Counter(groups), Counter(strata), {}
    for group, stratum in zip(groups, strata, strict=True):
        rank = (commonness[stratum], repr(stratum))
        stratum_of[group] = min(stratum_of.get(group, rank), rank)
    members: dict[tuple, list] = {}
    for group in sorted(sizes, key=lambda key: order_of(key, seed=seed)):
        members.setdefault(stratum_of[group], []).append(group)
    first = next(iter(shares))
    carried = dict.fromkeys(shares, 0.0)
    split_of = {}
    for stratum in sorted(members, key=lambda rank: rank[1]):
        total = sum(sizes[group] for group in members[stratum])
        wanted = {name: share * total + carried[name] for name, share in shares.items()}
        for place, group in enumerate(members[stratum]):
            name = max(wanted, key=wanted.__getitem__) if place else first
            split_of[group] = name
            wanted[name] -= sizes[group]
        carried = wanted
    _teach_all(groups, strata, split_of, first)
    return [split_of[group] for group in groups]


def _teach_all(groups: Sequence, strata: Sequence, split_of: dict, first: str) -> None:
    """Bring a group of every stratum that the first split lacks there.

    The smallest goes, in exchange for the group that is nearest to it in size among
    those that the first split can spare.
    """
    sizes, strata_of, holders = Counter(groups), {}, {}
    for group, stratum in zip(groups, strata, strict=True):
        strata_of.setdefault(group, set()).add(stratum)
        holders.setdefault(stratum, set()).add(group)
    taught = Counter(s for group in sizes if split_of[group] == first for s in strata_of[group])
    for stratum in sorted(holders, key=lambda key: (len(holders[key]), repr(key))):
        if taught[stratum]:
            continue
        moved = min(holders[stratum], key=lambda group: (sizes[group], order_of(group)))
        spared = [
            (abs(sizes[group] - sizes[moved]), order_of(group), group)
            for group in sizes
            if split_of[group] == first and all(taught[s] > 1 for s in strata_of[group])
        ]
        difference, _, group = min(spared, default=(sizes[moved], "", None))
        if difference < sizes[moved]:
            split_of[group] = split_of[moved]
            taught.subtract(strata_of[group])
        split_of[moved] = first
        taught.update(strata_of[moved])


def straddling(texts: Sequence[str], splits: Sequence[str]) -> list[str]:
    """List the texts that stand in more than one split.

    Args:
        texts: One text per row.
        splits: The split of each row.

    Returns:
        Each offending text once, in order of first appearance.

    Example:
        >>> straddling(["a", "b", "a"], ["train", "test", "test"])
        ['a']
    """
    where: dict[str, set[str]] = {}
    for text, split in zip(texts, splits, strict=True):
        where.setdefault(text, set()).add(split)
    return [text for text, places in where.items() if len(places) > 1]
