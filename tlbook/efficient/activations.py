"""What a frozen trunk says of each row, computed once; then only what is above it runs.

When the lowest trained weight is in layer k, the layers below say the same in every epoch.
`store` keeps that in a table with one line per token, and makes a model whose word embedding is
the table and whose layers are those from k on. Its "ids" are lines of the table: batches, heads,
losses and `tlbook.training.fit` work with it as they are. It shares the weights of the whole
model, which is therefore trained with it.

Paper:    PAPERS["adapters"], section 3.6 (lower layers matter less)
Notebook: notebooks/3_efficient/31_adapters.ipynb
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from tlbook import runtime
from tlbook.batches import Batches
from tlbook.efficient.adapters.places import layer_count, path_of_layers, trunk_of
from tlbook.efficient.parts import with_parts
from tlbook.encoders.features import INPUTS


class Table(nn.Module):
    """The word embedding of a model that begins at some layer: line i is the state of token i.

    Args:
        states: One line per token of all rows; line 0 is for padding.
    """

    def __init__(self, states: Float[Tensor, "tokens hidden"]):
        super().__init__()
        self.states = states  # no buffer: it is no part of the model, nor of its checkpoints

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
        ValueError: If a weight below all layers is trained.
    """
    trunk = trunk_of(model)
    path, count = path_of_layers(trunk), layer_count(trunk)
    lowest = count
    below = set(_below(trunk))
    for name, weight in trunk.named_parameters():
        if not weight.requires_grad:
            continue
        if name.split(".")[0] in below:
            raise ValueError(f"{name} is trained, so there are no frozen states to store")
        if name.startswith(f"{path}."):
            lowest = min(lowest, int(name.removeprefix(f"{path}.").split(".")[0]))
    return lowest


def store(model: nn.Module, batches: Batches) -> tuple[nn.Module, Batches]:
    """Run the frozen layers once per row; return a model of the others, and batches for it.

    Both take the place of `model` and `batches` in training; afterwards go on with `model`, whose
    weights have been trained. The table needs ``4 * tokens * hidden`` bytes.

    Args:
        model: An encoder or a model that holds one; freezing has been done (`adapters.add` with
            ``layers=``, or `tlbook.freezing.freeze_below`).
        batches: The training rows. Size, seed and order of the new ones are the same.

    Raises:
        ValueError: If a weight below all layers is trained.
    """
    # Paper: dropout below the lowest trained layer is off, as states are computed once for all.
    trunk, start = trunk_of(model), lowest_trained_layer(model)
    states = _computed(_cut(trunk, slice(0, start), last=False), batches)
    upper = _cut(trunk, slice(start, None), below=Table(states))
    rows, line = [], 1
    for row, length in zip(batches.rows, batches.lengths.tolist(), strict=True):
        kept = {key: value for key, value in row.items() if key != "token_type_ids"}
        rows.append(kept | {"input_ids": list(range(line, line + length))})
        line += length
    stored = Batches(rows, batches.size, seed=batches.seed, shuffle=batches.shuffle)
    stored.epoch = batches.epoch
    return (upper if model is trunk else with_parts(model, encoder=upper)), stored


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


def _computed(lower: nn.Module, batches: Batches) -> Float[Tensor, "tokens hidden"]:
    """The states of all tokens, row after row, below a line of zeros."""
    starts = 1 + batches.lengths.cumsum() - batches.lengths
    device = next(lower.parameters()).device
    states = torch.zeros(1 + int(batches.lengths.sum()), lower.config.hidden_size, device=device)
    training = lower.training
    lower.eval()
    with torch.no_grad(), runtime.autocast(device):
        for places in batches.plan(1):
            batch = batches.collated(places)
            given = {key: x.to(device) for key, x in batch.items() if key in INPUTS}
            found = lower(**given).last_hidden_state.float()
            for place, row in zip(places, found, strict=True):
                length = int(batches.lengths[place])
                states[starts[place] : starts[place] + length] = row[:length]
    lower.train(training)
    return states
