"""One run of a comparison: adapt a copy of an encoder to a set, and score it.

All methods have the same rows, about as many steps of as many rows, warm-up and linear fall. They
begin with the same head: one that was trained on the vectors of the frozen encoder. So even a short
training shows what changes inside the encoder are worth, and not how fast a new head is learned.

Notebook: notebooks/3_efficient/31_adapters.ipynb, 33_lora.ipynb
"""

import copy
import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pandas as pd
from jaxtyping import Float, Int
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase
from transformers.modeling_outputs import BaseModelOutput

from tlbook import corpora, encoders, heads, metrics, runtime, training
from tlbook.batches import Batches
from tlbook.encoders.features import embed
from tlbook.freezing import freeze, trained_weights
from tlbook.tokens import Row, encode
from tlbook.training import recipe
from tlbook.training.ledger import Outcome
from tlbook.training.reports import reporting

BATCH = 16
STEPS = 300  # of one training, about: whole epochs, the number that comes closest
WATCHED = 20  # steps from one validation accuracy to the next in a training that is reported
MOST = {"train": 1000, "validation": 500, "test": 1000}  # rows of each split, at most
MAX_TOKENS = 96
HEAD_RATE = 1e-2  # learning rate of the head that all methods begin with
LABELS = {"CogComp/trec": "coarse_label"}  # where a set offers more than one


@dataclass(frozen=True)
class Method:
    """One way to adapt an encoder; a lesson's methods stand in a dictionary by name.

    Attributes:
        apply: Gets a `tlbook.heads.Classifier` and the run's seed; adds what the method adds and
            leaves only what it trains with ``requires_grad``.
        learning_rates: Candidates, three for all; `comparison.measure` goes on below them as long
            as the lowest is best.
        stored: True if only the head is trained: the encoder then runs once for all.
    """

    apply: Callable[[nn.Module, int], None]
    learning_rates: tuple[float, ...]
    stored: bool = False


@dataclass(frozen=True)
class Task:
    """A set ready for one encoder.

    Attributes:
        rows: By split, from `tlbook.tokens.encode`.
        names: Of the classes.
    """

    rows: dict[str, list[Row]]
    names: tuple[str, ...]

    def described(self, tokenizer: PreTrainedTokenizerBase) -> dict[str, object]:
        """Return counts of classes and rows, and the first training row as text and label."""
        row = self.rows["train"][0]
        return {
            "classes": len(self.names),
            "train": len(self.rows["train"]),
            "test": len(self.rows["test"]),
            "a text": tokenizer.decode(row["input_ids"], skip_special_tokens=True),
            "its label": self.names[row["labels"]],
        }


@functools.cache
def pretrained(encoder: str) -> tuple[PreTrainedTokenizerBase, PreTrainedModel]:
    """Load an encoder once; runs adapt copies of it."""
    return encoders.load(encoder)


