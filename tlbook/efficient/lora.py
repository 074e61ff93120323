"""LoRA: learn a low-rank correction to frozen weight matrices, and fold it in when done.

Paper:    PAPERS["lora"], section 4, equation 3
Notebook: notebooks/3_efficient/33_lora.ipynb
"""

import re
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import linear
from transformers import PreTrainedModel

from tlbook.freezing import freeze


class LowRankLinear(nn.Module):
    """A frozen linear layer plus a trained correction of low rank.

    Computes ``h = W x + b + (alpha / rank) B A x`` (equation 3), where

    =====  =================  ===========================  ==========================
    paper  here               shape                        at the start
    =====  =================  ===========================  ==========================
    W      ``frozen.weight``  (out_features, in_features)  pre-trained, frozen
    A      ``down``           (rank, in_features)          uniform, within 1 / sqrt(in)
    B      ``up``             (out_features, rank)         zero
    =====  =================  ===========================  ==========================

    Because B starts at zero, the layer first computes exactly what the pre-trained one does.

    Args:
        frozen: The pre-trained layer. Its weights stop requiring gradients.
        rank: Inner width of the correction, from 1 to min(in_features, out_features).
        alpha: Strength of the correction, above 0; ``alpha / rank`` multiplies it, so that
            another rank does not call for another learning rate.
        generator: Draws A; the global one by default.

    Raises:
        ValueError: If `rank` or `alpha` is outside its range.

    Example:
        >>> layer = LowRankLinear(nn.Linear(8, 4), rank=2, alpha=4.0)
        >>> layer(torch.zeros(3, 8)).shape
        torch.Size([3, 4])
    """

    # Paper: A is Gaussian at the start; its code, and peft, draw it uniformly as nn.Linear does.
    def __init__(
        self,
        frozen: nn.Linear,
        *,
        rank: int,
        alpha: float,
        generator: torch.Generator | None = None,
    ):
        super().__init__()
        _require_possible([frozen], rank, alpha)
        self.frozen = freeze(frozen)
        self.alpha, self.rank = alpha, rank
        down = torch.rand(rank, frozen.in_features, generator=generator).mul(2).sub(1)
        self.down = nn.Parameter((down / frozen.in_features**0.5).to(frozen.weight))
        self.up = nn.Parameter(frozen.weight.new_zeros(frozen.out_features, rank))
        self.register_buffer("replaced", None, persistent=False)  # W, while another is in place

    def forward(
        self, x: Float[Tensor, "*batch in_features"]
    ) -> Float[Tensor, "*batch out_features"]:
        if self.replaced is None:
            return self.frozen(x) + linear(linear(x, self.down), self.up) * (self.alpha / self.rank)
        if self.training and torch.is_grad_enabled():
            raise RuntimeError("LoRA is merged and would not learn; call unmerge(model) first")
        return self.frozen(x)

    @torch.no_grad()
    def delta(self) -> Float[Tensor, "out_features in_features"]:
        """Return the correction as one matrix, ``(alpha / rank) B A``."""
        return (self.alpha / self.rank) * self.up @ self.down

    def merge(self) -> None:
        """Put ``W + delta`` in the place of W: no extra work per token (section 4.1)."""
        if self.replaced is None:
            # W is set aside, not subtracted again later: so unmerging leaves no rounding error.
            self.replaced = self.frozen.weight.data
            self.frozen.weight.data = self.replaced + self.delta()

    def unmerge(self) -> None:
        """Put W back, bit for bit."""
        if self.replaced is not None:
            self.frozen.weight.data, self.replaced = self.replaced, None


