"""Static figures: a plain table and axes in, axes out; the caller titles them with the finding."""

import difflib
from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from tlbook.figures.pictures import picture

# Okabe-Ito colours: one method keeps one colour in every lesson.
COLOUR = {
    "fine-tuning": "#0072B2",
    "features": "#D55E00",
    "scratch": "#999999",
    "tfidf": "#666666",
    "chance": "#BBBBBB",
    "scalar mix": "#009E73",
    "concatenation": "#CC79A7",
    "cls": "#E69F00",
    "top layers": "#56B4E9",
    "constant rate": "#000000",
    "adapters": "#117733",
    "adapters, exact start": "#66BB66",
    "pfeiffer": "#999933",
    "layer norms": "#AA4499",
    "head only": "#882255",
    "LoRA": "#332288",
    "LoRA, all linear": "#7755CC",
    "IA3": "#44AA99",
    "BitFit": "#CC6677",
    "prompt tuning": "#661100",
    "static vectors": "#777777",
    "ELMo at input": "#88CCEE",
    "ELMo at output": "#DDCC77",
    "ELMo at both": "#6699CC",
}
BASELINES = ("scratch", "tfidf", "chance", "static vectors")

STYLE = {
    "figure.figsize": (6.0, 3.5),  # inches
    "figure.dpi": 110,
    "figure.constrained_layout.use": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": "medium",
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "legend.frameon": False,
    "svg.hashsalt": "tlbook",  # same data, same bytes: figures diff cleanly
}


# The map of the field: how the source task S lends to the target task T, and who does it so.
# Key: (row, column) from the top left.
TAXONOMY = {
    (0, 0): ("pre-training", ("ELMo", "ULMFiT", "GPT", "BERT", "MASS", "UNILM")),
    (0, 1): ("auxiliary loss", ("CVT", "UDA", "SiATL")),
    (1, 0): ("supervised pre-training", ("CoVe", "intertraining", "ExT5")),
    (1, 1): ("multi-task training", ("MT-DNN", "task chaining")),
}
PIPELINE = (  # the long way of a model, left to right: name, what it trains on
    ("pre-training", "any text"),
    ("intermediate training", "another task's labels"),
    ("task text", "the task's own text,\nno labels"),
    ("fine-tuning", "the labels of\none or many tasks"),
)
HERE = "#D55E00"


def colour_of(method: str) -> str:
    """Return the method's colour in all lessons.

    Raises:
        KeyError: If it has none yet; add it to `COLOUR`.
    """
    if method not in COLOUR:
        raise KeyError(f"{method!r} has no colour; add it to tlbook.figures.COLOUR")
    return COLOUR[method]


def show(figure: plt.Figure, *, alt: str):
    """Return the figure as a PNG image with a text alternative, and close it.

    Args:
        figure: What to show.
        alt: What a reader who cannot see it should know: what is drawn and what it says.

    Raises:
        ValueError: If `alt` is empty.
    """
    from IPython.display import HTML

    shown = HTML(picture(figure, alt=alt))
    plt.close(figure)
    return shown


def label_curve(
    rows: pd.DataFrame, ax: plt.Axes, *, methods: Sequence[str] | None = None
) -> plt.Axes:
    """Draw a score against the number of labels: runs as points, their mean as a line.

    The mean of a method that was run with one number of labels only is a dash.

    Args:
        rows: Columns ``method``, ``labels`` (count), ``value`` (0..1).
        ax: Axes to draw on.
        methods: Which, in this order; all by default. Baselines are grey and dashed.
    """
    for method in methods or list(dict.fromkeys(rows["method"])):
        runs = rows[rows["method"] == method]
        mean = runs.groupby("labels")["value"].mean()
        grey = method in BASELINES
        colour = colour_of(method)
        ax.scatter(runs["labels"], runs["value"], s=12, alpha=0.5, color=colour, linewidths=0)
        line = {"linestyle": "--" if grey else "-"} if len(mean) > 1 else {"marker": "_", "ms": 14}
        ax.plot(mean.index, mean, color=colour, label=method, **line)
    ticks = sorted(rows["labels"].unique())
    ax.set(xscale="log", xlabel="training labels (count, log scale)", ylabel="accuracy (0..1)")
    ax.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    ax.minorticks_off()
    ax.legend()
    return ax


def strips(
    rows: pd.DataFrame,
    ax: plt.Axes,
    *,
    by: str = "method",
    value: str = "value",
    quantity: str = "accuracy (0..1)",
) -> plt.Axes:
    """Draw every run as a point in a row of its setting, with the mean as a tick: the spread.

    Args:
        rows: One run per row.
        ax: Axes to draw on.
        by: Column that names the setting, one line each; methods have their colours.
        value: Column of the score.
        quantity: What the score is, with its unit.

    Raises:
        KeyError: If a method has no colour.
    """
    names = list(dict.fromkeys(rows[by]))
    for place, name in enumerate(names):
        values = rows.loc[rows[by] == name, value].to_numpy()
        colour = colour_of(name) if by == "method" else COLOUR["fine-tuning"]
        shift = np.linspace(-0.15, 0.15, len(values)) if len(values) > 1 else [0]
        ax.scatter(values, place + np.asarray(shift), s=18, alpha=0.6, color=colour, linewidths=0)
        ax.plot([values.mean()] * 2, [place - 0.3, place + 0.3], color=colour, linewidth=2)
    ax.set_yticks(range(len(names)), [str(name) for name in names])
    ax.invert_yaxis()
    ax.set_xlabel(quantity)
    return ax


