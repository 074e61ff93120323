"""What preparing promises: whole files, made once, of the sources that were asked for."""

import json

import numpy as np
import pytest
from tokenizers import Tokenizer

from tests.tiny_models import tiny_tokenizer
from tests.transformer.pocket_bert.conftest import SOURCES
from tlbook.corpora import running_text
from tlbook.transformer.pocket_bert import preparation, text


def again(folder, **changes):
    options = {"sources": SOURCES, "held_out": ["org/judged"], "size": 20} | changes
    return preparation.prepare(folder, tiny_tokenizer().backend_tokenizer, **options)


def test_offsets_cut_the_ids_into_chunks_within_the_limits(prepared):
    ids, offsets = np.load(prepared / "ids.npy"), np.load(prepared / "offsets.npy")
    lengths = np.diff(offsets)
    assert offsets[0] == 0
    assert offsets[-1] == len(ids)
    assert lengths.min() >= text.SHORTEST
    assert lengths.max() <= text.CHUNK_TOKENS[-1]
    assert ids.max() < 20


def test_what_was_read_is_told(prepared):
    told = json.loads((prepared / "text.json").read_text())
    assert told["words"][1] <= 10 + 9, "the cap, and what the last sentence adds"
    assert sum(told["tokens"]) == len(np.load(prepared / "ids.npy"))
    assert told["chunks"] == len(np.load(prepared / "offsets.npy")) - 1
    assert told["tokens"][0] > 1.5 * told["words"][0], "used twice"
    assert told["held_out"] == {"sets": ["org/judged"], "runs": 1, "words": running_text.GRAM}
    assert 0 < told["coverage"] <= 1


def test_the_tokenizer_agrees_with_the_kept_ids(prepared):
    small = Tokenizer.from_file(str(prepared / "tokenizer.json"))
    kept = json.loads((prepared / "kept.json").read_text())
    whole = tiny_tokenizer().backend_tokenizer
    assert [whole.id_to_token(old) for old in kept] == [
        small.id_to_token(new) for new in range(len(kept))
    ]


def test_a_second_run_does_nothing(prepared, monkeypatch):
    monkeypatch.setattr(running_text, "read", None)
    before = (prepared / "text.json").read_text()
    assert again(prepared) == json.loads(before)


def test_a_run_that_was_killed_is_done_anew_and_alike(prepared):
    ids = np.load(prepared / "ids.npy")
    (prepared / "text.json").unlink()
    (prepared / "ids.npy").write_bytes(b"half")
    again(prepared)
    np.testing.assert_array_equal(np.load(prepared / "ids.npy"), ids)
    assert not list(prepared.glob("*.partial"))


def test_other_settings_are_not_mixed_in(prepared):
    with pytest.raises(ValueError, match="was prepared with other settings"):
        again(prepared, size=18)


def test_sources_without_text_are_refused(small_mirror, tmp_path):
    small_mirror("org/prose", text=["a ."])
    small_mirror("org/notes", text=["the ship"])
    small_mirror("org/judged", "test", text=["who"])
    with pytest.raises(ValueError, match="the sources hold no text that can be used"):
        again(tmp_path / "none")
    assert not list((tmp_path / "none").iterdir())
