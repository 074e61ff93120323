"""An answer that would be told right without being right is not told so, in any lesson's check."""

import itertools
import sys

import numpy as np
import pytest
import torch

from tlbook.checks import (
    adapters,
    bert_finetuning,
    elmo,
    features_or_finetuning,
    judge,
    lora,
    start_here,
)
from tlbook.corpora.splits import plain

VALUES = [start_here.check_places, features_or_finetuning.check_shares]
FUNCTIONS = [
    *(start_here.check_leaks, start_here.check_nearest),
    *(elmo.check_touched, elmo.check_perplexity, elmo.check_sense),
    *(bert_finetuning.check_segments, bert_finetuning.check_share, bert_finetuning.check_span),
    *(features_or_finetuning.check_stored_bytes, features_or_finetuning.check_shortcut),
]
FUNCTIONS_OF_PART_3 = [
    *(adapters.check_count, adapters.check_exact_start, adapters.check_fold),
    *(lora.check_trained, lora.check_folded, lora.check_stacked),
]


class Anything:
    """Equal to everything, larger and smaller than everything, and whatever one asks of it."""

    def __eq__(self, other):
        return True

    def __bool__(self):
        return True

    def __hash__(self):
        return 0

    def __len__(self):
        return 2

    def __iter__(self):
        return iter((self, self))

    def __call__(self, *args, **kwargs):
        return self

    def __getattr__(self, name):
        if name.startswith("__array"):
            raise AttributeError(name)
        return self

    __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __eq__
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __matmul__ = __call__
    __neg__ = __abs__ = __call__


class EqualNumbers(np.ndarray):
    """An array that is equal to everything."""

    def __eq__(self, other):
        return True

    __hash__ = None


class EqualTensor(torch.Tensor):
    """A tensor for which every comparison ends well."""

    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        if function.__name__ in ("eq", "__eq__", "allclose", "equal", "ge", "isclose"):
            return True
        return super().__torch_function__(function, types, args, kwargs or {})


class EqualDict(dict):
    """A dictionary that is equal to everything and holds everything."""

    def __eq__(self, other):
        return True

    def __getitem__(self, key):
        return start_here.PLACES[key]

    __hash__ = None


@pytest.mark.parametrize("check", VALUES + FUNCTIONS + FUNCTIONS_OF_PART_3)
def test_an_object_that_is_equal_to_everything_is_not_right(check):
    assert check(Anything()).right is False


@pytest.mark.parametrize("check", FUNCTIONS + FUNCTIONS_OF_PART_3)
@pytest.mark.parametrize(
    "made",
    [
        Anything,
        lambda: (Anything(), Anything()),
        lambda: [Anything()] * 50,
        lambda: np.zeros((5, 2)).view(EqualNumbers),
        lambda: (np.zeros((6, 6)).view(EqualNumbers), np.zeros(6).view(EqualNumbers)),
        lambda: torch.zeros(5, 2).as_subclass(EqualTensor),
        lambda: (torch.zeros(4, 6).as_subclass(EqualTensor), torch.zeros(4)),
    ],
)
def test_nor_is_a_function_that_returns_such_objects(check, made):
    assert check(lambda *case: made()).right is False


@pytest.mark.parametrize(
    "places",
    [
        {case: (Anything(), Anything()) for case in "ABCD"},
        dict.fromkeys("ABCD", Anything()),
        {Anything(): ("labels", "then")},
        EqualDict.fromkeys("ABCD", ("labels", "then")),
        EqualDict(),
    ],
)
def test_nor_is_a_map_of_them(places):
    assert start_here.check_places(places).right is False


@pytest.mark.parametrize(
    "weights",
    [[Anything()] * 3, np.zeros(3).view(EqualNumbers), torch.zeros(3).as_subclass(EqualTensor)],
)
def test_nor_are_weights_of_that_kind(weights):
    assert features_or_finetuning.check_shares(weights).right is False


@pytest.mark.parametrize("check", FUNCTIONS + FUNCTIONS_OF_PART_3)
@pytest.mark.parametrize("kind", [ValueError, SystemExit, GeneratorExit, AssertionError])
def test_an_answer_that_raises_is_not_right(check, kind):
    def answer(*case):
        raise kind

    verdict = check(answer)
    assert verdict.right is False
    assert kind.__name__ in verdict.hint


def test_an_error_whose_words_fail_is_named_by_its_class():
    class SilentError(Exception):
        def __str__(self):
            raise ValueError

    def test():
        raise SilentError

    assert judge(1, [(test, "look")]).hint == "look (SilentError)"


