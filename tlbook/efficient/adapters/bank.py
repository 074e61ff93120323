"""Named sets of adapters, norms and heads on one trunk, one of them in place at a time.

Switching swaps modules, never weights: a set that is not in place is kept aside, and the base
model's own norms and head come back as the very objects that they were.

Notebook: notebooks/3_efficient/31_adapters.ipynb
"""

import copy
import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from tlbook.efficient.adapters.bottleneck import Bottleneck
from tlbook.efficient.adapters.places import NORM, chosen, flow

Part = nn.Module | nn.Parameter


@dataclass(frozen=True)
class Settings:
    """What decides the shapes of a set: see `tlbook.efficient.adapters.add`."""

    bottleneck: int
    placement: str
    layers: tuple[int, ...]


@dataclass
class Adapters:
    """What one name adds to the trunk.

    Attributes:
        settings: Its shapes.
        bottlenecks: By the name of the module that each of them follows.
        norms: Its own layer norms, by their names in the trunk.
    """

    settings: Settings
    bottlenecks: dict[str, Bottleneck]
    norms: dict[str, nn.Module]


@dataclass
class Bank:
    """The sets of one trunk; it hangs on the trunk as ``adapter_bank``.

    Attributes:
        norms: The base model's layer norms, by name.
        flags: ``requires_grad`` of the base model's weights before the first set came.
        sets: By name.
        active: Name of the one in place; None for the base model's own function.
        hooks: Of the adapters in place.
    """

    norms: dict[str, nn.Module]
    flags: list[tuple[nn.Parameter, bool]]
    sets: dict[str, Adapters] = field(default_factory=dict)
    active: str | None = None
    hooks: list[RemovableHandle] = field(default_factory=list)


@dataclass
class Heads:
    """The heads of one model on a trunk; they hang on the model as ``adapter_heads``.

    Attributes:
        own: The parts that the model was made with, by attribute.
        flags: ``requires_grad`` of their weights.
        sets: A trained copy of them for each name.
    """

    own: dict[str, Part]
    flags: list[tuple[nn.Parameter, bool]]
    sets: dict[str, dict[str, Part]] = field(default_factory=dict)


def made(trunk: nn.Module, settings: Settings, *, scale: float, seed: int) -> Adapters:
    """Make a set for a trunk, which stays as it is.

    Raises:
        ValueError: If a setting does not suit the trunk.
    """
    followed, names = chosen(trunk, settings.placement, settings.layers)
    draw, hidden = torch.Generator().manual_seed(seed), trunk.config.hidden_size
    bottlenecks = {
        name: Bottleneck(hidden, settings.bottleneck, scale=scale, generator=draw)
        for name in followed
    }
    own = base_norms(trunk)
    return Adapters(settings, bottlenecks, {name: copied(own[name]) for name in names})


def base_norms(trunk: nn.Module) -> dict[str, nn.Module]:
    """Return the base model's layer norms by name, whichever are in place."""
    if hasattr(trunk, "adapter_bank"):
        return trunk.adapter_bank.norms
    names = [spot.module for spot in flow(trunk) if spot.kind == NORM]
    return {name: trunk.get_submodule(name) for name in names}


def opened(trunk: nn.Module) -> Bank:
    """Return the bank of a trunk; an empty one is hung on it if there is none."""
    if not hasattr(trunk, "adapter_bank"):
        flags = [(weight, weight.requires_grad) for weight in trunk.parameters()]
        trunk.adapter_bank = Bank(base_norms(trunk), flags)
    return trunk.adapter_bank


def require_known(names: Iterable[str], name: str) -> None:
    """Raise `ValueError` unless `name` is one of `names`; suggest the nearest."""
    names = list(names)
    if name not in names:
        close = difflib.get_close_matches(str(name), names, n=1, cutoff=0.5)
        hint = f"; did you mean {close[0]!r}?" if close else "."
        there = f"There are {', '.join(map(repr, names))}" if names else "There are none"
        raise ValueError(f"no adapter {name!r}{hint} {there}")


