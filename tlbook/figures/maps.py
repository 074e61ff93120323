"""Words as points in a plane: what stands close together, and of which kind it is."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from tlbook.figures import COLOUR

LOOKS = (  # of a kind: colour and marker, so that no kind is told by its colour alone
    (COLOUR["fine-tuning"], "o"),
    (COLOUR["features"], "^"),
    (COLOUR["scalar mix"], "s"),
    (COLOUR["concatenation"], "D"),
)
NEAR = 1e-3  # what lies closer together is one spot
SPAN = np.array([-1.0, 1.0])


def word_map(points: pd.DataFrame, ax: Axes, *, asked: tuple[float, float] | None = None) -> Axes:
    """Draw words as points, each kind with its own colour and marker.

    Args:
        points: Columns ``x``, ``y`` and ``kind``, at most four kinds.
        ax: Axes to draw on.
        asked: Where to put a star: the word that was asked about.

    Raises:
        ValueError: If there are more kinds than markers.
    """
    kinds = sorted(points["kind"].unique())
    if len(kinds) > len(LOOKS):
        raise ValueError(f"{len(kinds)} kinds are more than the {len(LOOKS)} there are looks for")
    for kind, (colour, marker) in zip(kinds, LOOKS, strict=False):
        own = points[points["kind"] == kind]
        ax.scatter(
            own["x"],
            own["y"],
            s=26,
            alpha=0.7,
            color=colour,
            marker=marker,
            linewidths=0,
            label=kind,
        )
    if asked is not None:
        ax.plot(*asked, "*", color="black", markersize=13, label="asked about")
    spots = pd.DataFrame([*points[["x", "y"]].to_numpy(), *([asked] if asked else [])])
    if (spots.max() - spots.min()).max() < NEAR:  # else rounding would be blown up
        ax.set(xlim=spots[0].mean() + SPAN, ylim=spots[1].mean() + SPAN)
    ax.set(xlabel="first principal component", ylabel="second principal component")
    ax.legend(fontsize="small")
    return ax
