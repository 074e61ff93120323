"""LoRA on disk: what tlbook writes peft reads, and the other way round; damage is named."""

import copy
import json

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import BertForSequenceClassification, GPT2ForSequenceClassification

from tests.efficient.tiny_trunks import tiny_trunk
from tests.tiny_models import tiny_bert, tiny_config, tiny_rows
from tlbook.batches import collate
from tlbook.efficient import lora, lora_files
from tlbook.heads import Classifier

# peft 0.21 asks transformers 5 for a property by its old name.
pytestmark = pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")


def classifier(seed=0, classes=2, **changes):
    torch.manual_seed(seed)
    return Classifier(tiny_bert(0, **changes), classes, dropout=0.0).eval()


def trained(model=None, **options):
    """Return a model with LoRA whose weights are no longer those of the start."""
    model = model or classifier()
    lora.add(model, **{"rank": 2, "alpha": 4.0} | options)
    torch.manual_seed(1)
    for layer in lora.layers(model).values():
        nn.init.normal_(layer.up)
    return model


def logits(model):
    with torch.no_grad():
        return model(**collate(tiny_rows(5)))


def peft_model(model):
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        r=2, lora_alpha=4, target_modules=["query", "value"], modules_to_save=["head"]
    )
    return get_peft_model(model, config).eval()


def test_a_saved_model_comes_back_with_its_head(tmp_path):
    model = trained()
    lora_files.save(model, tmp_path / "mine")
    fresh = classifier(seed=7)
    assert not torch.equal(logits(fresh), logits(model))
    lora_files.load(fresh, tmp_path / "mine")
    assert torch.equal(logits(fresh), logits(model))


def test_a_merged_model_saves_the_same_files(tmp_path):
    model, told = trained(), []
    for folder in (tmp_path / "apart", tmp_path / "merged"):
        lora_files.save(model, folder)
        lora.merge(model)
        with safe_open(folder / lora_files.WEIGHTS, "pt") as file:
            tensors = {name: file.get_tensor(name).tolist() for name in file.keys()}  # noqa: SIM118
            told.append((file.metadata(), tensors, (folder / lora_files.CONFIG).read_text()))
    assert told[0] == told[1]


def test_a_bare_encoder_comes_back_without_a_head(tmp_path):
    model = trained(tiny_bert())
    lora_files.save(model, tmp_path)
    fresh = tiny_bert()
    lora_files.load(fresh, tmp_path)
    given = {k: v for k, v in collate(tiny_rows(3)).items() if k != "labels"}
    assert torch.equal(fresh(**given).last_hidden_state, model(**given).last_hidden_state)


def test_the_file_holds_only_lora_and_the_head(tmp_path):
    lora_files.save(trained(), tmp_path)
    with safe_open(tmp_path / lora_files.WEIGHTS, "pt") as file:
        sizes = [file.get_tensor(name).numel() for name in file.keys()]  # noqa: SIM118
    assert sum(sizes) == 2 * 2 * 2 * (8 + 8) + 8 * 2 + 2
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [lora_files.CONFIG, lora_files.WEIGHTS]
    )


def test_peft_loads_what_tlbook_saved(tmp_path):
    from peft import PeftModel

    model = trained()
    lora_files.save(model, tmp_path)
    theirs = PeftModel.from_pretrained(classifier(seed=7), tmp_path).eval()
    torch.testing.assert_close(logits(theirs), logits(model))


def test_tlbook_loads_what_peft_saved(tmp_path):
    theirs = peft_model(classifier())
    for name, weight in theirs.named_parameters():
        if "lora_B" in name:
            nn.init.normal_(weight)
    theirs.save_pretrained(tmp_path)
    ours = classifier(seed=7)
    lora_files.load(ours, tmp_path)
    torch.testing.assert_close(logits(ours), logits(theirs))


def bert(seed=0, **changes):
    """Return a classifier of transformers; the seed is that of its head."""
    torch.manual_seed(0)
    model = BertForSequenceClassification(tiny_config(num_labels=3, **changes)).eval()
    torch.manual_seed(seed)
    nn.init.normal_(model.classifier.weight)
    return model


def gpt2(seed=0):
    """Return a classifier whose matrices are stored the other way round."""
    trunk = tiny_trunk("gpt2")
    config = copy.deepcopy(trunk.config)
    config.num_labels, config.pad_token_id = 3, 0
    torch.manual_seed(seed)
    model = GPT2ForSequenceClassification(config).eval()
    model.transformer.load_state_dict(trunk.state_dict())
    return model


CLASSIFIERS = {"bert": (bert, ["query", "value"]), "gpt2": (gpt2, ["c_attn", "mlp.c_proj"])}


def answers(model):
    given = collate(tiny_rows(5))
    with torch.no_grad():
        ids = {name: given[name] for name in ("input_ids", "attention_mask")}
        return model(**ids).logits


