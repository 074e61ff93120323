"""What is compared: pocket-bert fine-tuned and frozen, and the baselines it has to beat.

Each method takes a `Task`, the split to score on, a seed and a configuration, and returns an
`Outcome`. Texts are tokenised and embedded once per process.
"""

import functools
import time
from collections.abc import Mapping
from dataclasses import dataclass

import datasets
import numpy as np
import scipy.sparse
from transformers import PreTrainedModel

from tlbook import corpora, encoders, heads, metrics, runtime, training
from tlbook.batches import Batches
from tlbook.encoders import features
from tlbook.tokens import Row, encode
from tlbook.training import recipe
from tlbook.training.ledger import Outcome

POCKET, TEACHER = "pocket-bert", "minilm"
SMALL = 1000  # rows: with fewer, a batch has 16 of them rather than 32

Features = np.ndarray | scipy.sparse.spmatrix | scipy.sparse.sparray


@dataclass(frozen=True)
class Task:
    """A set to classify, by its name for `tlbook.corpora.load`, with `few` labels or all (None)."""

    dataset: str
    few: int | None = None


@functools.cache
def corpus(dataset: str) -> Mapping[str, datasets.Dataset]:
    """Load a set once; its training rows are numbered in a column ``row``."""
    parts = corpora.load(dataset)
    numbered = parts["train"].add_column("row", list(range(len(parts["train"]))))
    return {**parts, "train": numbered}


def places(task: Task, seed: int) -> list[int]:
    """Return which training rows carry a label in this run: a balanced draw, or all."""
    train = corpus(task.dataset)["train"]
    return (corpora.few_labels(train, task.few, seed=seed) if task.few else train)["row"][:]


def labels(task: Task, split: str) -> np.ndarray:
    """Return the labels of a split."""
    return np.array(corpus(task.dataset)[split]["label"][:])


@functools.cache
def rows(encoder: str, dataset: str, split: str) -> list[Row]:
    """Tokenise a split once."""
    tokenizer, _ = encoders.load(encoder)
    return encode(tokenizer, corpus(dataset)[split])


@functools.cache
def vectors(encoder: str, dataset: str, split: str) -> np.ndarray:
    """Embed a split once: means of the last layer and the one below, (rows, 2, hidden)."""
    _, model = encoders.load(encoder)
    batches = Batches(rows(encoder, dataset, split), 64, shuffle=False)
    model = model.to(runtime.device())
    return features.embed(model, batches, layers=(-1, -2), cache=True).numpy()


def fine_tuning(
    task: Task,
    split: str,
    seed: int,
    *,
    learning_rate: float,
    epochs: int,
    scratch: bool = False,
) -> Outcome:
    """Train the whole encoder with a new output layer on its mean-pooled states.

    Args:
        task: What to learn.
        split: What to score on.
        seed: Of the labels drawn, the new layer, the order and dropout.
        learning_rate: At the peak of the linear schedule, above 0.
        epochs: 1 or more.
        scratch: True starts the same architecture from random weights.
    """
    _, encoder = encoders.load(POCKET)
    if scratch:
        encoder = heads.scratch(encoder, seed=seed)
    known = rows(POCKET, task.dataset, "train")
    chosen = [known[place] for place in places(task, seed)]
    train = Batches(chosen, size=16 if len(chosen) < SMALL else 32, seed=seed)
    classes = corpus(task.dataset)["train"].features["label"].num_classes
    runtime.seed_all(seed)  # loading draws numbers, too
    model = heads.Classifier(encoder, classes).to(runtime.device())
    options = {"learning_rate": learning_rate, "epochs": epochs, "progress": False}
    records = recipe.train(model, train, loss_of=heads.classification_loss, **options)
    scored = Batches(rows(POCKET, task.dataset, split), 64, shuffle=False)
    return Outcome(
        training.evaluate(model, scored, metric=metrics.accuracy),
        sum(weight.numel() for weight in model.parameters()),
        sum(record["seconds"] for record in records),
    )


def frozen(
    task: Task, split: str, seed: int, *, encoder: str, strength: float, layers: int
) -> Outcome:
    """Train logistic regression on the frozen features of an encoder.

    Args:
        task: What to learn.
        split: What to score on.
        seed: Of the labels drawn.
        encoder: Name for `tlbook.encoders.load`.
        strength: Inverse of the L2 penalty, above 0.
        layers: How many of the top layers are put side by side, 1 or 2.
    """
    train, scored = (vectors(encoder, task.dataset, part)[:, :layers] for part in ("train", split))
    return _logistic(
        train[places(task, seed)].reshape(-1, layers * train.shape[2]),
        scored.reshape(-1, layers * scored.shape[2]),
        task,
        split,
        seed,
        strength,
    )


def tfidf(task: Task, split: str, seed: int, *, strength: float, words: int) -> Outcome:
    """Train logistic regression on TF-IDF of word n-grams, with sublinear counts.

    Args:
        task: What to learn.
        split: What to score on.
        seed: Of the labels drawn.
        strength: Inverse of the L2 penalty, above 0.
        words: Longest n-gram, 1 or more.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    texts = corpus(task.dataset)
    vectorizer = TfidfVectorizer(ngram_range=(1, words), sublinear_tf=True)
    train = vectorizer.fit_transform(texts["train"][places(task, seed)]["text"])
    scored = vectorizer.transform(texts[split]["text"][:])
    return _logistic(train, scored, task, split, seed, strength)


def _logistic(
    train: Features, scored: Features, task: Task, split: str, seed: int, strength: float
) -> Outcome:
    from sklearn.linear_model import LogisticRegression

    begun = time.perf_counter()
    model = LogisticRegression(C=strength, max_iter=5000)
    model.fit(train, labels(task, "train")[places(task, seed)])
    seconds = time.perf_counter() - begun
    accuracy = float(model.score(scored, labels(task, split)))
    return Outcome(accuracy, model.coef_.size + model.intercept_.size, seconds)


def embedding_speed(encoder: str, dataset: str, most: int) -> Outcome:
    """Embed the first test texts once, uncached, after a short warm-up.

    Args:
        encoder: Name for `tlbook.encoders.load`.
        dataset: Its test split is used.
        most: Texts at most.

    Returns:
        Texts per CPU second, over all threads, as ``value``; ``seconds`` is wall time.
    """
    model, texts = _resident(encoder), rows(encoder, dataset, "test")[:most]
    features.embed(model, Batches(texts[:64], 64, shuffle=False))
    batches = Batches(texts, 64, shuffle=False)
    wall, used = time.perf_counter(), time.process_time()
    features.embed(model, batches)
    wall, used = time.perf_counter() - wall, time.process_time() - used
    return Outcome(len(texts) / used, 0, wall)


@functools.cache
def _resident(encoder: str) -> PreTrainedModel:
    return encoders.load(encoder)[1].to(runtime.device())
