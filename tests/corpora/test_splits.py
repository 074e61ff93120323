"""Splits keep groups whole and strata in proportion, and find what is alike."""

import itertools
import random

import pytest

from tlbook.corpora.splits import alike, divide, order_of, plain, straddling


def test_shares_are_met_to_the_row():
    parts = divide(range(100), [number % 4 for number in range(100)])
    assert [parts.count(split) for split in ("train", "validation", "test")] == [70, 10, 20]


def test_every_stratum_is_divided_in_proportion():
    strata = ["rare"] * 10 + ["common"] * 40
    parts = divide(range(50), strata)
    rare = parts[:10]
    assert [rare.count(split) for split in ("train", "validation", "test")] == [7, 1, 2]


def test_a_group_is_never_divided():
    groups = [number // 3 for number in range(90)]
    parts = divide(groups, [0] * 90)
    assert all(len(set(parts[start : start + 3])) == 1 for start in range(0, 90, 3))


def test_a_class_of_one_row_is_met_in_training():
    assert divide(range(6), list("aaaaab"))[5] == "train"


def test_a_group_that_alone_holds_a_stratum_is_exchanged_for_one_of_its_size():
    groups = [f"t{number}" for number in (1, 1, 3, 3, 4, 4, 4, 5, 6, 6, 6, 6, 8)]
    strata = list("aaacaaacbdddb")
    parts = dict(zip(groups, divide(groups, strata), strict=True))
    assert (parts["t6"], parts["t4"]) == ("train", "test"), "4 rows for 3"
    assert set(parts.values()) == {"train", "validation", "test"}


def test_every_stratum_is_met_in_training_even_where_groups_mix_them():
    for seed in range(400):
        draw = random.Random(seed)
        groups = [draw.randrange(10) for _ in range(30)]
        strata = [draw.choice("aaaaabbbccdef") for _ in groups]
        parts = divide(groups, strata, seed=seed)
        taught = {stratum for stratum, part in zip(strata, parts, strict=True) if part == "train"}
        assert taught == set(strata)
        assert len(set(zip(groups, parts, strict=True))) == len(set(groups)), "groups stay whole"


def test_the_order_of_rows_does_not_matter():
    names = [f"text {number}" for number in range(30)]
    forward = dict(zip(names, divide(names, [0] * 30), strict=True))
    names.reverse()
    assert forward == dict(zip(names, divide(names, [0] * 30), strict=True))


def test_another_seed_deals_another_hand():
    assert divide(range(30), [0] * 30) != divide(range(30), [0] * 30, seed=1)
    assert order_of("a") != order_of("a", seed=1)


@pytest.mark.parametrize("shares", [{"train": 0.5}, {"train": 1.5, "test": -0.5}])
def test_shares_that_are_none_are_refused(shares):
    with pytest.raises(ValueError, match="shares must lie in 0..1 and sum to 1"):
        divide([1], [1], shares=shares)


def test_alike_agrees_with_comparing_every_pair():
    words = ["a", "b", "c", "d", "e", "f"]
    texts = [" ".join(some) for size in (3, 4, 5) for some in itertools.combinations(words, size)]
    bags = [set(text.split()) for text in texts]
    found = alike(texts, overlap=0.8)
    for one, other in itertools.combinations(range(len(texts)), 2):
        if len(bags[one] & bags[other]) / len(bags[one] | bags[other]) >= 0.8:
            assert found[one] == found[other]
    assert len(set(alike(texts, overlap=1.0))) == len(texts)


def test_texts_that_share_too_little_are_not_alike():
    # 2 of 4 different words: 0.5
    assert alike(["red wine here", "red wine there"], overlap=0.5) == [0, 0]
    assert alike(["red wine here", "red wine there"], overlap=0.51) == [0, 1]


def test_plain_ignores_case_punctuation_and_spacing_only():
    assert plain("  Straße,  OK?") == plain("STRASSE ok")
    assert plain("not good") != plain("good")


def test_straddling_names_each_text_once():
    assert straddling(list("abcaab"), ["x", "x", "x", "y", "y", "x"]) == ["a"]
