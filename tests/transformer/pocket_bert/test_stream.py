"""What the batches of a run promise: like lengths, masks by the book, repeatable by seed."""

import numpy as np
import pytest
import torch

from tlbook.transformer.pocket_bert import stream
from tlbook.transformer.pocket_bert.stream import CLS, FIRST_ORDINARY, MASK, PAD, SEP, Stream

VOCAB = 50


@pytest.fixture
def text():
    draw = np.random.default_rng(0)
    lengths = draw.integers(4, 40, size=200)
    return draw.integers(FIRST_ORDINARY, VOCAB, lengths.sum()).astype(np.uint16), np.concatenate(
        [[0], np.cumsum(lengths)]
    )


def made(text, **changes):
    options = {"vocab": VOCAB, "tokens": 3000, "batch_tokens": 200, "seed": 0} | changes
    return Stream(*text, **options)


def test_an_epoch_shows_every_chunk_once_in_batches_of_about_the_size(text):
    lengths = np.diff(text[1])
    batches = stream.plan(lengths, batch_tokens=200, seed=0)
    assert sorted(np.concatenate(batches)) == list(range(len(lengths)))
    assert all(len(rows) * (lengths[rows].max() + 2 - stream.STEP) <= 200 for rows in batches)
    padded = sum(len(rows) * lengths[rows].max() for rows in batches)
    assert padded < 1.25 * lengths.sum(), "rows of like length stand together"


def test_a_chunk_longer_than_a_batch_stands_alone():
    assert [len(rows) for rows in stream.plan(np.array([90, 90]), batch_tokens=50, seed=0)] == [
        1,
        1,
    ]


def test_the_run_ends_with_the_step_that_reaches_its_tokens(text):
    run = made(text)
    real = [int(batch["attention_mask"].sum()) for batch in run]
    assert len(real) == len(run)
    assert list(run.tokens_before) == [0, *np.cumsum(real)]
    assert run.tokens_before[-2] < 3000 <= run.tokens_before[-1]


def test_a_long_run_passes_over_the_text_again_in_another_order(text):
    total = int(text[1][-1]) + 2 * 200
    run = made(text, tokens=2 * total)
    rows = np.concatenate(run.steps)
    assert sorted(rows[:200]) == sorted(rows[200:400]) == list(range(200))
    assert list(rows[:200]) != list(rows[200:400])


def test_each_pass_and_each_machine_sees_the_same(text):
    for one, other in zip(made(text), made(text), strict=True):
        for name in one:
            assert torch.equal(one[name], other[name])
    assert not torch.equal(made(text).batch(0)["seen_ids"], made(text, seed=1).batch(0)["seen_ids"])


def test_a_batch_is_cls_chunk_sep_and_padding():
    ids, offsets = np.array([7, 8, 9, 5, 6], dtype=np.uint16), np.array([0, 3, 5])
    found = stream.collate(ids, offsets, np.array([1, 0]))
    assert found.tolist() == [[CLS, 5, 6, SEP, PAD], [CLS, 7, 8, 9, SEP]]


def masked(rows=4000, width=20):
    token_ids = torch.randint(
        FIRST_ORDINARY, VOCAB, (rows, width), generator=torch.Generator().manual_seed(1)
    )
    token_ids[:, 0], token_ids[:, -2], token_ids[:, -1] = CLS, SEP, PAD
    seen, chosen = stream.mask(token_ids, VOCAB, torch.Generator().manual_seed(0))
    return token_ids, seen, chosen


def test_special_tokens_and_padding_are_never_hidden():
    token_ids, seen, chosen = masked()
    special = token_ids < FIRST_ORDINARY
    assert not chosen[special].any()
    assert torch.equal(seen[special], token_ids[special])


def test_tokens_that_were_not_chosen_are_seen():
    token_ids, seen, chosen = masked()
    assert torch.equal(seen[~chosen], token_ids[~chosen])


def test_rates_are_those_of_bert_and_differ_from_row_to_row():
    token_ids, seen, chosen = masked()
    ordinary = token_ids >= FIRST_ORDINARY
    rates = chosen.sum(1) / ordinary.sum(1)
    assert rates.mean().item() == pytest.approx(stream.HIGHEST_MASK_RATE / 2, abs=0.01)
    assert (rates == 0).float().mean() > 0.1, "some sentences stay whole"
    hidden = (seen[chosen] == MASK).float().mean().item()
    kept = (seen[chosen] == token_ids[chosen]).float().mean().item()
    assert hidden == pytest.approx(0.8, abs=0.02)
    assert kept == pytest.approx(0.1 + 0.1 / (VOCAB - FIRST_ORDINARY), abs=0.02)
    assert seen[chosen].min() >= MASK, "a replacement is never special"
