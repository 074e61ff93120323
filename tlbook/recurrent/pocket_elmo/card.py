"""The card of pocket-elmo, made of what was stored when it was trained and measured.

No number of it is typed: each is read from a file beside the card, counted in the weights, or a
constant of the code that made them.
"""

import json
import math
from pathlib import Path

import pandas as pd
from safetensors import safe_open

from tlbook.files import write
from tlbook.recurrent.pocket_elmo import tagging
from tlbook.recurrent.pocket_elmo.measurement import NAMES
from tlbook.recurrent.pocket_elmo.stream import DIRECTIONS
from tlbook.training.cards import curve_table, duration, table
from tlbook.training.curve import EVERY

COMMAND = "python -m tlbook.recurrent.pocket_elmo"
WANTED = 120  # perplexity, below which it should be

TEMPLATE = """---
language: en
license: apache-2.0
---
# pocket-elmo

An ELMo: a character CNN, {layers} LSTM layers in each direction, and the softmax that both share:
{weights:,} weights, {megabytes:.1f} MB in float16. English. It ships with tlbook, so that lessons
run on a pre-trained language model without a network: `tlbook.recurrent.elmo.shipped.load()`.

| | |
|---|---|
| filters (width x count) | {filters} |
| highway layers | {highways} |
| characters of a word that are read | {longest} |
| width of a word vector and of one direction | {projection} |
| memory cells | {cell} |
| words of the softmax | {vocab:,} |

## How it was made

Trained from random weights to predict the next word and the one before, on rows of running text
whose states are carried on, with gradients through {span} words. {candidates}
{forgotten:.0%} of the rows begin each step from zero, so that single sentences are nothing new to
it. Nothing is clipped; a layer's input is added to its output from the second layer on.

| | |
|---|---|
| words read in each direction | {words:,}: {passes:.2f} passes over the text below |
| steps | {steps:,}, each of {rows} rows |
| learning rate | {learning_rate:g}, with a linear rise in the first {warmup:.0%}, then a fall |
| time | {time} on {device} |
| cost | at most {core_hours:.2f} core hours ({threads} threads all the time) |
| seed | {seed} |
| versions | {versions} |

Losses in nats per word, means over {window} steps; `curve.csv` has all:

{curve}

Commands: `{command} prepare`, then `train`, then `export`.

## The text

{text}

{read:,} words in {sentences:,} sentences, {types:,} different ones; {known:.1%} are among the
words of the softmax. Only train splits were read, and sentences that share a run of words with a
test or validation row of any of {sets} sets were left out, as for pocket-bert; so were those that
share one with the {held_out_words:,} held-out words, {share:.0%} of each source.

## Perplexity on the held-out text

{figures}

## As features of a tagger

{gains}

## Use and limits

Meant for teaching and for quick experiments on one machine: its layers are features of words in
context. It is not fit for decisions about people. It knows English only. Its text is reviews, an
encyclopaedia, textbooks and old novels, with their views of the world.
"""

ALL = "A target is held against the whole vocabulary."
SOME = """A target is held against the {common:,} commonest words and {sampled:,} others drawn by
frequency, which stand for all: the losses are estimates."""

FIGURES = """Of the word that comes, over the whole vocabulary; the end of a sentence counts as a
word, and so does any word beyond the vocabulary. The trigram was trained on the same text, over the
same vocabulary. Wanted was less than {wanted}.

{table}

Forward and backward together, the trigram is {times:.2f} times as perplexed as pocket-elmo.
Measured with `{command} measure`; all rows are in `measured.csv`."""

GAINS = """A BiLSTM tagger on word vectors and spellings that it learns itself ("static"), and the
same with pocket-elmo's layers at its input as well: {labels} training sentences, drawn anew for
each of {runs} seeds, and the whole test split. Of the same {size} settings each takes the best on
the validation split. F1 is that of whole names; in brackets the standard deviation over seeds; the
gain is the mean over pairs of one seed, beside its standard error.

{table}

Measured with `{command} tag`; all rows are in `tagged.csv`."""


def write_card(folder: Path) -> None:
    """Write ``CARD.md`` into the folder of the model."""
    write(folder / "CARD.md", render(folder))


def render(folder: Path) -> str:
    """Return the card of the model in `folder`, with its perplexities if they are measured."""
    told = json.loads((folder / "training.json").read_text(encoding="utf-8"))
    plan, run, text, weights = told["plan"], told["run"], told["text"], folder / "model.safetensors"
    with safe_open(weights, "pt") as file:
        shapes = [file.get_slice(name).get_shape() for name in file.keys()]  # noqa: SIM118
    sizes, settings = plan["settings"], text["settings"]
    values = {
        "weights": sum(map(math.prod, shapes)),
        "megabytes": weights.stat().st_size / 1e6,
        "filters": ", ".join(f"{width} x {count}" for width, count in sizes["filters"]),
        "vocab": settings["vocab"],
        "candidates": (SOME if plan["sampled"] else ALL).format(**plan),
        "forgotten": plan["forgetting"],
        "window": EVERY,
        "passes": run["words"] / (text["words"] + text["sentences"]),
        "time": duration(run["seconds"]),
        "core_hours": run["seconds"] / 3600 * run["threads"],
        "curve": curve_table(pd.read_csv(folder / "curve.csv"), "words read", DIRECTIONS),
        "command": COMMAND,
        "text": text_table(settings["sources"]),
        "read": text["words"],
        "sets": len(settings["sets"]),
        "share": settings["held_out"],
        "figures": figures_of(folder / "measured.csv"),
        "gains": gains_of(folder / "tagged.csv"),
    }
    return TEMPLATE.format(**text | sizes | plan | run | values)


def text_table(sources: list[dict]) -> str:
    """The sources of the text with their licences, and how much was read of them at most."""
    return table(
        ["source", "licence", "words, at most"],
        [[s["name"], s["licence"], f"{s['words']:,}"] for s in sources],
    )


def figures_of(path: Path) -> str:
    """The measured perplexities, and how they were obtained."""
    if not path.exists():
        return f"Not measured yet: `{COMMAND} measure`."
    rows = pd.read_csv(path)
    found = rows.pivot(index="model", columns="direction", values="perplexity").loc[
        list(NAMES.values())
    ]
    means = found.map(math.log).mean(axis=1).map(math.exp)
    lines = [
        [name, *(f"{row[direction]:.1f}" for direction in DIRECTIONS)]
        for name, row in found.iterrows()
    ]
    return FIGURES.format(
        wanted=WANTED,
        table=table(["", *DIRECTIONS], lines),
        times=means[NAMES["trigram"]] / means[NAMES["carried"]],
        command=COMMAND,
    )


def gains_of(path: Path) -> str:
    """What the layers add to a tagger, and how that was measured."""
    gained = tagging.gains(pd.read_csv(path)) if path.exists() else pd.DataFrame()
    if gained.empty:
        return f"Not measured yet: `{COMMAND} tag`."
    lines = [
        [
            row["dataset"],
            row["metric"],
            *(f"{row[name]:.3f} ({row[f'{name}_spread']:.3f})" for name in tagging.METHODS),
            f"{row['gain']:+.3f}",
            f"{row['error']:.3f}",
            "yes" if row["clear"] else "no",
        ]
        for _, row in gained.iterrows()
    ]
    head = ["set", "score", "static", "with ELMo", "gain", "error", "above twice the error"]
    return GAINS.format(
        labels=" or ".join(map(str, sorted(gained["labels"].unique()))),
        runs=" or ".join(map(str, sorted(gained["runs"].unique()))),
        size=len(tagging.GRID),
        table=table(head, lines),
        command=COMMAND,
    )
