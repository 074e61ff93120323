"""The layer that LoRA puts around a frozen one: a correction that is a product of thin matrices.

`tlbook.efficient.lora` puts it into a model.

Paper:    PAPERS["lora"], section 4, equation 3
Notebook: notebooks/3_efficient/33_lora.ipynb
"""

import math
from collections.abc import Sequence
from numbers import Real

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import linear
from transformers.pytorch_utils import Conv1D

from tlbook.efficient.adapters.options import whole_number
from tlbook.freezing import freeze

Matrix = nn.Linear | Conv1D  # what can be corrected; GPT-2's Conv1D keeps W transposed


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

    Merged, it does not learn: a training step raises `RuntimeError`, and so do ``state_dict`` and
    ``load_state_dict``, whose W would not be the pre-trained one.

    Args:
        frozen: The pre-trained layer. Its weights stop requiring gradients. A ``Conv1D`` of
            `transformers` (GPT-2) holds W as (in_features, out_features) and does as well.
        rank: Inner width of the correction, from 1 to min(in_features, out_features).
        alpha: Strength of the correction, above 0; ``alpha / rank`` multiplies it, so that
            another rank does not call for another learning rate.
        generator: Draws A; the global one by default.

    Raises:
        ValueError: If `rank` or `alpha` is outside its range, or W holds whole numbers. `frozen`
            is then unchanged.

    Example:
        >>> layer = LowRankLinear(nn.Linear(8, 4), rank=2, alpha=4.0)
        >>> layer(torch.zeros(3, 8)).shape
        torch.Size([3, 4])
    """

    # Paper: A is Gaussian at the start; its code, and peft, draw it uniformly as nn.Linear does.
    def __init__(
        self,
        frozen: Matrix,
        *,
        rank: int,
        alpha: float,
        generator: torch.Generator | None = None,
    ):
        super().__init__()
        require_possible([frozen], rank, alpha)
        self.alpha, self.rank = float(alpha), int(rank)
        wide, tall = sizes(frozen)
        down = torch.rand(self.rank, wide, generator=generator).mul(2).sub(1)
        self.down = nn.Parameter((down / wide**0.5).to(frozen.weight))
        self.up = nn.Parameter(frozen.weight.new_zeros(tall, self.rank))
        self.register_buffer("replaced", None, persistent=False)  # W, while another is in place
        self.frozen = freeze(frozen)  # at the end: an error above leaves it as it was

    def forward(
        self, x: Float[Tensor, "*batch in_features"]
    ) -> Float[Tensor, "*batch out_features"]:
        if self.replaced is None:
            return self.frozen(x) + linear(linear(x, self.down), self.up) * (self.alpha / self.rank)
        if torch.is_grad_enabled() and (self.down.requires_grad or self.up.requires_grad):
            if self.training:
                self._require_unmerged("it would not learn")
            x = _NoLearning.apply(x, self.down, self.up)
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
            delta = self.delta().T if isinstance(self.frozen, Conv1D) else self.delta()
            self.frozen.weight.data = self.replaced + delta

    def unmerge(self) -> None:
        """Put W back, bit for bit."""
        if self.replaced is not None:
            self.frozen.weight.data, self.replaced = self.replaced, None

    def _save_to_state_dict(self, *args, **options) -> None:
        self._require_unmerged("its state_dict would count the correction twice when loaded")
        super()._save_to_state_dict(*args, **options)

    def _load_from_state_dict(self, *args, **options) -> None:
        self._require_unmerged("what is loaded would not take part")
        super()._load_from_state_dict(*args, **options)

    def _require_unmerged(self, why: str) -> None:
        if self.replaced is not None:
            raise RuntimeError(f"LoRA is merged: {why}; call unmerge(model) first")


class _NoLearning(torch.autograd.Function):
    """The identity. The backward pass, which would give A and B nothing, says why."""

    @staticmethod
    def forward(_, x: Tensor, *_factors: Tensor) -> Tensor:
        return x.view_as(x)

    @staticmethod
    def backward(_, *_gradients: Tensor) -> None:
        raise RuntimeError(
            "LoRA is merged: A and B would get no gradients; call unmerge(model) first"
        )


def sizes(layer: Matrix) -> tuple[int, int]:
    """Return how many numbers a layer reads and how many it returns.

    Example:
        >>> sizes(nn.Linear(8, 4)), sizes(Conv1D(nf=4, nx=8))
        ((8, 4), (8, 4))
    """
    if isinstance(layer, Conv1D):
        return layer.nx, layer.nf
    return layer.in_features, layer.out_features


def require_possible(chosen: Sequence[Matrix], rank: object, alpha: object = 1.0) -> None:
    """Raise `ValueError` if a layer cannot get a correction of this rank and strength."""
    widest = min(min(sizes(layer)) for layer in chosen)
    if not 1 <= whole_number("rank", rank) <= widest:
        raise ValueError(f"rank must lie in 1..{widest}, got {rank!r}")
    if not is_positive(alpha):
        raise ValueError(f"alpha must be a number above 0, got {alpha!r}")
    for kind in {layer.weight.dtype for layer in chosen}:
        if not kind.is_floating_point:
            raise ValueError(f"weights of {kind} take no correction; load the model unquantized")


def is_positive(value: object) -> bool:
    """Say whether this is a finite number above 0."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return False
    try:
        return 0 < float(value) < math.inf
    except OverflowError:  # a whole number of hundreds of digits
        return False
