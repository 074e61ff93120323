"""Learning rates over time, one value per optimizer step."""

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR


def linear(optimizer: Optimizer, *, steps: int, warmup: float = 0.1) -> LambdaLR:
    """Rise to the peak, then fall towards 0, both in a straight line (BERT, appendix A.2).

    With ``rising = round(warmup * steps)``, step ``t`` (from 0) has the share ``(t + 1) / rising``
    of the peak while ``t < rising``, and ``(steps - t) / (steps - rising)`` from there on: no step
    is wasted on a rate of 0.

    Args:
        optimizer: Its learning rates are the peaks.
        steps: Optimizer steps of the whole training, 1 or more.
        warmup: Share of the steps in which the rate rises, 0..1.

    Raises:
        ValueError: If `steps` or `warmup` lies outside its range.

    Example:
        >>> import torch
        >>> optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
        >>> schedule = linear(optimizer, steps=4, warmup=0.5)
        >>> rates = []
        >>> for _ in range(4):
        ...     rates.append(schedule.get_last_lr()[0])
        ...     optimizer.step()
        ...     schedule.step()
        >>> rates
        [0.5, 1.0, 1.0, 0.5]
    """
    if steps < 1:
        raise ValueError(f"steps must be 1 or more, got {steps}")
    if not 0 <= warmup <= 1:
        raise ValueError(f"warmup must lie in 0..1, got {warmup}")
    rising = round(warmup * steps)

    def share(step: int) -> float:
        if step < rising:
            return (step + 1) / rising
        return max(0.0, (steps - step) / max(1, steps - rising))

    return LambdaLR(optimizer, share)
