"""Where adapters and layer norms sit in the encoders of transformers.

Paper:    PAPERS["adapters"], section 2, figure 2
Notebook: notebooks/3_efficient/31_adapters.ipynb
"""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn

from tlbook.efficient.adapters.options import layer_numbers

ATTENTION, FEED_FORWARD, NORM = "attention", "feed-forward", "norm"
PLACEMENTS = {"houlsby": (ATTENTION, FEED_FORWARD), "pfeiffer": (FEED_FORWARD,)}


@dataclass(frozen=True)
class Flow:
    """What data runs through in encoders of one kind.

    Attributes:
        layers: Name of the list of layers.
        stops: Kinds and names in a layer, in that order. An adapter follows the module named, the
            last of its sub-layer before the sum with the residual.
        last: Name of a norm after all layers, if there is one.
    """

    layers: str
    stops: tuple[tuple[str, str], ...]
    last: str | None = None


FLOWS = (
    Flow(  # BERT, RoBERTa, ELECTRA and those built like them
        "encoder.layer",
        (
            (ATTENTION, "attention.output.dropout"),
            (NORM, "attention.output.LayerNorm"),
            (FEED_FORWARD, "output.dropout"),
            (NORM, "output.LayerNorm"),
        ),
    ),
    Flow(  # MPNet
        "encoder.layer",
        (
            (ATTENTION, "attention.dropout"),
            (NORM, "attention.LayerNorm"),
            (FEED_FORWARD, "output.dropout"),
            (NORM, "output.LayerNorm"),
        ),
    ),
    Flow(  # DistilBERT
        "transformer.layer",
        (
            (ATTENTION, "attention.out_lin"),
            (NORM, "sa_layer_norm"),
            (FEED_FORWARD, "ffn.dropout"),
            (NORM, "output_layer_norm"),
        ),
    ),
    Flow(  # GPT-2
        "h",
        (
            (NORM, "ln_1"),
            (ATTENTION, "attn.resid_dropout"),
            (NORM, "ln_2"),
            (FEED_FORWARD, "mlp.dropout"),
        ),
        last="ln_f",
    ),
)


@dataclass(frozen=True)
class Spot:
    """One stop on the way through an encoder.

    Attributes:
        kind: ``attention`` or ``feed-forward``, which an adapter can follow, or ``norm``.
        layer: Number of its layer, from 0; of a norm after all layers, that of the top one.
        module: Name of the module in the encoder.
    """

    kind: str
    layer: int
    module: str


def is_trunk(module: nn.Module) -> bool:
    """Say whether adapters can be put into this very module (not into one that holds it)."""
    return _flow_of(module) is not None and not _shares_layers(module)


def trunk_of(model: nn.Module) -> nn.Module:
    """Return the encoder that a model is, or holds as ``model.encoder``.

    Raises:
        ValueError: If neither is of a kind that is known here; says what to give instead.
    """
    inside = [model, getattr(model, "encoder", None)]
    inside = [module for module in inside if isinstance(module, nn.Module)]
    for module in inside:
        if is_trunk(module):
            return module
    for module in inside:
        core = getattr(module, "base_model", module)  # of a model of transformers with a head
        if _shares_layers(core):
            raise ValueError(
                f"{type(core).__name__} uses one layer's weights in all its layers, so none can "
                "have adapters of its own; take an encoder with layers of their own, as BERT's"
            )
        if core is not module and is_trunk(core):
            kind, name = type(module).__name__, getattr(module, "base_model_prefix", "base_model")
            raise ValueError(
                f"{kind} holds its encoder as .{name}, under a head that adapters do not know: "
                "pass model.base_model, or tlbook.heads.Classifier(model.base_model, classes)"
            )
    raise ValueError(
        f"{type(model).__name__} is no encoder that adapters know, and holds none as .encoder; "
        "they know BERT, RoBERTa, ELECTRA, DistilBERT, MPNet, GPT-2 and models built like them"
    )


def require_whole(trunk: nn.Module) -> None:
    """Raise `ValueError` if a trunk is an upper part, as `activations.store` makes."""
    first = getattr(trunk, "embeddings", getattr(trunk, "wte", None))
    if first is not None and not list(first.parameters()):  # it looks stored states up
        raise ValueError(
            f"this {type(trunk).__name__} is the upper part of a model and runs on stored states "
            "(activations.store): use the whole model; it shares these weights"
        )


def path_of_layers(trunk: nn.Module) -> str:
    """Return the name under which a trunk keeps the list of its layers."""
    return _flow_of(trunk).layers


def layer_count(trunk: nn.Module) -> int:
    """Count the layers of a trunk."""
    return len(trunk.get_submodule(path_of_layers(trunk)))


def flow(trunk: nn.Module) -> list[Spot]:
    """Return all places and norms of a trunk in the order in which data meets them.

    Example:
        >>> from transformers import BertConfig, BertModel
        >>> config = BertConfig(hidden_size=4, num_hidden_layers=1, num_attention_heads=1)
        >>> [spot.kind for spot in flow(BertModel(config))]
        ['attention', 'norm', 'feed-forward', 'norm']
    """
    known, count = _flow_of(trunk), layer_count(trunk)
    found = [
        Spot(kind, layer, f"{known.layers}.{layer}.{module}")
        for layer in range(count)
        for kind, module in known.stops
    ]
    if known.last is not None:
        found.append(Spot(NORM, count - 1, known.last))
    return found


def chosen(trunk: nn.Module, placement: str, layers: Sequence[int]) -> tuple[list[str], list[str]]:
    """Return the names of the modules that adapters follow, and of the norms trained with them.

    These are the norms of the adapted layers from the first adapter on. One that lies before it
    (the first of GPT-2, the one after attention under a single adapter) stays the base model's:
    to train it would need gradients through a sub-layer that nothing else needs them for.

    Args:
        trunk: From `trunk_of`.
        placement: ``houlsby`` (after attention and after the feed-forward part) or ``pfeiffer``
            (after the feed-forward part).
        layers: Numbers of the adapted layers, from 0.

    Raises:
        ValueError: If the placement or a layer does not exist, or there are no layers.
    """
    if not isinstance(placement, str) or placement not in PLACEMENTS:
        raise ValueError(f"placement must be {' or '.join(PLACEMENTS)}, got {placement!r}")
    layers = layer_numbers(layers, layer_count(trunk))
    followed: list[str] = []
    norms: list[str] = []
    for spot in flow(trunk):
        if spot.layer not in layers:
            continue
        if spot.kind in PLACEMENTS[placement]:
            followed.append(spot.module)
        elif spot.kind == NORM and followed:
            norms.append(spot.module)
    return followed, norms


def _flow_of(module: nn.Module) -> Flow | None:
    """The first of `FLOWS` of which the module has everything that is named."""
    for known in FLOWS:
        try:
            first = module.get_submodule(f"{known.layers}.0")
            for _, name in known.stops:
                first.get_submodule(name)
            if known.last is not None:
                module.get_submodule(known.last)
        except AttributeError:
            continue
        return known
    return None


def _shares_layers(module: nn.Module) -> bool:
    """Whether one layer is run several times, as in ALBERT."""
    known = _flow_of(module)
    if known is None:
        return hasattr(getattr(module, "encoder", None), "albert_layer_groups")
    layers = module.get_submodule(known.layers)
    return len({id(layer) for layer in layers}) < len(layers)
