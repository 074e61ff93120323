"""What pocket-bert has to reach, computed from the measured rows."""

import math
from dataclasses import dataclass

import pandas as pd

from tlbook.transformer.pocket_bert.measurement import FEW, OURS, REAL, SPEED, SST2

LEADS = (
    (OURS, FEW, "scratch", 0.10),
    (OURS, FEW, "tfidf", 0.10),
    (REAL, FEW, "scratch", 0.06),
    (REAL, FEW, "tfidf", 0.06),
    (OURS, None, "scratch", 0.05),
    (OURS, None, "tfidf", 0.02),
    (REAL, None, "scratch", 0.05),
    (REAL, None, "tfidf", 0.02),
)
# github.com/google-research/bert, README, smaller models: SST-2 by the test server of GLUE
PUBLISHED = (("published BERT-Tiny", 0.832), ("published BERT-Mini", 0.859))


@dataclass(frozen=True)
class Bar:
    """A figure that is asked for.

    Attributes:
        promise: What is compared.
        wanted: At least so much.
        found: What the rows say; NaN if they do not tell.
        binding: Whether it must be reached; if not, it is aimed at.
    """

    promise: str
    wanted: float
    found: float
    binding: bool = True

    @property
    def met(self) -> bool:
        """Whether the promise is kept."""
        return self.found >= self.wanted

    @property
    def shown(self) -> str:
        """The figure for a table."""
        return "not measured" if math.isnan(self.found) else f"{self.found:.3f}"

    @property
    def verdict(self) -> str:
        """One word for a table; none if there is no figure."""
        return "" if math.isnan(self.found) else "reached" if self.met else "missed"


class Figures:
    """Means over the rows of the reported seeds.

    Args:
        rows: From `tlbook.results.load`; of several trained models only one.
    """

    def __init__(self, rows: pd.DataFrame):
        self.rows = rows

    def accuracy(self, method: str, dataset: str, few: int | None) -> float:
        """Mean test accuracy with `few` labels or with all (None); NaN if not measured."""
        return float(self.scores(method, dataset, few).mean())

    def scores(self, method: str, dataset: str, few: int | None) -> pd.Series:
        """Test accuracies of the runs, one per seed."""
        known = self.rows[(self.rows["metric"] == "accuracy") & (self.rows["dataset"] == dataset)]
        wanted = known["labels"] == few if few else known["labels"] > FEW
        return known[wanted & (known["method"] == method)]["value"].astype(float)

    def transferred(self, dataset: str, few: int | None) -> float:
        """Accuracy of pocket-bert, fine-tuned or frozen, whichever is better."""
        figures = [self.accuracy(method, dataset, few) for method in ("fine-tuning", "features")]
        return math.nan if any(map(math.isnan, figures)) else max(figures)

    def speed(self, dataset: str) -> float:
        """Median over pairs of the student's speed over the teacher's."""
        known = self.rows[(self.rows["metric"] == SPEED) & (self.rows["dataset"] == dataset)]
        table = known.pivot(index="seed", columns="method", values="value").astype(float)
        if not {"features", "teacher features"} <= set(table):
            return math.nan
        return float((table["features"] / table["teacher features"]).median())


def bars(rows: pd.DataFrame) -> list[Bar]:
    """Compare the rows with everything that was asked for.

    Args:
        rows: As for `Figures`.
    """
    figures = Figures(rows)
    leads = [
        Bar(f"{dataset}, {few or 'all'} labels: lead over {baseline}", wanted, found)
        for dataset, few, baseline, wanted in LEADS
        for found in [figures.transferred(dataset, few) - figures.accuracy(baseline, dataset, few)]
    ]
    own = figures.accuracy("features", REAL, None)
    against = [Bar(f"{REAL}, all labels: features", 0.74, own)]
    for dataset in (OURS, REAL):
        own = figures.accuracy("features", dataset, None)
        share = own / figures.accuracy("teacher features", dataset, None)
        against.append(Bar(f"{dataset}, all labels: share of the teacher's features", 0.96, share))
        against.append(Bar(f"{dataset}: speed / the teacher's", 1.8, figures.speed(dataset)))
    tuned = figures.accuracy("fine-tuning", SST2, None)
    published = [
        Bar(f"{SST2}, fine-tuning: {name} (aim)", value, tuned, binding=False)
        for name, value in PUBLISHED
    ]
    return leads + against + published
