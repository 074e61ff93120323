"""One training loop for every lesson, and how to predict and score with what it trained.

Methods differ in what the optimizer holds and in how a batch becomes a loss. Both are
arguments here, so no lesson subclasses or copies this loop.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from tlbook import runtime
from tlbook.batches import Batch, Batches
from tlbook.training import hidden_labels
from tlbook.training.checkpoints import Progress, restore, save, settings_of

Record = dict[str, float]


def fit(
    model: nn.Module,
    batches: Iterable[Batch],
    *,
    loss_of: Callable[[nn.Module, Batch], Tensor],
    optimizer: Optimizer,
    epochs: int,
    schedule: LRScheduler | None = None,
    clip_norm: float | None = 1.0,
    after_epoch: Callable[[], Record] | None = None,
    checkpoint: Path | str | None = None,
    save_every: int | None = None,
    progress: bool = True,
) -> list[Record]:
    """Train `model` in place and return one record per epoch.

    Runs on `accelerate`: on the CPU, a GPU or, by ``accelerate launch``, on several, where each
    process takes its share of the batches. Matrix products run in bfloat16 where that pays
    (`tlbook.runtime.precision`); weights and optimizer stay float32.

    Args:
        model: Any module. Weights that do not require gradients stay as they are.
        batches: Re-iterable batches with a length, usually `tlbook.batches.Batches`. Those of one
            epoch that do not go round the processes are left out of it.
        loss_of: Maps (model, batch) to a scalar loss, in nats per example.
        optimizer: Holds the weights to train and their learning rates.
        epochs: Full passes over `batches`, 1 or more.
        schedule: Advanced once per optimizer step, not once per epoch.
        clip_norm: Largest allowed L2 norm of the whole gradient; None lets it be, and looks at the
            weights instead, at the end of an epoch and before a checkpoint.
        after_epoch: Called after each epoch; its values join that epoch's record.
        checkpoint: A file to write the state of the run to, at the end of each epoch; if it
            exists, the run goes on from there: on one process bit for bit as if it had not been
            stopped. It is safetensors, written whole or not at all; the old one stays till then.
        save_every: Optimizer steps between checkpoints within an epoch, 1 or more.
        progress: False hides the bar.

    Returns:
        Records with ``epoch`` (from 1), ``train_loss`` (mean over batches), ``learning_rate``
        (of the first group, at the end), ``seconds`` (without `after_epoch`) and what
        `after_epoch` returned.

    Raises:
        ValueError: If the loss, its gradient or, without `clip_norm`, a weight stops being finite
            (says at which epoch and step), if the loss breaks on hidden labels (below 0) or
            depends on no trained weight, if `epochs` or `save_every` is below 1, if there are too
            few batches, or if the checkpoint is damaged or of another run.
    """
    accelerator, state = _begun(batches, epochs, save_every)
    prepared = accelerator.prepare_model(model)
    settings = settings_of(state, batches, optimizer)
    if checkpoint is not None:
        state = restore(Path(checkpoint), state, settings, model, optimizer, schedule)
        if state.steps and hasattr(batches, "epoch"):
            batches.epoch = state.order - (state.step > 0)  # a broken-off epoch begins again

    def store() -> None:
        if checkpoint is not None and accelerator.is_main_process:
            save(Path(checkpoint), state, settings, model, optimizer, schedule)

    shown = progress and accelerator.is_main_process
    total = epochs * state.length
    with runtime.progress_bar(total=total, initial=state.steps, shown=shown) as bar:
        while state.epoch <= epochs:
            state.start_clock()
            prepared.train()
            for batch in _share(batches, state, accelerator):
                loss = _step(prepared, batch, loss_of, optimizer, accelerator, clip_norm, state)
                if schedule is not None:
                    schedule.step()
                state.count(loss)
                bar.update()
                bar.set_postfix_str(f"epoch {state.epoch}, loss {state.total / state.step:.3f}")
                if save_every and state.step % save_every == 0 and state.step < state.length:
                    _require_sound(model, clip_norm, state)
                    store()
            _require_sound(model, clip_norm, state)
            record = _record(state, optimizer, accelerator)
            state.close_epoch(record | (after_epoch() if after_epoch else {}))
            store()
    return state.history


def _begun(
    batches: Iterable[Batch], epochs: int, save_every: int | None
) -> tuple[Accelerator, Progress]:
    """Check the sizes of a run before anything of it moves."""
    if epochs < 1:
        raise ValueError(f"epochs must be 1 or more, got {epochs}")
    if save_every is not None and save_every < 1:
        raise ValueError(f"save_every must be 1 or more steps, got {save_every}")
    # `runtime.autocast` alone decides on the precision, whatever accelerate was configured to.
    accelerator = Accelerator(cpu=runtime.device().type == "cpu", mixed_precision="no")
    length = len(batches) // accelerator.num_processes
    if length < 1:
        raise ValueError(
            f"{len(batches)} batches are too few for {accelerator.num_processes} process(es)"
        )
    return accelerator, Progress(epochs=epochs, length=length)


def _record(state: Progress, optimizer: Optimizer, accelerator: Accelerator) -> Record:
    """What the epoch that has just ended came to, over all processes."""
    if state.step < state.length:
        raise ValueError(
            f"epoch {state.epoch} gave {state.step} of {state.length} batches; "
            "batches must say their length and start again each time they are iterated over"
        )
    loss = state.total / state.step
    if accelerator.num_processes > 1:
        here = torch.tensor(loss, device=accelerator.device)
        loss = accelerator.reduce(here, reduction="mean").item()
    return {
        "epoch": state.epoch,
        "train_loss": loss,
        "learning_rate": optimizer.param_groups[0]["lr"],
        "seconds": state.seconds,
    }


def _step(
    model: nn.Module,
    batch: Batch,
    loss_of: Callable[[nn.Module, Batch], Tensor],
    optimizer: Optimizer,
    accelerator: Accelerator,
    clip_norm: float | None,
    state: Progress,
) -> float:
    """Move the weights once and return the loss before that."""
    there = {name: tensor.to(accelerator.device) for name, tensor in batch.items()}
    try:
        with runtime.autocast(accelerator.device):
            loss = loss_of(model, there)
        value = loss.item()
    except (IndexError, RuntimeError) as error:
        if told := hidden_labels.said_of(batch, error):
            raise ValueError(f"epoch {state.epoch}, step {state.step + 1}: {told}") from error
        raise
    _require_finite("loss", value, state)
    if not loss.requires_grad:
        raise ValueError("the loss depends on no trained weight; unfreeze a part of the model")
    optimizer.zero_grad(set_to_none=True)
    accelerator.backward(loss)
    if clip_norm is not None:
        norm = accelerator.clip_grad_norm_(model.parameters(), clip_norm)
        _require_finite("norm of the gradient", float(norm), state)
    optimizer.step()
    return value


def _require_finite(what: str, value: float, state: Progress) -> None:
    if not np.isfinite(value):
        raise ValueError(
            f"{what} is {value} at epoch {state.epoch}, step {state.step + 1}; "
            "lower the learning rate, or look at that batch"
        )


def _require_sound(model: nn.Module, clip_norm: float | None, state: Progress) -> None:
    """Look at the weights where no norm is taken: it would cost a small batch 3% of its time."""
    if clip_norm is not None:
        return
    for name, weight in model.named_parameters():
        if not weight.requires_grad or weight.sum().isfinite():  # ten times as fast as each weight
            continue
        if not weight.isfinite().all():
            raise ValueError(
                f"{name} is no longer finite at epoch {state.epoch}, step {state.step}; "
                "lower the learning rate, or set clip_norm to see at which step it happens"
            )


def _share(batches: Iterable[Batch], state: Progress, accelerator: Accelerator) -> Iterator[Batch]:
    """The batches of this process in this epoch, from the step reached on."""
    mine = islice(
        batches,
        accelerator.process_index + state.step * accelerator.num_processes,
        state.length * accelerator.num_processes,
        accelerator.num_processes,
    )
    for batch in mine:
        state.order = getattr(batches, "epoch", 0)
        yield batch


def predict(model: nn.Module, batches: Batches, *, progress: bool = False) -> list[np.ndarray]:
    """Return the logits of every row, in row order.

    Args:
        model: Maps a batch to logits (batch, classes) or (batch, tokens, classes).
        batches: The data; labels are not shown to the model's loss, order does not matter.
        progress: True shows a bar.

    Returns:
        One float32 array per row: (classes) or (tokens, classes) without padding.
    """
    model.eval()
    device = next(model.parameters()).device
    found: list[np.ndarray | None] = [None] * len(batches.rows)
    steps = runtime.progress_bar(batches.plan(1), desc="predicting", shown=progress)
    with torch.inference_mode(), runtime.autocast(device):
        for places in steps:
            batch = batches.collated(places)
            logits = model(**{name: tensor.to(device) for name, tensor in batch.items()})
            for place, row in zip(places, logits.float().cpu().numpy(), strict=True):
                per_token = row.ndim == 2
                found[place] = row[: batches.lengths[place]] if per_token else row
    return found


def evaluate(model: nn.Module, batches: Batches, *, metric: Callable[[list, list], float]) -> float:
    """Score `model` on labelled rows.

    Args:
        model: As for `predict`.
        batches: Rows with ``labels``.
        metric: Maps (logits, labels), one entry per row, to a score; see `tlbook.metrics`.

    Raises:
        KeyError: If the rows have no ``labels``.
        ValueError: If some are hidden (classes below 0, as on the Hub); says which.
    """
    if "labels" not in batches.rows[0]:
        raise KeyError(f"rows need 'labels' to be scored; they have {sorted(batches.rows[0])}")
    places = hidden_labels.hidden(batches.rows)
    if places and _is_classifier(model, batches.collated(places[:1])):
        told = hidden_labels.say(places, len(batches.rows))
        raise ValueError(f"{told}; {hidden_labels.ADVICE}")
    return metric(predict(model, batches), [row["labels"] for row in batches.rows])


def _is_classifier(model: nn.Module, batch: Batch) -> bool:
    """Tell classes from the single score of a regression, which may be a whole number below 0."""
    device = next(model.parameters()).device
    with torch.inference_mode(), runtime.autocast(device):
        logits = model.eval()(**{name: tensor.to(device) for name, tensor in batch.items()})
    return logits.shape[-1] > 1
