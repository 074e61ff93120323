"""What is locked stays locked: tried in processes of their own, for there is no way back."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tlbook.workbook.course import confinement

ROOT = confinement.PACKAGE.parent
RULES = confinement.landlock([])
if RULES is not None:
    os.close(RULES)
needs_landlock = pytest.mark.skipif(RULES is None, reason="this kernel has no Landlock")
GUARD, ENTER = "guard(places)", "enter(landlock(places))"


def tried(code, *locks, folder):
    """Run code behind locks; return what it printed, or the kind of error that stopped it."""
    lines = [
        "import sys; sys.path.insert(0, sys.argv[1])",
        "from tlbook.workbook.course.confinement import *",
        "places = readable()",
        *locks,
        "try:",
        textwrap.indent(code, "    "),
        "except BaseException as error:",
        "    print(error.__class__.__name__, flush=True)",
    ]
    command = [sys.executable, "-IB", "-c", "\n".join(lines), str(ROOT)]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return ended.stdout.strip() or ended.returncode


def test_libraries_can_be_read_and_the_package_cannot():
    places = [Path(place) for place in confinement.readable()]
    for inside in (os.__file__, pytest.__file__, sys.modules["numpy"].__file__):
        assert any(Path(inside).is_relative_to(place) for place in places)
    for hidden in (
        confinement.__file__,
        ROOT / "notebooks",
        Path.home() / ".bashrc",
        "/proc/1/mem",
    ):
        assert not any(Path(hidden).is_relative_to(place) for place in places)


def test_a_package_that_lies_among_libraries_is_left_out():
    import numpy

    home = Path(numpy.__file__).resolve().parent
    places = [Path(place) for place in confinement.readable(hidden=home)]
    assert not any(home.is_relative_to(place) for place in places)
    assert any(Path(pytest.__file__).is_relative_to(place) for place in places)


@pytest.mark.parametrize("lock", [GUARD, pytest.param(ENTER, marks=needs_landlock)])
def test_honest_code_runs(tmp_path, lock):
    code = """
    import collections, dataclasses, fractions, random, statistics, inspect
    Pair = collections.namedtuple("Pair", "a b")
    one = dataclasses.make_dataclass("One", ["x"])(3)
    print(statistics.mean([one.x, Pair(1, 5).b]), random.Random(0).random() < 1)"""
    assert tried(textwrap.dedent(code), lock, folder=tmp_path) == "4 True"


ESCAPES = {
    "read a file": "print(open('secret').read())",
    "read a file by its number": "import os; print(os.read(os.open('secret', 0), 9))",
    "climb out of a library": "print(open(places[0] + '/..' * 20 + '/etc/passwd').read())",
    "read our source": "print(open(sys.argv[1] + '/tlbook/checks/__init__.py').read())",
    "write a file": "open('new', 'w').write('x')",
    "write to a library": "open(places[0] + '/new.py', 'w').write('x')",
    "remove a file": "import os; os.remove('secret')",
    "rename a file": "import os; os.rename('secret', 'new')",
    "start a program": "import os; os.system('touch new')",
    "start a program by spawn": "import os; os.posix_spawn('/bin/touch', ['touch', 'new'], {})",
    "become a program": "import os; os.execv('/bin/touch', ['touch', 'new'])",
    "call the network": "import socket; socket.create_connection(('127.0.0.1', 9))",
}


@pytest.mark.parametrize("escape", ESCAPES)
@pytest.mark.parametrize("lock", [GUARD, pytest.param(ENTER, marks=needs_landlock)])
def test_each_lock_alone_keeps_code_in(tmp_path, lock, escape):
    (tmp_path / "secret").write_text("secret")
    found = tried(ESCAPES[escape], lock, folder=tmp_path)
    # `os.system` says nothing; an old Landlock does not know the network, where nobody listens.
    assert found in ("PermissionError", "FileNotFoundError", 0, "ConnectionRefusedError")
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]


@pytest.mark.parametrize(
    "code",
    [
        "import ctypes; ctypes.CDLL(None).getpid()",
        "import os; os.fork()",
        "import os; os.kill(os.getppid(), 0)",
        "import gc; print(gc.get_objects())",
        "import subprocess; subprocess.run(['true'])",
        "import sqlite3; sqlite3.connect('new')",
    ],
)
def test_python_itself_refuses_what_answers_do_not_need(tmp_path, code):
    assert tried(code, GUARD, folder=tmp_path) == "PermissionError"


def test_nothing_of_tlbook_can_be_imported(tmp_path):
    assert tried("import tlbook.checks", GUARD, folder=tmp_path) == "ImportError"


@pytest.mark.parametrize(
    "change",
    [
        "refuse.__code__ = (lambda *given: None).__code__",
        "refuse.__defaults__ = ((),) * 9",
        "del refuse.__defaults__",
        "import builtins; builtins.type = builtins.str = lambda *given: refuse",
    ],
)
def test_the_guard_cannot_be_changed_even_by_who_holds_it(tmp_path, change):
    held = "guard(places, add=lambda hook: (globals().update(refuse=hook), sys.addaudithook(hook)))"
    code = f"try:\n    {change}\nexcept PermissionError: pass\nprint(open('/etc/passwd').read())"
    assert tried(code, held, folder=tmp_path) == "PermissionError"


@needs_landlock
def test_native_code_cannot_read_either(tmp_path):
    (tmp_path / "secret").write_text("secret")
    code = "import ctypes; print(ctypes.CDLL(None).open(b'secret', 0))"
    assert tried(code, folder=tmp_path) != "-1"
    assert tried(code, ENTER, folder=tmp_path) == "-1"


def test_time_and_files_are_bounded(tmp_path):
    bound = "limit(cpu_seconds=1, memory_mib=64)"
    assert int(tried("while True: pass", bound, folder=tmp_path)) < 0
    assert tried("open('new', 'w', buffering=1).write('x\\n')", bound, folder=tmp_path) == "OSError"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux to tell its memory")
def test_memory_is_bounded(tmp_path):
    code = "print(len(bytearray(2**28)))"
    assert tried(code, "limit(cpu_seconds=9, memory_mib=64)", folder=tmp_path) == "MemoryError"
    assert tried(code, "limit(cpu_seconds=9, memory_mib=512)", folder=tmp_path) == str(2**28)
