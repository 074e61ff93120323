"""What a frozen trunk says of each row, computed once; then only what is above it runs.

When the lowest trained weight is in layer k, the layers below say the same in every epoch.
`store` keeps that in a table with one line per token, and makes a model whose word embedding is
the table and whose layers are those from k on. Its "ids" are lines of the table: batches, heads,
losses and `tlbook.training.fit` work with it as they are. It shares the weights of the whole
model, which is therefore trained with it.

Paper:    PAPERS["adapters"], section 3.6 (lower layers matter less)
Notebook: notebooks/3_efficient/31_adapters.ipynb
"""

import contextlib
from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from tlbook import runtime
from tlbook.batches import Batches
from tlbook.efficient.adapters.places import path_of_layers, trunk_of
from tlbook.efficient.parts import with_parts
from tlbook.encoders.features import INPUTS
from tlbook.freezing import after_layers

CHECKED = 4  # rows run both ways before all are stored
ROUNDING = 1e-4  # of the largest state, by which the two ways may differ
SHOWN = 3  # names in an error


class Table(nn.Module):
    """The word embedding of a model that begins at some layer: line i is the state of token i.

    It follows the model to a device or a precision, but is no part of its checkpoints. A deep copy
    has the same table, which nothing writes to.

    Args:
        states: One line per token of all rows; line 0 is for padding.
    """

    def __init__(self, states: Float[Tensor, "tokens hidden"]):
        super().__init__()
        self.register_buffer("states", states, persistent=False)

    def __deepcopy__(self, memo: dict) -> "Table":
        return Table(self.states).train(self.training)

    def forward(self, input_ids: Tensor, *_: object, **__: object) -> Tensor:
        return self.states[input_ids]


class Nothing(nn.Module):
    """The position embedding of such a model: the states know their positions already."""

    def forward(self, position_ids: Tensor) -> Tensor:
        return torch.zeros((), device=position_ids.device)


def lowest_trained_layer(model: nn.Module) -> int:
    """Return the number of the lowest layer of the encoder with a trained weight, from 0.

    If no layer has one, the number of layers is returned: all of them are frozen.

    Raises:
        ValueError: If a weight of the encoder is trained that lies neither in a layer nor after
            the last one; names it.
    """
    trunk = trunk_of(model)
    layers = trunk.get_submodule(path_of_layers(trunk))
    parts = [*layers, *after_layers(trunk)]
    placed = {id(weight) for part in parts for weight in part.parameters()}
    lost = [
        name
        for name, weight in trunk.named_parameters()
        if weight.requires_grad and id(weight) not in placed
    ]
    if lost:
        names = ", ".join(lost[:SHOWN])
        more = f" and {len(lost) - SHOWN} more" if len(lost) > SHOWN else ""
        lie = "is trained and lies" if len(lost) == 1 else "are trained and lie"
        raise ValueError(
            f"{names}{more} {lie} in no layer, so states stored below a layer would go stale; "
            "freeze what is no layer (tlbook.freezing.freeze_below), or train uncached"
        )
    moves = [any(weight.requires_grad for weight in layer.parameters()) for layer in layers]
    return moves.index(True) if any(moves) else len(moves)


def store(model: nn.Module, batches: Batches) -> tuple[nn.Module, Batches]:
    """Run the frozen layers once per row; return a model of the others, and batches for it.

    Both take the place of `model` and `batches` in training; afterwards go on with `model`, whose
    weights have been trained. The table needs ``4 * tokens * hidden`` bytes (in float32); it is
    part of the upper model, which moves to a device or a precision with it. Move `model` likewise:
    its frozen part is not in the upper one.

    First a few rows are run whole and from stored states. That costs little, and not every encoder
    can do without what lies below.

    Args:
        model: An encoder or a model that holds one; freezing has been done (`adapters.add` with
            ``layers=``, or `tlbook.freezing.freeze_below`).
        batches: The training rows. Size, seed and order of the new ones are the same.

    Raises:
        ValueError: If a weight is trained that lies in no layer (see `lowest_trained_layer`), or
            the encoder computes something else from stored states, or nothing.
    """
    # Paper: dropout below the lowest trained layer is off, as states are computed once for all.
    trunk, start = trunk_of(model), lowest_trained_layer(model)
    _require_enough(trunk, start, batches)
    with runtime.autocast(next(trunk.parameters()).device):
        upper, stored = _stored(trunk, start, batches)
    upper = upper if model is trunk else with_parts(model, encoder=upper)
    # Every process has the same table; DDP would send it to the others at each step.
    upper._ddp_params_and_buffers_to_ignore = [
        f"{name}.states" for name, part in upper.named_modules() if isinstance(part, Table)
    ]
    return upper, stored


