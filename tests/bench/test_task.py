"""The benchmarks share one task: real weights, real reviews, balanced classes."""

from collections import Counter

import torch

from tlbook.bench.task import QUICK, Sizes, reviews


def test_the_rows_are_balanced_and_tokenised():
    task = reviews(6)
    assert Counter(row["labels"] for row in task.train) == {0: 3, 1: 3}
    assert len(task.test) == 6
    assert task.train[0]["input_ids"][0] == task.tokenizer.cls_token_id


def test_every_classifier_starts_from_the_same_encoder_and_leaves_it_alone():
    task = reviews(2)
    first, second = task.classifier(), task.classifier()
    weight = "encoder.layer.0.output.dense.weight"
    with torch.no_grad():
        first.encoder.get_parameter(weight).zero_()
    kept = second.encoder.get_parameter(weight)
    assert torch.equal(kept.cpu(), task.encoder.get_parameter(weight))
    assert kept.any()


def test_the_full_sizes_are_those_of_the_bars():
    full = Sizes()
    assert full.pairs >= 5
    assert full.seeds >= 5
    assert QUICK.rows < full.rows
