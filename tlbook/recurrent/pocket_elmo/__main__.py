"""Make pocket-elmo and measure it: prepare, train, export, measure, tag, in this order.

Each command goes on where it was stopped, and does nothing that is done already.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import pandas as pd

from tlbook import results, runtime
from tlbook.corpora import running_text
from tlbook.encoders import sources
from tlbook.files import write
from tlbook.recurrent.elmo import shipped
from tlbook.recurrent.pocket_elmo import card, export, measurement, preparation, run, tagging
from tlbook.training import commands
from tlbook.training.curve import Curve
from tlbook.training.ledger import Ledger, TimeIsUp

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
    one = command("tag", "measure what the shipped model adds to a tagger on public sets")
    one.add_argument("--rows", type=int, default=tagging.ROWS, help="training sentences of a run")
    one.add_argument("--minutes", type=float, help="begin nothing new after so long")
    return whole


def main(given: Sequence[str] | None = None) -> int:
    """Run one command and return 0, or 1 if it has to be called again to go on."""
    options = parser().parse_args(given)
    commands.begin(options)
    named = {"prepare": prepare, "train": train, "export": ship, "measure": measure, "tag": tag}
    return named[options.command](options) or 0


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
    model = shipped.load_language_model("pocket-elmo" if options.to == MODEL else options.to)
    rows = pd.DataFrame(measurement.measure(options.folder, model.to(runtime.device())))
    write(options.to / "measured.csv", rows.to_csv(index=False))
    card.write_card(options.to)
    print(card.figures_of(options.to / "measured.csv"))


def tag(options: argparse.Namespace) -> int:
    """Measure what is missing; when nothing is missing any more, write rows and card."""
    os.environ["TLBOOK_RESULTS"] = str(options.folder / "tagged")
    lesson = f"{tagging.LESSON}-{sources.sha256_of(MODEL / 'model.safetensors')[:12]}"
    kept, fresh = MODEL / "tagged.csv", results.folder() / f"{lesson}.csv"
    ledger = Ledger(rows_of(lesson, kept, fresh), results.record, minutes=options.minutes)
    try:
        bilm = shipped.load().to(runtime.device())
        tagging.measure(ledger, bilm, lesson=lesson, rows=options.rows)
    except TimeIsUp as reason:
        print(f"{reason}; the same command goes on")
        return 1
    rows = rows_of(lesson, kept, fresh)
    if len(rows):
        write(kept, rows.to_csv(index=False))
        card.write_card(MODEL)
    print(card.gains_of(kept))
    return 0


def rows_of(lesson: str, *files: Path) -> pd.DataFrame:
    """Read the rows of a lesson in those files that are there."""
    there = [file for file in files if file.exists()]
    rows = results.load(*there) if there else pd.DataFrame(columns=list(results.COLUMNS))
    return rows[rows["lesson"] == lesson]


if __name__ == "__main__":
    sys.exit(main())
