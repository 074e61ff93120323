"""Trainings in a thread of their own, one at a time: how a lab panel works inside, without looks.

A second thread shows how far the first is. So showing it keeps nobody waiting: neither the
training, nor the reader who wants to stop it.
"""

import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence

from tlbook import runtime
from tlbook.training.reports import Curve, Stopped
from tlbook.widgets.runs import Run, required_numbers

PAUSE = 0.3  # seconds from one look at a run to the next


class Runner:
    """Runs a training function in a thread, keeps every run, and can stop the present one.

    A run that ends in any way leaves a runner that can train again. What was raised, in training
    or showing, is kept in the run; `wait` raises it. The global generators of Python, NumPy and
    PyTorch are put back when a run ends. Bars of `tlbook.runtime.progress_bar` are not shown.

    Args:
        train: As for `tlbook.widgets.lab.lab`.
        names: Of the settings.
        show: Called with the run a few times per second while it goes on.
        on_end: Called once when it has ended, after the last `show`.

    Attributes:
        history: All runs, the present one last.
        busy: Whether one is going on.

    Example:
        >>> runner = Runner(lambda settings, report: report(1, 1, loss=0.5), ["seed"])
        >>> runner.begin({"seed": 0})
        >>> runner.wait().status
        'done'
    """

    def __init__(
        self,
        train: Callable[[dict[str, object], Callable[..., None]], object],
        names: Sequence[str],
        *,
        show: Callable[[Run], None] = lambda run: None,
        on_end: Callable[[Run], None] = lambda run: None,
    ):
        self.train, self.names, self.show, self.on_end = train, list(names), show, on_end
        self.history: list[Run] = []
        self.busy = False
        self.lock, self.asked = threading.Lock(), threading.Event()
        self.thread: threading.Thread | None = None

    def begin(self, settings: Mapping[str, object]) -> None:
        """Start a training.

        Raises:
            RuntimeError: If one is going on.
        """
        with self.lock:
            if self.busy:
                raise RuntimeError("a training is going on; stop it, or wait for it")
            self.busy = True
            run = Run(len(self.history) + 1, dict(settings))
            self.history.append(run)
            self.asked.clear()
            self.thread = threading.Thread(target=self._work, args=(run,), daemon=True)
        self.thread.start()

    def end(self) -> None:
        """Ask the present training to stop; it does at its next report."""
        self.asked.set()

    def keep(
        self, settings: Mapping[str, object], curve: Curve, found: Mapping[str, object] | None
    ) -> Run:
        """Put a run into the history that was made elsewhere, and return it."""
        with self.lock:
            found = required_numbers(found, self.names)
            run = Run(len(self.history) + 1, dict(settings), curve, "done", found, math.nan)
            self.history.append(run)
        return run

    def wait(self, seconds: float | None = None) -> Run:
        """Wait for the last training and return its run.

        Raises:
            RuntimeError: If none was ever started.
            TimeoutError: If it still goes on after `seconds`.
            BaseException: What the training raised.
        """
        if self.thread is None:
            raise RuntimeError("no training was started; press Train or call begin()")
        run = self.history[-1]
        self.thread.join(seconds)
        if self.thread.is_alive():
            raise TimeoutError(f"run {run.number} still goes on after {seconds:g} s")
        if run.error is not None:
            raise run.error
        return run

    def _work(self, run: Run) -> None:
        """The thread that trains."""
        begun, over = time.monotonic(), threading.Event()
        watcher = threading.Thread(target=self._watch, args=(run, over), daemon=True)
        watcher.start()
        try:
            self._attempt(run, begun)
        except BaseException as error:  # `wait` raises it
            run.fail(error)
        run.seconds = time.monotonic() - begun
        over.set()
        watcher.join()
        self.busy = False
        try:
            self.on_end(run)
        except BaseException as error:
            run.fail(error)

    def _attempt(self, run: Run, begun: float) -> None:
        def report(
            step: int, steps: int, *, loss: float | None = None, accuracy: float | None = None
        ) -> None:
            run.curve(step, steps, loss=loss, accuracy=accuracy)
            run.seconds = time.monotonic() - begun
            run.first = run.first or (step, run.seconds)
            if self.asked.is_set():
                raise Stopped(f"at step {step} of {steps}")

        try:
            with runtime.without_bars(), runtime.undisturbed():
                found = self.train(dict(run.settings), report)
            run.found, run.ended = required_numbers(found, self.names), "done"
        except Stopped:
            run.ended = "stopped"

    def _watch(self, run: Run, over: threading.Event) -> None:
        """The thread that shows."""
        while not over.wait(PAUSE):
            try:
                self.show(run)
            except BaseException as error:
                run.fail(error)
                self.end()
                return
