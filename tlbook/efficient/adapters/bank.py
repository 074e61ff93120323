"""Named sets of adapters and norms on one trunk, one of them in place at a time.

Switching swaps modules, never weights: a set that is not in place is kept aside, and the base
model's own norms come back as the very objects that they were. What is kept aside moves to the
trunk's device, and to another precision only if its place was cast meanwhile.

Notebook: notebooks/3_efficient/31_adapters.ipynb
"""

import difflib
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from tlbook.efficient.adapters.bottleneck import Bottleneck
from tlbook.efficient.adapters.places import NORM, chosen, flow
from tlbook.efficient.adapters.precision import Precision, cast, copied, moved, precision_of


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
        mark: Tells it, and its copies, from another set of the same name.
    """

    settings: Settings
    bottlenecks: dict[str, Bottleneck]
    norms: dict[str, nn.Module]
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)


@dataclass
class Bank:
    """The sets of one trunk; it hangs on the trunk as ``adapter_bank``.

    Attributes:
        norms: The base model's layer norms, by name.
        flags: ``requires_grad`` of the base model's weights before the first set came.
        seen: Precision of each place, when last looked at: see `follow`.
        sets: By name.
        active: Name of the one in place; None for the base model's own function.
        hooks: Of the adapters in place.
    """

    norms: dict[str, nn.Module]
    flags: list[tuple[nn.Parameter, bool]]
    seen: dict[str, Precision]
    sets: dict[str, Adapters] = field(default_factory=dict)
    active: str | None = None
    hooks: list[RemovableHandle] = field(default_factory=list)


def made(trunk: nn.Module, settings: Settings, *, scale: float | None, seed: int) -> Adapters:
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
    for name, part in bottlenecks.items():
        cast(part, _beside(trunk, name))
    own = base_norms(trunk)
    return Adapters(settings, bottlenecks, {name: copied(own[name]) for name in names})


def base_norms(trunk: nn.Module) -> dict[str, nn.Module]:
    """Return the base model's layer norms by name, whichever are in place."""
    if hasattr(trunk, "adapter_bank"):
        follow(trunk)
        return trunk.adapter_bank.norms
    names = [spot.module for spot in flow(trunk) if spot.kind == NORM]
    return {name: trunk.get_submodule(name) for name in names}


def opened(trunk: nn.Module) -> Bank:
    """Return the bank of a trunk; an empty one is hung on it if there is none."""
    if not hasattr(trunk, "adapter_bank"):
        flags = [(weight, weight.requires_grad) for weight in trunk.parameters()]
        trunk.adapter_bank = Bank(base_norms(trunk), flags, _precisions(trunk))
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
    follow(trunk)
    bank: Bank = trunk.adapter_bank
    device = next(trunk.parameters()).device
    for part in (*adapters.values(), *norms.values(), *bank.norms.values()):
        moved(part, device).train(trunk.training)  # the trunk may have moved without them
    for hook in bank.hooks:
        hook.remove()
    bank.hooks.clear()
    for spot in flow(trunk):
        around = _around(trunk, spot.module)
        if spot.kind == NORM:
            trunk.set_submodule(spot.module, norms.get(spot.module, bank.norms[spot.module]))
        elif spot.module in adapters:
            around.adapter = adapters[spot.module]
            # Not a closure: a deep copy of the model must call the copy of the adapter.
            after = partial(_followed, around.adapter)
            bank.hooks.append(trunk.get_submodule(spot.module).register_forward_hook(after))
        elif hasattr(around, "adapter"):
            del around.adapter
    bank.seen = _precisions(trunk)


def follow(trunk: nn.Module) -> None:
    """Cast what is kept aside as its own place was cast since it was last looked at.

    The place of an adapter is as precise as the matrix beside it. That of a norm is as the norm
    in it; but if that one was cast without the trunk, as trained weights alone are, the others
    stay as they are.
    """
    bank: Bank = trunk.adapter_bank
    whole = precision_of(next(trunk.parameters()))
    for place, now in _precisions(trunk).items():
        norm = place in bank.norms
        if now == bank.seen.get(place) or (norm and now != whole):
            continue
        kept = [bank.norms[place]] if norm else []
        for found in bank.sets.values():
            kept += [parts[place] for parts in (found.norms, found.bottlenecks) if place in parts]
        inside = getattr(_around(trunk, place), "adapter", None)
        for part in kept:
            if part is not inside:
                cast(part, now)
    bank.seen = _precisions(trunk)


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


def _around(trunk: nn.Module, place: str) -> nn.Module:
    """The module that holds the one of that name."""
    return trunk.get_submodule(place.rpartition(".")[0])


def _beside(trunk: nn.Module, place: str) -> Precision:
    """The precision of the first matrix beside a place, in which states come to an adapter."""
    weights = (*_around(trunk, place).parameters(), *trunk.parameters())
    return precision_of(next(weight for weight in weights if weight.is_floating_point()))


def _precisions(trunk: nn.Module) -> dict[str, Precision]:
    return {
        spot.module: precision_of(trunk.get_submodule(spot.module))
        if spot.kind == NORM
        else _beside(trunk, spot.module)
        for spot in flow(trunk)
    }


def _followed(adapter: nn.Module, _module: nn.Module, _given: tuple, states: Tensor) -> Tensor:
    return adapter(states)
