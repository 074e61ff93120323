"""Checks of the exercises of lesson 00: the map, texts on two sides, the nearest meaning."""

import random

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize

from tlbook.checks import Tests, Verdict, judge
from tlbook.checks.asking import Replies, ask

PLACES = {  # exercise 1: case -> (has S labels?, in which order?)
    "A": ("no labels", "then"),
    "B": ("labels", "together"),
    "C": ("no labels", "together"),
    "D": ("labels", "then"),
}
REASONS = {
    "A": "what does a language model learn from, and when does the classifier start?",
    "B": "do the four helping tasks bring labels, and does any task wait for another?",
    "C": "does the paraphrase need a label, and when are the two losses applied?",
    "D": "who wrote 'entails' under the sentence pairs, and which set comes first?",
}
WORDS = (
    *("soup", "room", "film", "phone", "book", "quiet", "cold", "warm"),
    *("long", "loud", "late", "kind", "odd", "fresh", "slow", "bright"),
)


def check_places(places: object) -> Verdict:
    """Check where the four cases of exercise 1 stand on the map.

    Args:
        places: Case -> ("labels" or "no labels", "then" or "together"); `...` means not
            answered yet.
    """
    if type(places) is dict and all(place is ... for place in places.values()):
        places = ...
    replies = ask(lambda: places, [()])
    swapped = {case: place[::-1] for case, place in PLACES.items()}

    def placed() -> dict:
        return {case: tuple(place) for case, place in replies[0].items()}

    tests = [
        (lambda: type(replies[0]) is dict, "give a dictionary: case -> (labels?, order)"),
        (
            lambda: set(replies[0]) == set(PLACES) and ... not in replies[0].values(),
            f"place all of {', '.join(PLACES)}, and only those",
        ),
        (
            lambda: placed() != swapped,
            "the first word says whether the source has labels, the second the order",
        ),
        (
            lambda: all(
                len(place) == 2
                and place[0] in ("labels", "no labels")
                and place[1] in ("then", "together")
                for place in placed().values()
            ),
            'the words are "labels" or "no labels", and "then" or "together"',
        ),
    ]
    tests += [
        (lambda case=case: placed()[case] == PLACES[case], f"look at {case} again: {reason}")
        for case, reason in REASONS.items()
    ]
    return judge(places, tests)


def check_leaks(leaks: object) -> Verdict:
    """Check a function (train texts, test texts) -> places of test texts that stand in train too.

    Args:
        leaks: The function; `...` means not written yet. Two texts count as the same if they
            differ in case, punctuation and spaces only.
    """
    draw = random.Random()
    train, new = _texts(12), _texts(3)
    known = draw.sample(range(6, 12), 2)  # further on than any place in a test set
    mixed = new + [train[place] for place in known]
    draw.shuffle(mixed)
    dressed = "  " + train[2].upper().replace(" ", "   ") + "!!"
    shuffled = " ".join(reversed(train[3].split()))
    replies = ask(
        leaks,
        [
            (train, mixed),
            (train, [new[0], new[0], new[1]]),
            (train, [new[0], train[0], train[0]]),
            (train, [new[0], dressed]),
            (train, [train[1].rsplit(" ", 1)[0], train[1] + " indeed", new[2]]),
            (train, [new[1], shuffled]),
        ],
    )
    wanted = [place for place, text in enumerate(mixed) if text in train]
    tests = [(lambda: callable(leaks), "write a function of two lists of texts")]
    return judge(
        leaks, tests + _about_places(replies, wanted, sorted(known)) + _about_same(replies)
    )


def _about_places(replies: Replies, wanted: list[int], in_train: list[int]) -> Tests:
    """Tests whether the first reply holds places, counted from 0, in the test set."""
    return [
        (lambda: _listed(replies[0]) is not None, "return a list of places"),
        (
            lambda: not any(isinstance(place, str) for place in _listed(replies[0])),
            "return the places (numbers) of the texts, not the texts",
        ),
        (
            lambda: not any(isinstance(place, bool) for place in _listed(replies[0])),
            "return the numbers of the places, not yes or no for each text",
        ),
        (
            lambda: _places(replies, 0) != in_train,
            "return places in the test set, counted from 0, not in the training set",
        ),
        (
            lambda: _places(replies, 0) != [place + 1 for place in wanted],
            "the first text has place 0",
        ),
        (
            lambda: _places(replies, 0) == wanted,
            "a test text that stands word for word in train is a leak, and no other",
        ),
    ]


