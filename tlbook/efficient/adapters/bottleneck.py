"""The adapter itself: narrow, bend, widen, and add to what came in.

Paper:    PAPERS["adapters"], section 2.1, figure 2
Notebook: notebooks/3_efficient/31_adapters.ipynb
"""

import math
from numbers import Real

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import gelu

from tlbook.efficient.adapters.options import whole_number


class Bottleneck(nn.Module):
    """``h + W_up gelu(W_down h + b_down) + b_up``: a correction of what a sub-layer says.

    ======  ===============  ====================  ===========================
    paper   here             shape                 at the start
    ======  ===============  ====================  ===========================
    d       ``hidden``
    m       ``bottleneck``
    W_down  ``down.weight``  (bottleneck, hidden)  normal, cut off at two stds
    W_up    ``up.weight``    (hidden, bottleneck)  normal, cut off at two stds
    b       ``*.bias``       (bottleneck), (hidden)  zero
    ======  ===============  ====================  ===========================

    With m far below d it has ``2 m d + d + m`` weights. Both matrices start small, so their
    product, which is all that is added, starts tiny: the layer begins as the pre-trained one.
    Without a scale it begins as exactly that: W_up is zero, and W_down, which then need not be
    small, is drawn as in any linear layer (the start of Hu et al. 2022, section 4.1).

    Args:
        hidden: Width of the states.
        bottleneck: Inner width, 1..hidden.
        scale: Standard deviation of the matrices at the start, above 0; None starts from the
            identity itself.
        generator: Draws the matrices; the global one by default.

    Raises:
        ValueError: If a size or `scale` is outside its range.

    Example:
        >>> adapter = Bottleneck(6, 2)
        >>> sum(weight.numel() for weight in adapter.parameters()) == 2 * 2 * 6 + 6 + 2
        True
    """

    # Paper: the text draws with std 1e-2, the authors' code with 1e-3. With 1e-2 a wide adapter in
    # a wide model moves the output by more than a thousandth before it has learned anything.
    def __init__(
        self,
        hidden: int,
        bottleneck: int,
        *,
        scale: float | None = 1e-3,
        generator: torch.Generator | None = None,
    ):
        super().__init__()
        bottleneck = whole_number("bottleneck", bottleneck)
        if not 1 <= bottleneck <= hidden:
            raise ValueError(f"bottleneck must lie in 1..{hidden}, got {bottleneck}")
        number = isinstance(scale, Real) and not isinstance(scale, bool)
        if scale is not None and not (number and scale > 0 and math.isfinite(scale)):
            raise ValueError(f"scale must be a number above 0, or None, got {scale!r}")
        self.down = nn.utils.skip_init(nn.Linear, hidden, bottleneck)
        self.up = nn.utils.skip_init(nn.Linear, bottleneck, hidden)
        for layer in (self.down, self.up):
            nn.init.zeros_(layer.bias)
            if scale is not None:
                nn.init.trunc_normal_(
                    layer.weight, std=scale, a=-2 * scale, b=2 * scale, generator=generator
                )
        if scale is None:
            bound = 1 / math.sqrt(hidden)  # of a linear layer of torch
            nn.init.uniform_(self.down.weight, -bound, bound, generator=generator)
            nn.init.zeros_(self.up.weight)

    def forward(self, states: Float[Tensor, "*batch hidden"]) -> Float[Tensor, "*batch hidden"]:
        return states + self.up(gelu(self.down(states)))
