"""What the comparison of methods came to, from its rows: chosen rates, means, distances.

Paper:    PAPERS["adapters"], section 3
Notebook: notebooks/3_efficient/31_adapters.ipynb, 33_lora.ipynb
"""

from collections.abc import Sequence

import pandas as pd

from tlbook.efficient.comparison import FULL, SUITES, TUNED, Suite


def of(rows: pd.DataFrame, suite: Suite) -> pd.DataFrame:
    """Return the rows of a suite, without its mark in their metrics.

    The functions below take them. Rows as they are serve as well, for suites without a mark.

    Args:
        rows: From `tlbook.results.load`.
        suite: One whose sets it shares with none or with those of `comparison.SUITES`.
    """
    rows = rows[rows["dataset"].isin(suite.sets)]
    others = tuple({other.mark for other in SUITES.values()} - {suite.mark, ""})
    rows = rows[rows["metric"].str.endswith(suite.mark) & ~rows["metric"].str.endswith(others)]
    return rows.assign(metric=rows["metric"].str.removesuffix(suite.mark))


def tries(rows: pd.DataFrame, sets: Sequence[str]) -> pd.DataFrame:
    """Return the mean validation accuracy over sets of each learning rate that was tried.

    Args:
        rows: From `tlbook.results.load`, or `of`.
        sets: Those of the suite; a rate that was not tried on all of them is left out.

    Returns:
        Columns ``method``, ``rate``, ``value`` (0..1), in the order of the rows.
    """
    rate = rows["metric"].str.extract(f"^{TUNED.format(0)[:-1]}(\\S+)$", expand=False)
    rows = rows.assign(rate=rate.astype(float))[rate.notna() & rows["dataset"].isin(sets)]
    means = rows.groupby(["method", "rate"], sort=False)["value"].agg(["size", "mean"])
    means = means.loc[means["size"] == len(sets), "mean"]
    return means.rename("value").reset_index()


def best_rate(rows: pd.DataFrame, method: str, sets: Sequence[str]) -> float:
    """Return the learning rate that a measurement chose, from its rows.

    Args:
        rows: As for `tries`.
        method: Its name.
        sets: As for `tries`.

    Raises:
        ValueError: If the rows do not tell.
    """
    tried = tries(rows[rows["method"] == method], sets)
    if tried.empty:
        raise ValueError(f"the rows hold no validation accuracy of {method!r}")
    return float(tried.loc[tried["value"].idxmax(), "rate"])


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
