"""LoRA's relatives: what each trains, how each starts, and that peft and tlbook agree."""

import copy

import pytest
import torch
from torch import nn

from tests.tiny_models import tiny_bert, tiny_rows
from tlbook.batches import Batches, collate
from tlbook.efficient import lora, peft_methods
from tlbook.freezing import trained_weights
from tlbook.heads import Classifier, classification_loss
from tlbook.training import fit

HEAD = 8 * 2 + 2


def classifier(pooling="mean"):
    torch.manual_seed(0)
    return Classifier(tiny_bert(), 2, pooling=pooling, dropout=0.0).eval()


def wide_classifier():
    """Return one that is wide enough for rank 16."""
    torch.manual_seed(0)
    return Classifier(tiny_bert(hidden_size=16), 2, dropout=0.0).eval()


def batch(count=5):
    return collate(tiny_rows(count))


def trained_names(model):
    return {name for name, weight in model.named_parameters() if weight.requires_grad}


@pytest.mark.parametrize("name", peft_methods.METHODS)
def test_every_method_trains_its_own_weights_and_the_head_and_can_be_seeded(name):
    method = peft_methods.METHODS[name]
    model, twin = wide_classifier(), wide_classifier()
    method.apply(model, 3)
    method.apply(twin, 3)
    assert {"head.weight", "head.bias"} < trained_names(model)
    assert 2 * 16 + 2 < trained_weights(model) < trained_weights(wide_classifier())
    assert torch.equal(model(**batch()), twin(**batch()))
    assert len(method.learning_rates) == 3


@pytest.mark.parametrize("name", peft_methods.METHODS)
def test_every_method_learns_and_moves_nothing_else(name):
    model = wide_classifier()
    peft_methods.METHODS[name].apply(model, 0)
    before = {name: weight.clone() for name, weight in model.named_parameters()}
    optimizer = torch.optim.AdamW([w for w in model.parameters() if w.requires_grad], lr=0.02)
    history = fit(
        model,
        Batches(tiny_rows(6), size=3),
        loss_of=classification_loss,
        optimizer=optimizer,
        epochs=8,
        progress=False,
    )
    assert history[-1]["train_loss"] < history[0]["train_loss"]
    moved = {n for n, weight in model.named_parameters() if not torch.equal(weight, before[n])}
    still = trained_names(model) - moved
    assert moved <= trained_names(model)
    assert all("key.bias" in name for name in still), "softmax does not feel a shift of all keys"


@pytest.mark.parametrize("name", ["LoRA 4", "IA3", "BitFit"])
def test_all_but_the_prompt_start_as_the_encoder_was(name):
    model = classifier()
    before = model(**batch())
    peft_methods.METHODS[name].apply(model, 0)
    torch.testing.assert_close(model(**batch()), before)


def test_lora_in_all_linear_layers_corrects_each_of_them():
    model = classifier()
    linear = {name for name, part in model.encoder.named_modules() if isinstance(part, nn.Linear)}
    peft_methods.METHODS["LoRA, all linear 4"].apply(model, 0)
    assert set(lora.layers(model.encoder)) == {name for name in linear if "layer." in name}
    assert {layer.down.shape[0] for layer in lora.layers(model).values()} == {4}


def test_bitfit_trains_all_biases_of_the_encoder():
    model = classifier()
    peft_methods.bitfit(model)
    assert trained_names(model) - {"head.weight"} == {
        name for name, _ in model.named_parameters() if name.endswith("bias")
    }


def test_bitfit_needs_biases():
    with pytest.raises(ValueError, match="Linear has no biases"):
        peft_methods.bitfit(Headed(nn.Linear(2, 2, bias=False)))


class Headed(nn.Module):
    """Something with an encoder in it."""

    def __init__(self, encoder):
        super().__init__()
        self.encoder = encoder


def test_ia3_has_a_factor_per_key_value_and_feed_forward_unit():
    model = classifier()
    peft_methods.ia3(model)
    assert trained_weights(model) == 2 * (8 + 8 + 16) + HEAD


def test_a_factor_of_ia3_scales_what_its_name_says():
    model = classifier()
    query = copy.deepcopy(model.encoder.encoder.layer[0].attention.self.key)
    peft_methods.ia3(model)
    key = model.encoder.encoder.layer[0].attention.self.key
    key.ia3_l["default"].data.fill_(3.0)
    x = torch.randn(2, 8)
    torch.testing.assert_close(key(x), 3 * query(x))


def test_ia3_needs_layers_of_its_names():
    with pytest.raises(ValueError, match="(?i)target modules"):
        peft_methods.ia3(Headed(nn.Sequential(nn.Linear(2, 2))))


def prompted(pooling="mean", count=3):
    model = classifier(pooling)
    peft_methods.prompt_tuning(model, 0, virtual_tokens=count)
    return model


