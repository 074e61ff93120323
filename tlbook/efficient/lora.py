"""LoRA: learn a low-rank correction to frozen weight matrices, and fold it in when done.

Paper:    PAPERS["lora"], section 4, equation 3
Notebook: notebooks/3_efficient/33_lora.ipynb
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import nn
from transformers import PreTrainedModel

from tlbook.efficient.low_rank import LowRankLinear, Matrix, require_possible, sizes
from tlbook.freezing import freeze


def add(
    model: nn.Module,
    *,
    rank: int = 4,
    alpha: float = 8.0,
    targets: Sequence[str] | str = ("query", "value"),
    seed: int = 0,
) -> None:
    """Freeze the encoder and put a `LowRankLinear` around each of its chosen linear layers.

    What stands outside the encoder, the head, stays as trainable as it was.

    Args:
        model: An encoder of `transformers`, one of its classifiers (see `encoder_of`), or a head
            of `tlbook.heads` with an encoder in ``.encoder``; changed in place.
        rank: Of every correction, from 1 to the narrowest side of a chosen layer.
        alpha: See `LowRankLinear`. The paper keeps one alpha for all ranks (section 4.1).
        targets: Names of linear layers, or one name; as in `peft`, a name stands for all that end
            with it: ``query`` for that of each layer, ``output.dense`` for those of attention and
            feed-forward both. The paper's are the projections to queries and values; GPT-2 has
            them, and the keys, in one layer, ``c_attn``.
        seed: Of the matrices A; the global generator is left as it was.

    Raises:
        ValueError: If the model has LoRA already or no encoder, a target matches no linear layer
            (lists those there are), or `rank` or `alpha` is impossible. The model is then
            unchanged.

    Example:
        >>> from tlbook import encoders
        >>> _, encoder = encoders.load("pocket-bert")
        >>> add(encoder, rank=1)
        >>> all(weight.shape[0] == 1 for name, weight in encoder.named_parameters()
        ...     if name.endswith("query.down"))
        True
    """
    require_none(model)
    encoder = encoder_of(model)
    chosen = _linear_layers(encoder, targets)
    require_possible(list(chosen.values()), rank, alpha)
    generator = torch.Generator().manual_seed(seed)
    with _flags_kept_on_error(encoder):
        made = {
            name: LowRankLinear(frozen, rank=rank, alpha=alpha, generator=generator)
            for name, frozen in chosen.items()
        }
    freeze(encoder)
    for name, layer in made.items():
        encoder.set_submodule(name, layer.train(layer.frozen.training))


def count(model: nn.Module, *, rank: int, targets: Sequence[str] | str = ("query", "value")) -> int:
    """Return how many weights `add` would train beside the head; the model stays as it is.

    Args:
        model: As for `add`.
        rank: As for `add`.
        targets: As for `add`.

    Raises:
        ValueError: If `add` would refuse.

    Example:
        >>> from transformers import BertConfig, BertModel
        >>> sizes = {"hidden_size": 8, "num_attention_heads": 2, "intermediate_size": 16}
        >>> encoder = BertModel(BertConfig(num_hidden_layers=3, **sizes))
        >>> count(encoder, rank=2) == 3 * 2 * 2 * (8 + 8)  # layers, targets, rank, in and out
        True
    """
    chosen = list(_linear_layers(encoder_of(model), targets).values())
    require_possible(chosen, rank)
    return rank * sum(sum(sizes(layer)) for layer in chosen)


def layers(model: nn.Module) -> dict[str, LowRankLinear]:
    """Return the layers that `add` put in, by their dotted names; none if there are none."""
    found = model.named_modules()
    return {name: module for name, module in found if isinstance(module, LowRankLinear)}


def merge(model: nn.Module) -> None:
    """Fold every correction into its matrix; the model computes the same, as fast as before LoRA.

    Until `unmerge` it is for answers only: it refuses to learn, and to tell or load its state.

    Args:
        model: Has LoRA; one that is merged already stays as it is.

    Raises:
        ValueError: If it has none.
    """
    for layer in _present(model).values():
        layer.merge()


def unmerge(model: nn.Module) -> None:
    """Take the corrections out of the matrices again, bit for bit, to train on or to switch off.

    Args:
        model: Has LoRA; one that is not merged stays as it is.

    Raises:
        ValueError: If it has none.
    """
    for layer in _present(model).values():
        layer.unmerge()


@contextmanager
def apart(model: nn.Module) -> Iterator[None]:
    """Have the pre-trained matrices in their places for a while, and merge again if it was merged.

    Args:
        model: With LoRA, merged or not, or without.

    Example:
        >>> model = nn.Module()
        >>> model.encoder = nn.Sequential(nn.Linear(2, 2))
        >>> add(model, rank=1, targets="0")
        >>> merge(model)
        >>> with apart(model):
        ...     list(model.state_dict())
        ['encoder.0.down', 'encoder.0.up', 'encoder.0.frozen.weight', 'encoder.0.frozen.bias']
    """
    merged = [layer for layer in layers(model).values() if layer.replaced is not None]
    weights = [layer.frozen.weight.data for layer in merged]
    for layer in merged:
        layer.unmerge()
    try:
        yield
    finally:
        for layer, weight in zip(merged, weights, strict=True):
            layer.replaced, layer.frozen.weight.data = layer.frozen.weight.data, weight


def remove(model: nn.Module) -> None:
    """Take LoRA off: the pre-trained layers stand where they stood, bit for bit, still frozen.

    Args:
        model: Has LoRA, merged or not.

    Raises:
        ValueError: If it has none.
    """
    for name, layer in _present(model).items():
        layer.unmerge()
        model.set_submodule(name, layer.frozen)


def encoder_of(model: nn.Module) -> nn.Module:
    """Return the pre-trained part of a model, without the new head; it may be all of it.

    Of a classifier of `transformers`, such as ``BertForSequenceClassification``, it is the
    ``base_model``. The output layer of a language model was pre-trained too, and belongs to it.

    Args:
        model: Of `transformers`, or any with an encoder in ``.encoder``.

    Raises:
        ValueError: If it is neither.
    """
    if isinstance(model, PreTrainedModel):
        return model.base_model if model.get_output_embeddings() is None else model
    encoder = getattr(model, "encoder", None)
    if not isinstance(encoder, nn.Module):
        raise ValueError(
            f"{type(model).__name__} has no encoder in .encoder; give a model of transformers, or "
            "one that holds its encoder there, as those of tlbook.heads do"
        )
    return encoder


def require_none(model: nn.Module) -> None:
    """Raise `ValueError` if the model has LoRA."""
    if layers(model):
        raise ValueError("the model has LoRA already; remove(model) takes it off")


def _present(model: nn.Module) -> dict[str, LowRankLinear]:
    found = layers(model)
    if not found:
        raise ValueError("the model has no LoRA; add(model, rank=...) puts it on")
    return found


def _linear_layers(encoder: nn.Module, targets: Sequence[str] | str) -> dict[str, Matrix]:
    """The linear layers whose dotted name is a target or ends with one."""
    targets = [targets] if isinstance(targets, str) else targets
    linears = {name: m for name, m in encoder.named_modules() if isinstance(m, Matrix)}
    matching = {
        target: [name for name in linears if f".{name}".endswith(f".{target}")]
        for target in targets
    }
    there = ", ".join(sorted({re.sub(r".*\.\d+\.", "", name) for name in linears})) or "none"
    if not matching:
        raise ValueError(f"name at least one target, such as 'query'; there are {there}")
    for target, names in matching.items():
        if not names:
            raise ValueError(f"no linear layer is called {target!r}; there are {there}")
    wanted = {name for names in matching.values() for name in names}
    return {name: layer for name, layer in linears.items() if name in wanted}


@contextmanager
def _flags_kept_on_error(encoder: nn.Module) -> Iterator[None]:
    """Put ``requires_grad`` of all weights back if what is done meanwhile fails."""
    flags = [(weight, weight.requires_grad) for weight in encoder.parameters()]
    try:
        yield
    except BaseException:
        for weight, trained in flags:
            weight.requires_grad_(trained)
        raise
