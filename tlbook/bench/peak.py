"""How much of what the machine can multiply a fine-tuning step makes use of."""

from collections.abc import Callable, Iterator, Sequence

import torch
from transformers import PretrainedConfig

from tlbook import runtime
from tlbook.batches import Batches
from tlbook.bench.finetuning import by_fit
from tlbook.bench.pairs import Row, in_precision, in_turns
from tlbook.bench.task import Sizes, reviews
from tlbook.freezing import trained_weights

AIM = 0.6
PRODUCTS = 8  # per measurement, beside an epoch that takes seconds


def share(sizes: Sizes) -> Iterator[Row]:
    """Fine-tune `minilm` and large matrix products in turns, in each precision that pays."""
    task = reviews(sizes.rows, model="minilm")
    batches = Batches(task.train, sizes.batch)
    work = training_flops(task.encoder.config, batches.lengths.tolist())
    peak = PRODUCTS * 2 * sizes.matrix**3
    moved = trained_weights(task.classifier())
    here = str(runtime.precision()).removeprefix("torch.")
    for kind in dict.fromkeys(("float32", here)):
        with in_precision(kind):
            turns = in_turns(
                lambda: by_fit(task.classifier(), batches),
                lambda: products(sizes.matrix),
                pairs=sizes.pairs,
            )
        name = f"minilm fine-tuning : matmul peak, both in {kind}"
        yield Row(
            name,
            tuple(work / ours.cpu / (peak / most.cpu) for ours, most in turns),
            tuple(work / ours.wall / (peak / most.wall) for ours, most in turns),
            unit="of peak",
            note=f"aim {AIM}",
            labels=sizes.rows,
            trained_weights=moved,
            seconds=min(ours.wall for ours, _ in turns) / 2,
        )


def training_flops(config: PretrainedConfig, lengths: Sequence[int]) -> int:
    """Count the operations that one epoch of fine-tuning an encoder needs.

    Each layer multiplies every token with four matrices (hidden, hidden), for queries, keys,
    values and the output, and two of (hidden, intermediate); attention multiplies, for texts of
    t tokens, (t, hidden) by (hidden, t) and (t, t) by (t, hidden):

        forward = layers * sum_t (8 t h^2 + 4 t h i + 4 t^2 h)

    with h hidden, i intermediate, two operations per multiplication and addition. The backward
    pass does each product twice over, so an epoch needs three times that. Padding counts as
    waste, not as work; embeddings, norms, the head and the optimizer are left out.

    Args:
        config: Of a BERT-like encoder.
        lengths: Tokens of each text.

    Example:
        >>> from transformers import BertConfig
        >>> tiny = BertConfig(hidden_size=2, intermediate_size=3, num_hidden_layers=1)
        >>> training_flops(tiny, [1]) == 3 * (8 * 4 + 4 * 6 + 4 * 2)
        True
    """
    hidden, inner = config.hidden_size, config.intermediate_size
    forward = sum(8 * t * hidden**2 + 4 * t * hidden * inner + 4 * t**2 * hidden for t in lengths)
    return 3 * config.num_hidden_layers * forward


def products(size: int) -> Callable[[], object]:
    """Return the work of `PRODUCTS` products of square matrices, in the precision of `fit`."""
    device = runtime.device()
    left, right = (torch.randn(size, size, device=device) for _ in range(2))
    left, right = left.to(runtime.precision()), right.to(runtime.precision())
    left @ right  # the first product of a size also plans it

    def work() -> None:
        for _ in range(PRODUCTS):
            left @ right

    return work
