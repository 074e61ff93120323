"""Make pocket-elmo and measure it: prepare, train, export, measure, in this order.

Each command goes on where it was stopped, and does nothing that is done already.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import pandas as pd

from tlbook import runtime
from tlbook.corpora import mirror
from tlbook.corpora.shipped import CORPORA
from tlbook.encoders import sources
from tlbook.recurrent.elmo.shipped import load_language_model
from tlbook.recurrent.pocket_elmo import card, export, measurement, preparation, run
from tlbook.transformer.pocket_bert import export as checksums
from tlbook.transformer.pocket_bert import text
from tlbook.transformer.pocket_bert.curve import Curve

MODEL = sources.POCKET / "pocket-elmo"
MOST = 3_000_000  # words of a source
REAL = ("cornell-movie-review-data/rotten_tomatoes", "stanfordnlp/sst2")


def parser() -> argparse.ArgumentParser:
    """Describe the commands and their options."""
    whole = argparse.ArgumentParser(
        prog=card.COMMAND, description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    commands = whole.add_subparsers(dest="command", required=True)
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument(
        "--folder", type=Path, default=Path("build/pocket_elmo"), help="work in progress goes here"
    )
    shared.add_argument("--mirror", help="folder laid out like the Hub (default: TLBOOK_MIRROR)")
    shared.add_argument("--device", choices=("auto", "cpu", "cuda", "mps"), default="auto")

    def command(name: str, what: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, parents=[shared], help=what, description=what)

    one = command("prepare", "text -> numbers of words, held-out text")
    one.add_argument("--text", nargs="+", metavar="NAME[=WORDS]", help="sets to read instead")
    one.add_argument("--held-out", nargs="+", metavar="NAME", help="sets to keep out of the text")
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
    if options.mirror:
        os.environ["TLBOOK_MIRROR"] = options.mirror
    if options.device != "auto":
        os.environ["TLBOOK_DEVICE"] = options.device
    runtime.start(seed=0)
    {"prepare": prepare, "train": train, "export": ship, "measure": measure}[options.command](
        options
    )
    return 0


def source(said: str) -> text.Source:
    """Read NAME or NAME=WORDS, a set of the mirror or the Hub and what is read of it at most."""
    name, _, words = said.partition("=")
    return text.Source(name, "see its card", int(words) if words else MOST)


def grams(sentence: str) -> set[int]:
    """The runs of words by which a sentence is recognised."""
    words = text.words_of(sentence)
    return set(text.grams_of(words)) if words else set()


def prepare(options: argparse.Namespace) -> None:
    """Make the text ready; without a mirror the sets of pocket-bert's figures are held out."""
    read = [source(said) for said in options.text or ()] or [
        replace(one, words=min(one.words, MOST), repeats=1) for one in text.SOURCES
    ]
    sets = options.held_out or mirror.mirror_names() or list(REAL)
    sets = [*sets, *(name for name in CORPORA if name not in sets)]

    def passages() -> list[preparation.Passages]:
        banned = text.held_out_grams(sets)
        shown = runtime.progress_bar(read, desc="reading", shown=True)
        return [list(text.read(one, banned, seed=0)) for one in shown]

    told = preparation.prepare(
        options.folder,
        passages,
        grams=grams,
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
    fresh = export.export(options.folder, options.to.with_name(f"{options.to.name}.partial"))
    checksums.replace(fresh, options.to)
    size = sum(path.stat().st_size for path in options.to.iterdir())
    print(f"{options.to} is written: {size / 1e6:.1f} MB")


def measure(options: argparse.Namespace) -> None:
    """Measure, and write rows and card."""
    model = load_language_model("pocket-elmo" if options.to == MODEL else options.to)
    rows = pd.DataFrame(measurement.measure(options.folder, model.to(runtime.device())))
    preparation.write(options.to / "measured.csv", rows.to_csv(index=False).encode())
    card.write_card(options.to)
    print(card.figures_of(options.to / "measured.csv"))


if __name__ == "__main__":
    sys.exit(main())
