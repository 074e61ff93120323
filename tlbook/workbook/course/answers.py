"""Answers of a submission as a check sees them: plain values, and functions that ask a process.

What a check gets here was rebuilt from plain data in this process. A function of a submission is
a function of ours, which sends its arguments to the process that holds the real one
(`tlbook.workbook.course.worker`) and rebuilds what comes back.
"""

import builtins
import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass

from torch import nn

from tlbook.workbook.course import changes, replicas, wire
from tlbook.workbook.course.confinement import PACKAGE

START = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from tlbook.workbook.course.worker import main; main(int(sys.argv[2]))"
)
ENVIRONMENT = {
    **{"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    **{"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", "MPLBACKEND": "agg"},
}
KEPT = ("PATH", "LD_LIBRARY_PATH", "LANG", "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
ENDED = "the answer ended the process in which it ran, or took more than its {} s or {} MiB"


class AnswerError(Exception):
    """An error that an answer raised, or that its process came to."""


@dataclass(frozen=True)
class Limits:
    """What one exercise of one submission may take.

    Attributes:
        cpu_seconds: Processor time.
        seconds: Wall time, which runs while the answer sleeps and while the machine is busy.
        memory_mib: Beyond what Python and torch take.
    """

    cpu_seconds: int = 20
    seconds: float = 180.0
    memory_mib: int = 2048


class Answering:
    """The grader's end of the processes in which answers run; use it in a ``with``.

    Args:
        limits: For each exercise.
    """

    def __init__(self, limits: Limits = Limits()):  # noqa: B008 -- frozen
        self.limits = limits
        self.landlock = False
        self._classes: set[str] = set()

    def __enter__(self) -> "Answering":
        self._folder = tempfile.TemporaryDirectory(prefix="tlbook-answers-")
        self._control, theirs = socket.socketpair()
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        own = {"HOME": self._folder.name, "TORCHINDUCTOR_CACHE_DIR": self._folder.name}
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-IB", "-c", START, str(PACKAGE.parent), str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                cwd=self._folder.name,
                env=kept | ENVIRONMENT | own,
                stdin=subprocess.DEVNULL,
            )
        return self

    def __exit__(self, *_: object) -> None:
        self._control.close()
        self._process.wait()
        self._folder.cleanup()

    def prepare(self, lesson: str, imports: str, modules: Sequence[type] = ()) -> None:
        """Import what the answers to a lesson build on.

        Args:
            lesson: Its name, for `asked`.
            imports: Import statements; ours, never a submission's.
            modules: Classes of torch modules of our own that its checks hand over.

        Raises:
            RuntimeError: If they cannot be imported where there are no checks.
        """
        classes = [replicas.name_of(kind) for kind in modules]
        reply = self._ask(
            {"do": "prepare", "lesson": lesson, "imports": imports, "classes": classes}
        )
        if "failed" in reply:
            raise RuntimeError(f"the set-up of {lesson} fails where answers run: {reply['failed']}")
        self.landlock = reply["landlock"]
        self._classes.update(classes)

    @contextlib.contextmanager
    def asked(
        self, lesson: str, cells: Sequence[str], names: Sequence[str]
    ) -> Iterator[dict[str, object]]:
        """Run cells of a submission and hold on to what they define, until the ``with`` ends.

        Args:
            lesson: One that was prepared.
            cells: Their sources, in order.
            names: Of the answers.

        Yields:
            The answers that are there, by name. One that is no plain data is an `AnswerError`.

        Raises:
            AnswerError: If the process ended or did not reply in time.
            RuntimeError: At the end, if a check handed over what cannot be sent. That is no
                mistake of the answer, whatever the check made of it.
        """
        ours, theirs = socket.socketpair()
        with ours, theirs:
            asked = {"do": "fork", "lesson": lesson, **vars(self.limits)}
            process = self._ask(asked, theirs)["process"]
            theirs.close()
            conversation = Conversation(ours, self.limits, self._classes)
            try:
                yield conversation.begin(cells, names)
            finally:
                self._ask({"do": "end", "process": process})
            if conversation.fault:
                raise RuntimeError(f"a check of {lesson} cannot ask this") from conversation.fault

    def _ask(self, request: dict, handle: socket.socket | None = None) -> dict:
        """Ask the process that forks, which runs no answer and can be trusted to reply."""
        try:
            handles = [handle.fileno()] if handle else []
            socket.send_fds(self._control, [b"!"], handles)
            wire.send(self._control, request)
            return wire.receive(self._control)
        except (OSError, EOFError) as error:
            raise RuntimeError("the process that runs answers could not be started") from error


class Conversation:
    """Questions to one fork, and its replies, none of which is believed.

    Args:
        connection: To the fork.
        limits: Its time counts from here.
        classes: Of modules that the fork knows, by `replicas.name_of`.

    Attributes:
        fault: Why arguments of a check could not be sent, if so.
    """

    def __init__(self, connection: socket.socket, limits: Limits, classes: Set[str]):
        self.fault: TypeError | None = None
        self._classes = classes
        self._connection = connection
        self._limits = limits
        self._until = time.monotonic() + limits.seconds
        self._broken: AnswerError | None = None

    def begin(self, cells: Sequence[str], names: Sequence[str]) -> dict[str, object]:
        """Run cells; return the answers by name."""
        try:  # no line of a submission has run yet
            ready = self._heard()
        except AnswerError as error:
            ready = error
        if ready != {"ready": True}:
            raise RuntimeError(f"the process for answers could not be locked: {ready}")
        reply = self._asked({"cells": list(cells), "names": list(names)})
        found = {}
        for name in names:
            try:
                if name in reply["unusable"]:
                    found[name] = _error(reply["unusable"][name])
                elif name in reply["found"]:
                    found[name] = wire.decode(reply["found"][name], self._function)
                elif reply["failed"]:
                    found[name] = _error(reply["failed"])
            except Exception as error:  # noqa: BLE001 -- the reply is a submission's
                found[name] = AnswerError(f"unreadable: {error}")
        return found

    def _function(self, message: dict) -> Callable:
        number = message["number"]

        def answer(*given: object, **named: object) -> object:
            asked = [list(given), named]
            try:
                sent = wire.encode(asked, self._described)
            except TypeError as error:
                self.fault = error
                raise
            reply = self._asked({"call": number, "given": sent})
            try:
                changes.restore(asked, wire.decode(reply["given"]))
                return wire.decode(reply["gave"], self._function)
            except Exception as error:  # noqa: BLE001 -- the reply is a submission's
                raise AnswerError(f"unreadable: {error}") from error

        return answer

    def _described(self, value: object) -> dict | None:
        """Describe a module that a check hands over."""
        if not isinstance(value, nn.Module):
            return None
        for part in value.modules():
            name = replicas.name_of(type(part))
            if name not in self._classes and not name.startswith("torch.nn."):
                raise TypeError(f"answers do not know the class {name}")
        return replicas.describe(value, wire.encode)

    def _asked(self, request: dict) -> dict:
        """Send a request and return the reply.

        Raises:
            AnswerError: If the answer raised an error or its process is gone.
        """
        if self._broken:
            raise self._broken
        with contextlib.suppress(OSError):  # gone: reading says so
            self._connection.settimeout(max(0.001, self._until - time.monotonic()))
            wire.send(self._connection, request)
        reply = self._heard()
        if type(reply) is not dict:
            raise AnswerError("unreadable")
        if "raised" in reply:
            raise _error(reply)
        return reply

    def _heard(self) -> object:
        try:
            return wire.receive(self._connection, until=self._until)
        except TimeoutError:
            self._broken = AnswerError(f"no reply within {self._limits.seconds:g} s")
        except (EOFError, OSError):
            limits = self._limits
            self._broken = AnswerError(ENDED.format(limits.cpu_seconds, limits.memory_mib))
        except ValueError as error:
            self._broken = AnswerError(str(error))
        raise self._broken


def _error(told: object) -> Exception:
    """Make an error of a kind of ours that reads as the one that was raised over there."""
    name, text = str(told["raised"])[:80], str(told["text"])[:500]
    if name == "NotImplementedError" and told["bare"] is True:
        return NotImplementedError()
    known = getattr(builtins, name, None)
    kind = known if isinstance(known, type) and issubclass(known, Exception) else AnswerError
    try:
        return type(name, (kind,), {"__str__": lambda self: text})(text)
    except (TypeError, ValueError):  # a kind that wants more than a text, or no name at all
        return AnswerError(f"{name}: {text}")
