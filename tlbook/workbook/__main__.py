"""The workbook's commands; the Makefile calls them.

Usage: ``python -m tlbook.workbook run | record | strip | lock``.
"""

import argparse
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return 0, or 1 if a lesson failed or the command could not be done."""
    parser = argparse.ArgumentParser(prog="python -m tlbook.workbook")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, purpose in (
        ("run", "execute lessons and render them as pages"),
        ("record", "execute lessons and refresh kept outputs and recorded rows in notebooks/"),
        ("strip", "clear outputs that are not tagged keep_output"),
    ):
        command = commands.add_parser(name, help=purpose)
        command.add_argument(
            "--lessons",
            nargs="+",
            type=Path,
            default=[ROOT / "notebooks"],
            metavar="PATH",
            help="notebooks, or folders of them (default: all)",
        )
        if name == "run":
            command.add_argument(
                "--out", type=Path, default=ROOT / "build" / "workbook", help="folder of the pages"
            )
    lock = commands.add_parser("lock", help="renew constraints.txt")
    lock.add_argument("--hold", action="append", default=[], metavar="NAME==VERSION")
    lock.add_argument("--index", help="one more package index, such as one of CPU builds of torch")
    asked = parser.parse_args(arguments)
    try:
        return _lock(asked) if asked.command == "lock" else _lessons(asked)
    except (FileNotFoundError, ValueError, subprocess.CalledProcessError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _lock(asked: argparse.Namespace) -> int:
    """Renew the lock. Imports nothing that is not in Python itself."""
    from tlbook.workbook import lock

    index = ("--extra-index-url", asked.index) if asked.index else ()
    print(f"wrote {lock.renew(ROOT, hold=asked.hold, pip_options=index)}")
    return 0


def _lessons(asked: argparse.Namespace) -> int:
    """Run one of the commands on lessons. Their imports take seconds that `lock` need not wait."""
    from tlbook.workbook import lessons, recording, session

    found = lessons.find(asked.lessons)
    if asked.command == "run":
        return session.run(found, out=asked.out)
    if asked.command == "record":
        return session.record(found)
    changed = [lesson.name for lesson in found if recording.strip(lesson.path)]
    print(f"stripped {len(changed)} of {len(found)} lessons", *changed)
    return 0


if __name__ == "__main__":
    sys.exit(main())