def heat_map(table: pd.DataFrame, ax: plt.Axes, *, text: str = "{:.2f}") -> plt.Axes:
    """Draw a table of numbers as colours with the numbers on them.

    Args:
        table: Numbers; its index and columns become the ticks. NaN leaves a field empty.
        ax: Axes to draw on.
        text: How a number is written; an empty one leaves them out.
    """
    values = table.to_numpy(dtype=float)
    ax.imshow(values, cmap="cividis", aspect="auto")
    middle = (np.nanmin(values) + np.nanmax(values)) / 2
    for (row, column), number in np.ndenumerate(values):
        if np.isnan(number) or not text:
            continue
        colour = "white" if number <= middle else "black"  # cividis begins dark
        ax.text(column, row, text.format(number), ha="center", va="center", color=colour)
    ax.set_xticks(range(table.shape[1]), [str(name) for name in table.columns])
    ax.set_yticks(range(table.shape[0]), [str(name) for name in table.index])
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    return ax


def decision_chart(decisions: pd.DataFrame, ax: plt.Axes) -> plt.Axes:
    """Draw which method to take: a column per label count, a row per constraint.

    Args:
        decisions: Columns ``labels`` (count), ``constraint``, ``winner`` (a method, ``tie`` or
            ``none``) and ``level`` (the methods that share the first place, best first).
        ax: Axes to draw on.
    """
    rows = list(dict.fromkeys(decisions["constraint"]))
    columns = sorted(decisions["labels"].unique())
    for one in decisions.itertuples():
        left, top = columns.index(one.labels), rows.index(one.constraint)
        won = one.winner not in ("tie", "none")
        colour = colour_of(one.winner) if won else "#E8E8E8" if one.winner == "tie" else "white"
        ax.add_patch(plt.Rectangle((left, top), 1, 1, facecolor=colour, edgecolor="white"))
        words = "tie: " + "\n= ".join(one.level) if one.winner == "tie" else one.winner
        ink = "white" if won else "black"
        ax.text(left + 0.5, top + 0.5, words, ha="center", va="center", color=ink, size="small")
    ax.set(xlim=(0, len(columns)), ylim=(len(rows), 0), xlabel="training labels (count)")
    ax.set_xticks([place + 0.5 for place in range(len(columns))], [f"{n:,}" for n in columns])
    ax.set_yticks([place + 0.5 for place in range(len(rows))], rows)
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    return ax


def transfer_map(ax: plt.Axes, *, here: str | Sequence[str] = ()) -> plt.Axes:
    """Draw the map of the field, and where a lesson stands on it.

    Above, four ways to transfer: has the source task S labels, and do S and the target task T
    train one after the other or together? Below, the stages that a model can go through.

    Args:
        ax: Empty axes, best 8 x 4 inches.
        here: Names to highlight: systems of `TAXONOMY` (``BERT``), stages of `PIPELINE`
            (``fine-tuning``; a box also named so above stays plain).

    Raises:
        ValueError: If a name is not on the map; lists the close ones.
    """
    here = (here,) if isinstance(here, str) else tuple(here)
    systems = [name for _, names in TAXONOMY.values() for name in names]
    known = [*systems, *(stage for stage, _ in PIPELINE)]
    for name in here:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=3, cutoff=0.4) or known
            raise ValueError(f"{name!r} is not on the map; did you mean {', '.join(close)}?")
    ax.set(xlim=(0, 12.1), ylim=(0, 5.9))
    ax.set_axis_off()
    for (row, column), (title, names) in TAXONOMY.items():
        _quadrant(ax, 2.0 + 5.1 * column, 3.75 - 1.75 * row, title, names, here)
    for column, words in enumerate(("first S, then T", "S and T together")):
        ax.text(4.45 + 5.1 * column, 5.6, words, ha="center", va="center", weight="bold")
    for row, words in enumerate(("S has\nno labels", "S has\nlabels")):
        ax.text(0.95, 4.55 - 1.75 * row, words, ha="center", va="center", weight="bold")
    ax.text(0.95, 0.75, "the way of\none model", ha="center", va="center", weight="bold")
    for place, (stage, material) in enumerate(PIPELINE):
        left = 2.0 + 2.57 * place
        _box(ax, left, 0.1, 2.2, 1.3, marked=stage in here)
        ax.text(left + 1.1, 1.1, stage, ha="center", va="center", **_lettering(stage in here))
        ax.text(left + 1.1, 0.55, material, ha="center", va="center", fontsize=8, color="#555555")
        if place:
            ax.annotate("", (left, 0.75), (left - 0.37, 0.75), arrowprops={"arrowstyle": "->"})
    return ax


def _quadrant(
    ax: plt.Axes, left: float, bottom: float, title: str, names: Sequence[str], here: Sequence[str]
) -> None:
    """One of the four boxes of the map: its title, and its systems three in a line."""
    _box(ax, left, bottom, 4.9, 1.6, marked=bool(set(names) & set(here)))
    ax.text(left + 2.45, bottom + 1.3, title, ha="center", va="center", style="italic")
    for place, name in enumerate(names):
        x, y = left + 0.9 + 1.55 * (place % 3), bottom + 0.82 - 0.45 * (place // 3)
        ax.text(x, y, name, ha="center", va="center", **_lettering(name in here))


def _box(
    ax: plt.Axes, left: float, bottom: float, width: float, height: float, *, marked: bool
) -> None:
    edge, face = (HERE, "#FDF1E8") if marked else ("#999999", "#F7F7F7")
    line = 1.8 if marked else 0.8
    ax.add_patch(
        plt.Rectangle((left, bottom), width, height, edgecolor=edge, facecolor=face, linewidth=line)
    )


def _lettering(marked: bool) -> dict[str, object]:
    return {"color": HERE, "weight": "bold"} if marked else {"color": "black", "fontsize": 9}
