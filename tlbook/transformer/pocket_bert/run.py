"""Run the distillation: resumable, with a progress bar, a logged curve, on a CPU or a GPU."""

import copy
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR
from transformers import BertForMaskedLM, BertModel

from tlbook import runtime, training
from tlbook.batches import Batch
from tlbook.files import write, write_weights
from tlbook.training import ahead, runs
from tlbook.training.curve import Curve
from tlbook.transformer.pocket_bert import distillation
from tlbook.transformer.pocket_bert.stream import Stream


@dataclass(frozen=True)
class Plan:
    """Everything that decides the result of a run; stored beside it and told in the card.

    Attributes:
        tokens: To see in all, special tokens included.
        layers: Teacher layers that the student starts from (0 = lowest).
        width: Feed-forward neurons of a student layer.
        matched: For each student layer the teacher layer (1 = first) that it should equal.
        batch_tokens: Of a batch, padding included; see `stream.plan`.
        learning_rate: At the peak.
        warmup: Share of the run in which the rate rises, 0..1.
        decay: Share of the run, at its end, in which it falls to zero, 0..1.
        seed: Of the new weights, the order and the masks.
    """

    tokens: float = 172e6
    layers: tuple[int, ...] = (0, 3, 5)
    width: int = 1152
    matched: tuple[int, ...] = (2, 4, 6)
    batch_tokens: int = 24576
    learning_rate: float = 1e-3
    warmup: float = 0.0283
    decay: float = 0.3
    seed: int = 0


def run(
    folder: Path,
    teacher: BertModel,
    plan: Plan,
    *,
    save_every: int = 200,
    progress: bool = True,
) -> dict:
    """Train on what ``prepare`` left in `folder`; go on from a checkpoint if there is one.

    Writes ``plan.json``, ``curve.csv``, a checkpoint and, at the end, ``student.safetensors``
    with its ``config.json`` and ``run.json``.

    Args:
        folder: Holds ``kept.json``, ``ids.npy`` and ``offsets.npy``.
        teacher: With its whole vocabulary; it is left as it is.
        plan: What to do.
        save_every: Steps between checkpoints.
        progress: False hides the bar.

    Returns:
        What ``run.json`` holds: steps, tokens, seconds, device, threads, precision and versions.
        If the run is finished already, nothing is done.

    Raises:
        FileNotFoundError: If the text is not prepared.
        ValueError: If the folder holds a run of another plan, or the loss is not finite (the
            last checkpoint stays as it was).
    """
    if runs.finished(folder, plan):
        return runs.read(folder, "run")
    kept = json.loads((folder / "kept.json").read_text(encoding="utf-8"))
    stream = Stream(
        np.load(folder / "ids.npy", mmap_mode="r"),
        np.load(folder / "offsets.npy"),
        vocab=len(kept),
        tokens=plan.tokens,
        batch_tokens=plan.batch_tokens,
        seed=plan.seed,
    )
    runtime.seed_all(plan.seed)
    student, target = models(teacher, kept, plan, stream.batch(0))
    optimizer = torch.optim.AdamW(
        student.parameters(), plan.learning_rate, betas=(0.9, 0.98), weight_decay=0.01, fused=True
    )
    curve = Curve(folder / "curve.csv")
    records = training.fit(
        student,
        ahead.for_device(stream, runtime.device()),
        loss_of=Loss(target, plan.matched, stream, optimizer, curve),
        optimizer=optimizer,
        epochs=1,  # of the stream, which is the whole run
        schedule=schedule_of(optimizer, stream, plan),
        checkpoint=folder / "checkpoint.safetensors",
        save_every=save_every,
        progress=progress,
    )
    curve.write_row()
    return store(folder, student, stream, seconds=records[0]["seconds"])


def models(
    teacher: BertModel, kept: list[int], plan: Plan, batch: Batch
) -> tuple[BertForMaskedLM, BertModel]:
    """Return the student and a copy of the teacher for its targets, both on the device.

    The student keeps the feed-forward neurons that are busiest on `batch`.
    """
    device = runtime.device()
    # Rounded, so that a teacher that was sent to a GPU's machine in half precision is the same one.
    teacher = copy.deepcopy(teacher).half().float()
    target = distillation.prune_embeddings(teacher, kept).eval()
    neurons = distillation.busiest_neurons(target, batch, plan.width)
    student = distillation.student_of(target, plan.layers, neurons=neurons).to(device)
    for model in (student, target):  # on a CPU faster than the fused kernel at these lengths
        model.set_attn_implementation("eager" if device.type == "cpu" else "sdpa")
    return student, target.to(device, runtime.precision()).requires_grad_(False).eval()


class Loss:
    """The ``loss_of`` of `tlbook.training.fit`, which also keeps the curve.

    Args:
        teacher: Gives the targets.
        matched: See `Plan`.
        stream: Knows the tokens seen.
        optimizer: Knows the learning rate.
        curve: Gets the parts of the loss.
    """

    def __init__(
        self,
        teacher: BertModel,
        matched: tuple[int, ...],
        stream: Stream,
        optimizer: Optimizer,
        curve: Curve,
    ):
        self.teacher, self.matched, self.stream = teacher, matched, stream
        self.optimizer, self.curve = optimizer, curve

    def __call__(self, student: nn.Module, batch: Batch) -> Tensor:
        losses = distillation.losses_of(student, self.teacher, batch, self.matched)
        step = int(batch["step"])
        seen = int(self.stream.tokens_before[step + 1])
        self.curve.add(step, seen, self.optimizer.param_groups[0]["lr"], losses)
        return sum(distillation.WEIGHTS[name] * loss for name, loss in losses.items())


def schedule_of(optimizer: Optimizer, stream: Stream, plan: Plan) -> LambdaLR:
    """Rise, plateau and fall by tokens seen, not by steps: batches differ in size."""

    def share(step: int) -> float:
        seen = int(stream.tokens_before[step]) + 1
        return distillation.share_at(seen, plan.tokens, warmup=plan.warmup, decay=plan.decay)

    return LambdaLR(optimizer, share)


def store(folder: Path, student: BertForMaskedLM, stream: Stream, *, seconds: float) -> dict:
    """Write the trained weights (tied ones once), their configuration and, last, ``run.json``."""
    write_weights(folder / "student.safetensors", dict(student.named_parameters()))
    write(folder / "config.json", student.config.to_json_string())
    counts = {"steps": len(stream), "tokens": int(stream.tokens_before[-1]), "seconds": seconds}
    return runs.finish(folder, counts, precision=str(runtime.precision()).removeprefix("torch."))