def add(
    model: nn.Module,
    *,
    rank: int = 4,
    alpha: float = 8.0,
    targets: Sequence[str] = ("query", "value"),
    seed: int = 0,
) -> None:
    """Freeze the encoder and put a `LowRankLinear` around each of its chosen linear layers.

    What stands outside the encoder, the head, stays as trainable as it was.

    Args:
        model: A BERT-like encoder of `transformers`, or a head of `tlbook.heads` with one in
            ``.encoder``; changed in place.
        rank: Of every correction, from 1 to the narrowest side of a chosen layer.
        alpha: See `LowRankLinear`. The paper keeps one alpha for all ranks (section 4.1).
        targets: Names of linear layers; as in `peft`, a name stands for all that end with it:
            ``query`` for that of each layer, ``output.dense`` for those of attention and
            feed-forward both. The paper's are the projections to queries and values.
        seed: Of the matrices A; the global generator is left as it was.

    Raises:
        ValueError: If the model has LoRA already, a target matches no linear layer (lists those
            there are), or `rank` or `alpha` is impossible. The model is then unchanged.

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
    _require_possible(list(chosen.values()), rank, alpha)
    freeze(encoder)
    generator = torch.Generator().manual_seed(seed)
    for name, frozen in chosen.items():
        wrapped = LowRankLinear(frozen, rank=rank, alpha=alpha, generator=generator)
        encoder.set_submodule(name, wrapped.train(frozen.training))


def count(model: nn.Module, *, rank: int, targets: Sequence[str] = ("query", "value")) -> int:
    """Return how many weights `add` would train beside the head; the model stays as it is.

    Args:
        model: As for `add`.
        rank: As for `add`.
        targets: As for `add`.

    Raises:
        ValueError: If a target matches no linear layer.

    Example:
        >>> from transformers import BertConfig, BertModel
        >>> sizes = {"hidden_size": 8, "num_attention_heads": 2, "intermediate_size": 16}
        >>> encoder = BertModel(BertConfig(num_hidden_layers=3, **sizes))
        >>> count(encoder, rank=2) == 3 * 2 * 2 * (8 + 8)  # layers, targets, rank, in and out
        True
    """
    chosen = _linear_layers(encoder_of(model), targets).values()
    return rank * sum(layer.in_features + layer.out_features for layer in chosen)


def layers(model: nn.Module) -> dict[str, LowRankLinear]:
    """Return the layers that `add` put in, by their dotted names; none if there are none."""
    found = model.named_modules()
    return {name: module for name, module in found if isinstance(module, LowRankLinear)}


def merge(model: nn.Module) -> None:
    """Fold every correction into its matrix; the model computes the same, as fast as before LoRA.

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
    """Return the encoder of a model with a head, or the encoder itself."""
    return model if isinstance(model, PreTrainedModel) else model.encoder


def require_none(model: nn.Module) -> None:
    """Raise `ValueError` if the model has LoRA."""
    if layers(model):
        raise ValueError("the model has LoRA already; remove(model) takes it off")


def _present(model: nn.Module) -> dict[str, LowRankLinear]:
    found = layers(model)
    if not found:
        raise ValueError("the model has no LoRA; add(model, rank=...) puts it on")
    return found


def _linear_layers(encoder: nn.Module, targets: Sequence[str]) -> dict[str, nn.Linear]:
    """The linear layers whose dotted name is a target or ends with one."""
    linears = {name: m for name, m in encoder.named_modules() if isinstance(m, nn.Linear)}
    matching = {
        target: [name for name in linears if f".{name}".endswith(f".{target}")]
        for target in targets
    }
    there = ", ".join(sorted({re.sub(r".*\.\d+\.", "", name) for name in linears}))
    if not matching:
        raise ValueError(f"name at least one target, such as 'query'; there are {there}")
    for target, names in matching.items():
        if not names:
            raise ValueError(f"no linear layer is called {target!r}; there are {there}")
    wanted = {name for names in matching.values() for name in names}
    return {name: layer for name, layer in linears.items() if name in wanted}


def _require_possible(chosen: Sequence[nn.Linear], rank: int, alpha: float) -> None:
    widest = min(min(layer.in_features, layer.out_features) for layer in chosen)
    if not 1 <= rank <= widest:
        raise ValueError(f"rank must lie in 1..{widest}, got {rank}")
    if not alpha > 0:
        raise ValueError(f"alpha must be above 0, got {alpha}")
