"""Adapters sit where the paper draws them, in every kind of encoder."""

import pytest
import torch
from torch import nn
from transformers import (
    AlbertConfig,
    AlbertForSequenceClassification,
    AlbertModel,
    BertForSequenceClassification,
    CanineConfig,
    CanineModel,
    DistilBertForSequenceClassification,
    GPT2LMHeadModel,
    MPNetConfig,
    MPNetModel,
    T5Config,
    T5EncoderModel,
)

from tests.efficient.tiny_trunks import SIZES, tiny_trunk
from tests.tiny_models import tiny_config
from tlbook.batches import Batches
from tlbook.efficient import activations, adapters
from tlbook.efficient.adapters.places import (
    chosen,
    flow,
    is_trunk,
    layer_count,
    require_whole,
    trunk_of,
)
from tlbook.heads import Classifier


class Zero(nn.Module):
    """Says nothing: with it after a sub-layer, only the residual is left."""

    def forward(self, states):
        return torch.zeros_like(states)


def residual_alone(trunk, batch):
    """The states if every sub-layer says nothing: norms of norms of the embedding."""
    first = {}
    layers = trunk.get_submodule("h" if hasattr(trunk, "h") else _layers(trunk))
    hook = layers[0].register_forward_pre_hook(lambda _, given: first.update(states=given[0]))
    trunk(**batch)
    hook.remove()
    states = first["states"]
    for spot in flow(trunk):
        if spot.kind == "norm" and (not hasattr(trunk, "h") or spot.module == "ln_f"):
            states = trunk.get_submodule(spot.module)(states)
    return states


def _layers(trunk):
    return "transformer.layer" if hasattr(trunk, "transformer") else "encoder.layer"


def test_an_adapter_acts_inside_the_residual_and_before_the_norm(trunk, batch):
    given = {key: batch[key] for key in ("input_ids", "attention_mask")}
    expected = residual_alone(trunk, given)
    adapters.add(trunk, bottleneck=2)
    places, _ = chosen(trunk, "houlsby", (0, 1))
    adapters.bank.put_in_place(trunk, {place: Zero() for place in places}, {})
    torch.testing.assert_close(trunk(**given).last_hidden_state, expected)


@pytest.mark.parametrize(("placement", "per_layer"), [("houlsby", 2), ("pfeiffer", 1)])
def test_a_placement_has_its_number_of_adapters_in_each_layer(trunk, placement, per_layer):
    followed, _ = chosen(trunk, placement, (0, 1))
    assert len(followed) == len(set(followed)) == 2 * per_layer
    assert len(chosen(trunk, placement, (1,))[0]) == per_layer


@pytest.mark.parametrize(
    ("kind", "placement", "layers", "count"),
    [
        ("bert", "houlsby", (0, 1), 4),
        ("bert", "houlsby", (1,), 2),
        ("bert", "pfeiffer", (0, 1), 3),  # not the one below the first adapter
        ("gpt2", "houlsby", (0, 1), 4),  # not the first one, but that after all layers
        ("gpt2", "houlsby", (0,), 1),
        ("gpt2", "pfeiffer", (1,), 1),
    ],
)
def test_norms_are_those_of_the_adapted_layers_from_the_first_adapter_on(
    kind, placement, layers, count
):
    trunk = tiny_trunk(kind)
    followed, norms = chosen(trunk, placement, layers)
    assert len(norms) == count
    order = [spot.module for spot in flow(trunk)]
    assert min(map(order.index, norms)) > order.index(followed[0])
    assert all(isinstance(trunk.get_submodule(name), nn.LayerNorm) for name in norms)


def test_the_encoder_is_found_in_the_model_that_holds_it(trunk):
    assert trunk_of(trunk) is trunk
    assert trunk_of(Classifier(trunk, 2)) is trunk
    assert layer_count(trunk) == 2


def test_an_unknown_kind_of_model_is_an_error():
    config = T5Config(d_model=8, d_kv=4, d_ff=8, num_layers=1, num_heads=2, vocab_size=9)
    model = T5EncoderModel(config)
    assert not is_trunk(model)
    with pytest.raises(ValueError, match="T5EncoderModel is no encoder that adapters know"):
        trunk_of(model)


