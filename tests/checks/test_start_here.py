"""The exercises of lesson 00: right answers pass, each usual mistake gets its own hint."""

import pytest
import torch
from torch.nn.functional import normalize

from tlbook.checks import WrongAnswerError
from tlbook.checks.start_here import PLACES, check_leaks, check_nearest, check_places
from tlbook.corpora.splits import plain


@pytest.fixture(autouse=True)
def lenient(monkeypatch):
    monkeypatch.delenv("TLBOOK_STRICT", raising=False)


def leaks(train, test):
    known = {plain(text) for text in train}
    return [place for place, text in enumerate(test) if plain(text) in known]


def nearest(texts, names):
    return (normalize(texts, dim=1) @ normalize(names, dim=1).T).argmax(1)


@pytest.mark.parametrize(
    ("check", "answer"),
    [
        (check_places, PLACES),
        (check_leaks, leaks),
        (check_nearest, nearest),
        (check_nearest, lambda texts, names: nearest(texts, names).numpy()),
    ],
)
def test_a_right_answer_passes_each_time(check, answer):
    assert all(check(answer).right for _ in range(5))


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
        ({case: place[::-1] for case, place in PLACES.items()}, "the first word says"),
        (PLACES | {"B": ("labelled", "together")}, "the words are"),
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


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        ("leaks", "write a function"),
        (lambda train, test: [text for text in test if text in train], "not the texts"),
        (lambda train, test: [n for n, t in enumerate(train) if t in test], "in the test set"),
        (lambda train, test: [], "word for word"),
        (
            lambda train, test: [n for n, t in enumerate(test) if t in train or test.count(t) > 1],
            "stands twice in the test set",
        ),
        (lambda train, test: [n for n, t in enumerate(test) if t in train], "compare plain"),
        (lambda train, test: 1 / 0, "ZeroDivisionError"),
    ],
)
def test_a_wrong_hunt_for_leaks_gets_its_hint(answer, hint):
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
        (lambda texts, names: (texts @ names.T).argmax(1), "divide each by its norm"),
        (lambda texts, names: torch.full((50,), -1), "compare with torch.cosine_similarity"),
    ],
)
def test_a_wrong_nearest_name_gets_its_hint(answer, hint):
    for _ in range(5):
        verdict = check_nearest(answer)
        assert verdict.right is False
        assert hint in verdict.hint
