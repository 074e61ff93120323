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

from tlbook import encoders, results, runtime
from tlbook.corpora import mirror
from tlbook.corpora.shipped import CORPORA
from tlbook.encoders import sources
from tlbook.training.ledger import TimeIsUp
from tlbook.transformer.pocket_bert import card, export, measurement, preparation, run, text

MODEL = sources.POCKET / "pocket-bert"


def parser() -> argparse.ArgumentParser:
    """Describe the commands and their options."""
    whole = argparse.ArgumentParser(
        prog=card.COMMAND, description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    commands = whole.add_subparsers(dest="command", required=True)
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument(
        "--folder", type=Path, default=Path("build/pocket_bert"), help="work in progress goes here"
    )
    shared.add_argument("--mirror", help="folder laid out like the Hub (default: TLBOOK_MIRROR)")
    shared.add_argument("--device", choices=("auto", "cpu", "cuda", "mps"), default="auto")

    def command(name: str, what: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, parents=[shared], help=what, description=what)

    one = command("prepare", "text -> token ids, pruned vocabulary")
    one.add_argument("--text", nargs="+", metavar="NAME[=WORDS]", help="sets to read instead")
    one.add_argument("--held-out", nargs="+", metavar="NAME", help="sets to keep out of the text")
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
    if options.mirror:
        os.environ["TLBOOK_MIRROR"] = options.mirror
    if options.device != "auto":
        os.environ["TLBOOK_DEVICE"] = options.device
    runtime.start(seed=0)
    return {"prepare": prepare, "train": train, "export": ship, "measure": measure}[
        options.command
    ](options)


def source(said: str) -> text.Source:
    """Read NAME or NAME=WORDS, a set of the mirror or the Hub and what is read of it at most."""
    name, _, words = said.partition("=")
    return text.Source(name, "see its card", int(words) if words else 9_000_000)


def prepare(options: argparse.Namespace) -> int:
    """Make the text ready; without a mirror the sets of the figures are held out."""
    held_out = options.held_out or mirror.mirror_names() or [measurement.REAL, measurement.SST2]
    told = preparation.prepare(
        options.folder,
        Tokenizer.from_file(str(sources.find("minilm") / "tokenizer.json")),
        sources=[source(said) for said in options.text] if options.text else text.SOURCES,
        held_out=[*held_out, *(name for name in CORPORA if name not in held_out)],
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
    folder = export.export(options.folder, options.to)
    size = sum(path.stat().st_size for path in folder.iterdir())
    print(f"{folder} is written: {size / 1e6:.1f} MB")
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
    preparation.write(MODEL / "measured.csv", rows.to_csv(index=False).encode())
    card.write(MODEL)
    print(card.figures_of(MODEL / "measured.csv"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
