"""LoRA on disk: what tlbook writes peft reads, and the other way round; damage is named."""

import json

import pytest
import torch
from safetensors import safe_open
from torch import nn

from tests.tiny_models import tiny_bert, tiny_rows
from tlbook.batches import collate
from tlbook.efficient import lora, lora_files
from tlbook.heads import Classifier


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
