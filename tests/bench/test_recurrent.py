"""All ways to embed give the same layers, and each is what its name says."""

import os

import numpy as np
import pytest
import torch

from tests.recurrent.pocket_elmo.conftest import SETTINGS
from tlbook.bench import recurrent
from tlbook.bench.task import Sizes
from tlbook.recurrent.elmo import BiLM

SENTENCES = [["a", "b", "a"], ["b"], ["c", "a"]]
TINY = Sizes(rows=3, batch=2, pairs=1, repeats=2)


@pytest.fixture
def bilm():
    torch.manual_seed(0)
    return BiLM(SETTINGS)


def test_every_word_is_read_anew_and_to_the_same_end(bilm):
    read = []
    bilm.characters.register_forward_pre_hook(lambda _, given: read.append(len(given[0])))
    found = recurrent.word_by_word(bilm, SENTENCES, 2)
    assert sum(read) == 2 * 5 + 1 * 3  # padded, with the ends of sentences
    recurrent.require_equal(found, bilm.embed(SENTENCES))


def test_one_at_a_time_gives_the_same_layers(bilm):
    recurrent.require_equal(recurrent.one_by_one(bilm, SENTENCES), bilm.embed(SENTENCES))


def test_layers_that_differ_are_told(bilm):
    with pytest.raises(AssertionError):
        recurrent.require_equal(bilm.embed(SENTENCES), bilm.embed([["z"] * 3, ["b"], ["c", "a"]]))


def test_the_benchmark_compares_what_it_should_and_tidies_up():
    before = os.environ["TLBOOK_CACHE"]
    rows = list(recurrent.elmo(TINY, SETTINGS))
    assert [row.bar for row in rows] == [4.0, 1.4, None, 50.0, 4.0]
    assert all(len(row.cpu) == 1 and np.isfinite(row.cpu[0]) for row in rows)
    assert os.environ["TLBOOK_CACHE"] == before
    assert not os.path.exists(os.path.join(before, "elmo"))
