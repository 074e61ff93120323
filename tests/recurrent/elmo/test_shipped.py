"""A folder gives the model that was put there, or says what is wrong with it."""

import json
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from tlbook.encoders import sources
from tlbook.recurrent.elmo import BiLM, shipped
from tlbook.recurrent.elmo.prediction import NAMES, LanguageModel
from tlbook.recurrent.elmo.settings import Settings

SETTINGS = Settings(filters=((1, 4), (2, 3)), projection=3, cell=5, longest=10)


@pytest.fixture
def stored(tmp_path, monkeypatch):
    """Return a model, and the folder of a package that ships it."""
    torch.manual_seed(0)
    model = LanguageModel(BiLM(SETTINGS), [*NAMES, "a", "b"]).half().float()
    folder = tmp_path / "pocket-elmo"
    folder.mkdir()
    weights = {name: w.half().clone() for name, w in model.state_dict().items()}
    save_file(weights, folder / "model.safetensors")
    (folder / "options.json").write_text(json.dumps(SETTINGS.to_options()))
    (folder / "vocabulary.txt").write_text("\n".join(model.vocabulary))
    lines = [f"{sources.sha256_of(path)}  pocket-elmo/{path.name}" for path in folder.iterdir()]
    (tmp_path / "SHA256SUMS").write_text("\n".join(lines))
    monkeypatch.setattr(sources, "POCKET", tmp_path)
    return model, folder


def test_what_ships_is_what_was_stored(stored):
    model, folder = stored
    loaded = shipped.load_language_model()
    assert not loaded.training
    assert loaded.vocabulary == model.vocabulary
    for name, weight in loaded.state_dict().items():
        assert torch.equal(weight, model.state_dict()[name])
    sentences = [["a", "zzz"]]
    np.testing.assert_array_equal(
        shipped.load(folder).embed(sentences)[0], model.bilm.embed(sentences)[0]
    )


def test_an_altered_file_of_the_package_is_told(stored):
    _, folder = stored
    (folder / "vocabulary.txt").write_text("</S>")
    with pytest.raises(ValueError, match=r"vocabulary.txt is truncated or altered"):
        shipped.load()


@pytest.mark.parametrize("name", ["options.json", "model.safetensors", "vocabulary.txt"])
def test_a_missing_file_is_named(stored, name, tmp_path):
    copy = shutil.copytree(stored[1], tmp_path / "copy")
    (copy / name).unlink()
    with pytest.raises(FileNotFoundError, match=f"{name} is missing; name 'pocket-elmo' or"):
        shipped.load(copy)


@pytest.mark.parametrize("name", ["options.json", "model.safetensors", "vocabulary.txt"])
def test_a_truncated_file_is_never_half_loaded(stored, name, tmp_path):
    copy = shutil.copytree(stored[1], tmp_path / "copy")
    (copy / name).write_bytes((copy / name).read_bytes()[:-9])
    with pytest.raises(ValueError, match="copy is damaged .*; install or make it again"):
        shipped.load(copy)