@functools.cache
def task(encoder: str, dataset: str) -> Task:
    """Load and tokenise a set once, at most `MOST` rows of each split, always the same ones.

    A set without a test or validation split lends training rows that are not trained on.

    Args:
        encoder: Name for `tlbook.encoders.load`.
        dataset: Name for `tlbook.corpora.load`.
    """
    parts = {
        split: part.shuffle(seed=0)
        for split, part in corpora.load(dataset, label=LABELS.get(dataset)).items()
    }
    for split in ("test", "validation"):
        if split not in parts:
            train = parts["train"]
            kept = len(train) - min(MOST[split], len(train) // 4)
            parts[split] = train.select(range(kept, len(train)))
            parts["train"] = train.select(range(kept))
    tokenizer, _ = pretrained(encoder)
    rows = {
        split: encode(
            tokenizer,
            parts[split].select(range(min(most, len(parts[split])))),
            max_tokens=MAX_TOKENS,
        )
        for split, most in MOST.items()
    }
    return Task(rows, tuple(parts["train"].features["label"].names))


class StoredVectors(nn.Module):
    """Stands in for a frozen encoder: the id of a row brings the vector the encoder gave it."""

    def __init__(self, vectors: Float[Tensor, "rows hidden"]):
        super().__init__()
        self.register_buffer("vectors", vectors)

    def forward(self, input_ids: Int[Tensor, "batch one"], **_mask: Tensor) -> BaseModelOutput:
        return BaseModelOutput(last_hidden_state=self.vectors[input_ids])


def head_only(model: nn.Module, seed: int) -> None:
    """Train nothing of the encoder."""
    freeze(model.encoder)


HEAD = Method(head_only, (3e-3, 1e-2, 3e-2), stored=True)


@functools.cache
def vectors(encoder: str, dataset: str) -> Float[Tensor, "rows hidden"]:
    """Embed the training rows once (the means of their last states)."""
    _, model = pretrained(encoder)
    rows = task(encoder, dataset).rows["train"]
    return embed(model.to(runtime.device()), Batches(rows, 64, shuffle=False))[:, 0]


@functools.cache
def first_head(encoder: str, dataset: str, seed: int) -> dict[str, Tensor]:
    """Return the weights of a head that was trained on the vectors of the frozen encoder."""
    # Paper: adapters and head are trained together from the start, for up to 20 epochs.
    model, _ = solve(encoder, dataset, HEAD, seed=seed, learning_rate=HEAD_RATE)
    return model.head.state_dict()


def solve(
    encoder: str,
    dataset: str,
    method: Method,
    *,
    seed: int,
    learning_rate: float,
    start: PreTrainedModel | None = None,
    steps: int | None = None,
    report: Callable[..., None] | None = None,
) -> tuple[heads.Classifier, float]:
    """Adapt a copy of the encoder to a set once.

    Args:
        encoder: Name for `tlbook.encoders.load`.
        dataset: Name for `tlbook.corpora.load`.
        method: What is trained.
        seed: Of new weights, dropout and the order of the rows.
        learning_rate: At the peak, above 0.
        start: Is adapted in place instead of a copy of the pre-trained encoder; it may have been
            trained or have adapters on it.
        steps: About how many to take, 1 or more: whole epochs, the number that comes closest;
            `STEPS` by default. The first head has its `STEPS` in any case.
        report: Is told of each step, as `tlbook.training.reports.reporting` does; its accuracy is
            that on the validation split, and a method with stored vectors tells none.

    Returns:
        The trained model and the seconds of its training, without those of the first head.

    Raises:
        ValueError: If `steps` is below 1.
    """
    steps = STEPS if steps is None else steps
    if steps < 1:
        raise ValueError(f"steps must be 1 or more, got {steps}")
    known = task(encoder, dataset)
    start = copy.deepcopy(pretrained(encoder)[1]) if start is None else start
    begun = None if method.stored else first_head(encoder, dataset, seed)
    runtime.seed_all(seed)
    model = heads.Classifier(start, len(known.names))
    if begun is not None:
        model.head.load_state_dict(begun)
    method.apply(model, seed)
    batches = Batches(known.rows["train"], BATCH, seed=seed)
    if method.stored:
        model.encoder = StoredVectors(vectors(encoder, dataset))
        batches.rows = [
            {"input_ids": [place], "labels": row["labels"]}
            for place, row in enumerate(batches.rows)
        ]  # in the same order as for other methods, which depends on the lengths of the texts
    model.to(runtime.device())
    epochs = max(1, round(steps / len(batches)))
    loss_of = heads.classification_loss
    if report is not None:
        judged = functools.partial(score, encoder=encoder, dataset=dataset, split="validation")
        judged = None if method.stored else judged
        loss_of = reporting(loss_of, report, epochs * len(batches), score=judged, every=WATCHED)
    options = {"learning_rate": learning_rate, "epochs": epochs, "progress": False}
    records = recipe.train(model, batches, loss_of=loss_of, **options)
    if method.stored:
        model.encoder = start.to(runtime.device())
    return model, sum(record["seconds"] for record in records)


def score(model: nn.Module, encoder: str, dataset: str, *, split: str = "test") -> float:
    """Return the accuracy (0..1) of a model of `solve` on a split."""
    batches = Batches(task(encoder, dataset).rows[split], 64, shuffle=False)
    return training.evaluate(model, batches, metric=metrics.accuracy)


def run(encoder: str, dataset: str, method: Method, split: str, **options) -> Outcome:
    """Adapt once and score on a split; arguments and `options` as for `solve` and `score`."""
    model, seconds = solve(encoder, dataset, method, **options)
    count = trained_weights(model)
    return Outcome(score(model, encoder, dataset, split=split), count, seconds)


def repeat(
    encoder: str, dataset: str, method: Method, *, seeds: Sequence[int], **options
) -> tuple[list[heads.Classifier], pd.DataFrame]:
    """Solve a task once with each seed; arguments and `options` as for `solve`.

    Returns:
        The models, and a row for each: ``dataset``, ``seed``, ``value`` (test accuracy, 0..1),
        ``labels`` and ``trained_weights`` (counts), ``seconds`` (of training).
    """
    models, rows = [], []
    for seed in seeds:
        model, seconds = solve(encoder, dataset, method, seed=seed, **options)
        rows.append(
            {
                "dataset": dataset,
                "seed": seed,
                "value": score(model, encoder, dataset),
                "labels": len(task(encoder, dataset).rows["train"]),
                "trained_weights": trained_weights(model),
                "seconds": seconds,
            }
        )
        models.append(model)
    return models, pd.DataFrame(rows)
