"""Make pocket-bert and measure it: prepare, train, export, measure, in this order.

Each command goes on where it was stopped, and does nothing that is done already.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tokenizers import Tokenizer

from tlbook import encoders, results
from tlbook.corpora import running_text
from tlbook.encoders import sources
from tlbook.files import write
from tlbook.training import commands
from tlbook.training.ledger import TimeIsUp
from tlbook.transformer.pocket_bert import card, export, measurement, preparation, run

MODEL = sources.POCKET / "pocket-bert"
MOST = 9_000_000  # words of a source


def parser() -> argparse.ArgumentParser:
    """Describe the commands and their options."""
    whole, command = commands.command_line(card.COMMAND, __doc__, Path("build/pocket_bert"))
    one = command("prepare", "text -> token ids, pruned vocabulary")
    commands.read_options(one)
    one.add_argument("--size", type=int, default=12_000, help="pieces of the vocabulary")
    one = command("train", "distil and pre-train")
    one.add_argument("--tokens", type=float, default=run.Plan.tokens, help="tokens to see")
    one.add_argument("--save-every", type=int, default=200, help="steps between checkpoints")
    one = command("export", "write the model that ships")
    one.add_argument("--to", type=Path, default=MODEL, help="folder of the model")
    one = command("measure", "measure what stands in the card, and write the card")
    one.add_argument("--methods", nargs="+", choices=measurement.METHODS, help="only these")
    one.add_argument("--sets", nargs="+", help="only these data sets; no speed then")
    one.add_argument("--minutes", type=float, help="begin nothing new after so long")
    return whole


def main(given: Sequence[str] | None = None) -> int:
    """Run one command and return 0, or 1 if it has to be called again to go on."""
    options = parser().parse_args(given)
    commands.begin(options)
    return {"prepare": prepare, "train": train, "export": ship, "measure": measure}[
        options.command
    ](options)


def prepare(options: argparse.Namespace) -> int:
    """Make the text ready; without a mirror the sets of the figures are held out."""
    read = [commands.source(said, MOST) for said in options.text or ()]
    told = preparation.prepare(
        options.folder,
        Tokenizer.from_file(str(sources.find("minilm") / "tokenizer.json")),
        sources=read or running_text.SOURCES,
        held_out=commands.held_out_sets(options.held_out, [measurement.REAL, measurement.SST2]),
        size=options.size,
    )
    print(f"{options.folder} is prepared: {sum(told['tokens']):,} tokens of text")
    return 0


def train(options: argparse.Namespace) -> int:
    """Train, or go on."""
    _, teacher = encoders.load("minilm")
    plan = replace(run.Plan(), tokens=options.tokens)
    told = run.run(options.folder, teacher, plan, save_every=options.save_every)
    print(f"{options.folder} is trained: {told['tokens']:,} tokens, {told['seconds']:,.0f} seconds")
    return 0


def ship(options: argparse.Namespace) -> int:
    """Write the model."""
    print(commands.written(export.export(options.folder, options.to)))
    return 0


def measure(options: argparse.Namespace) -> int:
    """Measure what is missing; when nothing is missing any more, write rows and card."""
    os.environ["TLBOOK_RESULTS"] = str(options.folder / "measured")
    fingerprint = sources.sha256_of(MODEL / "model.safetensors")[:12]
    folder = results.folder()
    folder.mkdir(parents=True, exist_ok=True)
    ledger = measurement.Ledger(
        results.load(folder), results.record, fingerprint, minutes=options.minutes
    )
    chosen = options.methods or measurement.METHODS
    try:
        measurement.measure(
            ledger,
            tasks=[t for t in measurement.TASKS if t.dataset in (options.sets or [t.dataset])],
            compared={name: measurement.METHODS[name] for name in chosen},
        )
        if options.methods or options.sets:
            return 0
        measurement.measure_speed(ledger)
    except TimeIsUp as reason:
        print(f"{reason}; the same command goes on")
        return 1
    rows = results.load(folder)
    rows = rows[rows["lesson"].isin([ledger.lesson(trained=kind) for kind in (False, True)])]
    write(MODEL / "measured.csv", rows.to_csv(index=False))
    card.write(MODEL)
    print(card.figures_of(MODEL / "measured.csv"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