def test_a_prompt_is_trained_and_starts_as_words_of_the_vocabulary():
    model = prompted()
    words = tiny_bert().embeddings.word_embeddings.weight
    (prompt,) = (w for n, w in model.encoder.named_parameters() if w.requires_grad)
    assert prompt.shape == (3, 8)
    assert all(any(torch.equal(vector, word) for word in words) for vector in prompt)
    assert trained_weights(model) == 3 * 8 + HEAD


def test_what_is_pooled_are_the_states_of_the_text_itself():
    model, given = prompted(), batch()
    states = model.encoder(given["input_ids"], given["attention_mask"], given["token_type_ids"])
    assert states.last_hidden_state.shape == (*given["input_ids"].shape, 8)


def test_the_prompt_is_attended_to():
    model, given = prompted(), batch()
    before = model(**given)
    (prompt,) = (w for w in model.encoder.parameters() if w.requires_grad)
    prompt.data.neg_()
    assert not torch.allclose(model(**given), before)


def test_padding_does_not_matter_under_a_prompt():
    model, rows = prompted(), sorted(tiny_rows(4), key=lambda row: len(row["input_ids"]))
    beside, alone = model(**collate(rows)), model(**collate(rows[:1]))
    torch.testing.assert_close(beside[:1], alone, atol=1e-5, rtol=1e-4)


def test_the_states_are_those_of_peft_where_peft_has_them():
    model, given = prompted(), batch()
    ours = model.encoder(given["input_ids"], given["attention_mask"]).last_hidden_state
    theirs = model.encoder.prompted(
        input_ids=given["input_ids"], attention_mask=given["attention_mask"]
    ).last_hidden_state
    torch.testing.assert_close(ours, theirs[:, 3:])


def test_segments_are_kept_where_peft_would_drop_them():
    model, given = prompted(), batch()
    other = given | {"token_type_ids": torch.ones_like(given["token_type_ids"])}
    assert not torch.allclose(model(**given), model(**other))


def test_cls_can_be_pooled_under_a_prompt():
    model, given = prompted("cls"), batch()
    states = model.encoder(given["input_ids"], given["attention_mask"], given["token_type_ids"])
    torch.testing.assert_close(model(**given), model.head(states.last_hidden_state[:, 0]))


def test_a_prompted_encoder_has_the_config_of_its_encoder():
    assert prompted().encoder.config.hidden_size == 8


def test_drawing_a_prompt_leaves_the_global_generator_alone():
    model = classifier()
    before = torch.get_rng_state()
    peft_methods.prompt_tuning(model, 1)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_prompt_has_at_least_one_token():
    with pytest.raises(ValueError, match="virtual_tokens must be 1 or more, got 0"):
        peft_methods.prompt_tuning(classifier(), virtual_tokens=0)


def lora_twins():
    """Return one model with our LoRA and one with peft's, of the same A and B."""
    from peft import LoraConfig, get_peft_model

    ours, theirs = classifier(), classifier()
    lora.add(ours, rank=2, alpha=6.0)
    config = LoraConfig(
        r=2, lora_alpha=6, target_modules=["query", "value"], modules_to_save=["head"]
    )
    theirs = get_peft_model(theirs, config)
    layers = lora.layers(ours)
    with torch.no_grad():
        for name, weight in theirs.named_parameters():
            if ".lora_" in name:
                own = layers[name.removeprefix("base_model.model.").split(".lora_")[0]]
                weight.copy_(own.down if "lora_A" in name else own.up)
    return ours, theirs


def trajectory(model, steps=6):
    optimizer = torch.optim.AdamW([w for w in model.parameters() if w.requires_grad], lr=0.01)
    batches, losses = Batches(tiny_rows(6), size=3), []
    model.train()
    while len(losses) < steps:
        for given in batches:
            loss = classification_loss(model, given)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    return losses


def test_our_lora_and_pefts_train_alike():
    ours, theirs = lora_twins()
    assert trained_weights(ours) == trained_weights(theirs)
    torch.testing.assert_close(theirs(**batch()), ours(**batch()))
    mine, other = trajectory(ours), trajectory(theirs)
    assert mine[-1] < mine[0]
    torch.testing.assert_close(torch.tensor(other), torch.tensor(mine))
    torch.testing.assert_close(theirs.eval()(**batch()), ours.eval()(**batch()))


def test_our_lora_and_pefts_merge_alike():
    ours, theirs = lora_twins()
    trajectory(ours)
    trajectory(theirs)
    lora.merge(ours)
    merged = theirs.merge_and_unload()
    query = "encoder.encoder.layer.1.attention.self.query"
    torch.testing.assert_close(
        merged.get_submodule(query).weight, lora.layers(ours)[query].frozen.weight
    )
