"""The exercises of lesson 00: right answers pass, each usual mistake gets its own hint."""

import re

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from tests.checks.verdicts import require_right
from tlbook.checks import WrongAnswerError
from tlbook.checks.start_here import PLACES, check_leaks, check_nearest, check_places
from tlbook.corpora.splits import plain


def leaks(train, test):
    known = {plain(text) for text in train}
    return [place for place, text in enumerate(test) if plain(text) in known]


def nearest(texts, names):
    return (normalize(texts, dim=1) @ normalize(names, dim=1).T).argmax(1)


def leaks_in_a_loop(train, test):
    found = []
    for place in range(len(test)):
        for known in train:
            if plain(known) == plain(test[place]):
                found.append(place)
    return found


def leaks_by_own_rules(train, test):
    bare = lambda text: re.sub(r"\W+", " ", text.lower()).strip()
    return np.flatnonzero(np.isin([bare(t) for t in test], [bare(t) for t in train]))


def leaks_from_the_end(train, test):
    known = set(map(plain, train))
    for place, text in reversed(list(enumerate(test))):
        if plain(text) in known:
            yield place


def nearest_one_at_a_time(texts, names):
    return [int(torch.cosine_similarity(text.unsqueeze(0), names).argmax()) for text in texts]


def nearest_by_names_alone(texts, names):
    return (texts @ (names / names.norm(dim=1, keepdim=True)).T).argmax(dim=1)


def nearest_in_numpy(texts, names):
    texts, names = texts.double().numpy(), names.double().numpy()
    lengths = np.linalg.norm(texts, axis=1)[:, None] * np.linalg.norm(names, axis=1)
    return (texts @ names.T / (lengths + 1e-8)).argmax(axis=1)


@pytest.mark.parametrize(
    ("check", "answer"),
    [
        (check_places, PLACES),
        (check_places, {case: list(place) for case, place in reversed(PLACES.items())}),
        (check_leaks, leaks),
        (check_leaks, leaks_in_a_loop),
        (check_leaks, leaks_by_own_rules),
        (check_leaks, leaks_from_the_end),
        (check_nearest, nearest),
        (check_nearest, nearest_one_at_a_time),
        (check_nearest, nearest_by_names_alone),
        (check_nearest, nearest_in_numpy),
    ],
)
def test_a_right_answer_passes_each_time_however_it_is_written(check, answer):
    require_right(check, answer)


def test_where_two_names_are_as_near_either_is_right(monkeypatch):
    draw = torch.randn
    twice = lambda rows, width, generator: draw(rows // 2, width, generator=generator).repeat(2, 1)
    monkeypatch.setattr(torch, "randn", twice)
    assert check_nearest(nearest).right
    assert check_nearest(lambda texts, names: 3 - nearest(texts, names.flip(0))).right


@pytest.mark.parametrize("check", [check_places, check_leaks, check_nearest])
def test_no_answer_gets_no_verdict_but_fails_a_strict_run(check, monkeypatch):
    assert check(...).right is None
    monkeypatch.setenv("TLBOOK_STRICT", "1")
    with pytest.raises(WrongAnswerError, match="no answer"):
        check(...)


def test_an_unchanged_dictionary_is_no_answer():
    assert check_places(dict.fromkeys(PLACES, ...)).right is None


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (["then"], "give a dictionary"),
        ({"A": PLACES["A"]}, "place all of A, B, C, D"),
        (PLACES | {"D": ...}, "place all of A, B, C, D"),
        ({case: place[::-1] for case, place in PLACES.items()}, "the first word says"),
        (PLACES | {"B": ("labelled", "together")}, "the words are"),
        (PLACES | {"B": "labels, together"}, "the words are"),
        (PLACES | {"A": ("labels", "then")}, "look at A again"),
        (PLACES | {"B": ("labels", "then")}, "look at B again"),
        (PLACES | {"C": ("no labels", "then")}, "look at C again"),
        (PLACES | {"D": ("no labels", "then")}, "look at D again"),
    ],
)
def test_a_wrong_place_on_the_map_gets_its_hint(answer, hint):
    verdict = check_places(answer)
    assert verdict.right is False
    assert hint in verdict.hint


def known_in(train):
    return {plain(text) for text in train}


def first_places(train, test):
    return [test.index(text) for text in test if plain(text) in known_in(train)]


def inside_others(train, test):
    return [n for n, t in enumerate(test) if plain(t) in " | ".join(map(plain, train))]


def around_others(train, test):
    return [n for n, t in enumerate(test) if any(known in plain(t) for known in known_in(train))]


def by_words(train, test):
    known = [sorted(plain(text).split()) for text in train]
    return [n for n, t in enumerate(test) if sorted(plain(t).split()) in known]


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        ("leaks", "write a function"),
        (lambda train, test: len(leaks(train, test)), "a list of places"),
        (lambda train, test: [text for text in test if text in train], "not the texts"),
        (lambda train, test: [text in train for text in test], "not yes or no"),
        (lambda train, test: np.isin(test, train), "not yes or no"),
        (lambda train, test: [n for n, t in enumerate(train) if t in test], "in the test set"),
        (lambda train, test: [n + 1 for n in leaks(train, test)], "the first text has place 0"),
        (lambda train, test: [], "word for word"),
        (lambda train, test: list(range(len(test))), "word for word"),
        (
            lambda train, test: [n for n, t in enumerate(test) if t in train or test.count(t) > 1],
            "stands twice in the test set, and not in train",
        ),
        (first_places, "has two places"),
        (lambda train, test: [n for n, t in enumerate(test) if t in train], "compare plain"),
        (
            lambda train, test: [n for n, t in enumerate(test) if t.lower().strip() in train],
            "compare plain",
        ),
        (inside_others, "a part of a longer text"),
        (around_others, "a part of a longer text"),
        (by_words, "in another order"),
        (lambda train, test: 1 / 0, "ZeroDivisionError"),
    ],
)
def test_a_wrong_hunt_for_leaks_gets_its_hint(answer, hint):
    for _ in range(5):
        verdict = check_leaks(answer)
        assert verdict.right is False
        assert hint in verdict.hint


def similarities(texts, names):
    return normalize(texts, dim=1) @ normalize(names, dim=1).T


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (3, "write a function"),
        (lambda texts, names: similarities(texts, names).argmax(0), "along the names"),
        (similarities, "one whole number per text"),
        (lambda texts, names: similarities(texts, names).max(1).values, "not the cosine"),
        (lambda texts, names: similarities(texts, names).argmin(1), "take the largest"),
        (lambda texts, names: similarities(texts, names).abs().argmax(1), "keep the sign"),
        (lambda texts, names: (texts @ names.T).argmax(1), "divide each by its norm"),
        (lambda texts, names: (texts @ names.T / names.norm()).argmax(1), "divide each by its"),
        (lambda texts, names: torch.cdist(texts, names).argmin(1), "only the direction"),
        (
            lambda texts, names: (normalize(texts, dim=0) @ normalize(names, dim=0).T).argmax(1),
            "along dim=1",
        ),
        (lambda texts, names: torch.full((50,), -1), "compare with torch.cosine_similarity"),
    ],
)
def test_a_wrong_nearest_name_gets_its_hint(answer, hint):
    for _ in range(5):
        verdict = check_nearest(answer)
        assert verdict.right is False
        assert hint in verdict.hint
