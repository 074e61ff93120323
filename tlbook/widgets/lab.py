"""A lab panel: turn a lesson's settings, train, watch, stop, compare with earlier runs.

The training is an ordinary function of the lesson. It runs in a thread of its own, so the kernel
answers to Stop (and to other cells) meanwhile.
"""

import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import ipywidgets
import pandas as pd

from tlbook.training.reports import Curve
from tlbook.widgets import runs
from tlbook.widgets.charts import live_curves
from tlbook.widgets.controls import Control
from tlbook.widgets.panels import Panel, Picture, described, row
from tlbook.widgets.runner import Runner
from tlbook.widgets.runs import Run
from tlbook.widgets.tables import SortableTable

LEGEND = {"loss": "loss (nats)", "accuracy": "accuracy (0..1)", "seconds": "time (s)"}
BUTTON = {"layout": {"width": "auto"}}
SHARE = 0.3  # of the time at most goes into drawing: a slow machine draws less often


def lab(
    train: Callable[[dict[str, object], Callable[..., None]], Mapping[str, object] | None],
    **controls: Control,
) -> "Lab":
    """Return a panel that trains with the settings a reader chooses.

    Args:
        train: Called as ``train(settings, report)`` with the values of the controls by name. It
            calls ``report(step, steps, loss=..., accuracy=...)`` at each step, which
            `tlbook.training.reports.reporting` does for `tlbook.training.fit`, and returns its
            final numbers by name, or nothing. Call it once in an ordinary cell first, with a
            `tlbook.training.reports.Curve` as the report.
        **controls: Setting -> `tlbook.widgets.controls` ``choice``, ``ladder``, ``whole``,
            ``rate`` or ``seed``.

    Raises:
        ValueError: If there are no controls, or one has the name of a column of the table.

    Example:
        >>> from tlbook.widgets.controls import whole
        >>> def train(settings, report):
        ...     for step in range(settings["steps_to_go"]):
        ...         report(step + 1, settings["steps_to_go"], loss=1 / (step + 1))
        >>> panel = lab(train, steps_to_go=whole(1, 9, start=4, tooltip="How long."))
        >>> panel.train.click()
        >>> panel.wait().status, panel.runs["loss"].tolist()
        ('done', [0.25])
    """
    if not controls:
        raise ValueError("give at least one control, such as seed=seed()")
    if taken := set(controls) & set(runs.OWN):
        raise ValueError(f"{sorted(taken)} are columns of the table; call the setting otherwise")
    return Lab(train, controls)