@pytest.mark.parametrize("check", FUNCTIONS + FUNCTIONS_OF_PART_3)
def test_a_function_still_to_be_written_has_no_verdict(check):
    def answer(*case):
        raise NotImplementedError

    assert check(answer).right is None


@pytest.mark.parametrize(
    "check", FUNCTIONS + [c for c in FUNCTIONS_OF_PART_3 if "exact" not in c.__name__]
)
def test_an_error_of_a_library_is_no_missing_answer(check):
    def answer(*case):
        raise NotImplementedError("there is no kernel for this type")

    assert check(answer).right is False


@pytest.mark.parametrize("check", FUNCTIONS + FUNCTIONS_OF_PART_3)
@pytest.mark.parametrize(
    "made",
    [
        lambda: float("nan"),
        lambda: (float("nan"), float("nan")),
        lambda: torch.full((50,), float("nan")),
        lambda: torch.full((5, 2), float("nan")),
        lambda: (torch.full((6, 6), float("nan")), torch.full((6,), float("nan"))),
        lambda: float("inf"),
        lambda: None,
        lambda: True,
    ],
)
def test_what_is_no_number_is_not_right(check, made):
    assert check(lambda *case: made()).right is False


@pytest.mark.parametrize(
    ("check", "right", "wrong"),
    [
        (
            start_here.check_leaks,
            lambda train, test: [n for n, t in enumerate(test) if plain(t) in map(plain, train)],
            [0],
        ),
        (bert_finetuning.check_segments, lambda a, b: [0] * (a + 2) + [1] * (b + 1), [0, 1]),
        (
            bert_finetuning.check_share,
            lambda t, r, s: min((t + 1) / r, (s - t) / (s - r)),
            0.5,
        ),
        (
            features_or_finetuning.check_stored_bytes,
            lambda t, e, h: (4 * (e + t * h), 4 * t * (e + h)),
            (4, 4),
        ),
    ],
)
@pytest.mark.parametrize("every", [2, 3])
def test_an_answer_that_counts_its_calls_is_not_right_if_one_of_them_is_wrong(
    check, right, wrong, every
):
    calls = itertools.count(1)
    assert check(lambda *case: right(*case)).right
    assert check(lambda *case: right(*case) if next(calls) % every else wrong).right is False


WANTED = {"wanted", "gives", "right", "shared", "cosines", "crossed", "alone"}


@pytest.mark.parametrize(
    "check", FUNCTIONS + [c for c in FUNCTIONS_OF_PART_3 if "exact" not in c.__name__]
)
def test_an_answer_that_looks_into_its_callers_sees_the_inputs_only(check):
    seen = []

    def answer(*case):
        frame = sys._getframe(1)
        while frame.f_code.co_name != check.__name__:
            frame = frame.f_back
        seen.append(set(frame.f_locals))

    check(answer)
    assert seen
    assert not [names & WANTED for names in seen if names & WANTED]


def held_by_callers(fits):
    """Whatever fits among the local values of the callers, of closures as well."""
    frame = sys._getframe(1)
    while frame := frame.f_back:
        if frame.f_code.co_name.startswith("test_"):
            return None
        for held in list(frame.f_locals.values()):
            if fits(held):
                return held
    return None


def test_an_answer_that_copies_what_its_callers_hold_is_not_right():
    logits = lambda held: torch.is_tensor(held) and held.shape == (5, 2)
    places = lambda held: torch.is_tensor(held) and held.shape == (50,)
    numbers = lambda held: isinstance(held, list) and len(held) == 2
    for check, fits in (
        (features_or_finetuning.check_shortcut, logits),
        (start_here.check_nearest, places),
        (start_here.check_leaks, numbers),
    ):
        assert check(lambda *case, fits=fits: held_by_callers(fits)).right is False


@pytest.mark.parametrize(
    "check", FUNCTIONS + [c for c in FUNCTIONS_OF_PART_3 if "exact" not in c.__name__]
)
def test_a_seed_set_before_makes_no_check_draw_the_same_again(check):
    seen = set()
    for _ in range(12):  # two may be the same by chance: some checks have but 18 cases to draw from
        torch.manual_seed(0)
        np.random.seed(0)  # noqa: NPY002 -- the old one, which a learner may set
        cases = []
        check(lambda *case, cases=cases: cases.append(repr(case)))
        seen.add(tuple(cases))
    assert len(seen) > 1


def test_an_answer_cannot_lift_the_strictness_of_its_own_run(monkeypatch):
    monkeypatch.setenv("TLBOOK_STRICT", "1")
    with pytest.raises(AssertionError):
        judge(1, [(lambda: monkeypatch.setenv("TLBOOK_STRICT", "0"), "wrong")])
