"""Rows read on where they stopped, both ways, and targets stand behind their words."""

import numpy as np
import pytest
import torch

from tlbook.recurrent.pocket_elmo.stream import Stream

WORDS = np.array([0, 2, 3, 4, 0, 5, 6, 2, 0, 3, 2, 2, 0])  # the last 0 is the first again
SPELT = np.arange(7)[:, None] * np.ones((1, 3), dtype=np.int16)  # a word is spelt by its number


def stream(**changes):
    settings = {
        "vocab": 5,
        "rows": 2,
        "span": 3,
        "total": 24,
        "common": 2,
        "sampled": 4,
        "forgetting": 0.5,
        "seed": 0,
    }
    return Stream(WORDS, SPELT, **settings | changes)


def read(given, direction):
    """The words that each row reads in all steps, and what it is to predict."""
    inputs, targets = [], []
    for batch in given:
        numbers = batch["spelt"][:, 0]
        inputs.append(numbers[batch[f"{direction}_inputs"]])
        targets.append(batch[f"{direction}_targets"])
    return torch.cat(inputs, 1).tolist(), torch.cat(targets, 1).tolist()


def test_forward_rows_read_the_ring_on_and_on():
    inputs, targets = read(stream(), "forward")
    assert inputs[0] == [0, 2, 3, 4, 0, 5, 6, 2, 0, 3, 2, 2]
    assert inputs[1] == [6, 2, 0, 3, 2, 2, 0, 2, 3, 4, 0, 5]
    assert targets[0] == [2, 3, 4, 0, 1, 1, 2, 0, 3, 2, 2, 0], "5 and 6 are beyond the vocabulary"


def test_backward_rows_read_it_from_behind_and_begin_with_the_end_of_a_sentence():
    inputs, targets = read(stream(), "backward")
    assert inputs[0] == [1, 2, 2, 3, 1, 2, 6, 5, 1, 4, 3, 2]
    assert targets[0] == [2, 2, 3, 0, 2, 1, 1, 0, 4, 3, 2, 0]
    assert inputs[1] == [6, 5, 1, 4, 3, 2, 1, 2, 2, 3, 1, 2]


def test_together_the_rows_read_every_word_once_before_any_twice():
    inputs, _ = read(stream(total=12), "forward")
    assert sorted(inputs[0] + inputs[1]) == sorted(WORDS[:-1].tolist())


def test_a_run_has_as_many_words_as_asked_for():
    assert len(stream(total=24)) == 4
    assert len(stream(total=29)) == 4


def test_each_distinct_word_is_spelt_once():
    for batch in stream():
        assert len(batch["spelt"].unique(dim=0)) == len(batch["spelt"])


def test_a_step_is_decided_by_its_number_alone():
    one, other = list(stream()), stream()
    for place in (3, 0, 2):
        for name, tensor in other.batch(place).items():
            assert torch.equal(tensor, one[place][name])
    assert not torch.equal(one[0]["candidates"], one[1]["candidates"])


def test_common_words_are_always_candidates_and_weights_are_one_over_expected_counts():
    given = stream(sampled=3000).batch(0)
    names, weights = given["candidates"], given["log_weights"].exp()
    assert names[:2].tolist() == [0, 1]
    assert weights[:2].tolist() == [1, 1]
    for word, share in ((2, 5 / 10), (3, 3 / 10), (4, 2 / 10)):  # counts of 4, 2, 1, each + 1
        drawn = names[2:] == word
        assert drawn.float().mean().item() == pytest.approx(share, abs=0.04)
        assert weights[2:][drawn][0].item() == pytest.approx(1 / (3000 * share))


def test_a_vocabulary_of_common_words_alone_needs_no_draw():
    given = stream(common=9, sampled=4).batch(0)
    assert given["candidates"].tolist() == [0, 1, 2, 3, 4]


def test_some_rows_forget():
    kept = torch.cat([batch["kept"] for batch in stream(rows=4, total=240)])
    assert 0.2 < kept.mean() < 0.8
    assert stream(forgetting=0.0).batch(0)["kept"].tolist() == [1, 1]