class Lab(Panel):
    """What `lab` returns; the last line of a cell shows it.

    Stop is obeyed at the next report, so a step (and an evaluation without reports) is finished
    first; interrupting the kernel does not reach a training. One goes on at a time. Its exception
    is shown in the panel in full, and `wait` raises it.

    A run seeds and uses the global generators of Python, NumPy and PyTorch as the training says,
    and puts them back when it ends: the cells below a panel draw the same numbers whether or not
    it was used. While it goes on, other cells share them: train in one place at a time.

    Attributes:
        controls: Setting -> widget.
        train: The button.
        stop: The other button.
        recall: The third, for the run chosen in `which`.
        runner: Does the work; it has the ``history`` of runs.
    """

    def __init__(self, train: Callable[..., object], controls: Mapping[str, Control]):
        self.controls = {name: control.named(name) for name, control in controls.items()}
        self.runner = Runner(train, list(controls), show=self._show, on_end=self._ended)
        self.chosen, self.due = None, 0.0
        self.lock = threading.RLock()  # several threads change the widgets
        self._make_widgets()
        super().__init__(
            [
                row(*self.controls.values()),
                row(self.train, self.stop, self.bar, self.told),
                self.trouble,
                self.picture,
                self.table,
                row(self.which, self.recall, self.saved),
            ]
        )

    def _make_widgets(self) -> None:
        self.train = ipywidgets.Button(
            description="Train", icon="play", tooltip="Train once with these settings", **BUTTON
        )
        self.stop = ipywidgets.Button(
            description="Stop", icon="stop", tooltip="End the run, keep it", disabled=True, **BUTTON
        )
        self.bar = ipywidgets.FloatProgress(
            min=0, max=1, tooltip="Share of the steps that are done", layout={"width": "160px"}
        )
        self.told, self.trouble = ipywidgets.HTML(_status("No run yet.")), ipywidgets.HTML()
        self.picture, self.table = Picture(), SortableTable("runs", legend=LEGEND)
        self.which = ipywidgets.Dropdown(
            options=[("none yet", 0)],
            description="run",
            tooltip="A run whose settings to take up again",
            style={"description_width": "initial"},
            layout={"width": "auto"},
        )
        self.recall = ipywidgets.Button(
            description="Recall", tooltip="Set the controls as they were in this run", **BUTTON
        )
        self.saved = ipywidgets.HTML()
        self.train.on_click(lambda _button: self.runner.busy or self.begin())
        self.stop.on_click(lambda _button: self.end())
        self.recall.on_click(lambda _button: self.which.value and self.take_up(self.which.value))

    @property
    def settings(self) -> dict[str, object]:
        """The values of the controls, by setting."""
        return {name: control.value for name, control in self.controls.items()}

    @property
    def runs(self) -> pd.DataFrame:
        """One row per run: number, settings, steps, last loss and accuracy, what it found."""
        return runs.table(self.runner.history)

    def begin(self) -> None:
        """Start a training with the present settings, as the button does.

        Raises:
            RuntimeError: If one is going on.
        """
        with self.lock:
            self.runner.begin(self.settings)
            self.train.disabled, self.stop.disabled = True, False
            self.trouble.value, self.due = "", 0.0

    def end(self) -> None:
        """Ask the training to stop, as the button does; it does at its next report."""
        self.runner.end()  # without the lock: a picture that is being drawn must not delay it
        self.stop.disabled = True
        self.told.value = _status("Stops after this step.")

    def wait(self, seconds: float | None = None) -> Run:
        """Wait for the training in a cell or a test; see `tlbook.widgets.runner.Runner.wait`."""
        return self.runner.wait(seconds)

    def take_up(self, number: int) -> None:
        """Set the controls as they were in a run, and draw its curve dashed.

        Raises:
            ValueError: If there is no such run.
        """
        history = self.runner.history
        if not 1 <= number <= len(history):
            raise ValueError(f"there is no run {number}; there are {len(history)}")
        for name, value in history[number - 1].settings.items():
            self.controls[name].value = value
        with self.lock:
            self.chosen = number
            self._draw(history[-1])

    def keep(
        self, settings: Mapping[str, object], curve: Curve, found: Mapping[str, object] | None
    ) -> None:
        """Put a run that an ordinary cell made into the history, and set the controls to it.

        Args:
            settings: What the training was given: a value the controls can take for each.
            curve: What it reported.
            found: What it returned.

        Raises:
            ValueError: If `settings` are not those of the controls.
            traitlets.TraitError: If a control cannot take its value.
        """
        if set(settings) != set(self.controls):
            raise ValueError(f"the settings are {list(self.controls)}, got {list(settings)}")
        for name, value in settings.items():
            self.controls[name].value = value
        self._close(self.runner.keep(settings, curve, found))

    def export(self, path: Path | str) -> None:
        """Write the runs to a CSV file, as the link does."""
        self.runs.to_csv(path, index=False)

    def _ended(self, run: Run) -> None:
        """Whatever has happened, leave a panel that can train again."""
        try:
            self._close(run)
        except BaseException as error:
            run.fail(error)
        with self.lock:
            busy = self.runner.busy  # by the time this is drawn the next one may go on
            self.train.disabled, self.stop.disabled = busy, not busy
            if run.error is not None:
                self.trouble.value = described(run.error)

    def _close(self, run: Run) -> None:
        """Show a run that has ended: in the curves, the table, the list and the link."""
        with self.lock:
            self._draw(run)
            table, ended = self.runs, self.runner.history
            with self.which.hold_sync():  # one message: its list is never seen at another run
                self.which.options = [(f"{one.number} ({one.status})", one.number) for one in ended]
                self.which.value = self.chosen or run.number
            self.saved.value = runs.download(table, name="runs.csv")
            self.table.fill(table)

    def _show(self, run: Run) -> None:
        """Say how far a run is and, when it is time for it, draw."""
        begun = time.monotonic()
        with self.lock:
            if begun >= self.due:
                self._draw(run)
                ended = time.monotonic()
                self.due = ended + (ended - begun) / SHARE
            elif not self.runner.asked.is_set():
                self._say(run)

    def _say(self, run: Run) -> None:
        self.bar.value = run.curve.step / max(run.curve.steps, 1)
        # Only what ends a run is read out: three times a second would be too much.
        self.told.value = run.line() if run.status == "running" else _status(run.line())

    def _draw(self, run: Run) -> None:
        """Show the line and the curves of a run, with those of all others."""
        with self.lock:
            self._say(run)
            points = runs.points(self.runner.history)
            options = {"live": run.number, "chosen": self.chosen, "title": run.line()}
            if len(points):
                self.picture.draw(lambda: live_curves(points, **options))


def _status(words: str) -> str:
    """Return a line that a screen reader says when it changes."""
    return f'<span role="status">{words}</span>'
