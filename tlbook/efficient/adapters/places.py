"""Where adapters and layer norms sit in the encoders of transformers.

Paper:    PAPERS["adapters"], section 2, figure 2
Notebook: notebooks/3_efficient/31_adapters.ipynb
"""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn

ATTENTION, FEED_FORWARD, NORM = "attention", "feed-forward", "norm"
PLACEMENTS = {"houlsby": (ATTENTION, FEED_FORWARD), "pfeiffer": (FEED_FORWARD,)}

# For the list of layers of each kind: what a layer runs through, in that order. An adapter follows
# the module named, the last of its sub-layer before the sum with the residual.
FLOWS = {
    "encoder.layer": (  # BERT, RoBERTa, ELECTRA and those built like them
        (ATTENTION, "attention.output.dropout"),
        (NORM, "attention.output.LayerNorm"),
        (FEED_FORWARD, "output.dropout"),
        (NORM, "output.LayerNorm"),
    ),
    "transformer.layer": (  # DistilBERT
        (ATTENTION, "attention.out_lin"),
        (NORM, "sa_layer_norm"),
        (FEED_FORWARD, "ffn.dropout"),
        (NORM, "output_layer_norm"),
    ),
    "h": (  # GPT-2
        (NORM, "ln_1"),
        (ATTENTION, "attn.resid_dropout"),
        (NORM, "ln_2"),
        (FEED_FORWARD, "mlp.dropout"),
    ),
}
LAST = {"h": "ln_f"}  # a norm after all layers


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
    return _path(module) is not None


def trunk_of(model: nn.Module) -> nn.Module:
    """Return the encoder that a model is, or holds as ``model.encoder``.

    Raises:
        ValueError: If neither is of a kind that is known here.
    """
    for module in (model, getattr(model, "encoder", None)):
        if module is not None and is_trunk(module):
            return module
    raise ValueError(
        f"{type(model).__name__} is no encoder that adapters know, and holds none as .encoder; "
        "they know BERT, RoBERTa, ELECTRA, DistilBERT, GPT-2 and models built like them"
    )


def path_of_layers(trunk: nn.Module) -> str:
    """Return the name under which a trunk keeps the list of its layers."""
    return _path(trunk)


def layer_count(trunk: nn.Module) -> int:
    """Count the layers of a trunk."""
    return len(trunk.get_submodule(_path(trunk)))


def flow(trunk: nn.Module) -> list[Spot]:
    """Return all places and norms of a trunk in the order in which data meets them.

    Example:
        >>> from transformers import BertConfig, BertModel
        >>> config = BertConfig(hidden_size=4, num_hidden_layers=1, num_attention_heads=1)
        >>> [spot.kind for spot in flow(BertModel(config))]
        ['attention', 'norm', 'feed-forward', 'norm']
    """
    path, count = _path(trunk), layer_count(trunk)
    found = [
        Spot(kind, layer, f"{path}.{layer}.{module}")
        for layer in range(count)
        for kind, module in FLOWS[path]
    ]
    if path in LAST:
        found.append(Spot(NORM, count - 1, LAST[path]))
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
    if placement not in PLACEMENTS:
        raise ValueError(f"placement must be {' or '.join(PLACEMENTS)}, got {placement!r}")
    count = layer_count(trunk)
    if not layers or any(not 0 <= layer < count for layer in layers):
        raise ValueError(f"layers must be some of 0..{count - 1}, got {tuple(layers)}")
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


def _path(module: nn.Module) -> str | None:
    """The name of the list of layers, if the module has one with everything that its kind names."""
    for path, stops in FLOWS.items():
        try:
            layers = module.get_submodule(path)
            names = [f"0.{name}" for _, name in stops]
            for name in names:
                layers.get_submodule(name)
            if path in LAST:
                module.get_submodule(LAST[path])
        except AttributeError:
            continue
        return path
    return None
