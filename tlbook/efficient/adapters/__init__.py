"""Adapters: small trained layers inside a frozen encoder, many tasks on one trunk.

    adapters.add(model, bottleneck=16, name="reviews")      # trained: adapters, norms, head
    fit(model, ...)
    adapters.save(model, "reviews", folder)
    adapters.activate(model, None)                          # the base model, bit for bit

`model` is an encoder of transformers (`places` tells which) or a model of `tlbook.heads` that holds
one as ``.encoder``; its other parts are the head. Adapters live on the encoder. So several
models may share one, each with a head for its own task.

Modules, in the order in which one needs the other: `options` (what they may be), `bottleneck` (the
layer), `places` (where it goes), `precision` (parts and their numbers), `bank` (named sets, one in
place), `heads` (one for each set), `files` (on disk), `serving` (many tasks in one pass).

Paper:    PAPERS["adapters"], section 2
Notebook: notebooks/3_efficient/31_adapters.ipynb
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from torch import nn

from tlbook.efficient.adapters import bank, files, heads
from tlbook.efficient.adapters.bottleneck import Bottleneck
from tlbook.efficient.adapters.options import layer_numbers, set_name, whole_number
from tlbook.efficient.adapters.places import layer_count, require_whole, trunk_of
from tlbook.freezing import trained_weights


def add(
    model: nn.Module,
    *,
    bottleneck: int = 16,
    name: str = "adapter",
    placement: str = "houlsby",
    layers: Sequence[int] | None = None,
    scale: float | None = 1e-3,
    seed: int = 0,
) -> None:
    """Put new adapters into the encoder, make them the active ones and freeze the rest.

    Trained from now on: the adapters, the layer norms of the adapted layers from the first
    adapter on, and the head. Norms and head are copies that belong to `name`, so that training
    changes nothing of the base model.

    Args:
        model: An encoder, or a model that holds one.
        bottleneck: Inner width m, 1..hidden.
        name: Of this set, a string; it must be new on this encoder.
        placement: ``houlsby`` (after attention and after the feed-forward part, inside the
            residual) or ``pfeiffer`` (after the feed-forward part only).
        layers: Numbers of the adapted layers, from 0; None takes all.
        scale: Standard deviation of the adapters' matrices at the start, above 0; None starts
            from the base model's very function (see `Bottleneck`).
        seed: Of the adapters' weights; the global generator is left as it was.

    Raises:
        ValueError: If an argument is outside its range, the name is taken, or the encoder is of
            an unknown kind; nothing is changed then.

    Example:
        >>> from tlbook import encoders
        >>> _, encoder = encoders.load("pocket-bert")
        >>> add(encoder, bottleneck=8, name="reviews")
        >>> names(encoder), trainable_share(encoder) < 0.01
        (['reviews'], True)
    """
    # Paper: what Pfeiffer et al. changed beside the placement (which residual is added where, no
    # trained norms) is not followed: the two differ here in the number of adapters alone.
    trunk = _whole_trunk(model)
    _require_new(trunk, name)
    count, seed = layer_count(trunk), whole_number("seed", seed)
    layers = layer_numbers(range(count) if layers is None else layers, count)
    settings = bank.Settings(whole_number("bottleneck", bottleneck), placement, layers)
    _put_on(model, name, bank.made(trunk, settings, scale=scale, seed=seed))


def activate(model: nn.Module, name: str | None) -> None:
    """Put the adapters, norms and head of `name` in place; None gives the base model's function.

    Only what is in place is trained; the trunk stays frozen also under None.

    Args:
        model: An encoder, or a model that holds one. A head is switched only in this model.
        name: One of `names`, or None.

    Raises:
        ValueError: If there is no such name; the nearest is suggested.
    """
    trunk, known = _whole_trunk(model), names(model)
    if name is not None:
        bank.require_known(known, name)
    if known:
        bank.switch(trunk, name)
    if model is not trunk:
        heads.switch_head(model, name)


def names(model: nn.Module) -> list[str]:
    """Return the names of the sets on the encoder, in the order in which they came."""
    trunk = trunk_of(model)
    return list(trunk.adapter_bank.sets) if hasattr(trunk, "adapter_bank") else []


def active(model: nn.Module) -> str | None:
    """Return the name of the set in place, or None."""
    return trunk_of(model).adapter_bank.active if names(model) else None


def trainable_share(model: nn.Module) -> float:
    """Return trained weights over weights of the base model (its head included), above 0."""
    inside = [part for part in model.modules() if isinstance(part, Bottleneck)]
    added = sum(weight.numel() for part in inside for weight in part.parameters())
    return trained_weights(model) / (sum(x.numel() for x in model.parameters()) - added)


def remove(model: nn.Module, name: str) -> None:
    """Take a set off; with the last one the model is again the very one that it was.

    Modules, their weights, the keys of ``state_dict()`` and ``requires_grad`` are those from
    before the first `add`. If the set was active, the base model's function is in place then.

    Args:
        model: The one that `add` was given, so that its own head comes back too.
        name: One of `names`.

    Raises:
        ValueError: If there is no such name; the nearest is suggested.
    """
    trunk = _whole_trunk(model)
    bank.require_known(names(model), name)
    activate(model, None if active(model) == name else active(model))
    del trunk.adapter_bank.sets[name]
    if not trunk.adapter_bank.sets:
        bank.close(trunk)
    if model is not trunk:
        heads.switch_head(model, active(model))


def save(model: nn.Module, name: str, folder: Path | str) -> Path:
    """Write adapters, norms and head of `name` into a folder, and nothing of the base model.

    Args:
        model: An encoder (no head is written then), or a model that holds one.
        name: One of `names`; it need not be active.
        folder: Made if missing. A file of this name in it is replaced in one step.

    Returns:
        The file, with the base model's name and the hash of its weights inside.

    Raises:
        ValueError: If there is no such name (the nearest is suggested), this model holds no head
            for it, or the folder holds a set of another name; nothing is written then.
    """
    trunk = _whole_trunk(model)
    bank.require_known(names(model), name)
    bank.follow(trunk)
    head = {} if model is trunk else heads.head_of(model, name)
    return files.write(Path(folder), name, trunk, trunk.adapter_bank.sets[name], head)


def load(model: nn.Module, folder: Path | str, *, name: str | None = None) -> str:
    """Undo `save`: put the stored set on a model, make it active, and return its name.

    Args:
        model: Holds the same base model. An encoder takes no head; a model with another head
            than was saved is an error, one that takes a set saved without keeps its own.
        folder: From `save`.
        name: Instead of the stored one.

    Raises:
        ValueError: If the file is truncated, altered or none, of another base model (says which
            it wants), or does not fit the head, or the name is taken; nothing is changed then.
    """
    trunk, path = _whole_trunk(model), Path(folder) / files.FILE
    told, tensors = files.read(Path(folder))
    name = told["name"] if name is None else name
    _require_new(trunk, name)
    files.require_base(path, told, trunk)
    settings = bank.Settings(told["bottleneck"], told["placement"], tuple(told["layers"]))
    fresh = bank.made(trunk, settings, scale=1.0, seed=0)
    with_head = model is not trunk and any(key.startswith("head.") for key in tensors)
    head = {} if model is trunk else heads.new_head(model)
    stored = {key: x for key, x in tensors.items() if with_head or not key.startswith("head.")}
    files.take_precision(fresh, stored)
    files.fill(path, stored, files.tensors_of(fresh, head if with_head else {}))
    _put_on(model, name, fresh, head)
    return name


@contextmanager
def without_layers(model: nn.Module, name: str, layers: Sequence[int]) -> Iterator[None]:
    """Leave out the adapters of some layers for a while, as in the paper's figure 6.

    Norms and head of `name` stay in place. Afterwards the set that was active is so again.

    Args:
        model: An encoder, or a model that holds one.
        name: One of `names`.
        layers: Numbers of layers that have adapters of that name.

    Raises:
        ValueError: If there is no such name, or it has no adapter in one of the layers.
    """
    trunk, before = _whole_trunk(model), active(model)
    bank.require_known(names(model), name)
    layers = [whole_number("layers", layer) for layer in layers]
    found = trunk.adapter_bank.sets[name]
    absent = sorted(set(layers) - set(found.settings.layers))
    if absent:
        raise ValueError(f"adapter {name!r} is in layers {found.settings.layers}, not in {absent}")
    left_out = bank.chosen(trunk, found.settings.placement, layers)[0] if layers else []
    kept = {place: part for place, part in found.bottlenecks.items() if place not in left_out}
    activate(model, name)
    try:
        bank.put_in_place(trunk, kept, found.norms)
        yield
    finally:
        activate(model, before)


def merge(model: nn.Module, name: str) -> NoReturn:
    """Explain why adapters, unlike LoRA, cannot be folded into the weights beside them.

    Folding needs a matrix that does what the adapter does. A matrix is linear, f(-x) = -f(x);
    an adapter bends at its bottleneck, so no matrix equals it, and it stays in the forward pass.

    Raises:
        TypeError: Always.

    Example:
        >>> import torch
        >>> adapter, x = Bottleneck(6, 2, scale=1.0), torch.ones(6)
        >>> torch.allclose(adapter(-x), -adapter(x))
        False
    """
    raise TypeError(
        f"adapter {name!r} cannot be merged into {type(model).__name__}: between its two matrices "
        "stands a non-linearity, so no weight matrix computes the same; use tlbook.efficient.lora "
        "where nothing may be added to the forward pass"
    )


def _whole_trunk(model: nn.Module) -> nn.Module:
    trunk = trunk_of(model)
    require_whole(trunk)
    return trunk


def _require_new(trunk: nn.Module, name: str) -> None:
    if set_name(name) in names(trunk):
        raise ValueError(f"there is an adapter {name!r} already; remove it or choose another name")


def _put_on(model: nn.Module, name: str, adapters: bank.Adapters, head: dict | None = None) -> None:
    """Keep a finished set under its name and make it active."""
    trunk = trunk_of(model)
    if model is not trunk:
        head = heads.new_head(model) if head is None else head
        heads.add_head(model, name, head, adapters.mark)
    bank.opened(trunk).sets[name] = adapters
    activate(model, name)
