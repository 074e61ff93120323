"""What is exported is the trained model, small, readable, and whole or not there."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from tests.recurrent.pocket_elmo.conftest import SETTINGS, SHORT
from tlbook.recurrent.elmo import shipped
from tlbook.recurrent.pocket_elmo import export
from tlbook.recurrent.pocket_elmo.run import run, vocabulary_of


def trained(folder):
    run(folder, SHORT, noted=lambda *given: None, progress=False)
    rows = {"step": [1], "tokens": [20], "forward": [2.5], "backward": [2.25]}
    pd.DataFrame(rows).to_csv(folder / "curve.csv", index=False)
    return folder


def test_the_exported_model_is_the_trained_one_in_half_precision(prepared, tmp_path):
    folder = export.export(trained(prepared), tmp_path / "model")
    assert {path.name for path in folder.iterdir()} == {
        *("options.json", "model.safetensors", "vocabulary.txt", "training.json"),
        *("curve.csv", "CARD.md"),
    }
    weights = load_file(folder / "model.safetensors")
    assert {weight.dtype for weight in weights.values()} == {torch.float16}
    model = shipped.load_language_model(folder)
    assert model.bilm.settings == SETTINGS
    assert model.vocabulary == vocabulary_of(prepared)
    for name, weight in load_file(prepared / "model.safetensors").items():
        np.testing.assert_array_equal(model.state_dict()[name], weight.half().float())
    told = json.loads((folder / "training.json").read_text())
    assert told["plan"]["words"] == SHORT.words


def test_an_older_export_leaves_nothing_behind(prepared, tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "old.txt").write_text("")
    folder = export.export(trained(prepared), tmp_path / "model")
    assert not (folder / "old.txt").exists()


def test_a_model_that_is_too_large_is_not_written(prepared, tmp_path, monkeypatch):
    monkeypatch.setattr(export, "MOST_BYTES", 100)
    with pytest.raises(ValueError, match="bytes, more than 100; nothing written"):
        export.export(trained(prepared), tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_a_run_must_be_finished(prepared, tmp_path):
    with pytest.raises(FileNotFoundError, match="holds no finished run; run train first"):
        export.export(prepared, tmp_path / "model")
