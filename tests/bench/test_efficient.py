"""What is compared differs by what is frozen, and by nothing else."""

import pytest
import torch

from tests.tiny_models import tiny_bert, tiny_rows, tiny_tokenizer
from tlbook.batches import Batches
from tlbook.bench import efficient
from tlbook.bench.task import QUICK, Task
from tlbook.freezing import trained_weights
from tlbook.heads import Classifier


@pytest.fixture(autouse=True)
def in_float32(monkeypatch):
    monkeypatch.setenv("TLBOOK_PRECISION", "float32")


@pytest.fixture
def task(monkeypatch):
    """A task so small that all of it runs in no time."""
    made = Task(tiny_tokenizer(), tiny_bert(), tiny_rows(7), [])
    monkeypatch.setattr(efficient, "reviews", lambda rows: made)
    monkeypatch.setitem(efficient.METHODS, "adapters", lambda m: efficient.adapters.add(m))
    return made


@pytest.fixture(autouse=True)
def narrow(monkeypatch):
    """Adapters that fit into eight numbers."""
    add = efficient.adapters.add
    monkeypatch.setattr(
        efficient.adapters, "add", lambda model, **given: add(model, **given | {"bottleneck": 2})
    )


@pytest.mark.parametrize("name", efficient.METHODS)
def test_a_method_trains_its_head_and_few_weights_of_the_encoder(task, name):
    model = efficient._prepared(task, efficient.METHODS[name])
    assert all(weight.requires_grad for weight in model.head.parameters())
    assert trained_weights(model) < trained_weights(Classifier(tiny_bert(), 2)) / 2
    assert trained_weights(task.encoder) > trained_weights(model), "the task itself was frozen"


def test_the_bar_says_three_quarters_of_the_time(task):
    rows = list(efficient.steps(QUICK))
    bars = {row.name.split(",")[1].split(":")[0].strip(): row.bar for row in rows}
    assert bars == {"adapters": pytest.approx(4 / 3), "LoRA": None, "head only": None}
    assert all(row.cpu and row.wall and row.trained_weights for row in rows)


def test_each_frozen_method_needs_less_memory_than_fine_tuning(task):
    rows = list(efficient.memory(QUICK))
    assert [row.unit for row in rows] == ["x memory"] * 3
    assert all(row.figure > 1 for row in rows)


def test_stored_states_are_compared_with_texts(task):
    (row,) = efficient.stored(QUICK)
    assert row.figure > 0
    assert row.trained_weights > 0


def test_states_that_are_not_those_of_the_texts_are_noticed(task, monkeypatch):
    model = efficient._prepared(task, efficient.head_only)
    batches = Batches(task.train, 3)
    efficient._require_equal_logits(model, batches)

    def wrong(model, batches):
        upper, stored = store(model, batches)
        upper.encoder.embeddings.states = upper.encoder.embeddings.states + 1e-2
        return upper, stored

    store = efficient.store
    torch.nn.init.normal_(model.head.weight)
    monkeypatch.setattr(efficient, "store", wrong)
    with pytest.raises(AssertionError):
        efficient._require_equal_logits(model, batches)
