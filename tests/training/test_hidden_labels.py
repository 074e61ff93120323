"""Which labels are hidden, and which only look so."""

import numpy as np
import pytest
import torch

from tlbook.tokens import IGNORED
from tlbook.training.hidden_labels import hidden, said_of, say

OUT = IndexError("Target -1 is out of bounds.")


@pytest.mark.parametrize("label", [-1, np.int64(-1), [0, -1], np.array([IGNORED, -1]), IGNORED])
def test_a_whole_number_below_0_is_hidden(label):
    assert hidden([{"labels": 0}, {"labels": label}]) == [1]


@pytest.mark.parametrize("label", [0, -1.0, np.float32(-0.5), [IGNORED, 3], True, "negative", None])
def test_scores_ignored_tokens_and_what_is_no_number_are_not(label):
    assert hidden([{"labels": label}]) == []


def test_it_says_how_many_and_which_is_the_first():
    assert say([4, 7], 9).startswith(
        "2 of 9 rows have a hidden label (below 0), the first is row 4"
    )
    assert say([0], 1).startswith("1 of 1 row has")


@pytest.mark.parametrize("error", [OUT, RuntimeError("CUDA error: device-side assert triggered")])
def test_of_a_loss_that_broke_on_them_it_tells_the_row_of_the_batch(error):
    told = said_of({"labels": torch.tensor([0, -1])}, error)
    assert "the first is row 1 of the batch; leave these rows out" in told


@pytest.mark.parametrize(
    ("labels", "error"),
    [
        (torch.tensor([0, 7]), OUT),
        (torch.tensor([0, IGNORED]), OUT),
        (torch.tensor([-1.0]), OUT),
        (torch.tensor([-1]), RuntimeError("out of memory")),
        (None, OUT),
    ],
)
def test_of_another_break_it_tells_nothing(labels, error):
    assert said_of({} if labels is None else {"labels": labels}, error) is None