def _about_same(replies: Replies) -> Tests:
    """Tests which texts count as the same, on the replies from the second on."""
    wanted = [
        ([], "a text that stands twice in the test set, and not in train, is no leak"),
        ([1, 2], "a leak that stands twice in the test set has two places: go along the texts"),
        ([1], "case, punctuation and extra spaces make no new text: compare plain(text)"),
        ([], "a part of a longer text is another text: compare whole texts"),
        ([], "the same words in another order are another text"),
    ]
    return [
        (lambda number=number, places=places: _places(replies, number) == places, hint)
        for number, (places, hint) in enumerate(wanted, 1)
    ]


def _listed(reply: object) -> list:
    return reply.tolist() if isinstance(reply, np.ndarray) else list(reply)


def _places(replies: Replies, number: int) -> list[int]:
    """The places in a reply, each once and in order: how they were gathered does not matter."""
    return sorted({int(place) for place in _listed(replies[number])})


def _texts(count: int) -> list[str]:
    """Different texts of six words, fresh in every call; no text stands in two calls."""
    draw = random.Random()
    return [" ".join([*draw.sample(WORDS, 5), f"{draw.getrandbits(60):x}"]) for _ in range(count)]


def check_nearest(nearest: object) -> Verdict:
    """Check a function (texts, names) -> for each text the place of the name of largest cosine.

    Args:
        nearest: Takes tensors (batch, hidden) and (classes, hidden); `...` means not written yet.
    """
    draw = torch.Generator()
    draw.seed()  # not the seed that the lesson has set
    texts, names = torch.randn(50, 6, generator=draw), torch.randn(4, 6, generator=draw)
    names[2] *= 50  # the longest vector wins a dot product, but no cosine
    replies = ask(nearest, [(texts, names)])
    tests = [
        (lambda: callable(nearest), "write a function of two tensors"),
        (
            lambda: np.shape(replies[0]) == (50,),
            "return one whole number per text: compare along the names, not along the texts",
        ),
    ]
    return judge(nearest, tests + _about_nearest(replies, texts, names))


def _about_nearest(replies: Replies, texts: Tensor, names: Tensor) -> Tests:
    """Tests of the only reply, one place for each text."""
    cosines = torch.cosine_similarity(texts.unsqueeze(1), names.unsqueeze(0), dim=2)
    by_column = (normalize(texts, dim=0) @ normalize(names, dim=0).T).argmax(1)

    def gives(places: Tensor) -> bool:
        return np.array_equal(replies[0], places.numpy())

    def right() -> bool:
        """Whether no other name is nearer by more than rounding can make."""
        found = torch.as_tensor(replies[0]).long()
        chosen = cosines.gather(1, found.unsqueeze(1)).squeeze(1)
        return bool((chosen >= cosines.max(1).values - 1e-5).all())

    return [
        (
            lambda: not np.allclose(replies[0], cosines.max(1).values, atol=1e-5),
            "return the place of the largest cosine (argmax), not the cosine",
        ),
        (lambda: not gives(cosines.argmin(1)), "a small cosine means far away: take the largest"),
        (
            lambda: not gives(cosines.abs().argmax(1)),
            "the opposite direction is the least alike: keep the sign",
        ),
        (
            lambda: not gives((texts @ names.T).argmax(1)),
            "a long vector must not win by its length: divide each by its norm first",
        ),
        (
            lambda: not gives(torch.cdist(texts, names).argmin(1)),
            "a distance depends on the lengths as well: only the direction is to count",
        ),
        (lambda: not gives(by_column), "each row is a vector: take its norm along dim=1"),
        (right, "compare with torch.cosine_similarity on one pair"),
    ]
