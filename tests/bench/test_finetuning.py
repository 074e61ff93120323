"""Our training and the stock Trainer's are the same training, only not the same time."""

import pytest
import torch

from tests.tiny_models import tiny_bert, tiny_rows, tiny_tokenizer
from tlbook.batches import Batches
from tlbook.bench import finetuning
from tlbook.bench.task import Task


@pytest.fixture
def task():
    encoder = tiny_bert(hidden_dropout_prob=0.1)
    return Task(tiny_tokenizer(), encoder, tiny_rows(10), tiny_rows(4, seed=1))


def test_without_dropout_and_in_one_order_both_learn_the_same(task):
    finetuning.require_equal(task, batch=3)


@pytest.mark.parametrize(
    "change", [{"learning_rate": 1e-2}, {"adam_beta1": 0.5}, {"max_grad_norm": 0.01}]
)
def test_a_side_that_trains_otherwise_is_noticed(task, monkeypatch, change):
    stock = finetuning.by_trainer
    other = lambda *given, **settings: stock(*given, **settings | change)
    monkeypatch.setattr(finetuning, "by_trainer", other)
    with pytest.raises(AssertionError):
        finetuning.require_equal(task, batch=3)


def test_each_side_moves_its_own_copy_and_not_the_task(task):
    before = {name: tensor.clone() for name, tensor in task.encoder.state_dict().items()}
    for side in finetuning.sides(task, 3):
        side()()
    torch.testing.assert_close(task.encoder.state_dict(), before, rtol=0, atol=0)


def test_the_trainer_reports_and_saves_nothing(task, capsys, tmp_path):
    finetuning.by_trainer(task.classifier(), task, batch=3, output_dir=str(tmp_path))()
    assert capsys.readouterr().out == ""
    assert list(tmp_path.iterdir()) == []


def test_the_trainer_sees_random_batches_and_the_attention_of_transformers(task, monkeypatch):
    seen, model = [], task.classifier()
    forward = finetuning.ForTrainer.forward

    def watched(self, input_ids, attention_mask, token_type_ids, labels):
        seen.append(tuple(attention_mask.sum(1).tolist()))
        return forward(self, input_ids, attention_mask, token_type_ids, labels)

    monkeypatch.setattr(finetuning.ForTrainer, "forward", watched)
    finetuning.by_trainer(model, task, batch=3)()
    lengths = [len(row["input_ids"]) for row in task.train]
    assert sorted(sum(seen, ())) == sorted(lengths), "every row once"
    assert list(sum(seen, ())) != sorted(lengths)
    assert model.encoder.config._attn_implementation == "sdpa"


def test_ours_works_off_the_batches_it_is_given(task):
    model, batches = task.classifier(), Batches(task.train, 3)
    finetuning.by_fit(model, batches, epochs=2)()
    assert batches.epoch == 2
