"""One sitting: lessons one after another, a line for each, pages or records as they end."""

import os
import sys
import tempfile
from pathlib import Path

from tlbook import results
from tlbook.files import write
from tlbook.workbook import executed, lessons, pages, recording
from tlbook.workbook.execution import Run, execute
from tlbook.workbook.lessons import ROOT, Lesson


def run(chosen: list[Lesson], *, out: Path) -> int:
    """Execute lessons, write a page for each and an index; end with the recorded results.

    Beside its page each executed notebook is left for `tlbook.workbook.executed`.

    A lesson's rows replace those of its earlier run when it has ended, so that a killed run
    loses none. A lesson that fails does not stop the others.

    Args:
        chosen: In the order in which to run them.
        out: Folder for the pages.

    Returns:
        0, or 1 if any lesson failed.
    """
    shelf = chosen
    if all(lesson.path.is_relative_to(ROOT / "notebooks") for lesson in chosen):
        shelf = lessons.find([ROOT / "notebooks"])  # the index lists those not run, too
    linked = [one for one in shelf if one in chosen or (out / f"{one.name}.html").exists()]
    failed = []
    for number, lesson in enumerate(chosen, 1):
        mark = executed.fingerprint(lesson)
        ended = _one(lesson, f"[{number}/{len(chosen)}]")
        executed.save(out, ended, mark)
        place = linked.index(lesson)
        before, after = linked[:place][-1:], linked[place + 1 :][:1]
        html = pages.page(ended, before=(before or [None])[0], after=(after or [None])[0])
        write(out / f"{lesson.name}.html", html)
        runs = pages.remember(out, ended)
        write(out / "index.html", pages.index(shelf, runs, summary()))
        failed += [lesson.name] if ended.failure else []
    _close(chosen, failed)
    print(f"pages: {out / 'index.html'}")
    return 1 if failed else 0


def record(chosen: list[Lesson]) -> int:
    """Execute lessons; refresh their kept outputs and the recorded rows beside them.

    A lesson that fails, or would keep too much, stays as it was.

    Returns:
        0, or 1 if any lesson was not recorded.
    """
    failed = []
    for number, lesson in enumerate(chosen, 1):
        ended = _one(lesson, f"[{number}/{len(chosen)}]")
        try:
            if ended.failure:
                raise ValueError(str(ended.failure))
            recording.save(lesson.path, ended.notebook)
            rows = results.folder() / f"{lesson.name}.csv"
            if rows.exists():
                recording.save_rows(lesson.path.with_suffix(".csv"), rows)
        except ValueError as error:
            print(f"      not recorded: {error}")
            failed.append(lesson.name)
    _close(chosen, failed)
    return 1 if failed else 0


def summary():
    """Return the summary of all recorded rows, or None if there are none yet."""
    if not results.folder().exists():
        return None
    rows = results.load()
    return results.summary(rows) if len(rows) else None


def _one(lesson: Lesson, count: str) -> Run:
    """Execute one lesson, move its rows to the results, print its line."""
    width = 30

    def progress(cell: int, cells: int) -> None:
        if sys.stdout.isatty():
            print(f"\r{count} {lesson.name:<{width}} cell {cell} of {cells}", end="", flush=True)

    home = results.folder()
    home.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home.parent, prefix=".running-") as folder:
        ended = execute(lesson, results=Path(folder), on_cell=progress)
        for rows in Path(folder).glob("*.csv"):
            home.mkdir(exist_ok=True)
            os.replace(rows, home / rows.name)
    word = f"failed at {ended.failure}" if ended.failure else "ok"
    start = "\r" if sys.stdout.isatty() else ""
    line = (
        f"{count} {lesson.name:<{width}} {ended.seconds:7.1f} s {ended.peak_mib:7,.0f} MiB  {word}"
    )
    print(f"{start}{line}", flush=True)
    return ended


def _close(chosen: list[Lesson], failed: list[str]) -> None:
    """Print the table of recorded results and how many lessons ended well."""
    table = summary()
    if table is not None:
        print("\nrecorded results (mean and spread over seeds)")
        print(table.to_string(index=False, float_format="{:.3f}".format, na_rep="-"))
    names = f"; failed: {', '.join(failed)}" if failed else ""
    print(f"\n{len(chosen) - len(failed)} of {len(chosen)} lessons ok{names}")
