"""What a run promises: it learns, goes on bit for bit, and does not mix plans."""

import json
import shutil
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from tests.recurrent.pocket_elmo.conftest import PLAN, SHORT, VOCAB
from tlbook.recurrent.elmo import BiLM
from tlbook.recurrent.elmo.prediction import LanguageModel
from tlbook.recurrent.pocket_elmo import run as running


def run(folder, plan=SHORT, noted=lambda *given: None, **options):
    return running.run(folder, plan, noted=noted, progress=False, **options)


def test_it_learns_and_leaves_weights_and_counters(prepared):
    steps = []
    told = run(prepared, PLAN, lambda *given: steps.append(given))
    losses = [sum(loss.item() for loss in given[3].values()) for given in steps]
    assert sum(losses[-8:]) < 0.8 * sum(losses[:8])
    assert told["steps"] == len(steps) == 80
    assert told["words"] == PLAN.words == steps[-1][1]
    model = LanguageModel(BiLM(PLAN.settings), running.vocabulary_of(prepared))
    assert len(model.vocabulary) == VOCAB
    model.load_state_dict(load_file(prepared / "model.safetensors"))


def test_the_rate_rises_and_falls(prepared):
    rates = []
    run(prepared, replace(PLAN, warmup=0.25), lambda *given: rates.append(given[2]))
    peak = rates.index(max(rates))
    assert 0 < peak < 30
    assert rates[:peak] == sorted(rates[:peak])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)


def test_a_run_that_was_killed_goes_on_bit_for_bit(prepared, tmp_path):
    whole = tmp_path / "whole"
    shutil.copytree(prepared, whole)
    run(whole)

    def killed(step, *rest):
        if step == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(prepared, noted=killed, save_every=2)
    assert not (prepared / "run.json").exists()
    again = []
    run(prepared, noted=lambda step, *rest: again.append(step), save_every=2)
    assert again == [2, 3, 4]
    one, other = (load_file(folder / "model.safetensors") for folder in (whole, prepared))
    for name, weight in one.items():
        assert torch.equal(weight, other[name]), name


def test_a_finished_run_is_not_done_again(prepared):
    told = run(prepared)
    assert run(prepared, noted=lambda *given: 1 / 0) == told


def test_another_plan_needs_another_folder(prepared):
    run(prepared)
    with pytest.raises(ValueError, match=r"a run of another plan: its words is 100"):
        run(prepared, PLAN)


def test_words_that_would_never_be_candidates_are_refused(prepared):
    plan = replace(SHORT, common=VOCAB - 1, sampled=0)
    with pytest.raises(ValueError, match="sampled must be 1 or more, got 0: there are"):
        run(prepared, plan)
    assert not (prepared / "plan.json").exists()


def test_text_must_be_prepared(tmp_path):
    with pytest.raises(FileNotFoundError, match="holds no prepared text; run prepare first"):
        run(tmp_path)


def test_the_plan_is_stored_as_it_was(prepared):
    run(prepared)
    stored = json.loads((prepared / "plan.json").read_text())
    assert stored["settings"]["filters"] == [[1, 4], [2, 3]]


def test_the_model_that_ships_clips_nothing():
    assert running.POCKET.cell_clip is running.POCKET.projection_clip is None
