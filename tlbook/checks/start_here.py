"""Checks of the exercises of lesson 00: the map, texts on two sides, the nearest meaning."""

import random
from collections.abc import Callable

import numpy as np
import torch

from tlbook.checks import Verdict, close, judge

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
    if isinstance(places, dict) and all(place is ... for place in places.values()):
        places = ...
    swapped = {case: place[::-1] for case, place in PLACES.items()}
    tests = [
        (lambda: isinstance(places, dict), "give a dictionary: case -> (labels?, order)"),
        (lambda: set(places) == set(PLACES), f"place all of {', '.join(PLACES)}, and only those"),
        (
            lambda: places != swapped,
            "the first word says whether the source has labels, the second the order",
        ),
        (
            lambda: all(
                place[0] in ("labels", "no labels") and place[1] in ("then", "together")
                for place in places.values()
            ),
            'the words are "labels" or "no labels", and "then" or "together"',
        ),
    ]
    tests += [
        (lambda case=case: tuple(places[case]) == PLACES[case], f"look at {case} again: {reason}")
        for case, reason in REASONS.items()
    ]
    return judge(places, tests)


def check_leaks(leaks: object) -> Verdict:
    """Check a function (train texts, test texts) -> places of test texts that stand in train too.

    Args:
        leaks: The function; `...` means not written yet. Two texts count as the same if they
            differ in case, punctuation and spaces only.
    """
    train, test = _texts(6), _texts(3)
    copied = [test[0], train[4], test[1], train[1], test[2]]
    dressed = [test[0], "  " + train[2].upper().replace(" ", "   ") + "!!"]

    def gives(texts: list[str], wanted: list[int]) -> Callable[[], bool]:
        return lambda: [int(place) for place in leaks(list(train), list(texts))] == wanted

    return judge(
        leaks,
        [
            (lambda: callable(leaks), "write a function of two lists of texts"),
            (
                lambda: all(not isinstance(place, str) for place in leaks(train, copied)),
                "return the places (numbers) of the texts, not the texts",
            ),
            (
                lambda: [int(place) for place in leaks(train, copied)] != [1, 4],
                "return places in the test set, counted from 0, not in the training set",
            ),
            (gives(copied, [1, 3]), "a test text that stands word for word in train is a leak"),
            (
                gives([test[0], test[0], test[1]], []),
                "a text that stands twice in the test set, and not in train, is no leak",
            ),
            (
                gives(dressed, [1]),
                "case, punctuation and extra spaces make no new text: compare plain(text)",
            ),
        ],
    )


def _texts(count: int) -> list[str]:
    """Different texts of five words, fresh in every call; no text stands in two calls."""
    draw = random.Random()
    return [" ".join([*draw.sample(WORDS, 5), f"{draw.getrandbits(60):x}"]) for _ in range(count)]


def check_nearest(nearest: object) -> Verdict:
    """Check a function (texts, names) -> for each text the place of the name of largest cosine.

    Args:
        nearest: Takes tensors (batch, hidden) and (classes, hidden); `...` means not written yet.
    """
    texts, names = torch.randn(50, 6), torch.randn(4, 6)
    names[2] *= 50  # the longest vector wins a dot product, but no cosine
    cosines = torch.cosine_similarity(texts.unsqueeze(1), names.unsqueeze(0), dim=2)
    wanted = cosines.argmax(1).numpy()

    def found() -> np.ndarray:
        return np.asarray(nearest(texts.clone(), names.clone()))

    longest = (texts @ names.T).argmax(1).numpy()
    return judge(
        nearest,
        [
            (lambda: callable(nearest), "write a function of two tensors"),
            (
                lambda: found().shape == (50,),
                "return one whole number per text: compare along the names, not along the texts",
            ),
            (
                lambda: not close(found(), cosines.max(1).values),
                "return the place of the largest cosine (argmax), not the cosine",
            ),
            (
                lambda: not close(found(), cosines.argmin(1)),
                "a small cosine means far away: take the largest",
            ),
            (
                lambda: close(found(), wanted) or not close(found(), longest),
                "a long vector must not win by its length: divide each by its norm first",
            ),
            (lambda: close(found(), wanted), "compare with torch.cosine_similarity on one pair"),
        ],
    )
