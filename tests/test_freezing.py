"""Which weights move, and how fast each layer does."""

import pytest
from torch import nn
from transformers import (
    DebertaV2Config,
    DebertaV2Model,
    DistilBertConfig,
    DistilBertModel,
    ElectraConfig,
    ElectraModel,
    MegatronBertConfig,
    MegatronBertModel,
    RobertaPreLayerNormConfig,
    RobertaPreLayerNormModel,
    XLMRobertaXLConfig,
    XLMRobertaXLModel,
)

from tests.tiny_models import SIZES, tiny_bert, tiny_config
from tlbook.freezing import (
    freeze,
    freeze_below,
    layer_groups,
    layers_of,
    trained_weights,
    unfreeze,
)
from tlbook.heads import Classifier

EMBEDDINGS = (23 + 256 + 2) * 8 + 2 * 8  # words, positions, segments; layer norm
ATTENTION = 4 * (8 * 8 + 8) + 2 * 8
FEED_FORWARD = 8 * 16 + 16 + 16 * 8 + 8 + 2 * 8
LAYER = ATTENTION + FEED_FORWARD
RELATIVE = {"relative_attention": True, "norm_rel_ebd": "layer_norm"}


def test_weights_are_counted_by_hand():
    assert trained_weights(tiny_bert()) == EMBEDDINGS + 2 * LAYER


def test_frozen_weights_are_not_counted_until_unfrozen():
    encoder = tiny_bert()
    assert trained_weights(freeze(encoder)) == 0
    assert trained_weights(unfreeze(encoder)) == EMBEDDINGS + 2 * LAYER


def test_layers_come_from_the_bottom_up():
    encoder = tiny_bert()
    assert layers_of(encoder) == [encoder.embeddings, *encoder.encoder.layer]


@pytest.mark.parametrize(
    ("layer", "left"),
    [(0, EMBEDDINGS + 2 * LAYER), (1, 2 * LAYER), (2, LAYER), (3, 0)],
)
def test_only_the_layers_above_the_line_are_trained(layer, left):
    assert trained_weights(freeze_below(tiny_bert(), layer)) == left


def test_a_lower_line_thaws_what_a_higher_one_froze():
    assert trained_weights(freeze_below(freeze_below(tiny_bert(), 3), 1)) == 2 * LAYER


@pytest.mark.parametrize(
    "encoder",
    [
        ElectraModel(ElectraConfig(**SIZES, embedding_size=8)),
        DebertaV2Model(DebertaV2Config(**SIZES, **RELATIVE, conv_kernel_size=3)),
    ],
    ids=lambda encoder: type(encoder).__name__,
)
@pytest.mark.parametrize("layer", [1, 3])
def test_what_lies_below_the_layers_or_is_shared_by_them_is_frozen(encoder, layer):
    freeze_below(encoder, layer)
    kept = tuple(f"encoder.layer.{number}." for number in range(layer - 1, 3))
    for name, weight in encoder.named_parameters():
        assert weight.requires_grad is name.startswith(kept), name
    assert trained_weights(freeze_below(encoder, 0)) == encoder.num_parameters()


@pytest.mark.parametrize(
    ("encoder", "norm"),
    [
        (MegatronBertModel(MegatronBertConfig(**SIZES)), "encoder.ln"),
        (XLMRobertaXLModel(XLMRobertaXLConfig(**SIZES)), "encoder.LayerNorm"),
        (RobertaPreLayerNormModel(RobertaPreLayerNormConfig(**SIZES)), "LayerNorm"),
    ],
)
def test_the_pooler_and_a_norm_after_the_last_layer_are_trained(encoder, norm):
    freeze_below(encoder, 4)
    trained = {name for name, weight in encoder.named_parameters() if weight.requires_grad}
    assert trained == {
        f"{part}.{kind}" for part in (norm, "pooler.dense") for kind in ("weight", "bias")
    }


@pytest.mark.parametrize("layer", [-1, 4])
def test_a_layer_that_is_not_there_is_an_error(layer):
    with pytest.raises(ValueError, match=rf"layer must lie in 0\.\.3, got {layer}"):
        freeze_below(tiny_bert(), layer)


def test_rates_fall_by_the_factor_from_the_head_down():
    model = Classifier(tiny_bert(), 3)
    groups = layer_groups(model, learning_rate=0.8, decay=0.5, weight_decay=0.25)
    assert [group["lr"] for group in groups] == [0.8, 0.4, 0.2, 0.1]
    assert [sum(w.numel() for w in group["params"]) for group in groups] == [
        8 * 3 + 3,
        LAYER,
        LAYER,
        EMBEDDINGS,
    ]
    assert {group["weight_decay"] for group in groups} == {0.25}


def test_every_weight_is_in_one_group_even_what_is_in_no_layer():
    encoder = tiny_bert()
    encoder.pooler = nn.Linear(8, 8)
    model = Classifier(encoder, 2)
    groups = layer_groups(model, learning_rate=1.0, decay=0.9)
    held = [id(weight) for group in groups for weight in group["params"]]
    assert sorted(held) == sorted(map(id, model.parameters()))


@pytest.mark.parametrize(
    ("encoder", "low"),
    [
        (ElectraModel(ElectraConfig(**SIZES, embedding_size=8)), "embeddings_project.weight"),
        (
            DebertaV2Model(DebertaV2Config(**SIZES, **RELATIVE, conv_kernel_size=3)),
            "encoder.rel_embeddings.weight",
        ),
    ],
    ids=["electra", "deberta"],
)
def test_what_layers_share_or_stand_on_learns_as_slowly_as_the_embeddings(encoder, low):
    model = Classifier(encoder, 2)
    *_, slowest = layer_groups(model, learning_rate=1.0, decay=0.5)
    assert slowest["lr"] == 0.5**4
    held = {id(weight) for weight in slowest["params"]}
    assert id(encoder.get_parameter(low)) in held
    assert {name for name, weight in encoder.named_parameters() if id(weight) in held} == {
        name for name, _ in encoder.named_parameters() if not name.startswith("encoder.layer.")
    }


def test_frozen_layers_have_no_group():
    model = Classifier(freeze_below(tiny_bert(), 2), 2)
    groups = layer_groups(model, learning_rate=1.0, decay=0.5)
    assert [group["lr"] for group in groups] == [1.0, 0.5]


def test_the_layers_of_a_distilbert_are_known_too():
    config = DistilBertConfig(vocab_size=9, dim=8, n_layers=2, n_heads=2, hidden_dim=8)
    assert len(layers_of(DistilBertModel(config))) == 3


@pytest.mark.parametrize("decay", [0.0, 1.1])
def test_a_factor_out_of_range_is_an_error(decay):
    with pytest.raises(ValueError, match=rf"decay must lie in \(0, 1\], got {decay}"):
        layer_groups(Classifier(tiny_bert(), 2), learning_rate=1.0, decay=decay)


def test_an_unknown_kind_of_encoder_is_an_error():
    from transformers import BertLMHeadModel

    model = BertLMHeadModel(tiny_config(is_decoder=True))
    with pytest.raises(ValueError, match="BertLMHeadModel has no embeddings and encoder.layer"):
        layers_of(model)
