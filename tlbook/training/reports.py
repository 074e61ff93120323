"""What a training tells while it runs: its curve, step by step; and how it is stopped from outside.

A training that can be watched takes a `report`, any function called as
``report(step, steps, loss=..., accuracy=...)``. It may raise `Stopped`. Nobody has to watch: a
`Curve` is a report that only keeps what it is told.
"""

import itertools
from collections.abc import Callable

import pandas as pd
from torch import Tensor, nn

from tlbook.batches import Batch


class Stopped(BaseException):
    """Somebody asked the training to stop.

    It is no `Exception`, as `KeyboardInterrupt` is none: an ``except Exception`` on its way must
    not hold it up.
    """


class Curve:
    """Keeps what a training reports, one row per step.

    Attributes:
        step: The last step reported, 0 before the first.
        steps: How many there will be, 0 before the first report.

    Raises:
        ValueError: If a step is reported that does not lie in 1..steps.

    Example:
        >>> curve = Curve()
        >>> curve(1, 2, loss=0.7)
        >>> curve(2, 2, loss=0.4, accuracy=0.9)
        >>> curve.table()["loss"].tolist(), curve.last("accuracy")
        ([0.7, 0.4], 0.9)
    """

    def __init__(self):
        self.rows: list[tuple[int, float | None, float | None]] = []
        self.step = self.steps = 0

    def __call__(
        self, step: int, steps: int, *, loss: float | None = None, accuracy: float | None = None
    ) -> None:
        """Keep one step: `loss` in nats, `accuracy` 0..1, each only if it was measured."""
        if not 1 <= step <= steps:
            raise ValueError(f"step must lie in 1..{steps}, got {step}; count all steps of the run")
        self.rows.append((step, loss, accuracy))
        self.step, self.steps = step, steps

    def table(self) -> pd.DataFrame:
        """Return columns ``step``, ``loss`` and ``accuracy``; NaN where there was none."""
        rows = list(self.rows)  # a running training appends
        return pd.DataFrame(rows, columns=["step", "loss", "accuracy"]).astype(
            {"step": int, "loss": float, "accuracy": float}
        )

    def last(self, quantity: str) -> float | None:
        """Return the last ``loss`` or ``accuracy`` reported, None if there is none."""
        place = {"loss": 1, "accuracy": 2}[quantity]
        return next((row[place] for row in reversed(self.rows) if row[place] is not None), None)


def reporting(
    loss_of: Callable[[nn.Module, Batch], Tensor],
    report: Callable[..., None],
    steps: int,
    *,
    score: Callable[[nn.Module], float] | None = None,
    every: int = 10,
) -> Callable[[nn.Module, Batch], Tensor]:
    """Return `loss_of` for `tlbook.training.fit`, with a report at each step.

    The weights are those before the step, for the loss and for the score.

    Args:
        loss_of: The head's loss, in nats.
        report: Is told; what it raises (`Stopped`) ends the training.
        steps: Optimizer steps of the whole training: epochs times batches.
        score: Maps the model to an accuracy (0..1) on rows of its choice; each module is put back
            into the mode, training or evaluation, in which it was. Its time is the training's.
        every: Steps from one score to the next, 1 or more; the last step has one in any case.

    Raises:
        ValueError: If `steps` or `every` is below 1.

    Example:
        >>> import torch
        >>> curve = Curve()
        >>> told = reporting(lambda model, batch: model(batch["x"]).mean(), curve, steps=3)
        >>> told(nn.Identity(), {"x": torch.tensor([1.0, 2.0])})
        tensor(1.5000)
        >>> curve.table().values.tolist()
        [[1.0, 1.5, nan]]
    """
    if steps < 1 or every < 1:
        raise ValueError(f"steps and every must be 1 or more, got {steps} and {every}")
    counted = itertools.count(1)

    def told(model: nn.Module, batch: Batch) -> Tensor:
        loss, step = loss_of(model, batch), next(counted)
        # The score comes after the loss: in the other order autocast would keep weights that were
        # rounded without gradients, and the loss would have none.
        due = score is not None and (step % every == 0 or step == steps)
        report(step, steps, loss=loss.item(), accuracy=_scored(model, score) if due else None)
        return loss

    return told


def _scored(model: nn.Module, score: Callable[[nn.Module], float]) -> float:
    """Score a model in the middle of its training, and leave no trace."""
    modes = [(module, module.training) for module in model.modules()]
    try:
        return score(model)
    finally:
        for module, mode in modes:
            module.training = mode
