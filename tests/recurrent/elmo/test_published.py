"""Published files give the vectors that NumPy computes from them, and broken ones say why not."""

import copy
import json
import re
from pathlib import Path

import h5py
import nbformat
import numpy as np
import pytest

from tests.recurrent.elmo.numpy_elmo import OPTIONS, STREAMS, Reference
from tlbook.recurrent.elmo import load_published

CLOSE = {"rtol": 0, "atol": 1e-5}


def options(**changes):
    """The options with entries changed, in whichever part they stand."""
    changed = copy.deepcopy(OPTIONS)
    for part in changed.values():
        part.update({name: value for name, value in changes.items() if name in part})
    return changed


@pytest.fixture
def files(tmp_path):
    return Reference().write(tmp_path)


VARIANTS = {
    "as published": {},
    "without clipping": {"cell_clip": None, "proj_clip": None},
    "with clipping of cells alone": {"proj_clip": 0},
    "with clipping of states alone": {"cell_clip": None},
    "without skip connections": {"use_skip_connections": False},
    "with tanh": {"activation": "tanh"},
    "with one highway layer": {"n_highway": 1},
    "without highway layers": {"n_highway": 0},
    "with one LSTM layer": {"n_layers": 1},
    "with three LSTM layers": {"n_layers": 3},
    "without recurrent projection": {"dim": 4},
    "with shorter words": {"max_characters_per_token": 5},
}


@pytest.mark.parametrize("changes", VARIANTS.values(), ids=VARIANTS)
def test_each_sentence_has_the_layers_that_numpy_computes(changes, tmp_path):
    reference = Reference(options(**changes))
    bilm = load_published(*reference.write(tmp_path))
    sentences = [sentence for batch in STREAMS for sentence in batch]
    for found, sentence in zip(bilm.embed(sentences, batch_size=4), sentences, strict=True):
        np.testing.assert_allclose(found, reference.embed_anew(sentence), **CLOSE)


@pytest.mark.parametrize("changes", VARIANTS.values(), ids=VARIANTS)
def test_states_are_carried_from_batch_to_batch_row_by_row(changes, tmp_path):
    reference = Reference(options(**changes))
    bilm = load_published(*reference.write(tmp_path))
    for batch in STREAMS:
        for row, found in enumerate(bilm.embed(batch, stateful=True)):
            np.testing.assert_allclose(found, reference.embed(batch[row], row), **CLOSE)


def test_clipping_matters_in_the_golden_model(files):
    clipped = load_published(*files).embed(STREAMS[0])
    free = Reference(options(cell_clip=None, proj_clip=None))
    assert max(abs(one[1]).max() for one in clipped) <= OPTIONS["lstm"]["proj_clip"]
    assert abs(clipped[0] - free.embed_anew(STREAMS[0][0])).max() > 0.1


def test_the_model_is_ready_for_use(files):
    bilm = load_published(*map(str, files))
    assert not bilm.training
    assert (bilm.depth, bilm.width) == (3, 8)


def test_options_of_the_training_code_will_do_too(files):
    told = options(n_characters=261)
    del told["lstm"]["cell_clip"]
    files[0].write_text(json.dumps(told | {"bidirectional": True, "n_tokens_vocab": 9}))
    assert load_published(*files).settings.cell_clip is None


@pytest.mark.parametrize(("gone", "what"), [(0, "no options at"), (1, "no weights at")])
def test_a_missing_file_is_named_and_where_such_files_come_from(files, gone, what):
    files[gone].unlink()
    with pytest.raises(FileNotFoundError, match=f"{what} {re.escape(str(files[gone]))}; the publ"):
        load_published(*files)


@pytest.mark.parametrize("kept", [0.98, 0.5, 0.01, 0.0])
def test_a_truncated_weight_file_is_never_half_loaded(files, kept):
    content = files[1].read_bytes()
    files[1].write_bytes(content[: int(kept * len(content))])
    with pytest.raises(ValueError, match=r"weights.hdf5 is truncated, damaged or not HDF5 .*again"):
        load_published(*files)


def test_paths_in_the_wrong_order_are_told(files):
    with pytest.raises(ValueError, match=r"weights.hdf5 is not the options.json of a biLM"):
        load_published(*reversed(files))


@pytest.mark.parametrize("text", ["", "[]", '{"lstm": 3}', "{"])
def test_a_damaged_options_file_is_named(files, text):
    files[0].write_text(text)
    with pytest.raises(ValueError, match=r"options.json is not the options.json of a biLM: "):
        load_published(*files)


@pytest.mark.parametrize(
    ("part", "entry"), [("lstm", "dim"), ("char_cnn", "filters"), ("lstm", "use_skip_connections")]
)
def test_a_missing_option_is_named(files, part, entry):
    told = options()
    del told[part][entry]
    files[0].write_text(json.dumps(told))
    with pytest.raises(ValueError, match=f"lack the entry '{entry}'"):
        load_published(*files)


def test_options_of_another_model_are_told_by_the_first_array_that_differs(files):
    files[0].write_text(json.dumps(options(dim=7)))
    wanted = r"LSTMCell/W_0 has the shape \(8, 24\) instead of \(8, 28\)"
    with pytest.raises(ValueError, match=f"weights.hdf5 does not fit the options: .*{wanted}"):
        load_published(*files)


def test_a_missing_array_is_named(files):
    with h5py.File(files[1], "a") as file:
        del file["CNN_high_1/b_carry"]
    with pytest.raises(ValueError, match="it has no array CNN_high_1/b_carry"):
        load_published(*files)


def test_a_group_in_the_place_of_an_array_is_told(files):
    with h5py.File(files[1], "a") as file:
        del file["char_embed"]
        file.create_group("char_embed")
    with pytest.raises(ValueError, match="it has no array char_embed"):
        load_published(*files)


def test_weights_that_are_not_finite_are_told(files):
    with h5py.File(files[1], "a") as file:
        file["CNN_proj/b_proj"][0] = np.nan
    with pytest.raises(ValueError, match="CNN_proj/b_proj is not finite; download it again"):
        load_published(*files)


def cells_of_the_lesson(*names, **changes):
    """Run cells of lesson 13 in the hub profile, with settings changed, and return their names."""
    path = Path(__file__).parents[3] / "notebooks" / "1_recurrent" / "13_elmo.ipynb"
    sources = {cell.id: cell.source for cell in nbformat.read(path, as_version=4).cells}
    namespace = {}
    for name in names:
        exec(sources[name], namespace)
        namespace |= changes if name == "settings" else {}
    return namespace


def test_without_the_files_the_lesson_says_what_to_put_where(tmp_path, monkeypatch):
    monkeypatch.setenv("TLBOOK_PROFILE", "hub")
    wanted = rf"no options at {re.escape(str(tmp_path))}.*_options.json; .* of AllenNLP; download"
    with pytest.raises(FileNotFoundError, match=wanted):
        cells_of_the_lesson("set-up", "settings", "load", official=tmp_path)


def test_with_the_files_the_lesson_reads_the_published_model(tmp_path, monkeypatch):
    monkeypatch.setenv("TLBOOK_PROFILE", "hub")
    reference = Reference()
    reference.write(tmp_path, "small_")
    cells = ("set-up", "settings", "load")
    bilm = cells_of_the_lesson(*cells, official=tmp_path, published="small")["bilm"]
    (found,) = bilm.embed([["The", "bank"]])
    np.testing.assert_allclose(found, reference.embed_anew(["The", "bank"]), **CLOSE)
