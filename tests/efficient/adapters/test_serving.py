"""A mixed batch in one pass says what each task alone would say."""

import pytest
import torch

from tests.efficient.adapters.test_bank import shaken
from tests.efficient.tiny_trunks import tiny_trunk
from tests.tiny_models import tiny_rows
from tlbook.batches import collate
from tlbook.efficient import adapters
from tlbook.efficient.adapters.places import layer_count, path_of_layers
from tlbook.efficient.adapters.serving import ByTask, serve
from tlbook.heads import Classifier, Tagger

TASKS = ["two", "one", "three", "one", "two", "two"]


@pytest.fixture
def models(trunk):
    """Return three tasks on one trunk, of other classes, widths and layers."""
    made = {}
    options = {"one": {"layers": (1,)}, "two": {"placement": "pfeiffer"}, "three": {}}
    for classes, (name, changes) in enumerate(options.items(), 2):
        made[name] = Classifier(trunk, classes)
        adapters.add(made[name], name=name, bottleneck=classes, **changes)
        shaken(made[name])
    return made


def alone(model, name, batch, row):
    adapters.activate(model, name)
    one = {key: tensor[row : row + 1] for key, tensor in batch.items()}
    return model.eval()(**one)[0]


def test_rows_of_all_tasks_get_the_answers_of_their_own(models, batch):
    expected = [alone(models[name], name, batch, row) for row, name in enumerate(TASKS)]
    found = serve(models, batch, TASKS)
    assert [len(answer) for answer in found] == [3, 2, 4, 2, 3, 3]
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other.detach(), rtol=0, atol=1e-5)


def test_one_model_with_a_head_for_each_name_serves_too(trunk, batch):
    model = Classifier(trunk, 2)
    for name in ("one", "two", "three"):
        adapters.add(model, name=name, bottleneck=2)
        shaken(model)
    expected = [alone(model, name, batch, row) for row, name in enumerate(TASKS)]
    model.train()
    for name in adapters.names(model):  # all heads are left in the mode of training, with dropout
        adapters.activate(model, name)
    for one, other in zip(serve(model, batch, TASKS), expected, strict=True):
        torch.testing.assert_close(one, other.detach(), rtol=0, atol=1e-5)


def test_each_layer_of_the_trunk_runs_once_over_all_rows(models, batch):
    trunk, seen = models["one"].encoder, []
    for layer in trunk.get_submodule(path_of_layers(trunk)):
        layer.register_forward_pre_hook(lambda _, given: seen.append(len(given[0])))
    serve(models, batch, TASKS)
    assert seen == [len(TASKS)] * layer_count(trunk)


@pytest.mark.parametrize("active", ["three", None])
def test_what_was_in_place_is_so_afterwards(models, batch, active):
    adapters.activate(models["three"], active)
    before = models["three"].eval()(**batch)
    serve(models, batch, TASKS)
    assert adapters.active(models["one"]) == active
    assert torch.equal(models["three"](**batch), before)


def test_states_come_from_an_encoder_alone_and_tags_from_a_tagger():
    trunk = tiny_trunk()
    model, batch = Tagger(trunk, 3), collate(tiny_rows(2))
    adapters.add(model, name="tags", bottleneck=2)
    width = batch["input_ids"].shape[1]
    assert [x.shape for x in serve(trunk, batch, ["tags"] * 2)] == [(width, 8)] * 2
    assert [x.shape for x in serve(model, batch, ["tags"] * 2)] == [(width, 3)] * 2


def test_a_run_of_rows_goes_through_its_own_module():
    double, zero = torch.nn.Linear(1, 1, bias=False), torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.constant_(double.weight, 2.0)
    torch.nn.init.zeros_(zero.weight)
    found = ByTask([double, zero], [2, 1])(torch.tensor([[1.0], [2.0], [3.0]]))
    assert found.tolist() == [[2.0], [4.0], [0.0]]


def test_a_name_for_each_row_is_needed(models, batch):
    with pytest.raises(ValueError, match="6 rows need as many tasks, got 1"):
        serve(models, batch, ["one"])
    with pytest.raises(ValueError, match="there are no rows to serve"):
        serve(models, batch, [])


def test_an_unknown_task_is_an_error(models, batch):
    with pytest.raises(ValueError, match="no adapter 'thre'; did you mean 'three'"):
        serve(models, batch, ["thre"] * 6)


def test_a_model_without_the_adapters_of_its_task_is_an_error(models, batch):
    with pytest.raises(ValueError, match="no adapter 'four'. There are 'one', 'two', 'three'"):
        serve({"four": models["one"]}, batch, ["four"] * 6)


def test_two_trunks_cannot_be_served_in_one_pass(models, batch):
    other = Classifier(tiny_trunk(), 2)
    adapters.add(other, name="one", bottleneck=2)
    with pytest.raises(ValueError, match="the models must share one encoder"):
        serve(models | {"one": other}, batch, TASKS)
