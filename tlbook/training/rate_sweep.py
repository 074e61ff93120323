"""Which learning rate? Train a few dozen steps while the rate grows, and watch the loss.

Paper:    Smith (2017), Cyclical Learning Rates for Training Neural Networks,
          https://arxiv.org/abs/1506.01186, section 3.3 (the learning rate range test)
"""

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import pandas as pd
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from tlbook import runtime
from tlbook.batches import Batch
from tlbook.training import fit

BLOWN_UP = 4.0  # times the lowest smoothed loss: nothing good comes after


class _Ended(Exception):
    """The sweep has seen enough."""


# Paper: the rate grows in a straight line, and the test watches accuracy over some epochs. Growing
# by a constant factor covers five powers of ten in so many steps, and a loss is there at each.
def learning_rate_sweep(
    model: nn.Module,
    batches: Iterable[Batch],
    *,
    loss_of: Callable[[nn.Module, Batch], Tensor],
    optimizer_of: Callable[..., Optimizer] = torch.optim.AdamW,
    lowest: float = 1e-6,
    highest: float = 1.0,
    steps: int = 60,
    momentum: float = 0.8,
) -> pd.DataFrame:
    """Train at a rate that grows from step to step, note the losses, put everything back.

    Weights, buffers, modes, the number of passes of `batches` and the global generators are
    afterwards what they were. The sweep ends early once the smoothed loss has risen to four times
    its lowest, or is not finite.

    Args:
        model: As for `tlbook.training.fit`.
        batches: Likewise; gone through as often as needed.
        loss_of: Likewise.
        optimizer_of: Called as ``optimizer_of(weights, lr=lowest)``; give the kind you train with.
        lowest: First learning rate, above 0.
        highest: Last one, above `lowest`.
        steps: Optimizer steps, 2 or more.
        momentum: Share of the past in the smoothed loss, 0..1, 1 excluded.

    Returns:
        One row a step: ``rate``, ``loss`` (of the batch, nats, before the step at that rate) and
        ``smoothed``, its exponential average.

    Raises:
        ValueError: If a setting lies outside its range, or `fit` finds the loss at fault.
    """
    if not (0 < lowest < highest and steps >= 2 and 0 <= momentum < 1):
        raise ValueError(
            "lowest must lie above 0 and below highest, steps be 2 or more, momentum in [0, 1); "
            f"got {lowest}, {highest}, {steps}, {momentum}"
        )
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = optimizer_of(weights, lr=lowest)
    schedule = LambdaLR(optimizer, lambda step: (highest / lowest) ** (step / (steps - 1)))
    notes = _Notes(steps, momentum)

    def noted(model: nn.Module, batch: Batch) -> Tensor:
        loss = loss_of(model, batch)
        notes.add(optimizer.param_groups[0]["lr"], loss.item())
        return loss

    with runtime.undisturbed(), _put_back(model, batches):
        try:
            fit(
                model,
                batches,
                loss_of=noted,
                optimizer=optimizer,
                epochs=steps // len(batches) + 1,  # one loss more than `steps`: there it ends
                schedule=schedule,
                progress=False,
            )
        except _Ended:
            pass
        except ValueError:  # of a gradient that grew too large, or of something worth telling
            if all(weight.grad is None or weight.grad.isfinite().all() for weight in weights):
                raise
    return pd.DataFrame(notes.rows, columns=["rate", "loss", "smoothed"])


class _Notes:
    """Rates and losses so far; the smoothed ones begin unbiased, as Adam's averages do."""

    def __init__(self, steps: int, momentum: float):
        self.rows: list[tuple[float, float, float]] = []
        self.steps, self.momentum, self.average, self.best = steps, momentum, 0.0, math.inf

    def add(self, rate: float, loss: float) -> None:
        self.average = self.momentum * self.average + (1 - self.momentum) * loss
        smoothed = self.average / (1 - self.momentum ** (len(self.rows) + 1))
        blown_up = not smoothed <= BLOWN_UP * self.best  # so also where it is not a number
        if len(self.rows) == self.steps or (self.rows and blown_up):
            raise _Ended
        self.best = min(self.best, smoothed)
        self.rows.append((rate, loss, smoothed))


@contextmanager
def _put_back(model: nn.Module, batches: Iterable[Batch]) -> Iterator[None]:
    """Restore weights, buffers, gradients, modes and the number of passes at the end."""
    tensors = [*model.parameters(), *model.buffers()]
    values = [tensor.detach().clone() for tensor in tensors]
    gradients = [(weight, weight.grad) for weight in model.parameters()]
    modes = [(module, module.training) for module in model.modules()]
    passes = getattr(batches, "epoch", None)
    try:
        yield
    finally:
        with torch.no_grad():
            for tensor, value in zip(tensors, values, strict=True):
                tensor.copy_(value)
        for weight, gradient in gradients:
            weight.grad = gradient
        for module, mode in modes:
            module.training = mode
        if passes is not None:
            batches.epoch = passes


def suggested_rate(sweep: pd.DataFrame) -> float:
    """Return a tenth of the rate at which the smoothed loss was lowest: it still falls there.

    A start for a grid, not its end: the sweep sees a few dozen steps, and no validation rows.

    Args:
        sweep: From `learning_rate_sweep`.

    Raises:
        ValueError: If the loss never fell: begin the sweep lower.

    Example:
        >>> sweep = pd.DataFrame({"rate": [1e-4, 1e-3, 1e-2], "smoothed": [0.7, 0.5, 0.9]})
        >>> f"{suggested_rate(sweep):g}"
        '0.0001'
    """
    lowest = int(sweep["smoothed"].argmin())
    if lowest == 0:
        raise ValueError(f"the loss rose from the first rate on, {sweep['rate'].iloc[0]:g}")
    return float(sweep["rate"].iloc[lowest]) / 10