def test_mpnet_keeps_dropout_and_norm_of_attention_in_another_place():
    model = MPNetModel(MPNetConfig(**SIZES | {"hidden_size": 16, "num_hidden_layers": 3}))
    assert [spot.module.removeprefix("encoder.layer.2.") for spot in flow(model)[-4:]] == [
        *("attention.dropout", "attention.LayerNorm", "output.dropout", "output.LayerNorm")
    ]
    assert layer_count(model) == 3


@pytest.mark.parametrize(
    ("kind", "config", "name"),
    [
        (BertForSequenceClassification, tiny_config(), "bert"),
        (DistilBertForSequenceClassification, tiny_trunk("distilbert").config, "distilbert"),
        (GPT2LMHeadModel, tiny_trunk("gpt2").config, "transformer"),
    ],
)
def test_a_model_with_a_head_of_transformers_is_an_error_that_says_what_to_pass(kind, config, name):
    model = kind(config)
    message = f"{kind.__name__} holds its encoder as .{name}, .*: pass model.base_model, or tlbook"
    for wrong in (model, Classifier(model, 2)):
        with pytest.raises(ValueError, match=message):
            adapters.add(wrong, bottleneck=2)
    adapters.add(model.base_model, bottleneck=2)
    adapters.add(Classifier(model.base_model, 2), bottleneck=2, name="with a head")
    assert adapters.names(model.base_model) == ["adapter", "with a head"]


@pytest.mark.parametrize("kind", [AlbertModel, AlbertForSequenceClassification])
def test_layers_that_share_their_weights_are_an_error(kind):
    config = AlbertConfig(**SIZES | {"embedding_size": 4})
    for model in (kind(config), Classifier(kind(config), 2)):
        with pytest.raises(ValueError, match="AlbertModel uses one layer's weights in all its lay"):
            adapters.add(model, bottleneck=2)


def test_so_is_one_layer_that_stands_in_the_list_twice():
    model = tiny_trunk()
    model.encoder.layer[1] = model.encoder.layer[0]
    assert not is_trunk(model)
    with pytest.raises(ValueError, match="BertModel uses one layer's weights in all its layers"):
        trunk_of(model)


@pytest.mark.parametrize("layers", [(1,), (0, 1)])
def test_the_upper_part_of_a_model_is_not_taken_for_a_whole_one(trunk, layers, tmp_path):
    rows = [{"input_ids": [2, 7, 8, 3], "labels": 0}]
    for whole in (trunk, Classifier(trunk, 2)):
        name = type(whole).__name__
        adapters.add(whole, bottleneck=2, name=name, layers=layers)
        upper, _ = activations.store(whole, Batches(rows))
        before = {key: tensor.clone() for key, tensor in whole.state_dict().items()}
        for call in (
            lambda upper=upper, name=name: adapters.save(upper, name, tmp_path / "saved"),
            lambda upper=upper: adapters.activate(upper, None),
            lambda upper=upper, name=name: adapters.remove(upper, name),
            lambda upper=upper: adapters.add(upper, bottleneck=2, name="new"),
            lambda upper=upper, name=name: adapters.without_layers(upper, name, [1]).__enter__(),
        ):
            with pytest.raises(ValueError, match="runs on stored states .*: use the whole model"):
                call()
        assert not (tmp_path / "saved").exists()
        after = whole.state_dict()
        assert list(after) == list(before)
        assert all(torch.equal(after[key], before[key]) for key in before)
        adapters.save(whole, name, tmp_path / name)


def test_a_model_of_which_layers_were_dropped_is_a_whole_one():
    model = tiny_trunk()
    model.encoder.layer = model.encoder.layer[:1]
    require_whole(model)
    adapters.add(model, bottleneck=2)
    assert layer_count(model) == 1


def test_a_model_that_does_not_tell_its_embeddings_is_a_whole_one():
    sizes = {"hidden_size": 8, "num_attention_heads": 2, "intermediate_size": 16}
    model = CanineModel(CanineConfig(**sizes, num_hidden_layers=1))
    with pytest.raises(NotImplementedError):
        model.get_input_embeddings()
    require_whole(model)


def test_an_unknown_placement_is_an_error(trunk):
    with pytest.raises(ValueError, match="placement must be houlsby or pfeiffer, got 'houlsbi'"):
        chosen(trunk, "houlsbi", (0,))


@pytest.mark.parametrize("layers", [(), (2,), (-1,), (0, 5)])
def test_a_layer_that_is_not_there_is_an_error(trunk, layers):
    with pytest.raises(ValueError, match=r"layers must be some of 0\.\.1, got"):
        chosen(trunk, "houlsby", layers)
