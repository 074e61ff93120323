"""What pocket-elmo adds to a BiLSTM tagger on public sets: the same rows, tuned alike, in pairs.

Both sides are the tagger of `tlbook.recurrent.tagger`, with word vectors and spellings learned from
the training rows; one reads pocket-elmo's layers as well, at its input. Of the same four settings
each takes, set by set, the one with the best score on the validation split, with a seed that is not
used again. With it the reported seeds are run and scored on the whole test split. A seed draws the
training rows, the same for both sides, so that their scores make pairs.

Paper:    PAPERS["elmo"], section 4
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from datasets import Dataset

from tlbook import corpora, runtime
from tlbook.freezing import trained_weights
from tlbook.metrics import tag_accuracy, tag_f1
from tlbook.recurrent.elmo import BiLM, ELMoFeatures
from tlbook.recurrent.tagger import BiLSTMTagger, WordReader, train
from tlbook.recurrent.word_batches import Vocabulary, WordBatches
from tlbook.training import predict
from tlbook.training.ledger import Ledger, Outcome

LESSON = "pocket_elmo"
METHODS = ("static", "elmo")
SEEDS, TUNING_SEED = (0, 1, 2, 3, 4), 100
ROWS = 500  # training sentences, or all if there are fewer
VALIDATION = 1000  # sentences that a setting is chosen on, at most
EPOCHS, BATCH = 20, 16
GRID = tuple({"learning_rate": r, "dropout": d} for r in (5e-3, 1e-2) for d in (0.3, 0.5))
TUNED = "validation at rate {learning_rate:g}, dropout {dropout:g}"  # metric of a tuning run
CONTRACTION = "_"  # tag of a word that stands again as its parts

Sentences = list[list[str]]
Tags = list[list[int]]


@dataclass(frozen=True)
class Task:
    """A set of tagged sentences.

    Attributes:
        dataset: Name for `tlbook.corpora.load`.
        tags: Column of the tags.
        metric: ``F1`` of whole names, or ``accuracy`` per word.
    """

    dataset: str
    tags: str
    metric: str


TASKS = (
    Task("eriktks/conll2003", "ner_tags", "F1"),
    Task("universal-dependencies/universal_dependencies/en_ewt", "upos", "accuracy"),
    Task("wikigold", "ner_tags", "F1"),
)


class Tagging:
    """One set, ready for runs of both sides.

    Args:
        task: Which set.
        bilm: pocket-elmo.
        rows: Training sentences of a run.

    Raises:
        ConnectionError: If the set cannot be had here.
    """

    def __init__(self, task: Task, bilm: BiLM, rows: int = ROWS):
        parts = corpora.load(task.dataset)
        self.task, self.bilm = task, bilm
        self.names = parts["train"].features[task.tags].feature.names
        self.parts = {name: words_and_tags(part, task.tags) for name, part in parts.items()}
        validation = drawn(self.parts["validation"], VALIDATION, seed=TUNING_SEED)
        self.parts["validation"] = validation
        self.rows = min(rows, len(self.parts["train"][0]))
        self.embedded: dict[str, list[np.ndarray]] = {}

    def run(
        self, method: str, split: str, seed: int, *, learning_rate: float, dropout: float
    ) -> Outcome:
        """Train once, and score on a split.

        Args:
            method: ``static`` or ``elmo``.
            split: ``validation`` or ``test``.
            seed: Draws rows and weights.
            learning_rate: At the peak.
            dropout: Everywhere, of ELMo's features too.
        """
        sentences, tags = drawn(self.parts["train"], self.rows, seed=seed)
        vocabulary, (asked, gold) = Vocabulary(sentences), self.parts[split]
        layers = seen = elmo = None
        if method == "elmo":
            layers, seen = self.layers(f"train {seed}", sentences), self.layers(split, asked)
            elmo = ELMoFeatures(self.bilm, dropout=dropout)
        runtime.seed_all(seed)
        reader = WordReader(len(vocabulary), elmo=elmo, dropout=dropout)
        model = BiLSTMTagger(reader, len(self.names)).to(runtime.device())
        batches = WordBatches(vocabulary.rows(sentences, tags), BATCH, layers=layers, seed=seed)
        begun = time.perf_counter()
        train(model, batches, learning_rate=learning_rate, epochs=EPOCHS, progress=False)
        seconds = time.perf_counter() - begun
        unseen = WordBatches(vocabulary.rows(asked, gold), 64, layers=seen, shuffle=False)
        return Outcome(self.score(predict(model, unseen), gold), trained_weights(model), seconds)

    def layers(self, name: str, sentences: Sentences) -> list[np.ndarray]:
        """Embed sentences, unless the last ones of that name are at hand."""
        if name not in self.embedded:
            kept = {known: self.embedded[known] for known in self.parts if known in self.embedded}
            self.embedded = kept | {name: self.bilm.embed(sentences)}
        return self.embedded[name]

    def score(self, logits: list[np.ndarray], gold: Tags) -> float:
        """Score the predictions of a split."""
        if self.task.metric == "F1":
            return tag_f1(logits, gold, names=self.names)
        return tag_accuracy(logits, gold)


def words_and_tags(part: Dataset, column: str) -> tuple[Sentences, Tags]:
    """Return words and tags of all sentences, without contractions that are also taken apart."""
    names = part.features[column].feature.names
    left_out = names.index(CONTRACTION) if CONTRACTION in names else None
    kept = [
        [(word, tag) for word, tag in zip(words, tags, strict=True) if tag != left_out]
        for words, tags in zip(part["tokens"][:], part[column][:], strict=True)
    ]
    kept = [sentence for sentence in kept if sentence]
    return [[word for word, _ in s] for s in kept], [[tag for _, tag in s] for s in kept]


def drawn(part: tuple[Sentences, Tags], count: int, *, seed: int) -> tuple[Sentences, Tags]:
    """Draw so many sentences with their tags, or take all."""
    places = np.random.default_rng(seed).permutation(len(part[0]))[:count]
    return tuple([column[place] for place in places] for column in part)


def measure(
    ledger: Ledger,
    bilm: BiLM,
    *,
    lesson: str = LESSON,
    rows: int = ROWS,
    tasks: Sequence[Task] | None = None,
    tell: Callable[[str], None] = print,
) -> None:
    """Tune and score both sides on every set; see the module docstring.

    Args:
        ledger: Knows what is measured already.
        bilm: pocket-elmo, in evaluation mode.
        lesson: Under whose name rows are kept.
        rows: Training sentences of a run.
        tasks: `TASKS` if none are named. What cannot be had here is skipped, with the reason.
        tell: Gets a line for each set and side.

    Raises:
        TimeIsUp: If the ledger's minutes are over before the end.
    """
    for task in TASKS if tasks is None else tasks:
        try:
            tagging = Tagging(task, bilm, rows)
        except (ConnectionError, ValueError) as reason:  # a ValueError: only a mirror has wikigold
            tell(f"{task.dataset} is skipped: {reason}")
            continue
        for method in METHODS:
            key = {"lesson": lesson, "method": method, "dataset": task.dataset}
            once = partial(ledger.once, **key, labels=tagging.rows)
            tried = [
                once(
                    partial(tagging.run, method, "validation", TUNING_SEED, **settings),
                    seed=TUNING_SEED,
                    metric=TUNED.format(**settings),
                )
                for settings in GRID
            ]
            best = GRID[tried.index(max(tried))]
            found = [
                once(partial(tagging.run, method, "test", s, **best), seed=s, metric=task.metric)
                for s in SEEDS
            ]
            tell(f"{method} on {task.dataset}: {np.mean(found):.4f} at {best}")


def gains(rows: pd.DataFrame) -> pd.DataFrame:
    """Return what ELMo adds on every set that both sides were measured on with all seeds.

    Args:
        rows: From `tlbook.results.load`.

    Returns:
        By dataset and labels: ``metric``, means ``static`` and ``elmo`` and their spreads
        ``static_spread`` and ``elmo_spread`` (standard deviation over seeds), ``gain`` (mean over
        pairs), ``error`` (its standard error) and ``clear`` (whether it exceeds twice that).

    Example:
        >>> rows = pd.DataFrame({"method": ["static", "static", "elmo", "elmo"],
        ...                      "seed": [0, 1, 0, 1], "value": [0.5, 0.6, 0.7, 0.9]})
        >>> found = gains(rows.assign(dataset="names", labels=500, metric="F1")).iloc[0]
        >>> f"{found['gain']:.2f}, error {found['error']:.2f}, clear: {found['clear']}"
        '0.25, error 0.05, clear: True'
    """
    found = []
    scores = rows[rows["metric"].isin({task.metric for task in TASKS})]
    for (dataset, labels, metric), runs in scores.groupby(["dataset", "labels", "metric"]):
        pairs = runs.pivot(index="seed", columns="method", values="value")
        pairs = pairs.reindex(columns=METHODS).dropna()
        if len(pairs) < 2:
            continue
        gain = pairs["elmo"] - pairs["static"]
        row = {"dataset": dataset, "labels": labels, "metric": metric, "runs": len(pairs)}
        row |= {name: pairs[name].mean() for name in METHODS}
        row |= {f"{name}_spread": pairs[name].std() for name in METHODS}
        error = gain.std() / math.sqrt(len(pairs))
        found.append(row | {"gain": gain.mean(), "error": error, "clear": gain.mean() > 2 * error})
    return pd.DataFrame(found)
