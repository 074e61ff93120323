"""The learning curve of a run: mean losses every few steps, in a CSV file that survives stops."""

import csv
import io
import time
from pathlib import Path

from torch import Tensor

from tlbook.files import write

EVERY = 50  # steps per row


class Curve:
    """Averages losses and keeps ``curve.csv`` up to date.

    A run that goes on from a checkpoint does some steps again: rows from there on are replaced.

    Args:
        path: The file; rows that it has are kept.
    """

    def __init__(self, path: Path):
        self.path = path
        self.rows: list[dict[str, float]] = []
        if path.exists():
            with path.open(newline="", encoding="utf-8") as file:
                self.rows = [
                    {name: float(value) for name, value in row.items()}
                    for row in csv.DictReader(file)
                ]
        self.sums: dict[str, float] = {}
        self.counted = 0
        self.state: dict[str, float] = {}
        self.started: float | None = None

    def add(self, step: int, tokens: int, learning_rate: float, losses: dict[str, Tensor]) -> None:
        """Note the losses of one step; every `EVERY` steps a row is written.

        Args:
            step: From 0.
            tokens: Seen up to and with this step.
            learning_rate: Used in this step.
            losses: By name, scalars.
        """
        if self.started is None:
            self.rows = [row for row in self.rows if row["step"] <= step]
            before = self.rows[-1]["seconds"] if self.rows else 0.0
            self.started = time.perf_counter() - before
        for name, loss in losses.items():
            self.sums[name] = self.sums.get(name, 0.0) + loss.item()
        self.counted += 1
        self.state = {
            "step": step + 1,
            "tokens": tokens,
            "seconds": time.perf_counter() - self.started,
            "learning_rate": learning_rate,
        }
        if (step + 1) % EVERY == 0:
            self.write_row()

    def write_row(self) -> None:
        """Write the means since the last row, at the end of a run also of fewer steps."""
        if not self.counted:
            return
        means = {name: total / self.counted for name, total in self.sums.items()}
        self.rows.append(self.state | means)
        self.sums, self.counted = {}, 0
        text = io.StringIO()
        writer = csv.DictWriter(text, self.rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(
            {name: f"{value:.6f}".rstrip("0").rstrip(".") for name, value in row.items()}
            for row in self.rows
        )
        write(self.path, text.getvalue())
