"""The process in which answers run. It never has `tlbook.checks`, and nobody believes it.

It imports what set-up cells import, while it is still clean, and forks once for each exercise of
each submission. The fork locks itself (`tlbook.workbook.course.confinement`), runs the cells of
the submission and calls what they define, as often as the grader asks.
"""

import contextlib
import os
import re
import signal
import socket
import sys
from importlib import import_module
from types import ModuleType

from torch import nn

from tlbook.workbook.course import confinement, replicas, wire

DISARMED = {  # what gets past audit hooks, where there is no Landlock
    "subprocess": ["_fork_exec", "_posixsubprocess"],
    "_posixsubprocess": ["fork_exec"],
    "torch": ["from_file", "load"],
    "torch._C": ["PyTorchFileReader", "PyTorchFileWriter", "import_ir_module"],
}


class NoChecks:
    """A finder that finds no check, nor anything that grades."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> None:
        if name.startswith(("tlbook.checks", "tlbook.workbook.course.grading")):
            raise ImportError("there are no checks where answers run")


class Worker:
    """Imports for the lessons, and forks.

    Args:
        control: The grader's end of it sends requests, one at a time.
    """

    def __init__(self, control: socket.socket):
        self._control = control
        self._names: dict[str, dict] = {}
        self._classes: dict[str, type] = {}
        self._rules = None
        self._places: list[str] = []

    def serve(self) -> None:
        """Do as asked until the grader is gone."""
        self._places = confinement.readable()
        self._rules = confinement.landlock(self._places)
        while True:
            first, handles, _, _ = socket.recv_fds(self._control, 1, 1)
            if not first:
                return
            request = wire.receive(self._control)
            if request["do"] == "prepare":
                wire.send(self._control, self._prepare(request))
            elif request["do"] == "fork":
                wire.send(self._control, {"process": self._fork(request, handles[0])})
                os.close(handles[0])
            else:
                os.kill(request["process"], signal.SIGKILL)
                os.waitpid(request["process"], 0)
                wire.send(self._control, {})

    def _prepare(self, request: dict) -> dict:
        """Run the imports of one lesson's set-up cell, which are ours."""
        try:
            self._names[request["lesson"]] = names = {"__name__": "__main__"}
            exec(request["imports"], names)  # noqa: S102
            for place in request["classes"]:
                home, _, name = place.partition(":")
                self._classes[place] = getattr(import_module(home), name)
        except Exception as error:  # noqa: BLE001 -- told to the grader, which raises it
            return {"failed": f"{type(error).__name__}: {error}"}
        return {"landlock": self._rules is not None}

    def _fork(self, request: dict, handle: int) -> int:
        process = os.fork()
        if process:
            return process
        try:
            self._control.close()
            connection = socket.socket(fileno=os.dup(handle))
            os.close(handle)
            try:
                self._lock(request)
            except Exception as error:  # noqa: BLE001 -- the grader must not blame the answer
                wire.send(connection, told(error))
                raise
            wire.send(connection, {"ready": True})
            Answers(connection, self._names[request["lesson"]], self._classes).serve()
        finally:
            os._exit(0)

    def _lock(self, request: dict) -> None:
        os.setsid()
        for name in [name for name in sys.modules if name.split(".")[0] == "tlbook"]:
            del sys.modules[name]
        root = str(confinement.PACKAGE.parent)
        sys.path[:] = [place for place in sys.path if place != root]
        for home, names in DISARMED.items():
            for name in names:
                if isinstance(module := sys.modules.get(home), ModuleType):
                    setattr(module, name, None)
        bounds = {name: request[name] for name in ("cpu_seconds", "memory_mib")}
        confinement.limit(**bounds)
        confinement.enter(self._rules)
        confinement.guard(self._places)


class Answers:
    """Cells of one submission, run; what they define, called.

    Args:
        connection: To the grader.
        names: What the set-up cell imported, changed here.
        classes: Those of modules that checks hand over, by `replicas.name_of`.
    """

    def __init__(self, connection: socket.socket, names: dict, classes: dict[str, type]):
        self._connection = connection
        self._names = names
        self._classes = classes
        self._functions: list = []

    def serve(self) -> None:
        """Reply until the grader has gone or the process is ended."""
        with contextlib.suppress(EOFError, OSError):
            while True:
                request = wire.receive(self._connection)
                try:
                    reply = self._run(request) if "cells" in request else self._call(request)
                    wire.send(self._connection, reply)
                except BaseException as error:  # noqa: BLE001 -- SystemExit ends nothing here
                    wire.send(self._connection, told(error))

    def _run(self, request: dict) -> dict:
        """Run cells one after another, past errors as a notebook does, and show some names."""
        failed = None
        for cell in request["cells"]:
            try:
                run(cell, self._names)
            except BaseException as error:  # noqa: BLE001
                failed = told(error)
        found, unusable = {}, {}
        for name in request["names"]:
            try:
                if name in self._names:
                    found[name] = wire.encode(self._names[name], self._function)
            except BaseException as error:  # noqa: BLE001
                unusable[name] = told(error)
        return {"found": found, "unusable": unusable, "failed": failed}

    def _call(self, request: dict) -> dict:
        given, named = wire.decode(request["given"], self._module)
        value = self._functions[request["call"]](*given, **named)
        return {
            "gave": wire.encode(value, self._function),
            "given": wire.encode([given, named], _state),
        }

    def _function(self, value: object) -> dict | None:
        """Give a function a number, by which it can be called."""
        if not callable(value):
            return None
        self._functions.append(value)
        return {"kind": "function", "number": len(self._functions) - 1}

    def _module(self, message: dict) -> nn.Module:
        return replicas.rebuild(message, wire.decode, self._classes)


def _state(value: object) -> object:
    return wire.encode(replicas.state(value)) if isinstance(value, nn.Module) else None


def run(cell: str, names: dict) -> None:
    """Run the source of one cell; lines that speak to the notebook (``%time``) are left out."""
    try:
        code = compile(cell, "<answer>", "exec")
    except SyntaxError:
        code = compile(re.sub(r"(?m)^[%!].*$|\?+\s*$", "", cell), "<answer>", "exec")
    exec(code, names)  # noqa: S102 -- locked in


def told(error: BaseException) -> dict:
    """Describe an error, whose own words may fail as well."""
    try:
        text = str(error)
    except BaseException:  # noqa: BLE001
        text = ""
    return {"raised": type(error).__name__, "text": text[:500], "bare": not error.args}


def main(handle: int) -> None:
    """Serve the grader at the other end of a socket that was handed down."""
    sys.dont_write_bytecode = True
    sys.meta_path.insert(0, NoChecks)
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    Worker(socket.socket(fileno=handle)).serve()
