"""Make pocket-elmo and measure it: prepare, train, export, measure, in this order.

Each command goes on where it was stopped, and does nothing that is done already.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import pandas as pd

from tlbook import runtime
from tlbook.corpora import running_text
from tlbook.encoders import sources
from tlbook.recurrent.elmo.shipped import load_language_model
from tlbook.recurrent.pocket_elmo import card, export, measurement, preparation, run
from tlbook.training import commands
from tlbook.training.curve import Curve
from tlbook.training.files import write

MODEL = sources.POCKET / "pocket-elmo"
MOST = 9_000_000  # words of a source
REAL = ("cornell-movie-review-data/rotten_tomatoes", "stanfordnlp/sst2")


def parser() -> argparse.ArgumentParser:
    """Describe the commands and their options."""
    whole, command = commands.command_line(card.COMMAND, __doc__, Path("build/pocket_elmo"))
    one = command("prepare", "text -> numbers of words, held-out text")
    commands.read_options(one)
    one.add_argument("--vocab", type=int, default=20_000, help="words that are predicted")
    one = command("train", "train both directions")
    one.add_argument("--words", type=float, default=run.Plan.words, help="words to read")
    one.add_argument("--save-every", type=int, default=500, help="steps between checkpoints")
    for name, what in (
        ("export", "write the model that ships"),
        ("measure", "measure what stands in the card, and write the card"),
    ):
        command(name, what).add_argument("--to", type=Path, default=MODEL, help="model's folder")
    return whole


def main(given: Sequence[str] | None = None) -> int:
    """Run one command and return 0."""
    options = parser().parse_args(given)
    commands.begin(options)
    {"prepare": prepare, "train": train, "export": ship, "measure": measure}[options.command](
        options
    )
    return 0


def prepare(options: argparse.Namespace) -> None:
    """Make the text ready; without a mirror the sets of pocket-bert's figures are held out."""
    read = [commands.source(said, MOST) for said in options.text or ()] or [
        replace(one, words=min(one.words, MOST), repeats=1) for one in running_text.SOURCES
    ]
    sets = commands.held_out_sets(options.held_out, REAL)

    def passages() -> list[preparation.Passages]:
        banned = running_text.held_out_grams(sets)
        shown = runtime.progress_bar(read, desc="reading", shown=True)
        return [list(running_text.read(one, banned, seed=0)) for one in shown]

    told = preparation.prepare(
        options.folder,
        passages,
        grams=running_text.grams,
        wanted={"sources": [asdict(one) for one in read], "sets": sets},
        vocab=options.vocab,
    )
    print(f"{options.folder} is prepared: {told['words']:,} words of text")


def train(options: argparse.Namespace) -> None:
    """Train, or go on."""
    curve = Curve(options.folder / "curve.csv")
    plan = replace(run.Plan(), words=options.words)
    told = run.run(options.folder, plan, noted=curve.add, save_every=options.save_every)
    curve.write_row()
    print(f"{options.folder} is trained: {told['words']:,} words, {told['seconds']:,.0f} seconds")


def ship(options: argparse.Namespace) -> None:
    """Write the model, whole or not at all, and its checksums."""
    print(commands.written(export.export(options.folder, options.to)))


def measure(options: argparse.Namespace) -> None:
    """Measure, and write rows and card."""
    model = load_language_model("pocket-elmo" if options.to == MODEL else options.to)
    rows = pd.DataFrame(measurement.measure(options.folder, model.to(runtime.device())))
    write(options.to / "measured.csv", rows.to_csv(index=False).encode())
    card.write_card(options.to)
    print(card.figures_of(options.to / "measured.csv"))


if __name__ == "__main__":
    sys.exit(main())
