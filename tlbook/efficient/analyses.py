"""What adapters do once they are trained: which matter, how they start, what a task costs.

Paper:    PAPERS["adapters"], section 3.6, figure 6; tables 1 and 2
Notebook: notebooks/3_efficient/31_adapters.ipynb
"""

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from tlbook import metrics, training
from tlbook.batches import Batch, Batches
from tlbook.efficient import adaptation, adapters, comparison, outcomes
from tlbook.efficient.adapters.places import layer_count, trunk_of
from tlbook.heads import classification_loss, states_of
from tlbook.training import recipe

MIB = 2**20

# What was trained, on which sets, its share of the weights (%), points from full fine-tuning:
# table 1 (GLUE, test; BERT-large) and table 2 (17 more sets, test; BERT-base).
PUBLISHED = pd.DataFrame(
    [
        ("adapters, best size each", "GLUE", 3.6, 80.0 - 80.4),
        ("adapters 64", "GLUE", 2.1, 79.6 - 80.4),
        ("adapters, best size each", "17 more", 1.14, 73.3 - 73.7),
        ("top layers, best number each", "17 more", 52.9, 74.0 - 73.7),
    ],
    columns=["trained", "sets", "share", "points"],
)


def validated(rows: pd.DataFrame, sets: Sequence[str]) -> pd.Series:
    """Return by method the mean validation accuracy at its best learning rate, the best first.

    By it a size can be chosen without a look at the test splits.

    Args:
        rows: As for `outcomes.tries`.
        sets: Likewise.
    """
    best = outcomes.tries(rows, sets).groupby("method")["value"].max()
    return best.sort_values(ascending=False).rename("validation")


def preferred(
    rows: pd.DataFrame, suites: Mapping[str, comparison.Suite], family: str
) -> pd.DataFrame:
    """Return for each suite the method of a family that validation prefers, and how it did on test.

    Args:
        rows: From `tlbook.results.load`.
        suites: By name.
        family: What the names of its methods begin with, such as ``adapters``.

    Returns:
        A row a suite: ``method``, and ``behind``, ``error`` and ``share`` as in `outcomes.table`.

    Raises:
        ValueError: If a suite has no measured method of the family; names both.
    """
    found = {}
    for name, suite in suites.items():
        runs = outcomes.of(rows, suite)
        table = outcomes.table(runs, suite.sets)
        ours = [method for method in validated(runs, suite.sets).index if method in table.index]
        ours = [method for method in ours if method.startswith(family)]
        if not ours:
            raise ValueError(f"no {family} are measured in the suite {name!r}")
        found[name] = table.loc[ours[0], ["behind", "error", "share"]]
    shown = pd.DataFrame(found).T
    shown.insert(0, "method", [found[name].name for name in shown.index])
    return shown


def answers(model: nn.Module, encoder: str, dataset: str) -> tuple[Int[np.ndarray, " rows"], float]:
    """Return the class given to each test row, and the accuracy (0..1); as `adaptation.score`."""
    test = adaptation.task(encoder, dataset).rows["test"]
    logits = training.predict(model, Batches(test, 64, shuffle=False))
    return np.stack(logits).argmax(-1), metrics.accuracy(logits, [row["labels"] for row in test])


def left_out(
    model: nn.Module, name: str, score: Callable[[nn.Module], float], *, whole: float
) -> Float[np.ndarray, "layers layers"]:
    """Switch trained adapters off, those of one layer or of several on end, as in figure 6.

    Args:
        model: Has adapters of that name in every layer.
        name: One of `adapters.names`.
        score: Maps the model to 0..1.
        whole: Its score with all of them.

    Returns:
        In row i and column j the change in points without the adapters of layers i to j; NaN
        where j is below i.
    """
    adapters.activate(model, name)
    count = layer_count(trunk_of(model))
    change = np.full((count, count), np.nan)
    for low in range(count):
        for high in range(low, count):
            with adapters.without_layers(model, name, range(low, high + 1)):
                change[low, high] = 100 * (score(model) - whole)
    return change


def displacement(encoder: nn.Module, batch: Batch, **options) -> float:
    """Tell how far new adapters push an encoder's states before they have learned anything.

    Args:
        encoder: Stays as it is.
        batch: Of token ids.
        **options: As for `adapters.add`.

    Returns:
        Length of the change over the length of the states, from 0.
    """
    encoder.eval()
    with torch.no_grad():
        before = states_of(encoder, batch)
        adapters.add(encoder, name="for a moment", **options)
        after = states_of(encoder, batch)
        adapters.remove(encoder, "for a moment")
    return ((after - before).norm() / before.norm()).item()


