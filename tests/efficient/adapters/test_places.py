"""Adapters sit where the paper draws them, in every kind of encoder."""

import pytest
import torch
from torch import nn
from transformers import T5Config, T5EncoderModel

from tests.efficient.tiny_trunks import tiny_trunk
from tlbook.efficient import adapters
from tlbook.efficient.adapters.places import chosen, flow, is_trunk, layer_count, trunk_of
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


def test_an_unknown_placement_is_an_error(trunk):
    with pytest.raises(ValueError, match="placement must be houlsby or pfeiffer, got 'houlsbi'"):
        chosen(trunk, "houlsbi", (0,))


@pytest.mark.parametrize("layers", [(), (2,), (-1,), (0, 5)])
def test_a_layer_that_is_not_there_is_an_error(trunk, layers):
    with pytest.raises(ValueError, match=r"layers must be some of 0\.\.1, got"):
        chosen(trunk, "houlsby", layers)