@pytest.mark.parametrize("kind", CLASSIFIERS)
def test_a_classifier_of_transformers_comes_back_with_its_head(kind, tmp_path):
    make, targets = CLASSIFIERS[kind]
    model = trained(make(), targets=targets)
    config = json.loads((lora_files.save(model, tmp_path) / lora_files.CONFIG).read_text())
    assert config["modules_to_save"] == [{"bert": "classifier", "gpt2": "score"}[kind]]
    assert config["fan_in_fan_out"] == (kind == "gpt2")
    fresh = make(seed=7)
    lora_files.load(fresh, tmp_path)
    assert torch.equal(answers(fresh), answers(model))


@pytest.mark.parametrize("kind", CLASSIFIERS)
def test_peft_loads_a_classifier_of_transformers_that_tlbook_saved(kind, tmp_path):
    from peft import PeftModel

    make, targets = CLASSIFIERS[kind]
    model = trained(make(), targets=targets)
    lora_files.save(model, tmp_path)
    theirs = PeftModel.from_pretrained(make(seed=7), tmp_path).eval()
    torch.testing.assert_close(answers(theirs), answers(model))
    lora.merge(model)
    torch.testing.assert_close(answers(theirs.merge_and_unload()), answers(model))


def by_peft(model, folder, targets, **options):
    """Return peft's LoRA on a classifier, as if trained, and save it."""
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(task_type="SEQ_CLS", r=2, lora_alpha=4, target_modules=targets, **options)
    theirs = get_peft_model(model, config).eval()
    for name, weight in theirs.named_parameters():
        if "lora_B" in name:
            nn.init.normal_(weight)
    theirs.save_pretrained(folder)
    return theirs


@pytest.mark.parametrize("kind", CLASSIFIERS)
def test_tlbook_loads_a_classifier_of_transformers_that_peft_saved(kind, tmp_path):
    make, targets = CLASSIFIERS[kind]
    theirs = by_peft(make(), tmp_path, targets, fan_in_fan_out=kind == "gpt2")
    ours = make(seed=7)
    lora_files.load(ours, tmp_path)
    torch.testing.assert_close(answers(ours), answers(theirs))


def test_a_pooler_that_the_head_reads_belongs_to_the_base(tmp_path):
    folder = lora_files.save(trained(bert()), tmp_path)
    other = bert()
    nn.init.normal_(other.bert.pooler.dense.weight)
    refused(folder, "trained on other weights", other)


def test_a_file_of_peft_without_the_head_says_what_it_lacks(tmp_path):
    by_peft(bert(), tmp_path, ["query"])
    path = tmp_path / lora_files.WEIGHTS
    kept = {name: w for name, w in load_file(path).items() if "classifier" not in name}
    save_file(kept, path)
    refused(tmp_path, r"lacks the head's classifier\.bias, classifier\.weight", bert())


def changed(folder, **options):
    path = folder / lora_files.CONFIG
    path.write_text(json.dumps(json.loads(path.read_text()) | options))


def refused(folder, message, model=None, error=ValueError):
    model = model or classifier()
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    with pytest.raises(error, match=message):
        lora_files.load(model, folder)
    assert not lora.layers(model)
    assert all(torch.equal(weight, before[name]) for name, weight in model.state_dict().items())


@pytest.fixture
def saved(tmp_path):
    return lora_files.save(trained(), tmp_path / "saved")


def test_a_missing_file_is_named(saved, tmp_path):
    refused(tmp_path / "nowhere", "adapter_config.json", error=FileNotFoundError)
    (saved / lora_files.WEIGHTS).unlink()
    refused(saved, "adapter_model.safetensors does not exist", error=FileNotFoundError)


def test_a_truncated_file_is_named(saved):
    path = saved / lora_files.WEIGHTS
    path.write_bytes(path.read_bytes()[:-5])
    refused(saved, "adapter_model.safetensors is truncated or damaged")


@pytest.mark.parametrize("place", ["first", "last"])
def test_a_flipped_bit_is_named(saved, place):
    path = saved / lora_files.WEIGHTS
    content = bytearray(path.read_bytes())
    start = 8 + int.from_bytes(content[:8], "little")  # of the weights, behind the header
    content[{"first": start, "last": -1}[place]] ^= 1
    path.write_bytes(content)
    refused(saved, "adapter_model.safetensors was altered: it does not hold what was saved")


@pytest.mark.parametrize("key", ["base_hash", "base_dtype"])
def test_another_base_in_the_file_is_an_alteration(saved, key):
    path = saved / lora_files.WEIGHTS
    with safe_open(path, "pt") as file:
        told = file.metadata()
    save_file(load_file(path), path, metadata=told | {key: "other"})
    refused(saved, "was altered")