def start_scales(
    encoder: str,
    dataset: str,
    scales: Sequence[float],
    *,
    seed: int,
    learning_rate: float,
    steps: int | None = None,
    **options,
) -> pd.DataFrame:
    """Train adapters from narrow and wide starts.

    Args:
        encoder: Name for `tlbook.encoders.load`.
        dataset: Name for `tlbook.corpora.load`.
        scales: Standard deviations of the matrices at the start, above 0.
        seed: Of every run.
        learning_rate: Of every run.
        steps: Of every run, about; see `adaptation.solve`.
        **options: More for `adapters.add`.

    Returns:
        By scale: ``moved``, as from `displacement` on eight test rows, and test ``accuracy``.
    """
    trunk = adaptation.pretrained(encoder)[1]
    rows = adaptation.task(encoder, dataset).rows["test"][:8]
    batch = {
        key: tensor.to(trunk.device)
        for key, tensor in Batches(rows, len(rows)).collated(range(len(rows))).items()
    }
    found = {}
    for scale in scales:
        made = options | {"scale": scale}
        method = adaptation.Method(partial(comparison.with_adapters, **made), ())
        model, _ = adaptation.solve(
            encoder, dataset, method, seed=seed, learning_rate=learning_rate, steps=steps
        )
        moved = displacement(trunk, batch, seed=seed, **made)
        found[scale] = {"moved": moved, "accuracy": adaptation.score(model, encoder, dataset)}
    return pd.DataFrame(found).T.rename_axis("standard deviation")


def disk(models: Mapping[str, nn.Module], counts: Sequence[int] = (1, 2, 10, 100)) -> pd.DataFrame:
    """Compare what tasks take on disk: adapters on one trunk, or a fine-tuned copy for each.

    Args:
        models: By the name of their adapters; all on one trunk.
        counts: Numbers of tasks.

    Returns:
        By number of tasks: ``one trunk`` and ``copies``, in MiB (float32). A task is taken to add
        as much as the models given do on average.
    """
    with tempfile.TemporaryDirectory() as folder:
        files = [
            adapters.save(m, name, Path(folder) / str(n))
            for n, (name, m) in enumerate(models.items())
        ]
        added = sum(file.stat().st_size for file in files) / len(files) / MIB
    trunk = trunk_of(next(iter(models.values())))
    whole = sum(weight.numel() for weight in base_weights(trunk)) * 4 / MIB
    table = {
        count: {"one trunk": whole + count * added, "copies": count * whole} for count in counts
    }
    return pd.DataFrame(table).T.rename_axis("tasks")


def base_weights(trunk: nn.Module) -> list[Tensor]:
    """Return the weights of a trunk without those of the adapters in place."""
    return [x for name, x in trunk.named_parameters() if ".adapter." not in name]


def unmoved(trunk: nn.Module, base: nn.Module) -> bool:
    """Say whether a trunk is bit for bit the encoder that it was made from.

    Args:
        trunk: May have adapters on it, but none in place.
        base: As the encoder was, on any device.
    """
    pairs = zip(base_weights(trunk), base.parameters(), strict=True)
    return all(torch.equal(one.cpu(), other.cpu()) for one, other in pairs)


def epoch_seconds(
    model: nn.Module, batches: Batches, *, learning_rate: float, epochs: int = 2
) -> float:
    """Train a classifier for some epochs and return the seconds of the quickest.

    Args:
        model: A `tlbook.heads.Classifier`, or one from `tlbook.efficient.activations.store`.
        batches: That go with it.
        learning_rate: At the peak, above 0.
        epochs: 1 or more.
    """
    options = {"learning_rate": learning_rate, "epochs": epochs, "progress": False}
    records = recipe.train(model, batches, loss_of=classification_loss, **options)
    return min(record["seconds"] for record in records)


def by_share(rows: pd.DataFrame, sets: Sequence[str]) -> pd.DataFrame:
    """Return each method's distance from full fine-tuning, seed by seed, as the mean over sets.

    Args:
        rows: From `tlbook.results.load`.
        sets: Datasets; see `outcomes.over_sets`.

    Returns:
        Columns ``method``, ``seed``, ``share`` (% of the weights), ``value`` (points).
    """
    runs = outcomes.over_sets(rows, sets)
    full = runs[runs["method"] == comparison.FULL].set_index("seed")["value"]
    return runs.assign(
        share=100 * runs["share"], value=100 * (runs["value"] - runs["seed"].map(full))
    )[["method", "seed", "share", "value"]]


def fastest(*works: Callable[[], object], repeats: int = 5) -> list[float]:
    """Time works in turn and return the milliseconds of the best turn of each.

    Args:
        *works: What to call, without arguments.
        repeats: Turns, 1 or more.
    """
    spent: list[list[float]] = [[] for _ in works]
    for _ in range(repeats):
        for work, times in zip(works, spent, strict=True):
            begun = time.perf_counter()
            work()
            times.append(1000 * (time.perf_counter() - begun))
    return [min(times) for times in spent]
