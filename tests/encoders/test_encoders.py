"""An encoder comes whole, in float32 and ready to use, or not at all."""

import importlib.util
import json
import shutil
import sys

import pytest
import torch
from safetensors.torch import load_file
from transformers import DistilBertConfig, DistilBertModel, RobertaConfig, RobertaModel

from tests.tiny_models import tiny_bert, tiny_config, tiny_tokenizer
from tlbook import encoders
from tlbook.encoders import sources

WITH_MINILM = pytest.mark.skipif(
    importlib.util.find_spec(sources.MINILM_PACKAGE) is None,
    reason="the extra tlbook[minilm] is not installed",
)


def test_pocket_bert_reads_english_and_is_ready_to_use():
    tokenizer, model = encoders.load("pocket-bert")
    batch = tokenizer(["A fine film.", "dull"], padding=True, return_tensors="pt")
    states = model(**batch).last_hidden_state
    assert states.shape == (*batch["input_ids"].shape, model.config.hidden_size)
    assert not model.training
    assert tokenizer.is_fast
    assert {p.dtype for p in model.parameters()} == {torch.float32}


def test_pocket_bert_knows_what_a_masked_word_may_be():
    tokenizer, model = encoders.load("pocket-bert", masked_lm=True)
    batch = tokenizer("the capital of [MASK] .", return_tensors="pt")
    logits = model(**batch).logits
    assert logits.shape == (1, batch["input_ids"].shape[1], len(tokenizer))
    place = batch["input_ids"][0].tolist().index(tokenizer.mask_token_id)
    likely = logits[0, place].log_softmax(-1).max()
    assert likely > -torch.tensor(float(len(tokenizer))).log() + 2, "surer than a blind guess"


def test_the_shipped_weights_take_at_most_20_megabytes():
    files = (sources.POCKET / "pocket-bert").iterdir()
    assert sum(file.stat().st_size for file in files) <= 20e6


def test_the_encoder_inside_the_masked_lm_is_the_same_encoder():
    _, alone = encoders.load("pocket-bert")
    _, with_head = encoders.load("pocket-bert", masked_lm=True)
    inside = with_head.bert.state_dict()
    torch.testing.assert_close(alone.state_dict(), {n: inside[n] for n in alone.state_dict()})


def test_a_folder_gives_what_was_saved_in_it(folder):
    tokenizer, model = encoders.load(str(folder))
    saved = tiny_bert()
    ids = torch.tensor([tokenizer("a good film")["input_ids"]])
    torch.testing.assert_close(
        model(input_ids=ids).last_hidden_state, saved(input_ids=ids).last_hidden_state
    )
    assert tokenizer("unlikely")["input_ids"] == tiny_tokenizer()("unlikely")["input_ids"]


def test_weights_in_half_precision_are_loaded_in_full(folder):
    tiny_bert().half().save_pretrained(folder)
    _, model = encoders.load(str(folder))
    stored = load_file(folder / "model.safetensors")["embeddings.word_embeddings.weight"]
    assert stored.dtype is torch.float16
    torch.testing.assert_close(model.embeddings.word_embeddings.weight.data, stored.float())


@pytest.mark.parametrize("kind", ["distilbert", "roberta"])
def test_other_kinds_of_encoder_come_without_untrained_parts(folder, kind):
    sizes = {"vocab_size": 30, "num_hidden_layers": 2, "num_attention_heads": 2}
    if kind == "roberta":
        model = RobertaModel(RobertaConfig(hidden_size=8, intermediate_size=8, **sizes))
    else:
        model = DistilBertModel(DistilBertConfig(dim=8, hidden_dim=8, n_layers=2, n_heads=2))
    model.save_pretrained(folder)
    _, loaded = encoders.load(str(folder))
    assert getattr(loaded, "pooler", None) is None
    ids = torch.tensor([[2, 5, 3]])
    assert loaded(input_ids=ids).last_hidden_state.shape == (1, 3, 8)


def test_loading_prints_nothing(folder, capfd):
    encoders.load(str(folder))
    said = capfd.readouterr()
    assert said.out + said.err == ""


def test_a_masked_lm_head_that_is_not_there_is_an_error(folder):
    message = "lacks .* weights of a BertForMaskedLM, .*load it without masked_lm=True"
    with pytest.raises(ValueError, match=message):
        encoders.load(str(folder), masked_lm=True)


def test_missing_weights_of_the_encoder_are_an_error(folder):
    tiny_bert(num_hidden_layers=1).save_pretrained(folder)
    tiny_config(num_hidden_layers=2).save_pretrained(folder)
    with pytest.raises(ValueError, match="lacks 16 of the weights of a BertModel, encoder.layer.1"):
        encoders.load(str(folder))


@pytest.mark.parametrize("kept", [0, 7, 400, -1])
def test_a_truncated_weight_file_is_named(folder, kept):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ValueError, match="model.safetensors is truncated or damaged"):
        encoders.load(str(folder))


def test_pickled_weights_are_not_touched(folder):
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(b"a pickle that would run code")
    with pytest.raises(ValueError, match=r"has no model.safetensors; save a model there with"):
        encoders.load(str(folder))


def test_code_that_comes_with_a_model_is_not_run(folder):
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "odd", "auto_map": {"AutoConfig": "evil.Config"}}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "evil.py").write_text("raise SystemExit('this ran')")
    with pytest.raises(ValueError, match="trust_remote_code"):
        encoders.load(str(folder))


@WITH_MINILM
def test_minilm_is_the_published_model_and_none_of_its_package_runs():
    tokenizer, model = encoders.load("minilm")
    assert sources.MINILM_PACKAGE not in sys.modules
    assert "sentence_transformers" not in sys.modules
    assert (model.config.hidden_size, model.config.num_hidden_layers) == (384, 6)
    texts = ["the ship sails", "a boat is sailing", "taxes rise again"]
    batch = tokenizer(texts, padding=True, return_tensors="pt")
    with torch.no_grad():
        states = model(**batch).last_hidden_state
    mask = batch["attention_mask"].unsqueeze(-1)
    vectors = torch.nn.functional.normalize((states * mask).sum(1) / mask.sum(1))
    alike = vectors @ vectors.T
    assert alike[0, 1] > alike[0, 2] + 0.2


def test_pocket_bert_with_an_altered_byte_is_never_loaded(tmp_path, monkeypatch):
    shutil.copytree(sources.POCKET, tmp_path / "pocket")
    monkeypatch.setattr(sources, "POCKET", tmp_path / "pocket")
    path = tmp_path / "pocket" / "pocket-bert" / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match="model.safetensors is truncated or altered: its SHA-256"):
        encoders.load("pocket-bert")


def test_on_a_cpu_a_shipped_model_tells_its_attention_when_asked(monkeypatch):
    monkeypatch.setenv("TLBOOK_DEVICE", "cpu")
    tokenizer, model = encoders.load("pocket-bert")
    given = tokenizer("A fine film.", return_tensors="pt")
    attention = model(**given, output_attentions=True).attentions
    assert len(attention) == model.config.num_hidden_layers
    torch.testing.assert_close(attention[0].sum(-1), torch.ones(attention[0].shape[:-1]))