def test_a_file_from_before_there_were_hashes_still_loads(saved):
    path = saved / lora_files.WEIGHTS
    with safe_open(path, "pt") as file:
        told = {key: file.metadata()[key] for key in ("format", "base_hash")}
    save_file(load_file(path), path, metadata=told)
    ours = classifier(seed=7)
    lora_files.load(ours, saved)
    assert torch.equal(logits(ours), logits(trained()))


def test_an_interrupted_save_leaves_the_old_files(saved, monkeypatch):
    def broken(tensors, path, metadata):
        path.write_bytes(b"half")
        raise OSError("disk full")

    before = {path.name: path.read_bytes() for path in saved.iterdir()}
    monkeypatch.setattr("safetensors.torch.save_file", broken)
    with pytest.raises(OSError, match="disk full"):
        lora_files.save(trained(rank=3), saved)
    assert {path.name: path.read_bytes() for path in saved.iterdir()} == before


def test_a_broken_description_is_named(saved):
    (saved / lora_files.CONFIG).write_text("{")
    refused(saved, "does not describe LoRA")


def test_another_method_is_named(saved):
    changed(saved, peft_type="IA3")
    refused(saved, "describes IA3, not LORA; load it with peft")


@pytest.mark.parametrize("option", [{"use_rslora": True}, {"use_dora": True}, {"bias": "all"}])
def test_an_option_that_changes_the_formula_is_named(saved, option):
    changed(saved, **option)
    refused(saved, f"{next(iter(option))}=.* changes LoRA; load it with peft")


@pytest.mark.parametrize("start", ["pissa", "pissa_niter_4", "olora", "OLoRA", "corda", "loftq"])
def test_a_start_that_changed_the_base_is_named(saved, start):
    changed(saved, init_lora_weights=start)
    refused(saved, f"json: init_lora_weights={start!r} changes the base model; load it with peft")


def test_pissa_saved_by_peft_is_refused(tmp_path):
    by_peft(bert(), tmp_path, ["query"], init_lora_weights="pissa")
    refused(tmp_path, "init_lora_weights='pissa' changes the base model", bert())


@pytest.mark.parametrize("start", [True, False, "gaussian", "orthogonal"])
def test_a_start_that_leaves_the_base_alone_loads(start, tmp_path):
    theirs = by_peft(bert(), tmp_path, ["query"], init_lora_weights=start)
    ours = bert(seed=7)
    lora_files.load(ours, tmp_path)
    torch.testing.assert_close(answers(ours), answers(theirs))


@pytest.mark.parametrize(
    "option", [{"alora_invocation_tokens": [1]}, {"layer_replication": [[0, 2], [1, 2]]}]
)
def test_an_option_of_newer_versions_of_peft_is_named(saved, option):
    changed(saved, **option)
    refused(saved, f"{next(iter(option))}=.* changes LoRA; load it with peft")


@pytest.mark.parametrize("value", ["x", None, True, 0, float("inf"), [4]])
def test_an_impossible_alpha_in_the_description_is_named(saved, value):
    changed(saved, lora_alpha=value)
    refused(saved, r"adapter_config\.json: lora_alpha must be a number above 0, got")


@pytest.mark.parametrize("value", ["x", None, True, 0, 2.5])
def test_an_impossible_rank_in_the_description_is_named(saved, value):
    changed(saved, r=value)
    refused(saved, r"adapter_config\.json: r must be (a whole number|1 or more), got")


def test_a_rank_beyond_the_matrices_is_named(tmp_path):
    from peft import LoraConfig, get_peft_model

    get_peft_model(tiny_bert(), LoraConfig(r=9, target_modules=["query"])).save_pretrained(tmp_path)
    refused(tmp_path, r"rank must lie in 1\.\.8, got 9", tiny_bert())


def test_another_precision_of_the_base_is_named(saved):
    other = classifier().to(torch.bfloat16)
    refused(saved, "in float32, and this one is in bfloat16", other)


def test_another_width_is_an_error(saved):
    wider = classifier(hidden_size=12)
    refused(saved, r"is \(2, 8\), this model needs \(2, 12\)", wider)


def test_another_number_of_classes_is_an_error(saved):
    refused(saved, r"head\.weight is \(2, 8\), this model needs \(3, 8\)", classifier(classes=3))


def test_another_depth_is_an_error(saved):
    refused(saved, "no such linear layer", classifier(num_hidden_layers=1))


def test_a_model_without_a_head_does_not_take_one(saved):
    refused(saved, "saved from another kind of model: .*head", tiny_bert())


def test_other_weights_of_the_same_shape_are_an_error(saved):
    other = Classifier(tiny_bert(3), 2).eval()
    refused(saved, "trained on other weights", other)


def test_a_model_that_has_lora_takes_no_other(saved):
    with pytest.raises(ValueError, match="has LoRA already"):
        lora_files.load(trained(), saved)


def test_there_must_be_something_to_save(tmp_path):
    with pytest.raises(ValueError, match="no LoRA to save"):
        lora_files.save(classifier(), tmp_path)
