"""The card of pocket-bert, made of what was stored when it was trained and measured.

No number of it is typed: each is read from a file beside the card, counted in the weights, or a
constant of the code that made them.
"""

import json
import math
from pathlib import Path

import pandas as pd
from safetensors import safe_open

from tlbook.encoders import sources
from tlbook.files import write as write_file
from tlbook.training.cards import curve_table, duration, table
from tlbook.training.curve import EVERY
from tlbook.transformer.pocket_bert.bars import Figures, bars
from tlbook.transformer.pocket_bert.distillation import WEIGHTS
from tlbook.transformer.pocket_bert.measurement import (
    METHODS,
    SIZE,
    SST2_EPOCHS,
    TASKS,
    TUNING_SEEDS,
)
from tlbook.transformer.pocket_bert.stream import HIGHEST_MASK_RATE
from tlbook.transformer.pocket_bert.text import CHUNK_TOKENS

COMMAND = "python -m tlbook.transformer.pocket_bert"

TEMPLATE = """---
language: en
license: apache-2.0
library_name: transformers
pipeline_tag: fill-mask
base_model: {teacher}
---
# pocket-bert

A BERT of {layers_kept} layers, hidden size {hidden}, {heads} heads, {width:,} feed-forward
neurons and a vocabulary of {vocab:,} pieces: {weights:,} weights, {megabytes:.1f} MB in
{kind}. English, lower case. It ships with tlbook, so that every lesson runs on pre-trained weights
without a network: `tlbook.encoders.load("pocket-bert")`, or `AutoModel.from_pretrained` on this
folder.

## How it was made

Distilled from [{teacher}](https://huggingface.co/{teacher}),
which is under the Apache License 2.0: credit for what it knows goes to the authors of
sentence-transformers and to those of MiniLM (Microsoft), on which it was built. Its weights were
changed as follows.

1. The teacher's WordPiece vocabulary was pruned to its {vocab:,} commonest pieces. They cover
   {coverage:.1%} of the pieces of the text; other words are spelt with shorter pieces.
2. The student started from the teacher's embeddings of these pieces and from its layers {started},
   of whose feed-forward neurons it kept the {width:,} that write most into the residual stream.
3. It learned to match the teacher's hidden states (1 - cosine, per token of the last layer, of the
   layers below, and of the mean over tokens), while 0 to {highest:.0%} of its own input was masked,
   with a masked-LM loss (weight {masked_weight:g}) beside that.

| | |
|---|---|
| tokens seen | {tokens:,}: {passes:.2f} passes over the text below |
| batches | {steps:,}, each of about {batch_tokens:,} tokens with padding |
| learning rate | {learning_rate:g}, with a linear rise and fall |
| rise, fall | in the first {warmup:.1%} and the last {decay:.1%} of the tokens |
| time | {time} on {device} in {precision} |
| cost | at most {core_hours:.2f} core hours ({threads} threads all the time) |
| seed | {seed} |
| versions | {versions} |

Losses, means over {window} steps; all rows are in `curve.csv`:

{curve}

Commands: `{command} prepare`, then `train`, then `export`.

## The text

{text}

Only train splits were read. A sentence was left out if it shares a run of {gram} words (if it is
shorter: all of its words) with a test or validation row of any of {sets} sets, which
`training.json` names; case and punctuation do not count. {runs:,} such runs were looked for. Sets
that are not named there could not be looked for.

## Figures

{figures}

## Use and limits

Meant for teaching and for quick experiments on one machine: fine-tune it, or train a linear layer
on the mean of its last layer. It is not fit for decisions about people. It knows English only and
no capitals. Its text is reviews, an encyclopaedia, textbooks and old novels, with their views of
the world. It was trained on up to {longest} tokens at a time: positions beyond are the teacher's.
"""

