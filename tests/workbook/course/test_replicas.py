"""A module arrives as it was sent, and takes on what happened to its replica and no more."""

import copy
import json

import pytest
import torch
from torch import nn

from tlbook.workbook.course import replicas, wire


class Scaled(nn.Module):
    """A module of ours, with all that one may hold."""

    def __init__(self):
        super().__init__()
        self.factor = 2.0
        self.inner = nn.Linear(3, 2)
        self.register_buffer("seen", torch.zeros(1))

    def forward(self, states):
        return self.factor * self.inner(states)


CLASSES = {replicas.name_of(Scaled): Scaled}


def sent(module):
    told = json.loads(json.dumps(replicas.describe(module, wire.encode)))
    return replicas.rebuild(told, wire.decode, CLASSES)


def returned(replica):
    return wire.decode(json.loads(json.dumps(wire.encode(replicas.state(replica)))))


def test_a_replica_computes_what_the_module_does():
    module, states = Scaled().eval(), torch.randn(4, 3)
    replica = sent(module)
    assert type(replica) is Scaled
    assert not replica.training
    torch.testing.assert_close(replica(states), module(states))


def test_layers_of_torch_need_no_introduction():
    layers, states = nn.Sequential(nn.Linear(2, 2, bias=False), nn.LayerNorm(2)), torch.randn(3, 2)
    torch.testing.assert_close(sent(layers)(states), layers(states))


def test_a_module_that_holds_more_than_numbers_is_refused_by_name():
    module = Scaled()
    module.bend = torch.tanh
    with pytest.raises(TypeError, match="Scaled.bend cannot be sent to an answer"):
        sent(module)


def test_a_class_that_was_not_prepared_is_named():
    told = replicas.describe(Scaled(), wire.encode)
    with pytest.raises(TypeError, match="does not know the class .*:Scaled"):
        replicas.rebuild(told, wire.decode, {})


def test_what_is_done_to_the_replica_is_done_to_the_module():
    module = Scaled()
    replica, weight = sent(module), module.inner.weight
    replica.inner.weight.data.fill_(7.0)
    replica.inner.bias.requires_grad_(False)
    replica.factor, replica.training = 3.0, False
    replica.seen += 1
    replicas.apply(module, returned(replica))
    assert module.inner.weight is weight
    assert (weight == 7).all()
    assert not module.inner.bias.requires_grad
    assert (module.factor, module.training, module.seen.item()) == (3.0, False, 1.0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda module: setattr(module, "inner", nn.Identity()), "took weights of inner away"),
        (lambda module: setattr(module, "inner", None), "took parts of the module away"),
        (lambda module: setattr(module, "more", nn.Linear(1, 1)), "took parts of the module away"),
        (lambda module: setattr(module, "inner", nn.Linear(4, 2)), "changed the shape"),
        (lambda module: module.double(), "changed the shape or the kind"),
    ],
)
def test_a_replica_that_became_another_module_changes_nothing(change, message):
    module = Scaled()
    before, replica = copy.deepcopy(module.state_dict()), sent(module)
    change(replica)
    with pytest.raises(ValueError, match=message):
        replicas.apply(module, returned(replica))
    assert all(torch.equal(before[name], now) for name, now in module.state_dict().items())


def test_a_setting_keeps_its_kind():
    module = Scaled()
    replica = sent(module)
    replica.factor = "many"
    replicas.apply(module, returned(replica))
    assert module.factor == 2.0
