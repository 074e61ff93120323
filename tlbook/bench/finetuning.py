"""Fine-tuning by `tlbook.training.fit` against the `Trainer` of transformers.

Both start from the same weights and see the same rows with the same optimizer (fused AdamW, no
weight decay), learning rate, linear warm-up and decay, clipping and epochs. The Trainer runs as
it comes: random batches padded to their longest row, no worker processes, float32, the attention
that transformers chooses. It evaluates, saves and reports nothing.
"""

import tempfile
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor, nn

from tlbook import runtime
from tlbook.batches import Batches
from tlbook.bench.pairs import Row, Side, in_precision, in_turns, ratios
from tlbook.bench.task import Sizes, Task, reviews
from tlbook.freezing import trained_weights
from tlbook.heads import Classifier, classification_loss
from tlbook.metrics import accuracy
from tlbook.schedules import linear
from tlbook.training import evaluate, fit, predict

LEARNING_RATE, WARMUP = 2e-4, 0.1
BARS = {"float32": 1.5, "bfloat16": 2.0}
TOLERANCE = 1e-4  # of logits after steps in float32, which add up in another order
POINTS = -1.0


class ForTrainer(nn.Module):
    """What the Trainer asks of a model: named inputs, and a loss beside the logits."""

    def __init__(self, classifier: Classifier):
        super().__init__()
        self.classifier = classifier

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor, labels: Tensor
    ) -> dict[str, Tensor]:
        logits = self.classifier(
            input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids
        )
        return {"loss": nn.functional.cross_entropy(logits, labels), "logits": logits}


def by_fit(
    model: Classifier, batches: Batches, *, epochs: int = 1, warmup: float = WARMUP
) -> Callable[[], object]:
    """Return the work of fine-tuning `model` our way."""
    optimizer = torch.optim.AdamW(model.parameters(), LEARNING_RATE, weight_decay=0, fused=True)
    schedule = linear(optimizer, steps=epochs * len(batches), warmup=warmup)
    settings = {"optimizer": optimizer, "schedule": schedule, "epochs": epochs, "progress": False}
    return lambda: fit(model, batches, loss_of=classification_loss, **settings)


def by_trainer(
    model: Classifier, task: Task, *, batch: int, seed: int = 0, epochs: int = 1, **changes: object
) -> Callable[[], object]:
    """Return the work of fine-tuning `model` by the stock Trainer.

    Args:
        model: Changed in place.
        task: Gives the rows.
        batch: Rows per batch.
        seed: Of the order and of dropout.
        epochs: Passes over the rows.
        **changes: Of the `TrainingArguments`.
    """
    from transformers import DataCollatorWithPadding, PrinterCallback, Trainer, TrainingArguments

    model.encoder.set_attn_implementation("sdpa")  # what a model has that nobody asked otherwise
    settings = {
        "output_dir": tempfile.gettempdir(),  # nothing is saved there
        "save_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
        "use_cpu": runtime.device().type == "cpu",
        "per_device_train_batch_size": batch,
        "num_train_epochs": epochs,
        "learning_rate": LEARNING_RATE,
        "warmup_steps": WARMUP,
        "seed": seed,
    }
    trainer = Trainer(
        ForTrainer(model),
        TrainingArguments(**settings | changes),
        train_dataset=task.train,
        data_collator=DataCollatorWithPadding(task.tokenizer),
    )
    trainer.remove_callback(PrinterCallback)
    return trainer.train


def epoch(sizes: Sizes) -> Iterator[Row]:
    """Compare one epoch, in float32 and, where it pays, in bfloat16."""
    task = reviews(sizes.rows)
    pays = runtime.precision() is torch.bfloat16
    require_equal(task, batch=sizes.batch)
    for kind, bar in BARS.items():
        name = f"fine-tuning epoch, fit in {kind} : Trainer"
        if kind == "bfloat16" and not pays:
            yield Row(name, bar=bar, note="bfloat16 does not pay on this machine")
            continue
        with in_precision(kind):
            turns = in_turns(*sides(task, sizes.batch), pairs=sizes.pairs)
        moved = trained_weights(task.classifier())
        yield Row(name, bar=bar, labels=sizes.rows, trained_weights=moved, **ratios(turns))


def sides(task: Task, batch: int) -> tuple[Side, Side]:
    """Return our side and the Trainer's of an epoch on `task`."""
    ours = lambda: by_fit(task.classifier(), Batches(task.train, batch))
    return ours, lambda: by_trainer(task.classifier(), task, batch=batch)


def require_equal(task: Task, *, batch: int, steps: int = 4) -> None:
    """Check that both sides, without dropout and in the same order, learn the same function.

    Raises:
        AssertionError: If the logits after some steps in float32 differ.
    """
    rows = sorted(task.train, key=lambda row: len(row["input_ids"]))[: steps * batch]
    few = Task(task.tokenizer, task.encoder, rows, [])
    runtime.seed_all(0)
    ours, stock = few.classifier(), few.classifier()
    stock.load_state_dict(ours.state_dict())
    for part in (*ours.modules(), *stock.modules()):
        if isinstance(part, nn.Dropout):
            part.p = 0.0
    batches = Batches(rows, batch, shuffle=False)
    with in_precision("float32"):
        by_fit(ours, batches, warmup=0)()
        by_trainer(stock, few, batch=batch, warmup_steps=0, train_sampling_strategy="sequential")()
        found, expected = (np.stack(predict(model, batches)) for model in (ours, stock))
    np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE)


def scores(sizes: Sizes) -> Iterator[Row]:
    """Compare accuracy over seeds: ours as it runs here, the Trainer's in float32."""
    task = reviews(sizes.labels)
    test = Batches(task.test, 64)
    differences = []
    for seed in range(sizes.seeds):
        runtime.seed_all(seed)
        ours, stock = task.classifier(), task.classifier()
        stock.head.load_state_dict(ours.head.state_dict())
        batches = Batches(task.train, sizes.batch, seed=seed)
        by_fit(ours, batches, epochs=sizes.epochs)()
        by_trainer(stock, task, batch=sizes.batch, seed=seed, epochs=sizes.epochs)()
        with in_precision("float32"):
            one, other = (evaluate(model, test, metric=accuracy) for model in (ours, stock))
        differences.append(100 * (one - other))
    kind = str(runtime.precision()).removeprefix("torch.")
    name = f"accuracy, fit in {kind} - Trainer, {sizes.seeds} seeds"
    yield Row(name, tuple(differences), bar=POINTS, unit="points", labels=sizes.labels)
