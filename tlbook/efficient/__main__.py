"""Measure the comparison of lessons 31 and 33; the same command goes on where it was stopped.

Rows are appended at once to `31_adapters.csv` and `33_lora.csv` beside the lessons. They belong to
the encoder's present weights: when those change, remove the files first.
"""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from tlbook import results, runtime
from tlbook.efficient import adaptation, comparison, outcomes, peft_methods
from tlbook.efficient.adaptation import Method
from tlbook.training.ledger import Ledger, TimeIsUp

FOLDER = Path(__file__).parents[2] / "notebooks" / "3_efficient"
LESSONS: dict[str, Mapping[str, Method]] = {
    "31_adapters": comparison.METHODS,
    "33_lora": peft_methods.METHODS,
}
NEEDED = {  # of a suite, only what the claims need; of another, all
    "real": (comparison.FULL, "adapters 64"),
    "longer": (comparison.FULL, "adapters 64", "adapters 8", "head only", "LoRA, all linear 4"),
    "deeper": (comparison.FULL, "adapters 64", "head only"),
}


def parser() -> argparse.ArgumentParser:
    """Describe the command and its options."""
    whole = argparse.ArgumentParser(
        prog="python -m tlbook.efficient",
        description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    commands = whole.add_subparsers(dest="command", required=True)
    one = commands.add_parser("measure", help="measure what is missing", description=__doc__)
    names = [name for methods in LESSONS.values() for name in methods]
    sets = dict.fromkeys(name for suite in comparison.SUITES.values() for name in suite.sets)
    kinds = "encoder, sets, steps"
    one.add_argument("--suite", choices=comparison.SUITES, default="workbook", help=kinds)
    one.add_argument("--lessons", nargs="+", choices=LESSONS, help="only the methods of these")
    one.add_argument("--methods", nargs="+", choices=names, metavar="METHOD", help="only these")
    one.add_argument("--sets", nargs="+", choices=sets, metavar="SET", help="report only these")
    one.add_argument("--folder", type=Path, default=FOLDER, help="of the rows")
    one.add_argument("--minutes", type=float, help="begin nothing new after so long")
    return whole


def main(given: Sequence[str] | None = None) -> int:
    """Measure and print the table; return 0, or 1 if the command has to be called again."""
    options = parser().parse_args(given)
    os.environ["TLBOOK_RESULTS"] = str(options.folder)
    options.folder.mkdir(parents=True, exist_ok=True)
    runtime.start(seed=0)
    suite = comparison.SUITES[options.suite]
    wanted = options.methods or NEEDED.get(options.suite)
    known = rows_of(options.folder)
    ledger = Ledger(known, results.record, minutes=options.minutes)
    try:
        for lesson in options.lessons or LESSONS:
            methods = LESSONS[lesson]
            chosen = {name: methods[name] for name in methods if name in (wanted or methods)}
            if chosen:
                comparison.measure(
                    ledger, lesson=lesson, methods=chosen, suite=suite, sets=options.sets
                )
    except TimeIsUp as reason:
        print(f"{reason}; the same command goes on")
        return 1
    rows = rows_of(options.folder)
    print(f"{len(rows) - len(known)} runs were added to the {len(known)} in {options.folder}")
    print(report(rows, suite))
    return 0


def rows_of(folder: Path) -> pd.DataFrame:
    """Read the rows of the lessons that are there."""
    files = [folder / f"{lesson}.csv" for lesson in LESSONS]
    there = [file for file in files if file.exists()]
    return results.load(*there) if there else pd.DataFrame(columns=list(results.COLUMNS))


def report(rows: pd.DataFrame, suite: comparison.Suite) -> str:
    """Return the table of the methods that were run on every set of a suite, in words."""
    try:
        table = outcomes.table(outcomes.of(rows, suite), suite.sets)
    except ValueError as reason:
        return str(reason)
    table["share"] *= 100
    shown = table.rename(
        columns={"behind": "behind (points)", "error": "its error", "share": "share (%)"}
    )
    steps = adaptation.STEPS if suite.steps is None else suite.steps
    counts = f"mean over {len(suite.sets)} sets, {len(suite.seeds)} seeds each"
    title = f"{suite.encoder} after about {steps} steps, {counts}"
    return f"{title}\n{shown.to_string(float_format='{:.3f}'.format)}"


if __name__ == "__main__":
    sys.exit(main())
