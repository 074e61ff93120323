"""Fine-tuning BERT: its input, its recipe, one run of a task, and the baselines to beat.

Paper:    PAPERS["bert_finetuning"], sections 3.2 and 4, appendix A.3
Notebook: notebooks/2_transformer/24_bert_finetuning.ipynb
"""

import copy
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd
from datasets import Dataset, DatasetDict
from matplotlib.axes import Axes
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from tlbook import runtime
from tlbook.batches import Batch, Batches
from tlbook.freezing import trained_weights
from tlbook.metrics import tag_f1
from tlbook.tokens import Row
from tlbook.training import predict, recipe
from tlbook.training.side_by_side import side_by_side


@dataclass(frozen=True)
class Task:
    """What turns an encoder into a solution of one task: a head, its loss, rows and a score.

    Attributes:
        train: Rows from `tlbook.tokens`.
        test: Rows to score on.
        head: Maps an encoder to a model with one new layer.
        loss_of: The head's loss.
        score: Maps the predictions of the test rows to 0..1.
        metric: What the score is called.
    """

    train: list[Row]
    test: list[Row]
    head: Callable[[PreTrainedModel], nn.Module]
    loss_of: Callable[[nn.Module, Batch], Tensor]
    score: Callable[[list[np.ndarray]], float]
    metric: str


@dataclass(frozen=True)
class Run:
    """One training: the model, its logits for the test rows, and what `results.record` keeps."""

    model: nn.Module
    logits: list[np.ndarray]
    row: dict[str, object]


def run(
    task: Task, encoder: PreTrainedModel, *, seed: int, batch_size: int = 32, **options: float
) -> Run:
    """Fine-tune a copy of `encoder` on the task once; the encoder given stays as it was.

    Args:
        task: What to learn.
        encoder: The start: pre-trained, or from `tlbook.heads.scratch`.
        seed: Of the new head, the dropout and the order of the rows.
        batch_size: Rows per step, 1 or more.
        **options: As for `tlbook.training.recipe.train`.

    Returns:
        The run; its ``row`` has labels (rows trained on), seed, metric, value (0..1),
        trained_weights and seconds (of training).
    """
    runtime.seed_all(seed)
    model = task.head(copy.deepcopy(encoder))
    batches = Batches(task.train, batch_size, seed=seed)
    history = recipe.train(model, batches, loss_of=task.loss_of, **options)
    logits = predict(model, Batches(task.test, 64, shuffle=False))
    row = {
        "labels": len(task.train),
        "seed": seed,
        "metric": task.metric,
        "value": task.score(logits),
        "trained_weights": trained_weights(model),
        "seconds": sum(record["seconds"] for record in history),
    }
    return Run(model, logits, row)


def rows_of(jobs: Iterable[tuple[Task, PreTrainedModel, dict]]) -> list[dict[str, object]]:
    """Do many runs side by side and return their rows; their models are let go.

    Args:
        jobs: What `run` takes: task, encoder and a dictionary of the rest. On a CPU each run has
            one thread, and its seconds are those on one thread.
    """

    def row_of(task: Task, encoder: PreTrainedModel, options: dict) -> dict[str, object]:
        return run(task, encoder, **options).row

    return list(side_by_side(row_of, jobs, told="runs"))


