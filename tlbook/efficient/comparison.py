"""Methods that train few weights beside full fine-tuning: same sets, same steps, tuned alike.

A method has one learning rate: of its three candidates (and a lower one where their lowest was
best) the one with the best mean accuracy over the validation splits of all sets of a suite, with a
seed that is not used again. (The smallest validation split has 54 rows: chosen for each set alone,
the rate would be drawn by lot.) With it the reported seeds are run and scored on the test splits.
Rows that are there already are not measured again, so a measurement that was stopped goes on.

Paper:    PAPERS["adapters"], section 3
Notebook: notebooks/3_efficient/31_adapters.ipynb, 33_lora.ipynb
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import pandas as pd
from torch import nn

from tlbook.efficient import adapters
from tlbook.efficient.adaptation import HEAD, Method, run, task
from tlbook.freezing import freeze, freeze_below, layers_of, unfreeze
from tlbook.training.ledger import Ledger

TUNING_SEED = 100
TUNED = "validation accuracy at {:g}"  # metric of the rows that choose a learning rate
FULL = "fine-tuning"


@dataclass(frozen=True)
class Suite:
    """One encoder and the sets on which it is adapted.

    Attributes:
        encoder: Name for `tlbook.encoders.load`.
        sets: Names for `tlbook.corpora.load`; no set stands in two suites.
        seeds: Of the reported runs.
    """

    encoder: str
    sets: tuple[str, ...]
    seeds: tuple[int, ...]


SUITES = {
    "workbook": Suite(
        "pocket-bert",
        ("reviews", "faq", "pairs", "acceptability", "emotions"),
        seeds=(0, 1, 2, 3, 4),
    ),
    "real": Suite(
        "minilm",
        (
            "cornell-movie-review-data/rotten_tomatoes",
            "SetFit/subj",
            "CogComp/trec",
            "nyu-mll/glue/mrpc",
        ),
        seeds=(0, 1, 2),
    ),
}


def with_adapters(model: nn.Module, seed: int, **options) -> None:
    """Put adapters into the encoder; train them, the layer norms and the head (section 2)."""
    adapters.add(model, seed=seed, **options)


def top_layers(model: nn.Module, seed: int, *, count: int) -> None:
    """Train the top layers and the head (section 3.1, "variable fine-tuning")."""
    freeze_below(model.encoder, len(layers_of(model.encoder)) - count)


def layer_norms(model: nn.Module, seed: int) -> None:
    """Train the layer norms and the head (section 3.4)."""
    freeze(model.encoder)
    for module in model.encoder.modules():
        if isinstance(module, nn.LayerNorm):
            unfreeze(module)


def everything(model: nn.Module, seed: int) -> None:
    """Train all weights."""
    unfreeze(model)


FEW = (1e-3, 3e-3, 1e-2)  # where few or new weights are trained
MANY = (1e-4, 3e-4, 1e-3)  # where the encoder's own matrices are
SOME = (3e-4, 1e-3, 3e-3)  # where only those of the top are
LOWER = (3e-4, *FEW)  # where the best of FEW was its lowest
METHODS = {
    FULL: Method(everything, MANY),
    "adapters 64": Method(partial(with_adapters, bottleneck=64), FEW),
    "head only": HEAD,
    "adapters 8": Method(partial(with_adapters, bottleneck=8), FEW),
    "adapters 2": Method(partial(with_adapters, bottleneck=2), LOWER),
    "layer norms": Method(layer_norms, LOWER),
    "top layers 1": Method(partial(top_layers, count=1), SOME),
    "top layers 2": Method(partial(top_layers, count=2), SOME),
    "adapters 16": Method(partial(with_adapters, bottleneck=16), FEW),
    "adapters 32": Method(partial(with_adapters, bottleneck=32), LOWER),
    "adapters, exact start 8": Method(partial(with_adapters, bottleneck=8, scale=None), FEW),
    "pfeiffer 16": Method(partial(with_adapters, bottleneck=16, placement="pfeiffer"), FEW),
}


def measure(
    ledger: Ledger,
    *,
    lesson: str,
    methods: Mapping[str, Method],
    suite: Suite,
    sets: Sequence[str] | None = None,
    tell: Callable[[str], None] = print,
) -> None:
    """Tune and score every method on every set of a suite; see the module docstring.

    Args:
        ledger: Knows what is measured already.
        lesson: Under whose name the rows are kept.
        methods: By name.
        suite: Encoder, sets and seeds. What cannot be had here is skipped, with the reason.
        sets: Those to report; all of the suite by default. The rate is tuned on all of them.
        tell: Gets a line for each method and set.

    Raises:
        TimeIsUp: If the ledger's minutes are over before the end.
    """
    there = [dataset for dataset in suite.sets if available(suite.encoder, dataset, tell=tell)]
    for name, method in methods.items() if there else ():
        once = partial(_once, ledger, lesson, suite.encoder, name, method)
        tried = {
            rate: sum(once(d, "validation", TUNING_SEED, rate, TUNED.format(rate)) for d in there)
            for rate in method.learning_rates
        }
        rate = max(tried, key=tried.get)
        for dataset in there if sets is None else [d for d in there if d in sets]:
            scores = [once(dataset, "test", seed, rate, "accuracy") for seed in suite.seeds]
            tell(f"{name} on {dataset}: {sum(scores) / len(scores):.3f} at {rate:g}")


def _once(
    ledger: Ledger,
    lesson: str,
    encoder: str,
    name: str,
    method: Method,
    dataset: str,
    split: str,
    seed: int,
    rate: float,
    metric: str,
) -> float:
    """Run once, or read the row that is there."""
    return ledger.once(
        partial(run, encoder, dataset, method, split, seed=seed, learning_rate=rate),
        lesson=lesson,
        method=name,
        dataset=dataset,
        labels=len(task(encoder, dataset).rows["train"]),
        seed=seed,
        metric=metric,
    )


def available(encoder: str, dataset: str, *, tell: Callable[[str], None] = print) -> bool:
    """Tell whether an encoder and a set can be had here, and if not, why."""
    try:
        task(encoder, dataset)
    except ConnectionError as reason:
        tell(f"{dataset} is skipped: {reason}")
        return False
    return True


def best_rate(rows: pd.DataFrame, method: str, sets: Sequence[str]) -> float:
    """Return the learning rate that a measurement chose, from its rows.

    Args:
        rows: From `tlbook.results.load`.
        method: Its name.
        sets: Those of its suite.

    Raises:
        ValueError: If the rows do not tell.
    """
    tried = rows[(rows["method"] == method) & rows["dataset"].isin(sets)]
    tried = tried[tried["metric"].str.startswith(TUNED.format(0)[:-1])]
    if tried.empty:
        raise ValueError(f"the rows hold no validation accuracy of {method!r}")
    means = tried.groupby("metric", sort=False)["value"].mean()
    return float(means.idxmax().rsplit(" ", 1)[1])


def finished(rows: pd.DataFrame, sets: Sequence[str]) -> pd.DataFrame:
    """Return the test accuracies on `sets` of the methods that have all their runs.

    Args:
        rows: From `tlbook.results.load`.
        sets: Datasets; a method that was not run on each of them with every seed is left out.
    """
    rows = rows[rows["dataset"].isin(sets) & (rows["metric"] == "accuracy")]
    runs = rows.groupby("method")["value"].transform("size")
    return rows[runs == len(sets) * rows["seed"].nunique()]


def over_sets(rows: pd.DataFrame, sets: Sequence[str]) -> pd.DataFrame:
    """Return for each method and seed the mean test accuracy over sets.

    Args:
        rows: As for `finished`; other methods are left out.
        sets: As for `finished`.

    Returns:
        Columns ``method``, ``seed``, ``value`` (0..1), ``trained_weights`` (count, mean),
        ``share`` (of the weights that fine-tuning trains, 0..1, mean), ``seconds`` (of one
        training, mean); methods in order of first appearance.

    Raises:
        ValueError: If fine-tuning, with which all are compared, is not finished.
    """
    rows = finished(rows, sets)
    if FULL not in set(rows["method"]):
        raise ValueError(f"{FULL} is not measured on {', '.join(sets)}: nothing to compare")
    full = rows[rows["method"] == FULL].set_index(["dataset", "seed"])["trained_weights"]
    place = pd.MultiIndex.from_frame(rows[["dataset", "seed"]])
    rows = rows.assign(share=rows["trained_weights"] / full.loc[place].to_numpy())
    kept = ["value", "trained_weights", "share", "seconds"]
    return rows.groupby(["method", "seed"], sort=False)[kept].mean().reset_index()


def table(rows: pd.DataFrame, sets: Sequence[str]) -> pd.DataFrame:
    """Return what every method came to, as the mean over sets; arguments as for `over_sets`.

    Returns:
        A row a method: ``accuracy`` (0..1), ``spread`` (standard deviation over seeds), ``behind``
        (points behind fine-tuning), ``error`` (standard error of ``behind`` over seeds: runs of one
        seed have the same first head and order of rows; of one seed it is not known), ``weights``
        (trained, count), ``share`` (of those that fine-tuning trains, 0..1), ``seconds`` (of one
        training).
    """
    means = over_sets(rows, sets)
    points = _by_seed(means)
    behind = -points.sub(points[FULL], axis=0)
    shown = means.groupby("method", sort=False).agg(
        accuracy=("value", "mean"),
        spread=("value", "std"),
        weights=("trained_weights", "mean"),
        share=("share", "mean"),
        seconds=("seconds", "mean"),
    )
    shown.insert(2, "behind", behind.mean())
    shown.insert(3, "error", behind.sem())
    return shown


def lead(rows: pd.DataFrame, sets: Sequence[str], one: str, other: str) -> tuple[float, float]:
    """Return by how many points one method is ahead of another, and the standard error over seeds.

    Of one seed the error is not known: NaN.

    Args:
        rows: As for `finished`.
        sets: As for `finished`.
        one: A finished method.
        other: Likewise; runs of one seed are compared with each other.

    Raises:
        KeyError: If one of them is not finished.
        ValueError: As of `over_sets`.
    """
    points = _by_seed(over_sets(rows, sets))
    ahead = points[one] - points[other]
    return ahead.mean(), ahead.sem()


def _by_seed(means: pd.DataFrame) -> pd.DataFrame:
    """Points (0..100) by seed and method, from `over_sets`."""
    return 100 * means.pivot(index="seed", columns="method", values="value")
