"""Train pocket-elmo: resumable, with a progress bar, a logged curve, on a CPU or a GPU."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from tlbook import runtime, schedules, training
from tlbook.batches import Batch
from tlbook.files import write_weights
from tlbook.recurrent.elmo import BiLM
from tlbook.recurrent.elmo.characters import ids_of
from tlbook.recurrent.elmo.prediction import NAMES, LanguageModel, Losses
from tlbook.recurrent.elmo.settings import Settings
from tlbook.recurrent.pocket_elmo.preparation import FIRST
from tlbook.recurrent.pocket_elmo.stream import Stream
from tlbook.recurrent.pocket_elmo.streamed import Streamed
from tlbook.training import ahead, runs

POCKET = Settings(
    filters=((1, 16), (2, 32), (3, 64), (4, 96), (5, 128)),
    projection=128,
    cell=512,
    highways=1,
    longest=24,
)
Noted = Callable[[int, int, float, Losses], None]  # step, words seen, learning rate, losses


@dataclass(frozen=True)
class Plan:
    """Everything that decides the result of a run; stored beside it and told in the card.

    Attributes:
        settings: Sizes of the biLM; nothing is clipped, so that the fused LSTM will do.
        words: To read in all, each in both directions.
        rows: Of the stream; see `Stream` for these six.
        span: Words per row and step.
        common: Candidates at every step.
        sampled: Candidates drawn anew; 1 or more unless `common` covers the vocabulary.
        forgetting: Share of the rows that begin a step from zero states.
        seed: Of weights, candidates and forgetting.
        learning_rate: At the peak.
        warmup: Share of the run in which the rate rises, 0..1; then it falls to zero.
    """

    settings: Settings = POCKET
    words: float = 45e6
    rows: int = 512
    span: int = 20
    common: int = 20_000
    sampled: int = 0
    forgetting: float = 0.03
    seed: int = 0
    learning_rate: float = 3e-3
    warmup: float = 0.03


def run(
    folder: Path, plan: Plan, *, noted: Noted, save_every: int = 500, progress: bool = True
) -> dict:
    """Train on what ``prepare`` left in `folder`; go on from a checkpoint if there is one.

    Writes ``plan.json``, a checkpoint and, at the end, ``model.safetensors`` and ``run.json``.

    Args:
        folder: Holds ``types.txt`` and ``words.npy``.
        plan: What to do.
        noted: Called with the losses of every step, for the curve.
        save_every: Steps between checkpoints.
        progress: False hides the bar.

    Returns:
        What ``run.json`` holds: steps, words, seconds, device, threads and versions. If the run
        is finished already, nothing is done.

    Raises:
        FileNotFoundError: If the text is not prepared.
        ValueError: If some words would never be candidates, if the folder holds a run of another
            plan, or the loss is not finite (the last checkpoint stays as it was).
    """
    runs.require_text(folder)
    vocabulary = vocabulary_of(folder)
    if plan.common < len(vocabulary) and plan.sampled < 1:
        beyond = f"{len(vocabulary)} words, but common is {plan.common}"
        raise ValueError(f"sampled must be 1 or more, got {plan.sampled}: there are {beyond}")
    if runs.finished(folder, plan):
        return runs.read(folder, "run")
    runtime.seed_all(plan.seed)
    model = LanguageModel(BiLM(plan.settings), vocabulary)
    stream = stream_of(folder, plan, vocab=len(model.vocabulary))
    streamed = Streamed(model, plan.rows).to(runtime.device())
    optimizer = torch.optim.AdamW(
        streamed.parameters(), plan.learning_rate, betas=(0.9, 0.99), weight_decay=0, fused=True
    )
    schedule = schedules.linear(optimizer, steps=len(stream), warmup=plan.warmup)
    records = training.fit(
        streamed,
        ahead.for_device(stream, runtime.device()),
        loss_of=Loss(stream, optimizer, noted),
        optimizer=optimizer,
        epochs=1,  # of the stream, which is the whole run
        schedule=schedule,
        checkpoint=folder / "checkpoint.safetensors",
        save_every=save_every,
        progress=progress,
    )
    return store(folder, model, stream, seconds=records[0]["seconds"])


def types_of(folder: Path) -> list[str]:
    """Return all distinct words of the text, by number."""
    return (folder / "types.txt").read_text(encoding="utf-8").split("\n")


def vocabulary_of(folder: Path) -> list[str]:
    """Return the words that are predicted."""
    vocab = runs.read(folder, "text")["settings"]["vocab"]
    return [*NAMES, *types_of(folder)[FIRST:vocab]]


def stream_of(folder: Path, plan: Plan, *, vocab: int) -> Stream:
    """Return the stream of the training text."""
    return Stream(
        np.load(folder / "words.npy"),
        ids_of(types_of(folder), plan.settings.longest),
        vocab=vocab,
        rows=plan.rows,
        span=plan.span,
        total=plan.words,
        common=plan.common,
        sampled=plan.sampled,
        forgetting=plan.forgetting,
        seed=plan.seed,
    )


class Loss:
    """The ``loss_of`` of `tlbook.training.fit`, which also tells the curve.

    Args:
        stream: Knows how many words a step reads.
        optimizer: Knows the learning rate.
        noted: Gets the losses of both directions.
    """

    def __init__(self, stream: Stream, optimizer: Optimizer, noted: Noted):
        self.stream, self.optimizer, self.noted = stream, optimizer, noted

    def __call__(self, model: nn.Module, batch: Batch) -> Tensor:
        # A sum over a vocabulary needs more digits than bfloat16 has.
        with torch.autocast(batch["kept"].device.type, enabled=False):
            losses = model.losses(batch)
        step = int(batch["step"])
        seen = (step + 1) * self.stream.lanes * self.stream.span
        self.noted(step, seen, self.optimizer.param_groups[0]["lr"], losses)
        return (losses["forward"] + losses["backward"]) / 2


def store(folder: Path, model: LanguageModel, stream: Stream, *, seconds: float) -> dict:
    """Write the trained weights and, last, ``run.json``."""
    write_weights(folder / "model.safetensors", model.state_dict())
    words = len(stream) * stream.lanes * stream.span
    return runs.finish(folder, {"steps": len(stream), "words": words, "seconds": seconds})
