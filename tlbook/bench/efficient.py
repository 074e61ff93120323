"""A training step of methods that move few weights, beside one of full fine-tuning.

All sides run by `tlbook.training.fit` on the same batches with the same optimizer; a method differs
by what it freezes. A frozen matrix needs no gradient of its own, what lies below the lowest
trained weight needs none at all, and the optimizer has next to nothing to do.
"""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from torch import nn

from tlbook import runtime
from tlbook.batches import Batches
from tlbook.bench.finetuning import by_fit
from tlbook.bench.pairs import Row, in_precision, in_turns, ratios
from tlbook.bench.task import Sizes, Task, reviews
from tlbook.efficient import adapters, lora
from tlbook.efficient.activations import store
from tlbook.efficient.adapters.places import layer_count
from tlbook.freezing import freeze, trained_weights
from tlbook.heads import Classifier
from tlbook.training import predict
from tlbook.training.memory import peak_bytes

SHARE = 0.75  # of the time of full fine-tuning that a step with adapters may take
EQUAL = 1e-5
EPOCHS = 4  # what is stored once is used in each of them


def head_only(model: Classifier) -> None:
    """Train nothing of the encoder."""
    freeze(model.encoder)


METHODS: dict[str, Callable[[Classifier], object]] = {
    "adapters": partial(adapters.add, bottleneck=16),
    "LoRA": partial(lora.add, rank=4),
    "head only": head_only,
}
BARS = {"adapters": 1 / SHARE}


def steps(sizes: Sizes) -> Iterator[Row]:
    """Compare the time of steps: those with a bar in float32 too, all as `fit` runs here."""
    task = reviews(max(1, sizes.rows // 2))
    batches = Batches(task.train, sizes.batch)
    here = str(runtime.precision()).removeprefix("torch.")
    for name, method in METHODS.items():
        kinds = ("float32", here) if name in BARS else (here,)
        for kind in dict.fromkeys(kinds):
            with in_precision(kind):
                turns = in_turns(
                    lambda method=method: by_fit(_prepared(task, method), batches),
                    lambda: by_fit(task.classifier(), batches),
                    pairs=sizes.pairs,
                )
            yield Row(
                f"training step, {name} : fine-tuning, both in {kind}",
                bar=BARS.get(name),
                labels=len(task.train),
                trained_weights=trained_weights(_prepared(task, method)),
                **ratios(turns),
            )


def memory(sizes: Sizes) -> Iterator[Row]:
    """Compare the most memory that one step needs: weights, activations, gradients, moments."""
    task = reviews(sizes.batch)
    batches = Batches(task.train, sizes.batch)
    with in_precision("float32"):
        whole = peak_bytes(by_fit(task.classifier(), batches))
        for name, method in METHODS.items():
            model = _prepared(task, method)
            yield Row(
                f"peak memory of a step, {name} : fine-tuning",
                (whole / peak_bytes(by_fit(model, batches)),),
                unit="x memory",
                note=f"fine-tuning {whole / 2**20:.0f} MiB",
                labels=len(task.train),
                trained_weights=trained_weights(model),
            )


def stored(sizes: Sizes) -> Iterator[Row]:
    """Compare adapters in the top layer on stored states with running all layers each time.

    Storing is part of the time, which is that of `EPOCHS` epochs.
    """
    task = reviews(max(1, sizes.rows // 2))
    batches = Batches(task.train, sizes.batch)
    top = partial(adapters.add, bottleneck=16, layers=(layer_count(task.encoder) - 1,))
    with in_precision("float32"):
        _require_equal_logits(_prepared(task, top), batches)

    def ours(model: Classifier) -> None:
        by_fit(*store(model, batches), epochs=EPOCHS)()

    turns = in_turns(
        lambda: partial(ours, _prepared(task, top)),
        lambda: by_fit(_prepared(task, top), batches, epochs=EPOCHS),
        pairs=sizes.pairs,
    )
    yield Row(
        f"{EPOCHS} epochs of adapters in the top layer, on stored states : on texts",
        labels=len(task.train),
        trained_weights=trained_weights(_prepared(task, top)),
        **ratios(turns),
    )


def _prepared(task: Task, method: Callable[[Classifier], object]) -> Classifier:
    """A fresh classifier in which only what the method trains is trained."""
    model = task.classifier()
    method(model)
    return model


def _require_equal_logits(model: nn.Module, batches: Batches) -> None:
    """Upper layers say the same of stored states as the whole model of the texts themselves."""
    found, expected = predict(*store(model, batches)), predict(model, batches)
    np.testing.assert_allclose(np.stack(found), np.stack(expected), rtol=0, atol=EQUAL)
