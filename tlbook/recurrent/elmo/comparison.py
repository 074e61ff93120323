"""The same BiLSTM with and without ELMo: tasks, draws of their labels, and what came out.

What both sides were tried with before lesson 13 was settled: validation data, 320 sentences with
names or 200 reviews, batches of 8, one seed; static vectors / ELMo at both places.

======  =====  ===========  =================
epochs  rate   names, F1    reviews, accuracy
======  =====  ===========  =================
5       0.01   .293 / .457  .563 / .597
5       0.02   .270 / .454  .557 / .587
10      0.01   .312 / .490  .580 / .617
10      0.02   .327 / .496  .630 / .570
======  =====  ===========  =================

The lesson takes 6 at 0.02, where names come to .294 / .517. With 10 epochs static vectors still
gain 3 points and ELMo none: part of its lead, .22 against .17, is the shorter time. Static vectors
over three seeds, 6 epochs: .251 at 0.01, .273 at 0.02.

Paper:    PAPERS["elmo"], sections 5.2 and 5.4, table 3 and figure 1
Notebook: notebooks/1_recurrent/13_elmo.ipynb
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import product

import numpy as np
import pandas as pd

from tlbook import corpora, freezing, metrics, runtime, training
from tlbook.recurrent.elmo import BiLM, ELMoFeatures
from tlbook.recurrent.elmo.words import words_of
from tlbook.recurrent.tagger import BiLSTMClassifier, BiLSTMTagger, WordReader, train
from tlbook.recurrent.word_batches import Vocabulary, WordBatches
from tlbook.training.side_by_side import side_by_side

STATIC = "static vectors"
METHODS: dict[str, tuple[str, ...]] = {
    STATIC: (),
    "ELMo at input": ("input",),
    "ELMo at output": ("output",),
    "ELMo at both": ("input", "output"),
}
FIELDS = ("task", "method", "share", "seed", "labels", "value", "trained_weights", "seconds")
SPLITS = ("train", "test")


@dataclass(frozen=True)
class Task:
    """A corpus whose layers are there, and how its answers are scored.

    Attributes:
        name: In tables.
        dataset: Name for `tlbook.corpora.load`.
        metric: Such as ``accuracy``.
        bilm: It made the layers.
        words: By split, a list of words per row.
        layers: By split, from `BiLM.embed`.
        labels: By split, a class per row or a tag per word.
        columns: By split, all columns of the rows.
        classes: Number of classes or tags.
        score: Maps (logits, labels) to 0..1.
    """

    name: str
    dataset: str
    metric: str
    bilm: BiLM
    words: dict[str, list[list[str]]]
    layers: dict[str, list[np.ndarray]]
    labels: dict[str, list]
    columns: dict[str, dict[str, list]]
    classes: int
    score: Callable[[list, list], float]

    def embedded_by(self, bilm: BiLM, name: str) -> "Task":
        """Return the same task on the layers of another biLM, under another name."""
        layers = {split: bilm.embed(words) for split, words in self.words.items()}
        return replace(self, name=name, bilm=bilm, layers=layers)

    def described(self) -> dict[str, object]:
        """Return the rows of each split, the classes, and the first texts of the training rows."""
        counts = {split: len(words) for split, words in self.words.items()}
        first = [" ".join(words) for words in self.words["train"][:3]]
        return counts | {"classes": self.classes, "examples": " | ".join(first)}

    def drawn(self, share: float, seed: int) -> np.ndarray:
        """Draw a share of the training rows, 0..1; of one seed, the larger holds the smaller."""
        count = len(self.labels["train"])
        return np.random.default_rng(seed).permutation(count)[: max(2, round(share * count))]


def task(bilm: BiLM, dataset: str, *, name: str, most: Sequence[int]) -> Task:
    """Load a set to classify or to tag names in, and embed it once for all.

    Args:
        bilm: Its layers are kept on disk.
        dataset: Name for `tlbook.corpora.load`, with the columns ``text`` and ``label`` or
            ``tokens`` and ``ner_tags``.
        name: In tables.
        most: Rows of the training and of the test split at most, chosen by chance.
    """
    sets, columns = corpora.load(dataset), {}
    for split, count in zip(SPLITS, most, strict=True):
        part = sets[split].shuffle(seed=0)
        columns[split] = part.take(min(count, len(part))).to_dict()
    features = sets["train"].features
    if tagged := "ner_tags" in features:
        names = features["ner_tags"].feature.names
        score, metric = partial(metrics.tag_f1, names=names), "entity F1"
    else:
        names = features["label"].names
        score, metric = metrics.accuracy, "accuracy"
    words = {
        split: rows["tokens"] if tagged else [words_of(text) for text in rows["text"]]
        for split, rows in columns.items()
    }
    return Task(
        name=name,
        dataset=dataset,
        metric=metric,
        bilm=bilm,
        words=words,
        layers={split: bilm.embed(said, cache=True) for split, said in words.items()},
        labels={split: columns[split]["ner_tags" if tagged else "label"] for split in SPLITS},
        columns=columns,
        classes=len(names),
        score=score,
    )


class Comparison:
    """Runs of task models, each done once, and a table of them.

    Args:
        epochs: Share of the labels -> passes over them.
        learning_rate: Of all methods, at the peak.
        size: Rows per batch.
        dropout: Everywhere, of ELMo's features too, 0..1.
        penalty: Lambda of section 3.3, on the weights of the mixes.
        hidden: Width of each direction of the BiLSTM.

    Attributes:
        runs: (task, method, share, seed) -> labels, value, trained weights, seconds.
        mixes: Likewise -> place -> share of each layer.
    """

    def __init__(
        self,
        epochs: Mapping[float, int],
        *,
        learning_rate: float,
        size: int,
        dropout: float = 0.3,
        penalty: float = 1e-3,
        hidden: int = 32,
    ):
        self.epochs, self.learning_rate, self.size = epochs, learning_rate, size
        self.dropout, self.penalty, self.hidden = dropout, penalty, hidden
        self.runs: dict[tuple, tuple] = {}
        self.mixes: dict[tuple, dict[str, list[float]]] = {}

    def run(
        self,
        tasks: Iterable[Task],
        methods: Iterable[str],
        shares: Iterable[float],
        seeds: Iterable[int],
    ) -> pd.DataFrame:
        """Do what is not done yet of all combinations, and return `table`."""
        wanted = [
            (one, *rest)
            for one, *rest in product(tasks, methods, shares, seeds)
            if (one.name, *rest) not in self.runs
        ]
        for key, run, mix in side_by_side(self._once, wanted, told="task models"):
            self.runs[key], self.mixes[key] = run, mix
        return self.table

    def _once(self, one: Task, method: str, share: float, seed: int) -> tuple[tuple, tuple, dict]:
        """Return the key of a run, what it came to, and its mixes by place."""
        rows, places = one.drawn(share, seed), METHODS[method]
        words, labels = ([held["train"][row] for row in rows] for held in (one.words, one.labels))
        layers = {"train": [one.layers["train"][row] for row in rows], "test": one.layers["test"]}
        if not places:
            layers = dict.fromkeys(layers)
        vocabulary = Vocabulary(words)
        batches = WordBatches(
            vocabulary.rows(words, labels), self.size, layers=layers["train"], seed=seed
        )
        model = self.model(one, len(vocabulary), places, seed)
        knobs = {"learning_rate": self.learning_rate, "epochs": self.epochs[share]}
        records = train(model, batches, penalty=self.penalty, **knobs)
        unseen = vocabulary.rows(one.words["test"], one.labels["test"])
        test = WordBatches(unseen, 128, layers=layers["test"], shuffle=False)
        value = training.evaluate(model, test, metric=one.score)
        seconds = sum(record["seconds"] for record in records)
        run = (len(rows), value, freezing.trained_weights(model), seconds)
        mixes = model.reader.elmo.mixes if places else ()
        shares = {p: mix.weights.tolist() for p, mix in zip(places, mixes, strict=True)}
        return (one.name, method, share, seed), run, shares

    def model(
        self, one: Task, vocab: int, places: Sequence[str], seed: int
    ) -> BiLSTMTagger | BiLSTMClassifier:
        """Return a fresh model for a task, with ELMo at the given places."""
        runtime.seed_all(seed)
        elmo = None
        if places:
            # The layers differ in size, the word vectors' above all: normalised, they weigh alike.
            knobs = {"mixes": len(places), "dropout": self.dropout, "layer_norm": True}
            elmo = ELMoFeatures(one.bilm, **knobs)
        sizes = {"hidden": self.hidden, "dropout": self.dropout}
        reader = WordReader(vocab, elmo=elmo, places=places, **sizes)
        kind = BiLSTMClassifier if one.metric == "accuracy" else BiLSTMTagger
        return kind(reader, one.classes).to(runtime.device())

    @property
    def table(self) -> pd.DataFrame:
        """One run a row: `FIELDS`."""
        return pd.DataFrame([(*key, *run) for key, run in self.runs.items()], columns=list(FIELDS))

    def summary(self, share: float = 1) -> pd.DataFrame:
        """Return what each method came to on each task with a share of the labels.

        Returns:
            By task and method: ``score`` (0..1, mean over seeds), its ``spread``, ``gain`` (points
            above static vectors), ``weights`` (trained, count), ``seconds`` (of one training).
        """
        group = self.table.query("share == @share").groupby(["task", "method"], sort=False)
        found = group.agg(
            score=("value", "mean"),
            spread=("value", "std"),
            weights=("trained_weights", "first"),
            seconds=("seconds", "mean"),
        )
        static = found["score"].xs(STATIC, level="method")
        gain = 100 * (found["score"] - found["score"].index.get_level_values(0).map(static))
        found.insert(2, "gain", gain)
        return found

    def gains(self, method: str) -> pd.DataFrame:
        """Return the points of a method above static vectors: a row a task, a column a share."""
        means = self.table.groupby(["task", "share", "method"], sort=False)["value"].mean()
        means = means.unstack("method")
        return 100 * (means[method] - means[STATIC]).unstack("share").sort_index(axis=1)

    def mean_mix(self, task: str, method: str, share: float = 1) -> dict[str, np.ndarray]:
        """Return the learned share of each layer at each place, as the mean over seeds."""
        own = [mix for key, mix in self.mixes.items() if key[:3] == (task, method, share)]
        return {place: np.mean([mix[place] for mix in own], axis=0) for place in own[0]}