def _stored(trunk: nn.Module, start: int, batches: Batches) -> tuple[nn.Module, Batches]:
    """The trunk from layer `start` on, and batches of the states that it begins with."""
    with _evaluated(trunk):
        lower = _cut(trunk, slice(0, start), last=False)
        states = _computed(lower, batches, like=next(trunk.parameters()))
    rows, line = [], 1
    for row, length in zip(batches.rows, batches.lengths.tolist(), strict=True):
        kept = {key: value for key, value in row.items() if key != "token_type_ids"}
        rows.append(kept | {"input_ids": list(range(line, line + length))})
        line += length
    stored = Batches(rows, batches.size, seed=batches.seed, shuffle=batches.shuffle)
    stored.epoch = batches.epoch
    return _cut(trunk, slice(start, None), below=Table(states)), stored


def _require_enough(trunk: nn.Module, start: int, batches: Batches) -> None:
    """Raise `ValueError` unless a few rows give the same states run whole and from stored ones."""
    order = np.argsort(batches.lengths, kind="stable")  # the shortest and the longest: padding
    places = order[np.linspace(0, len(order) - 1, min(CHECKED, len(order))).astype(int)]
    few = Batches([batches.rows[place] for place in places], CHECKED, pad_id=batches.pad_id)
    refusal = ValueError(
        f"{type(trunk).__name__}: its upper layers need more than the states below layer {start}; "
        "train it uncached"
    )
    exact = torch.autocast(next(trunk.parameters()).device.type, enabled=False)
    with runtime.undisturbed(), _evaluated(trunk), exact:
        whole = _computed(trunk, few, like=next(trunk.parameters()))
        try:
            found = _computed(*_stored(trunk, start, few), like=whole)
        except Exception as error:  # what it stumbles over differs from class to class
            raise refusal from error
    rounding = max(ROUNDING, 4 * torch.finfo(whole.dtype).eps) * float(whole.abs().max())
    if not torch.allclose(found, whole, rtol=0, atol=rounding):
        raise refusal


@contextlib.contextmanager
def _evaluated(trunk: nn.Module) -> Iterator[None]:
    """Run a trunk without dropout and gradients; each of its parts gets its own mode back."""
    modes = [(part, part.training) for part in trunk.modules()]
    trunk.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for part, training in modes:
            part.training = training


def _below(trunk: nn.Module) -> dict[str, nn.Module]:
    """The children of a trunk that run before its layers."""
    names = ("embeddings", "embeddings_project", "wte", "wpe", "drop")
    return {name: part for name, part in trunk.named_children() if name in names}


def _cut(
    trunk: nn.Module, layers: slice, *, below: nn.Module | None = None, last: bool = True
) -> nn.Module:
    """The trunk with some of its layers.

    Args:
        trunk: Stays as it is.
        layers: Which.
        below: Instead of all that comes before them; None leaves that as it is.
        last: False leaves out the norm after all layers.
    """
    outer, _, inner = path_of_layers(trunk).rpartition(".")
    kept = nn.ModuleList(trunk.get_submodule(path_of_layers(trunk))[layers])
    kept.training = trunk.training
    if outer:
        parts = {outer: with_parts(trunk.get_submodule(outer), **{inner: kept})}
    else:
        parts = {inner: kept}
    if below is not None:
        there = _below(trunk)
        first = "wte" if "wte" in there else "embeddings"
        parts |= {name: nn.Identity() for name in there}
        parts |= {first: below} | ({"wpe": Nothing()} if "wpe" in there else {})
    if not last and hasattr(trunk, "ln_f"):
        parts["ln_f"] = nn.Identity()
    if getattr(trunk, "pooler", None) is not None:
        parts["pooler"] = nn.Identity()
    return with_parts(trunk, **parts)


def _computed(
    lower: nn.Module, batches: Batches, *, like: Tensor
) -> Float[Tensor, "tokens hidden"]:
    """The states of all tokens, row after row, below a line of zeros; on the device of `like`."""
    starts = 1 + batches.lengths.cumsum() - batches.lengths
    states = like.new_zeros(1 + int(batches.lengths.sum()), lower.config.hidden_size)
    for places in batches.plan(1):
        batch = batches.collated(places)
        given = {key: x.to(like.device) for key, x in batch.items() if key in INPUTS}
        found = lower(**given).last_hidden_state
        for place, row in zip(places, found, strict=True):
            length = int(batches.lengths[place])
            states[starts[place] : starts[place] + length] = row[:length]
    return states
