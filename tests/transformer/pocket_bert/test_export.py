"""What export promises: a model that transformers loads, equal to the trained one, or nothing."""

import json

import pytest
import torch
from transformers import AutoModelForMaskedLM, AutoTokenizer

from tests.transformer.pocket_bert.conftest import SHORT
from tlbook.encoders import sources
from tlbook.training import curve
from tlbook.transformer.pocket_bert import export, run


@pytest.fixture
def trained(prepared, teacher, monkeypatch):
    monkeypatch.setattr(curve, "EVERY", 2)
    run.run(prepared, teacher, SHORT, progress=False)
    return prepared


@pytest.fixture
def shipped(trained, tmp_path):
    return export.export(trained, tmp_path / "pocket" / "tiny-bert")


def test_transformers_loads_what_was_trained(trained, shipped):
    trained_model = export.model_of(trained)
    loaded = AutoModelForMaskedLM.from_pretrained(shipped, dtype="float32")
    tokenizer = AutoTokenizer.from_pretrained(shipped)
    inputs = tokenizer("who saw the red ship?", return_tensors="pt")
    torch.testing.assert_close(
        loaded(**inputs).logits, trained_model(**inputs).logits, atol=0.02, rtol=0.01
    )


def test_weights_are_float16_and_tied_ones_stand_there_once(shipped):
    from safetensors.torch import load_file

    weights = load_file(shipped / "model.safetensors")
    assert {weight.dtype for weight in weights.values()} == {torch.float16}
    assert [name for name in weights if "word_embeddings" in name or "decoder.weight" in name] == [
        "bert.embeddings.word_embeddings.weight"
    ]


def test_dropout_is_on_for_those_who_fine_tune(shipped):
    config = json.loads((shipped / "config.json").read_text())
    assert config["hidden_dropout_prob"] == config["attention_probs_dropout_prob"] == 0.1
    assert config["architectures"] == ["BertForMaskedLM"]


def test_the_tokenizer_knows_its_special_tokens(shipped):
    tokenizer = AutoTokenizer.from_pretrained(shipped)
    assert tokenizer.model_max_length == 512
    assert tokenizer.pad_token_id == 0
    assert tokenizer.mask_token == "[MASK]"
    pair = tokenizer("the ship", "red", padding="max_length", max_length=8)
    assert tokenizer.convert_ids_to_tokens(pair["input_ids"]) == [
        *("[CLS]", "the", "ship", "[SEP]", "red", "[SEP]", "[PAD]", "[PAD]")
    ]


def test_its_checksums_stand_beside_it(shipped):
    told = (shipped.parent / sources.SUMS).read_text()
    assert f"{sources.sha256_of(shipped / 'model.safetensors')}  tiny-bert/model" in told


def test_a_model_too_large_to_ship_is_refused_and_the_old_one_stays(trained, shipped, monkeypatch):
    monkeypatch.setattr(export, "MOST_BYTES", 1000)
    before = (shipped / "CARD.md").read_text()
    with pytest.raises(ValueError, match="bytes, more than 1,000; nothing written"):
        export.export(trained, shipped)
    assert (shipped / "CARD.md").read_text() == before
    assert not list(shipped.parent.glob("*.partial"))


def test_a_run_that_is_not_finished_is_not_exported(prepared, tmp_path):
    with pytest.raises(FileNotFoundError, match="holds no finished run; run train first"):
        export.export(prepared, tmp_path / "model")


def test_weights_of_another_shape_are_refused(trained, tmp_path):
    config = json.loads((trained / "config.json").read_text()) | {"num_hidden_layers": 1}
    (trained / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match="student.safetensors and config.json differ in bert"):
        export.export(trained, tmp_path / "model")