def grid(
    task: Task,
    encoder: PreTrainedModel,
    *,
    rates: Sequence[float],
    epochs: Sequence[int],
    sizes: Sequence[int],
    seed: int = 0,
) -> pd.DataFrame:
    """Run every combination of learning rate, epochs and batch size from the same start.

    Args:
        task: Its test rows choose, so they must be validation rows.
        encoder: The start of each run.
        rates: Peak learning rates.
        epochs: Passes over the rows.
        sizes: Rows per step.
        seed: Of every run.

    Returns:
        Columns ``epochs``, ``batch``, ``rate``, ``steps`` and ``value``, one run a row.
    """
    tried = pd.DataFrame(product(epochs, sizes, rates), columns=["epochs", "batch", "rate"])
    knobs = tried.set_axis(["epochs", "batch_size", "learning_rate"], axis=1).to_dict("records")
    rows = rows_of((task, encoder, {"seed": seed, **chosen}) for chosen in knobs)
    steps = tried["epochs"] * -(-len(task.train) // tried["batch"])
    return tried.assign(steps=steps, value=[row["value"] for row in rows])


def splits(
    dataset: DatasetDict, most: Sequence[int] | None = None, *, seed: int = 0
) -> tuple[Dataset, Dataset, Dataset]:
    """Return train, validation and test rows, also of sets whose test labels are kept secret.

    Args:
        dataset: From `tlbook.corpora.load`. Where it has no test split, or one whose labels are
            all -1 (as in GLUE), the validation split is the test and a tenth of the training
            rows, drawn by `seed`, is for validation.
        most: Rows of each that are kept at most, drawn by `seed`; all by default.
        seed: Of the draws.
    """
    test = dataset.get("test")
    if test is not None and ("label" not in test.column_names or max(test["label"][:]) >= 0):
        parts = [dataset["train"], dataset["validation"], test]
    else:
        divided = dataset["train"].train_test_split(0.1, seed=seed)
        parts = [divided["train"], divided["test"], dataset["validation"]]
    if most is not None:
        sizes = [min(count, len(part)) for count, part in zip(most, parts, strict=True)]
        shuffled = [part.shuffle(seed=seed) for part in parts]
        parts = [part.select(range(n)) for part, n in zip(shuffled, sizes, strict=True)]
    return tuple(parts)


def shortened(dataset: DatasetDict, *, words: int) -> DatasetDict:
    """Cut the column ``text`` after so many words.

    Example:
        >>> rows = Dataset.from_list([{"text": "The soup was cold.", "label": 0}])
        >>> shortened(DatasetDict(train=rows), words=2)["train"]["text"][:]
        ['The soup']
    """
    cut = {
        split: [row | {"text": " ".join(row["text"].split()[:words])} for row in part]
        for split, part in dataset.items()
    }
    return DatasetDict(
        {split: Dataset.from_list(cut[split], part.features) for split, part in dataset.items()}
    )


def input_table(
    tokenizer: PreTrainedTokenizerBase, first: str, second: str | None = None
) -> pd.DataFrame:
    """Return what BERT is given for a text or a pair (section 3.2, figure 2), one token a row.

    Args:
        tokenizer: Of the encoder.
        first: The text.
        second: The other text of a pair.

    Returns:
        Columns ``token``, ``segment`` (0 or 1), ``position`` (from 0), ``special`` (bool).
    """
    encoded = tokenizer(first, second, return_token_type_ids=True, return_special_tokens_mask=True)
    ids = encoded["input_ids"]
    return pd.DataFrame(
        {
            "token": tokenizer.convert_ids_to_tokens(ids),
            "segment": encoded["token_type_ids"],
            "position": range(len(ids)),
            "special": [bool(flag) for flag in encoded["special_tokens_mask"]],
        }
    )


def draw_input(table: pd.DataFrame, ax: Axes) -> Axes:
    """Draw the three embeddings that are summed for each token, as boxes under each other.

    Args:
        table: From `input_table`.
        ax: Empty axes, about 0.6 inches wide per token.
    """
    shades = {0: "#CFE5F2", 1: "#FBE3C8"}
    for place, row in enumerate(table.itertuples()):
        lines = [(row.token, "bold"), (str(row.segment), None), (str(row.position), None)]
        for level, (text, weight) in enumerate(lines):
            face = "#DDDDDD" if level == 0 and row.special else shades[row.segment]
            ax.text(
                place,
                -level,
                text,
                ha="center",
                va="center",
                weight=weight,
                fontsize=8,
                bbox={"boxstyle": "square,pad=0.35", "facecolor": face, "edgecolor": "#777777"},
            )
            if level:
                ax.text(place, 0.5 - level, "+", ha="center", va="center", fontsize=8)
    ax.set(xlim=(-0.6, len(table) - 0.4), ylim=(-2.5, 0.5))
    ax.set_yticks([0, -1, -2], ["token", "segment", "position"])
    ax.set_xticks([])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return ax


def tfidf(
    train: Dataset, validation: Dataset, test: Dataset, *, pair: str | None = None
) -> tuple[float, float]:
    """Score TF-IDF of words and word pairs with logistic regression, tuned on validation rows.

    Args:
        train: Columns ``text`` and ``label``.
        validation: Chooses the penalty ``C`` out of 0.1, 1, 10 and 100.
        test: Is scored once, with that ``C``.
        pair: Column of the second text; its words are features of their own.

    Returns:
        Accuracy on `test` (0..1), and the ``C`` chosen.
    """
    from scipy.sparse import hstack
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    columns = ["text"] + ([pair] if pair else [])
    makers = [
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True).fit(train[name][:])
        for name in columns
    ]

    def features(split: Dataset):
        return hstack(
            [maker.transform(split[name][:]) for maker, name in zip(makers, columns, strict=True)]
        ).tocsr()

    x, y = features(train), train["label"][:]
    models = {C: LogisticRegression(C=C, max_iter=1000).fit(x, y) for C in (0.1, 1.0, 10.0, 100.0)}
    seen = features(validation)
    best = max(models, key=lambda C: models[C].score(seen, validation["label"][:]))
    return float(models[best].score(features(test), test["label"][:])), best


def tags_by_word(train: Dataset, test: Dataset) -> float:
    """Score the baseline that tags each word as it was tagged most often; strangers get ``O``.

    Args:
        train: Columns ``tokens`` and ``ner_tags``; tag 0 is ``O``.
        test: Likewise.

    Returns:
        Entity-level F1, 0..1.
    """
    counts: defaultdict[str, Counter] = defaultdict(Counter)
    for row in train:
        for word, tag in zip(row["tokens"], row["ner_tags"], strict=True):
            counts[word][tag] += 1
    names = test.features["ner_tags"].feature.names
    best = {word: seen.most_common(1)[0][0] for word, seen in counts.items()}
    found = [np.eye(len(names))[[best.get(word, 0) for word in row]] for row in test["tokens"]]
    return tag_f1(found, test["ner_tags"][:], names=names)
