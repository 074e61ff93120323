"""Command line of the benchmarks: `python -m tlbook.bench --help`."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace

from tlbook import runtime
from tlbook.bench import efficient, finetuning, frozen, peak, pretraining, recurrent, table
from tlbook.bench.task import QUICK, Sizes

BENCHMARKS = {
    "finetuning": finetuning.epoch,
    "accuracy": finetuning.scores,
    "embedding": frozen.embedding,
    "cached": frozen.cached,
    "pretraining": pretraining.steps,
    "peak": peak.share,
    "efficient": efficient.steps,
    "memory": efficient.memory,
    "stored": efficient.stored,
    "elmo": recurrent.elmo,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmarks asked for, print the table; return 1 if a bar is missed, else 0."""
    options = _options(arguments)
    sizes = QUICK if options.quick else Sizes()
    if options.pairs:
        sizes = replace(sizes, pairs=options.pairs)
    runtime.start(seed=0)
    print(f"{runtime.versions()}; {runtime.device()}, {runtime.probe()}", file=sys.stderr)
    rows = []
    for name in options.only or BENCHMARKS:
        for row in BENCHMARKS[name](sizes):
            print(f"{runtime.seconds():6.0f} s  {row.name}", file=sys.stderr, flush=True)
            rows.append(row)
    print(table.text(rows, judged=not options.quick))
    if options.record:
        table.record(rows)
    return int(not options.quick and any(row.met is False for row in rows))


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tlbook.bench",
        description="Time tlbook against stock tools; exit 1 if a bar is missed.",
    )
    parser.add_argument("--only", action="append", choices=BENCHMARKS, help="may be repeated")
    parser.add_argument("--pairs", type=_positive, help="turns of A B B A (5)")
    parser.add_argument("--record", action="store_true", help="append to the recorded results")
    parser.add_argument(
        "--quick", action="store_true", help="tiny sizes, no bars: to see that it runs"
    )
    return parser.parse_args(arguments)


def _positive(given: str) -> int:
    if not given.isdigit() or int(given) < 1:
        raise argparse.ArgumentTypeError(f"must be 1 or more, got {given}")
    return int(given)


if __name__ == "__main__":
    sys.exit(main())
