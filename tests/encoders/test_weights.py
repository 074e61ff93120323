"""Weights that do not belong to their config.json, or are no numbers, never make a model."""

import re

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    AutoConfig,
    BertForMaskedLM,
    BertForPreTraining,
    BertForSequenceClassification,
    DistilBertConfig,
    DistilBertForMaskedLM,
    GPT2Config,
    GPT2LMHeadModel,
    T5Config,
    T5Model,
)

from tests.tiny_models import tiny_bert, tiny_config
from tlbook import encoders
from tlbook.encoders import sources, weights

BIAS = "encoder.layer.1.output.dense.bias"
OTHERS = {
    DistilBertForMaskedLM: DistilBertConfig(dim=8, hidden_dim=8, n_layers=2, n_heads=2),
    GPT2LMHeadModel: GPT2Config(vocab_size=23, n_embd=8, n_layer=2, n_head=2),
    T5Model: T5Config(vocab_size=23, d_model=8, d_kv=4, d_ff=8, num_layers=2, num_heads=2),
}


def rewritten(folder, change):
    """Save what `change` makes of the stored weights in their place."""
    path = folder / "model.safetensors"
    stored = load_file(path)
    change(stored)
    save_file(stored, path, metadata={"format": "pt"})


def starts(folder, rest):
    return "^" + re.escape(str(folder / "model.safetensors")) + rest


@pytest.mark.parametrize("masked_lm", [False, True])
def test_weights_of_another_shape_are_named_with_both_shapes(folder, masked_lm):
    BertForMaskedLM(tiny_config()).save_pretrained(folder)
    tiny_config(intermediate_size=12).save_pretrained(folder)
    message = (
        r": in 6 of its weights the shape is not what config.json asks for, "
        r".*encoder.layer.0.intermediate.dense.bias first: \(16,\) instead of \(12,\)"
        r".*save it again with model.save_pretrained"
    )
    with pytest.raises(ValueError, match=starts(folder, message)):
        encoders.load(str(folder), masked_lm=masked_lm)


@pytest.mark.parametrize("masked_lm", [False, True])
def test_a_missing_weight_of_the_encoder_is_no_reason_to_do_without_a_head(folder, masked_lm):
    BertForMaskedLM(tiny_config()).save_pretrained(folder)
    rewritten(folder, lambda stored: stored.pop(f"bert.{BIAS}"))
    message = (
        f" lacks 1 of the weights of a Bert.*, .*{BIAS} first; .*save it again with model.save"
    )
    with pytest.raises(ValueError, match=starts(folder, message)) as caught:
        encoders.load(str(folder), masked_lm=masked_lm)
    assert "masked_lm" not in str(caught.value)


def test_a_missing_head_is_a_reason_to_do_without(folder):
    message = (
        " lacks 6 of the weights of a BertForMaskedLM, cls.* first; load it without masked_lm=True"
    )
    with pytest.raises(ValueError, match=starts(folder, message)):
        encoders.load(str(folder), masked_lm=True)


@pytest.mark.parametrize("saved", [BertForMaskedLM, BertForSequenceClassification])
@pytest.mark.parametrize("masked_lm", [False, True])
def test_a_layer_that_the_configuration_does_not_name_is_an_error(folder, saved, masked_lm):
    saved(tiny_config()).save_pretrained(folder)
    tiny_config(num_hidden_layers=1).save_pretrained(folder)
    message = (
        r": for 16 of its weights config.json has no layer, .*encoder.layer.1.* first; .*again"
    )
    with pytest.raises(ValueError, match=starts(folder, message)):
        encoders.load(str(folder), masked_lm=masked_lm)


@pytest.mark.parametrize("kind", OTHERS)
def test_one_layer_too_many_is_noticed_in_other_kinds_of_model(folder, kind):
    kind(OTHERS[kind]).save_pretrained(folder)
    encoders.load(str(folder))
    config = AutoConfig.from_pretrained(folder)
    config.num_hidden_layers = 1
    config.save_pretrained(folder)
    with pytest.raises(ValueError, match=r"config.json has no layer"):
        encoders.load(str(folder))


@pytest.mark.parametrize(
    "saved", [BertForMaskedLM, BertForPreTraining, BertForSequenceClassification]
)
def test_heads_and_poolers_that_nobody_asked_for_are_left_aside(folder, saved):
    whole = saved(tiny_config())
    whole.save_pretrained(folder)
    _, model = encoders.load(str(folder))
    expected = whole.bert.state_dict()
    torch.testing.assert_close(model.state_dict(), {n: expected[n] for n in model.state_dict()})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("half", [False, True])
def test_a_single_weight_that_is_not_finite_is_named(folder, value, half):
    model = tiny_bert().half() if half else tiny_bert()
    model.save_pretrained(folder)
    rewritten(folder, lambda stored: stored[BIAS][3:4].fill_(value))
    message = (
        f": in 1 of its weights .* not finite .*, {BIAS} first; .*save it again with model.save"
    )
    with pytest.raises(ValueError, match=starts(folder, message)):
        encoders.load(str(folder))


def test_finite_weights_whose_sum_is_beyond_float32_are_fine():
    model = torch.nn.Linear(4, 4)
    torch.nn.init.constant_(model.weight, 3e38)
    assert not model.weight.sum().isfinite()
    weights.check_finite(model, sources.POCKET)


def test_weights_that_a_checksum_vouches_for_are_not_read_once_more(monkeypatch):
    def never(model, folder):
        raise AssertionError(folder)

    monkeypatch.setattr(weights, "check_finite", never)
    encoders.load("pocket-bert")