FIGURES = """Accuracy on the test split, mean over seeds. All methods were tuned alike: {size}
configurations each, trained on as many labels and scored on the validation split with seeds
({tuning}; with all labels the first) that are not among those reported; `measured.csv` names them.
SST-2 has no validation split here: it takes the configuration of rotten_tomatoes, but fine-tuning
passes {sst2} x over its phrases. The spread is the standard deviation over runs; logistic
regression on all labels has nothing to draw. "features" is logistic regression on frozen means over
tokens, of the last layer or of the last two side by side, "scratch" the same architecture from
random weights, "tfidf" logistic regression on TF-IDF.

{accuracies}

What was asked for, and what came of it (accuracy is a share, a lead is a difference, speed is texts
per CPU second over the teacher's, median over interleaved pairs):

{promised}

Measured with `{command} measure` ({versions}; {device}); all rows are in `measured.csv`."""


def write(folder: Path) -> None:
    """Write ``CARD.md`` into the folder of the model."""
    write_file(folder / "CARD.md", render(folder))


def render(folder: Path) -> str:
    """Return the card of the model in `folder`, with its figures if they are measured."""
    told, config = (
        json.loads((folder / name).read_text(encoding="utf-8"))
        for name in ("training.json", "config.json")
    )
    run, text, weights = told["run"], told["text"], folder / "model.safetensors"
    with safe_open(weights, "pt") as file:
        shapes = [file.get_slice(name).get_shape() for name in file.keys()]  # noqa: SIM118
    values = {
        "teacher": sources.MINILM,
        "command": COMMAND,
        "layers_kept": config["num_hidden_layers"],
        "hidden": config["hidden_size"],
        "width": config["intermediate_size"],
        "heads": config["num_attention_heads"],
        "vocab": config["vocab_size"],
        "kind": config["dtype"],
        "weights": sum(map(math.prod, shapes)),
        "megabytes": weights.stat().st_size / 1e6,
        "coverage": text["coverage"],
        "passes": run["tokens"] / (sum(text["tokens"]) + 2 * text["chunks"]),
        "started": ", ".join(str(layer + 1) for layer in told["plan"]["layers"]),
        "highest": HIGHEST_MASK_RATE,
        "masked_weight": WEIGHTS["masked_lm"],
        "time": duration(run["seconds"]),
        "core_hours": run["seconds"] / 3600 * run["threads"],
        "window": EVERY,
        "curve": curve_table(pd.read_csv(folder / "curve.csv"), "tokens", list(WEIGHTS)),
        "text": text_table(text),
        "gram": text["held_out"]["words"],
        "sets": len(text["held_out"]["sets"]),
        "runs": text["held_out"]["runs"],
        "figures": figures_of(folder / "measured.csv"),
        "longest": CHUNK_TOKENS[-1] + 2,
    }
    return TEMPLATE.format(**told["plan"] | run | values)


def text_table(text: dict) -> str:
    """The sources of the text with their licences, and what was read of them."""
    rows = zip(text["settings"]["sources"], text["words"], text["tokens"], strict=True)
    return table(
        ["source", "licence", "words read", "used", "tokens"],
        [
            [s["name"], s["licence"], f"{words:,}", f"{s['repeats']} x", f"{tokens:,}"]
            for s, words, tokens in rows
        ],
    )


def figures_of(path: Path) -> str:
    """The measured accuracies, what was asked for, and how both were obtained."""
    if not path.exists():
        return f"Not measured yet: `{COMMAND} measure`."
    rows = pd.read_csv(path, keep_default_na=False)
    return FIGURES.format(
        size=SIZE,
        tuning=", ".join(map(str, TUNING_SEEDS)),
        sst2=SST2_EPOCHS,
        accuracies=accuracy_table(Figures(rows)),
        promised=table(
            ["", "at least", "measured", ""],
            [[bar.promise, f"{bar.wanted:g}", bar.shown, bar.verdict] for bar in bars(rows)],
        ),
        command=COMMAND,
        versions="; ".join(rows["versions"].unique()),
        device=", ".join(rows["device"].unique()),
    )


def accuracy_table(figures: Figures) -> str:
    """One line per task and method that was measured."""
    lines = []
    for task in TASKS:
        for method in METHODS:
            scores = figures.scores(method, task.dataset, task.few)
            if len(scores):
                spread = f"{scores.std():.3f}" if len(scores) > 1 else ""
                lines.append(
                    [task.dataset, str(task.few or "all"), method]
                    + [f"{scores.mean():.3f}", spread, str(len(scores))]
                )
    return table(["set", "labels", "method", "accuracy", "spread", "runs"], lines)
