"""The model and the data that the benchmarks share: polarity of reviews, labelled and tokenised."""

import copy
from dataclasses import dataclass

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from tlbook import corpora, encoders, runtime, tokens
from tlbook.heads import Classifier
from tlbook.tokens import Row

CLASSES = 2


@dataclass(frozen=True)
class Sizes:
    """How much work a benchmark does.

    Attributes:
        rows: Reviews per epoch.
        batch: Reviews per batch.
        pairs: Turns of A B B A.
        labels: Reviews to train on where accuracy is compared.
        seeds: Runs of each side where accuracy is compared.
        epochs: Passes of each such run.
        repeats: Epochs on cached features per measurement: one alone is too short to time.
        matrix: Rows and columns of the matrices that measure the peak.
    """

    rows: int = 512
    batch: int = 32
    pairs: int = 5
    labels: int = 1000
    seeds: int = 5
    epochs: int = 2
    repeats: int = 20
    matrix: int = 2048


QUICK = Sizes(
    rows=12, batch=4, pairs=1, labels=8, seeds=2, epochs=1, repeats=2, matrix=64
)  # to see that everything runs; the figures mean nothing


@dataclass(frozen=True)
class Task:
    """An encoder in evaluation mode and tokenised reviews."""

    tokenizer: PreTrainedTokenizerBase
    encoder: PreTrainedModel
    train: list[Row]
    test: list[Row]

    def classifier(self) -> Classifier:
        """A new head on a copy of the encoder, on the device."""
        return Classifier(copy.deepcopy(self.encoder), CLASSES).to(runtime.device())


def reviews(rows: int, *, model: str = "pocket-bert") -> Task:
    """Load a pre-trained encoder and class-balanced reviews.

    Args:
        rows: Of the training split, and at most of the test split.
        model: As for `tlbook.encoders.load`.
    """
    tokenizer, encoder = encoders.load(model)
    data = corpora.load("reviews")
    test = data["test"]
    return Task(
        tokenizer,
        encoder,
        tokens.encode(tokenizer, corpora.few_labels(data["train"], rows, seed=0)),
        tokens.encode(tokenizer, test.select(range(min(rows, len(test))))),
    )
