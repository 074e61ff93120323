"""Every row once per epoch, in an order that the seed decides, with little padding."""

import numpy as np
import pytest
import torch

from tests.tiny_models import tiny_rows
from tlbook.batches import POOL, Batches, collate
from tlbook.tokens import IGNORED


def rows_of(lengths):
    return [{"input_ids": list(range(2, 2 + length))} for length in lengths]


def share_of_padding(batches):
    real = whole = 0
    for batch in batches:
        real += int(batch["attention_mask"].sum())
        whole += batch["attention_mask"].numel()
    return 1 - real / whole


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize(("count", "size"), [(1, 4), (7, 3), (8, 4), (130, 2)])
def test_an_epoch_holds_every_row_once(count, size, shuffle):
    batches = Batches(tiny_rows(count), size=size, shuffle=shuffle)
    plan = batches.plan(1)
    assert sorted(place for places in plan for place in places) == list(range(count))
    assert max(map(len, plan)) <= size
    assert len(batches) == len(plan) == len(list(batches))


def test_the_same_seed_and_epoch_give_the_same_order():
    rows = tiny_rows(40)
    first, again = Batches(rows, size=4, seed=3), Batches(rows, size=4, seed=3)
    for _ in range(2):
        for batch, other in zip(first, again, strict=True):
            torch.testing.assert_close(batch, other, rtol=0, atol=0)


def test_another_seed_or_epoch_gives_another_order():
    rows = tiny_rows(40)
    plans = [Batches(rows, size=4, seed=seed).plan(epoch) for seed in (0, 1) for epoch in (1, 2)]
    assert len({str(plan) for plan in plans}) == 4


def test_each_pass_is_the_next_epoch():
    batches = Batches(tiny_rows(40), size=4)
    for epoch in (1, 2):
        seen = [batch["input_ids"].tolist() for batch in batches]
        assert batches.epoch == epoch
        planned = [batches.collated(places)["input_ids"].tolist() for places in batches.plan(epoch)]
        assert seen == planned


def test_the_global_generators_are_neither_used_nor_moved():
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    list(Batches(tiny_rows(9), size=2))
    assert torch.rand(1) == expected


def test_unshuffled_batches_run_from_short_to_long_in_every_epoch():
    batches = Batches(rows_of([5, 2, 7, 2, 3]), size=2, shuffle=False)
    assert batches.plan(1) == batches.plan(2) == [[1, 3], [4, 0], [2]]


def test_batches_of_like_length_pad_far_less_than_random_ones():
    lengths = np.random.default_rng(0).integers(3, 60, size=8 * POOL * 4)
    rows = rows_of(lengths)
    random_order = [collate(rows[i : i + 8]) for i in range(0, len(rows), 8)]
    assert share_of_padding(Batches(rows, size=8)) < 0.25 * share_of_padding(random_order)


def test_short_and_long_batches_are_mixed():
    widths = [b["input_ids"].shape[1] for b in Batches(rows_of(range(1, 65)), size=2, seed=1)]
    assert widths != sorted(widths)
    assert widths != sorted(widths, reverse=True)


def test_padding_by_hand():
    rows = [
        {"input_ids": [2, 8, 3], "token_type_ids": [0, 1, 1], "labels": [IGNORED, 4, IGNORED]},
        {"input_ids": [2, 3], "token_type_ids": [0, 1], "labels": [IGNORED, IGNORED]},
    ]
    batch = collate(rows, pad_id=9)
    assert batch["input_ids"].tolist() == [[2, 8, 3], [2, 3, 9]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1], [1, 1, 0]]
    assert batch["token_type_ids"].tolist() == [[0, 1, 1], [0, 1, 0]]
    assert batch["labels"].tolist() == [[IGNORED, 4, IGNORED], [IGNORED] * 3]


def test_classes_are_whole_numbers_and_scores_are_not():
    rows = tiny_rows(2)
    assert collate(rows)["labels"].dtype is torch.int64
    scored = [row | {"labels": 0.5} for row in rows]
    assert collate(scored)["labels"].dtype is torch.float32


def test_what_is_no_tensor_stays_in_the_rows():
    rows = [{"input_ids": [2, 3], "start_positions": 0, "end_positions": 1, "offsets": [None] * 2}]
    batches = Batches(rows)
    assert set(next(iter(batches))) == {
        "input_ids",
        "attention_mask",
        "start_positions",
        "end_positions",
    }
    assert batches.rows[0]["offsets"] == [None, None]


def test_no_rows_are_an_error():
    with pytest.raises(ValueError, match="there are no rows to batch; check the split"):
        Batches([])


def test_an_impossible_size_is_an_error():
    with pytest.raises(ValueError, match="size must be 1 or more rows per batch, got 0"):
        Batches(tiny_rows(2), size=0)


def test_a_row_without_a_label_is_named():
    rows = tiny_rows(3)
    del rows[2]["labels"]
    with pytest.raises(ValueError, match=r"row 2 has \['input_ids', 'token_type_ids'\], row 0 has"):
        Batches(rows)


def test_labels_of_another_length_than_the_ids_are_an_error():
    rows = [{"input_ids": [2, 5, 3], "labels": [0.2, 0.8]}]
    with pytest.raises(ValueError, match="labels must be one number per row, or one per token"):
        list(Batches(rows))
