"""The usual way to train: AdamW, a rate that rises for a short while and then falls to zero.

Paper:    PAPERS["bert_finetuning"], section 4.1, appendix A.2 and A.3
"""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from tlbook import schedules
from tlbook.batches import Batch
from tlbook.training import Record, fit


def train(
    model: nn.Module,
    batches: Iterable[Batch],
    *,
    loss_of: Callable[[nn.Module, Batch], Tensor],
    learning_rate: float,
    epochs: int,
    warmup: float = 0.1,
    decays: bool = True,
    weight_decay: float = 0.01,
    **options,
) -> list[Record]:
    """Train what requires gradients by BERT's recipe: AdamW, warm-up, linear decay.

    Args:
        model: Trained in place; what is frozen stays.
        batches: The training rows, with a length. The paper's size is 32.
        loss_of: The head's loss.
        learning_rate: The peak; the paper's are 5e-5, 4e-5, 3e-5 and 2e-5, for 12 layers.
        epochs: Passes over the rows, 1 or more; the paper's are 3.
        warmup: Share of the steps in which the rate rises, 0..1.
        decays: False keeps the rate at its peak from the first step to the last.
        weight_decay: Of all weights, 0..1; without it this is Adam.
        **options: More for `tlbook.training.fit`.

    Returns:
        The records of `fit`, one per epoch.
    """
    # Paper: its code spares biases and layer norms the weight decay; one group is simpler.
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, learning_rate, weight_decay=weight_decay, fused=True)
    steps = epochs * len(batches)
    schedule = schedules.linear(optimizer, steps=steps, warmup=warmup) if decays else None
    options |= {"optimizer": optimizer, "schedule": schedule, "epochs": epochs}
    return fit(model, batches, loss_of=loss_of, **options)
