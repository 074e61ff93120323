"""What the command lines that make the shipped models have in common."""

import argparse
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from tlbook import runtime
from tlbook.corpora import mirror
from tlbook.corpora.running_text import Source
from tlbook.corpora.shipped import CORPORA
from tlbook.training import publishing

Command = Callable[..., argparse.ArgumentParser]


def command_line(program: str, about: str, folder: Path) -> tuple[argparse.ArgumentParser, Command]:
    """Return a parser, and what adds a command to it, given its name and what it does.

    All commands have ``--folder``, ``--mirror`` and ``--device``.

    Args:
        program: How it is called.
        about: What it is for.
        folder: Where work goes unless the caller says so.

    Example:
        >>> whole, command = command_line("python -m example", "Make a model.", Path("build"))
        >>> _ = command("train", "make it").add_argument("--steps", type=int, default=7)
        >>> options = whole.parse_args(["train", "--mirror", "sets"])
        >>> options.command, options.mirror, options.steps
        ('train', 'sets', 7)
    """
    whole = argparse.ArgumentParser(
        prog=program, description=about, formatter_class=argparse.RawTextHelpFormatter
    )
    commands = whole.add_subparsers(dest="command", required=True)
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--folder", type=Path, default=folder, help="work in progress goes here")
    shared.add_argument("--mirror", help="folder laid out like the Hub (default: TLBOOK_MIRROR)")
    shared.add_argument("--device", choices=("auto", "cpu", "cuda", "mps"), default="auto")

    def command(name: str, what: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, parents=[shared], help=what, description=what)

    return whole, command


def read_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``prepare`` that say what is read, and what must not be."""
    parser.add_argument("--text", nargs="+", metavar="NAME[=WORDS]", help="sets to read instead")
    parser.add_argument(
        "--held-out", nargs="+", metavar="NAME", help="sets to keep out of the text"
    )


def begin(options: argparse.Namespace) -> None:
    """Let the mirror and the device be those asked for, and start."""
    if options.mirror:
        os.environ["TLBOOK_MIRROR"] = options.mirror
    if options.device != "auto":
        os.environ["TLBOOK_DEVICE"] = options.device
    runtime.start(seed=0)


def source(said: str, most: int) -> Source:
    """Read NAME or NAME=WORDS, a set of the mirror or the Hub and what is read of it at most.

    Example:
        >>> source("org/prose=50", 700).words, source("org/prose", 700).words
        (50, 700)
    """
    name, _, words = said.partition("=")
    return Source(name, "see its card", int(words) if words else most)


def held_out_sets(named: Sequence[str] | None, otherwise: Sequence[str]) -> list[str]:
    """Return the sets to keep out of the text, those that ship among them.

    Args:
        named: By the caller.
        otherwise: To take if none are named and there is no mirror, all of whose sets it would be.
    """
    sets = named or mirror.mirror_names() or otherwise
    return [*sets, *(name for name in CORPORA if name not in sets)]


def written(model: Path) -> str:
    """Say that a model is written, and how large it is."""
    return f"{model} is written: {publishing.size_of(model) / 1e6:.1f} MB"
