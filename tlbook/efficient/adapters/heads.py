"""The heads of one model on a trunk: one of its own, and a trained one for each set of adapters.

A head belongs to the set that it came with. If that set is taken off, by whichever model, its
head is forgotten, and a new set of the same name does not get it.

Notebook: notebooks/3_efficient/31_adapters.ipynb
"""

from dataclasses import dataclass, field

from torch import nn

from tlbook.efficient.adapters.places import trunk_of
from tlbook.efficient.adapters.precision import (
    Part,
    Precision,
    cast,
    copied,
    moved,
    precision_of,
    weights_of,
)


@dataclass
class Heads:
    """They hang on the model as ``adapter_heads``.

    Attributes:
        own: The parts that the model was made with, by attribute.
        flags: ``requires_grad`` of their weights.
        seen: Precision of the parts in place, by attribute, when last looked at.
        sets: A trained copy of the parts for each name.
        marks: Of the adapters that each came with.
    """

    own: dict[str, Part]
    flags: list[tuple[nn.Parameter, bool]]
    seen: dict[str, Precision]
    sets: dict[str, dict[str, Part]] = field(default_factory=dict)
    marks: dict[str, str] = field(default_factory=dict)


def head_parts(model: nn.Module) -> dict[str, Part]:
    """Return everything a model holds beside its encoder, by attribute."""
    parts = [*model.named_children(), *model.named_parameters(recurse=False)]
    return {name: part for name, part in parts if name != "encoder"}


def add_head(model: nn.Module, name: str, head: dict[str, Part], mark: str) -> None:
    """Keep a head for the adapters of that name and mark; `switch_head` puts it in place."""
    if not hasattr(model, "adapter_heads"):
        own = head_parts(model)
        weights = [weight for part in own.values() for weight in weights_of(part)]
        flags = [(weight, weight.requires_grad) for weight in weights]
        model.adapter_heads = Heads(own, flags, _precisions(own))
    model.adapter_heads.sets[name], model.adapter_heads.marks[name] = head, mark


def new_head(model: nn.Module) -> dict[str, Part]:
    """Return a copy of the head that the model was made with."""
    follow(model)
    own = model.adapter_heads.own if hasattr(model, "adapter_heads") else head_parts(model)
    return {name: copied(part) for name, part in own.items()}


def head_of(model: nn.Module, name: str) -> dict[str, Part]:
    """Return the head for `name`; of a model without heads for any set, the one in place.

    Raises:
        ValueError: If the model holds heads, but none that came with this set.
    """
    if not hasattr(model, "adapter_heads"):
        return head_parts(model)
    follow(model)
    known = _known(model)
    if name not in known:
        others = f", only for {', '.join(map(repr, known))}" if known else ""
        raise ValueError(
            f"this {type(model).__name__} holds no head for {name!r}{others}; give the model that "
            f"{name!r} was added to or loaded on, or the encoder for adapters without a head"
        )
    return known[name]


def switch_head(model: nn.Module, name: str | None) -> None:
    """Put the head for `name` in place, or the model's own; forget those of sets that are gone."""
    if not hasattr(model, "adapter_heads"):
        return
    follow(model)
    heads: Heads = model.adapter_heads
    heads.sets = _known(model)
    device = next(model.encoder.parameters()).device
    inside = heads.sets.get(name, heads.own)
    for attribute, part in inside.items():
        setattr(model, attribute, moved(part, device))
        if isinstance(part, nn.Module):
            part.train(model.training)
    heads.seen = _precisions(inside)
    own = name not in heads.sets
    for weight, flag in heads.flags:
        weight.requires_grad_(flag and own)
    for part in heads.sets.get(name, {}).values():
        part.requires_grad_(True)
    if not heads.sets:
        del model.adapter_heads


def follow(model: nn.Module) -> None:
    """Cast the heads kept aside as the one in place was, if it was so with the whole model."""
    if not hasattr(model, "adapter_heads"):
        return
    heads: Heads = model.adapter_heads
    now = _precisions(head_parts(model))
    whole = precision_of(next(model.encoder.parameters()))
    for attribute, before in heads.seen.items():
        if now[attribute] != before and now[attribute] == whole:
            for head in (heads.own, *heads.sets.values()):
                cast(head[attribute], whole)
    heads.seen = now


def _known(model: nn.Module) -> dict[str, dict[str, Part]]:
    """The heads whose adapters are on the trunk, the very ones that they came with."""
    heads, trunk = model.adapter_heads, trunk_of(model)
    sets = trunk.adapter_bank.sets if hasattr(trunk, "adapter_bank") else {}
    marks = {name: adapters.mark for name, adapters in sets.items()}
    return {name: head for name, head in heads.sets.items() if marks.get(name) == heads.marks[name]}


def _precisions(parts: dict[str, Part]) -> dict[str, Precision]:
    return {attribute: precision_of(part) for attribute, part in parts.items()}
