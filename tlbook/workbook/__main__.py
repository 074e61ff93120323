"""The workbook's commands; the Makefile calls them.

Usage: ``python -m tlbook.workbook COMMAND``; ``--help`` lists them.
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
        ("cells", "gather the cells to take away in build/cells, a file for each"),
        ("student", "write the lessons without answers, and their solutions, to build/student"),
        ("course", "prove the exercises by a made-up course, or grade submissions to them"),
        ("book", "bind the lessons as a static site in build/book"),
        ("teaching", "renew what notebooks/TEACHING.md tells of the lessons"),
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
        if name == "book":
            command.add_argument(
                "--kept", action="store_true", help="execute nothing: show the kept outputs"
            )
        if name == "course":
            command.add_argument("--submitted", type=Path, help="of STUDENT/LESSON/LESSON.ipynb")
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
    from tlbook.workbook import lessons

    found = lessons.find(asked.lessons)
    if asked.command in ("cells", "student", "teaching"):
        return _made(asked.command, found)
    if asked.command == "book":
        return _book(found, kept=asked.kept)
    if asked.command == "course":
        return _course(found, asked.submitted)
    from tlbook.workbook import recording, session

    if asked.command == "run":
        return session.run(found, out=asked.out)
    if asked.command == "record":
        return session.record(found)
    changed = [lesson.name for lesson in found if recording.strip(lesson.path)]
    print(f"stripped {len(changed)} of {len(found)} lessons", *changed)
    return 0


def _course(found: list, submitted: Path | None) -> int:
    """Grade submissions, or three made-up copies of each lesson's exercises."""
    from tlbook.workbook.course import rehearsal

    out = ROOT / "build" / "course"
    if submitted:
        return rehearsal.grade(found, submitted, out=out / "marks")
    return rehearsal.rehearse(found, out=out)


def _made(what: str, found: list) -> int:
    """Write what is made of lessons without running them."""
    out = ROOT / "build" / what
    if what == "cells":
        from tlbook.workbook import cells, lock

        made = cells.gather(found, lock=lock.pinned(ROOT / "constraints.txt"), out=out)
        print(f"wrote {len(made)} cells to {out}:", *(path.name for path in made))
    elif what == "teaching":
        from tlbook.workbook import teaching

        page = ROOT / "notebooks" / "TEACHING.md"
        print(f"{page} {'renewed' if teaching.renew(page, found) else 'is as it should be'}")
    else:
        from tlbook.workbook import student

        student.write(found, out=out)
        print(f"wrote {len(found)} lessons to {out}; their solutions lie in {out / 'solutions'}")
    return 0


def _book(found: list, *, kept: bool) -> int:
    """Bind the book, from lessons executed before where they are up to date."""
    from tlbook.workbook.book import binding

    runs = {} if kept else binding.up_to_date(found, workbook=ROOT / "build" / "workbook")
    print(f"book: {binding.bind(found, out=ROOT / 'build' / 'book', runs=runs)}")
    return 1 if None in runs.values() else 0


if __name__ == "__main__":
    sys.exit(main())
