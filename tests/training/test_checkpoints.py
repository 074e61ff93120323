"""A checkpoint holds all of a run, is written whole or not at all, and is checked before use."""

import json
import random

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

from tlbook import runtime
from tlbook.batches import Batches
from tlbook.schedules import linear
from tlbook.training.checkpoints import Progress, restore, save, settings_of


def parts(seed=0, *, size=2, rate=0.1, kind=torch.optim.AdamW):
    """Return a model, an optimizer that has made a step, and a schedule."""
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(2, size), nn.BatchNorm1d(size))
    optimizer = kind(model.parameters(), rate)
    schedule = linear(optimizer, steps=4, warmup=0.5)
    model(torch.randn(3, 2)).square().sum().backward()
    optimizer.step()
    schedule.step()
    return model, optimizer, schedule


def stored(path, seed=0, **changes):
    model, optimizer, schedule = parts(seed, **changes)
    progress = Progress(epochs=2, length=5, epoch=2, step=3, total=1.25, seconds=9.0, order=2)
    save(path, progress, settings_of(progress, [], optimizer), model, optimizer, schedule)
    return model, optimizer, schedule, progress


def loaded(path, seed=1, **changes):
    model, optimizer, schedule = parts(seed, **changes)
    fresh = Progress(epochs=2, length=5)
    settings = settings_of(fresh, [], optimizer)
    return model, optimizer, schedule, restore(path, fresh, settings, model, optimizer, schedule)


def test_everything_comes_back(tmp_path):
    model, optimizer, schedule, progress = stored(tmp_path / "run")
    model2, optimizer2, schedule2, progress2 = loaded(tmp_path / "run")
    assert progress2 == progress
    torch.testing.assert_close(model2.state_dict(), model.state_dict(), rtol=0, atol=0)
    old, new = optimizer.state_dict(), optimizer2.state_dict()
    torch.testing.assert_close(new["state"], old["state"], rtol=0, atol=0)
    assert [g["lr"] for g in new["param_groups"]] == [g["lr"] for g in old["param_groups"]]
    assert schedule2.get_last_lr() == schedule.get_last_lr()
    assert schedule2.last_epoch == schedule.last_epoch


def test_all_generators_go_on_where_they_were(tmp_path):
    runtime.seed_all(3)
    stored(tmp_path / "run")
    drawn = [(random.random(), np.random.rand(), torch.rand(1).item())]  # noqa: NPY002
    loaded(tmp_path / "run")
    drawn.append((random.random(), np.random.rand(), torch.rand(1).item()))  # noqa: NPY002
    assert drawn[0] == drawn[1]


def test_an_optimizer_without_state_is_no_trouble(tmp_path):
    stored(tmp_path / "run", kind=torch.optim.SGD)
    assert loaded(tmp_path / "run", kind=torch.optim.SGD)[3].step == 3


def test_tied_and_overlapping_weights_are_stored_and_stay_tied(tmp_path):
    model = nn.Module()
    model.one = nn.Linear(2, 2, bias=False)
    model.two = nn.Linear(2, 2, bias=False)
    model.two.weight = model.one.weight
    whole = torch.zeros(4)
    model.three, model.four = nn.Parameter(whole[:2]), nn.Parameter(whole[2:])  # one storage
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    progress = Progress(epochs=1, length=1)
    settings = settings_of(progress, [], optimizer)
    with torch.no_grad():
        model.one.weight.fill_(5)
    save(tmp_path / "run", progress, settings, model, optimizer, None)
    with torch.no_grad():
        model.one.weight.fill_(0)
    restore(tmp_path / "run", progress, settings, model, optimizer, None)
    assert model.two.weight is model.one.weight
    assert (model.one.weight == 5).all()


def test_without_a_file_a_run_begins_at_the_beginning(tmp_path):
    assert loaded(tmp_path / "run")[3] == Progress(epochs=2, length=5)


def test_steps_are_counted_over_all_epochs():
    assert Progress(epochs=3, length=5, epoch=3, step=2).steps == 12


def test_a_crash_while_saving_leaves_the_old_checkpoint(tmp_path, monkeypatch):
    stored(tmp_path / "run")
    old = (tmp_path / "run").read_bytes()

    def half(tensors, path, metadata):
        path.write_bytes(b"half")
        raise OSError("no space left on device")

    monkeypatch.setattr("safetensors.torch.save_file", half)
    with pytest.raises(OSError, match="no space left"):
        stored(tmp_path / "run", seed=2)
    assert (tmp_path / "run").read_bytes() == old
    monkeypatch.undo()
    stored(tmp_path / "run", seed=2)
    assert [path.name for path in tmp_path.iterdir()] == ["run"], "the next save takes its place"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": 3}, "it differs in groups and model"),
        ({"rate": 0.2}, "it differs in groups: .* there, .* here"),
        ({"kind": torch.optim.Adam}, "it differs in optimizer and groups: AdamW there, Adam here"),
    ],
)
def test_a_checkpoint_of_another_run_is_an_error_and_changes_nothing(tmp_path, change, message):
    stored(tmp_path / "run")
    model, optimizer, schedule = parts(5, **change)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    fresh = Progress(epochs=2, length=5)
    settings = settings_of(fresh, [], optimizer)
    with pytest.raises(ValueError, match=message):
        restore(tmp_path / "run", fresh, settings, model, optimizer, schedule)
    torch.testing.assert_close(model.state_dict(), before, rtol=0, atol=0)


def test_the_seed_and_number_of_rows_belong_to_a_run():
    optimizer = parts()[1]
    progress = Progress(epochs=1, length=1)
    rows = [{"input_ids": [2, 3]}]
    settings = [
        settings_of(progress, batches, optimizer)
        for batches in (Batches(rows), Batches(rows, seed=1), Batches(rows * 2))
    ]
    assert settings[0] not in settings[1:]


def test_the_rate_of_a_run_is_its_peak_however_far_the_schedule_is():
    _, optimizer, schedule = parts()
    before = settings_of(Progress(epochs=1, length=1), [], optimizer)
    schedule.step()
    assert settings_of(Progress(epochs=1, length=1), [], optimizer) == before


@pytest.mark.parametrize("kept", [0, 5, 300, -1])
def test_a_truncated_file_is_named(tmp_path, kept):
    stored(tmp_path / "run")
    (tmp_path / "run").write_bytes((tmp_path / "run").read_bytes()[:kept])
    with pytest.raises(ValueError, match="run is damaged or none of ours .*; delete it"):
        loaded(tmp_path / "run")


def test_weights_without_a_run_are_no_checkpoint(tmp_path):
    save_file({"weight": torch.zeros(1)}, tmp_path / "run")
    with pytest.raises(ValueError, match="run is damaged or none of ours"):
        loaded(tmp_path / "run")


def test_a_checkpoint_can_be_read_with_safetensors_alone(tmp_path):
    stored(tmp_path / "run")
    with safe_open(tmp_path / "run", "pt") as file:
        told = {name: json.loads(value) for name, value in file.metadata().items()}
        names = set(file.keys())
    assert told["progress"]["step"] == 3
    assert "model/0.weight" in names
    assert "optimizer/0/exp_avg" in names
