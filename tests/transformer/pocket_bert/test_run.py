"""What a run promises: it learns, goes on bit for bit, and does not mix plans."""

import json
import shutil
from dataclasses import replace

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from tests.transformer.pocket_bert.conftest import PLAN
from tlbook.training import curve
from tlbook.transformer.pocket_bert import distillation
from tlbook.transformer.pocket_bert import run as running


@pytest.fixture(autouse=True)
def short_windows(monkeypatch):
    monkeypatch.setattr(curve, "EVERY", 2)


def run(folder, teacher, plan=PLAN, **options):
    return running.run(folder, teacher, plan, progress=False, **options)


def test_it_learns_and_leaves_weights_curve_and_counters(prepared, teacher):
    plan = replace(PLAN, layers=(1, 0))  # starts as no part of the teacher
    told = run(prepared, teacher, plan)
    rows = pd.read_csv(prepared / "curve.csv")
    assert rows["token"].iloc[-2:].mean() < rows["token"].iloc[:2].mean()
    assert told["tokens"] >= PLAN.tokens
    assert -(-told["steps"] // 2) == len(rows)
    assert json.loads((prepared / "plan.json").read_text())["layers"] == [1, 0]
    student = distillation.student_of(
        distillation.prune_embeddings(teacher, json.loads((prepared / "kept.json").read_text())),
        plan.layers,
        neurons=[torch.arange(PLAN.width)] * 2,
    )
    stored = load_file(prepared / "student.safetensors")
    assert {name: weight.shape for name, weight in stored.items()} == {
        name: weight.shape for name, weight in student.named_parameters()
    }


def test_the_rate_follows_the_tokens(prepared, teacher):
    run(prepared, teacher)
    rows = pd.read_csv(prepared / "curve.csv")
    falling = rows[rows["tokens"] > 0.6 * PLAN.tokens]
    assert rows["learning_rate"].max() == pytest.approx(PLAN.learning_rate)
    assert falling["learning_rate"].is_monotonic_decreasing


def test_the_teacher_is_left_as_it_was(prepared, teacher):
    before = {name: weight.clone() for name, weight in teacher.state_dict().items()}
    run(prepared, teacher)
    for name, weight in teacher.state_dict().items():
        assert torch.equal(weight, before[name])


def test_a_run_that_was_killed_goes_on_bit_for_bit(prepared, teacher, tmp_path, monkeypatch):
    whole = tmp_path / "whole"
    shutil.copytree(prepared, whole)
    run(whole, teacher, save_every=3)

    real, calls = distillation.losses_of, []

    def killed(*given):
        calls.append(1)
        if len(calls) == 8:
            raise KeyboardInterrupt
        return real(*given)

    monkeypatch.setattr(distillation, "losses_of", killed)
    with pytest.raises(KeyboardInterrupt):
        run(prepared, teacher, save_every=3)
    assert not (prepared / "run.json").exists()
    run(prepared, teacher, save_every=3)
    assert len(calls) < 8 + len(pd.read_csv(whole / "curve.csv")) * 2, "steps 1 to 6 were kept"
    one, other = (load_file(f / "student.safetensors") for f in (whole, prepared))
    for name, weight in one.items():
        assert torch.equal(weight, other[name]), name
    columns = ["step", "tokens", "learning_rate", *distillation.WEIGHTS]
    curves = [pd.read_csv(folder / "curve.csv")[columns] for folder in (whole, prepared)]
    pd.testing.assert_frame_equal(*curves)


def test_a_finished_run_is_not_run_again(prepared, teacher, monkeypatch):
    told = run(prepared, teacher)
    monkeypatch.setattr(running.training, "fit", None)
    assert run(prepared, teacher) == told


def test_a_loss_that_is_not_finite_stops_the_run(prepared, teacher):
    with pytest.raises(ValueError, match="is nan at epoch 1, step"):
        run(prepared, teacher, replace(PLAN, learning_rate=float("inf")))
    assert not (prepared / "student.safetensors").exists()


def test_another_plan_is_refused(prepared, teacher):
    run(prepared, teacher)
    with pytest.raises(ValueError, match="holds a run of another plan: its tokens is 900"):
        run(prepared, teacher, replace(PLAN, tokens=2000))


def test_without_text_it_says_what_to_run_first(tmp_path, teacher):
    with pytest.raises(FileNotFoundError, match="holds no prepared text; run prepare first"):
        run(tmp_path, teacher)