def put_in_place(
    trunk: nn.Module, adapters: Mapping[str, nn.Module], norms: Mapping[str, nn.Module]
) -> None:
    """Let adapters follow the modules named, and norms stand in for the base model's.

    Args:
        trunk: Has a bank.
        adapters: By the module that each follows; it becomes the child ``adapter`` of the module
            around that one. Nothing else follows anything then.
        norms: By name; the others are the base model's.
    """
    bank: Bank = trunk.adapter_bank
    like = next(trunk.parameters())
    for part in (*adapters.values(), *norms.values(), *bank.norms.values()):
        _moved(part, like).train(trunk.training)  # the trunk may have moved without them
    for hook in bank.hooks:
        hook.remove()
    bank.hooks.clear()
    for spot in flow(trunk):
        around = trunk.get_submodule(spot.module.rpartition(".")[0])
        if spot.kind == NORM:
            trunk.set_submodule(spot.module, norms.get(spot.module, bank.norms[spot.module]))
        elif spot.module in adapters:
            around.adapter = adapters[spot.module]
            # Not a closure: a deep copy of the model must call the copy of the adapter.
            after = partial(_followed, around.adapter)
            bank.hooks.append(trunk.get_submodule(spot.module).register_forward_hook(after))
        elif hasattr(around, "adapter"):
            del around.adapter


def switch(trunk: nn.Module, name: str | None) -> None:
    """Put the set of that name in place, on the trunk's device, and train nothing else of it."""
    bank: Bank = trunk.adapter_bank
    bottlenecks, norms = {}, {}
    if name is not None:
        bottlenecks, norms = bank.sets[name].bottlenecks, bank.sets[name].norms
    put_in_place(trunk, bottlenecks, norms)
    parts = (*bottlenecks.values(), *norms.values())
    trained = {id(weight) for part in parts for weight in part.parameters()}
    for weight in trunk.parameters():
        weight.requires_grad_(id(weight) in trained)
        if not weight.requires_grad:
            weight.grad = None  # what an earlier training left would count when norms are clipped
    bank.active = name


def close(trunk: nn.Module) -> None:
    """Take an empty bank off a trunk on which nothing is in place."""
    for weight, flag in trunk.adapter_bank.flags:
        weight.requires_grad_(flag)
    del trunk.adapter_bank


def head_parts(model: nn.Module) -> dict[str, Part]:
    """Return everything a model holds beside its encoder, by attribute."""
    parts = [*model.named_children(), *model.named_parameters(recurse=False)]
    return {name: part for name, part in parts if name != "encoder"}


def add_head(model: nn.Module, name: str, head: dict[str, Part]) -> None:
    """Keep a head for `name`; `switch_head` puts it in place."""
    if not hasattr(model, "adapter_heads"):
        own = head_parts(model)
        weights = [weight for part in own.values() for weight in weights_of(part)]
        model.adapter_heads = Heads(own, [(weight, weight.requires_grad) for weight in weights])
    model.adapter_heads.sets[name] = head


def new_head(model: nn.Module) -> dict[str, Part]:
    """Return a copy of the head that the model was made with."""
    own = model.adapter_heads.own if hasattr(model, "adapter_heads") else head_parts(model)
    return {name: copied(part) for name, part in own.items()}


def head_of(model: nn.Module, name: str) -> dict[str, Part]:
    """Return the head for `name`: the one kept under it, or else the one in place."""
    kept = model.adapter_heads.sets if hasattr(model, "adapter_heads") else {}
    return kept.get(name) or head_parts(model)


def switch_head(model: nn.Module, name: str | None, known: Iterable[str]) -> None:
    """Put the head for `name` in place, or the model's own; forget those of no `known` set."""
    if not hasattr(model, "adapter_heads"):
        return
    heads: Heads = model.adapter_heads
    heads.sets = {kept: head for kept, head in heads.sets.items() if kept in set(known)}
    like = next(model.encoder.parameters())
    for attribute, part in heads.sets.get(name, heads.own).items():
        setattr(model, attribute, _moved(part, like))
        if isinstance(part, nn.Module):
            part.train(model.training)
    own = name not in heads.sets
    for weight, flag in heads.flags:
        weight.requires_grad_(flag and own)
    for part in heads.sets.get(name, {}).values():
        part.requires_grad_(True)
    if not heads.sets:
        del model.adapter_heads


def copied(part: Part) -> Part:
    """Return a copy with weights of its own, without gradients."""
    fresh = copy.deepcopy(part)
    for weight in weights_of(fresh):
        weight.grad = None
    return fresh


def weights_of(part: Part) -> list[nn.Parameter]:
    """Return the weights of a module, or the weight that the part is."""
    return list(part.parameters()) if isinstance(part, nn.Module) else [part]


def _moved(part: Part, like: Tensor) -> Part:
    """The same part, on the device and in the precision of `like`."""
    if isinstance(part, nn.Module):
        return part.to(device=like.device, dtype=like.dtype)
    part.data = part.data.to(device=like.device, dtype=like.dtype)
    return part


def _followed(adapter: nn.Module, _module: nn.Module, _given: tuple, states: Tensor) -> Tensor:
    return adapter(states)
