"""Which weights move: freeze, unfreeze, and give each layer its own learning rate."""

from typing import TYPE_CHECKING

from torch import nn

if TYPE_CHECKING:  # takes seconds to import, and not every lesson needs it
    import transformers

AFTER = ("pooler", "ln_f", "LayerNorm", "layernorm", "encoder.ln", "encoder.LayerNorm")


def freeze(module: nn.Module) -> nn.Module:
    """Stop training the module's weights; no gradients are computed or stored for them."""
    return module.requires_grad_(False)


def unfreeze(module: nn.Module) -> nn.Module:
    """Train the module's weights (again)."""
    return module.requires_grad_(True)


def layers_of(encoder: "transformers.PreTrainedModel") -> list[nn.Module]:
    """Return the encoder's parts from the bottom up: the embeddings, then every layer.

    Raises:
        ValueError: If the encoder is of a kind whose layers are not known here.
    """
    core = getattr(encoder, "encoder", getattr(encoder, "transformer", None))
    layers = getattr(core, "layer", None)
    if layers is None or not hasattr(encoder, "embeddings"):
        raise ValueError(f"{type(encoder).__name__} has no embeddings and encoder.layer")
    return [encoder.embeddings, *layers]


def after_layers(encoder: nn.Module) -> list[nn.Module]:
    """Return the parts that run after the last layer: the pooler, and a norm where there is one."""
    named = dict(encoder.named_modules())
    found = {name: named[name] for name in AFTER if name in named}
    if "encoder.rel_embeddings" in named:
        found.pop("encoder.LayerNorm", None)  # DeBERTa: of the positions that its layers share
    return list(found.values())


def freeze_below(
    encoder: "transformers.PreTrainedModel", layer: int
) -> "transformers.PreTrainedModel":
    """Freeze the embeddings and all layers under `layer`; train `layer` and those above.

    What lies between embeddings and layers (ELECTRA's projection) or is shared by all layers
    (DeBERTa's relative positions) is frozen with the embeddings; what runs after the last layer
    (see `after_layers`) is trained.

    Args:
        encoder: A BERT-like encoder.
        layer: 0 trains everything, 1 freezes the embeddings, 2 the first layer too, ...

    Raises:
        ValueError: If there is no such layer; says how many there are.
    """
    parts = layers_of(encoder)
    if not 0 <= layer <= len(parts):
        raise ValueError(f"layer must lie in 0..{len(parts)}, got {layer}")
    freeze(encoder)
    for part in [*parts[layer:], *after_layers(encoder)] if layer else [encoder]:
        unfreeze(part)
    return encoder


def trained_weights(model: nn.Module) -> int:
    """Count the weights that training will move.

    Example:
        >>> model = nn.Sequential(nn.Linear(3, 2), freeze(nn.Linear(2, 2)))
        >>> trained_weights(model)
        8
    """
    return sum(weight.numel() for weight in model.parameters() if weight.requires_grad)


def layer_groups(
    model: nn.Module, *, learning_rate: float, decay: float, weight_decay: float = 0.01
) -> list[dict]:
    """Return optimizer groups in which each layer learns slower than the one above it.

    The head and what runs after the last layer (see `after_layers`) have ``learning_rate``, the
    top layer ``learning_rate * decay``, the next ``learning_rate * decay**2`` and so on down to
    the embeddings and all else that `freeze_below` counts among them (Sun et al. 2019, section
    5.3.4).

    Args:
        model: Has the attribute ``encoder``, as the heads of `tlbook.heads` do.
        learning_rate: Of the head.
        decay: Factor per layer, above 0 and at most 1; 1 gives all layers the same rate.
        weight_decay: Of every group.

    Raises:
        ValueError: If `decay` lies outside that range.
    """
    if not 0 < decay <= 1:
        raise ValueError(f"decay must lie in (0, 1], got {decay}")
    _, *layers = layers_of(model.encoder)
    groups = [list(part.parameters()) for part in reversed(layers)]
    after = [weight for part in after_layers(model.encoder) for weight in part.parameters()]
    placed = {id(weight) for weights in [after, *groups] for weight in weights}
    below = [weight for weight in model.encoder.parameters() if id(weight) not in placed]
    inside = {id(weight) for weight in model.encoder.parameters()}
    head = [weight for weight in model.parameters() if id(weight) not in inside]
    groups = [[*head, *after], *groups, below]
    return [
        {
            "params": [weight for weight in weights if weight.requires_grad],
            "lr": learning_rate * decay**depth,
            "weight_decay": weight_decay,
        }
        for depth, weights in enumerate(groups)
        if any(weight.requires_grad for weight in weights)
    ]
