"""Lock a process before it runs a submission: no file of ours, no other process, no network.

Three locks: Python's audit hooks refuse every event but a few; Linux's Landlock, where the kernel
has it, refuses files to native code too; resource limits end what takes too much. Marks do not
rest on them, as they are made in another process: they keep a submission from reading the
solutions and from writing anywhere.
"""

import contextlib
import ctypes
import os
import resource
import struct
import sys
import sysconfig
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FunctionType

PACKAGE = Path(__file__).resolve().parents[2]
MIB = 2**20
SYSTEM = (
    *("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache", "/usr/share/zoneinfo"),
    *("/proc/stat", "/proc/cpuinfo", "/proc/meminfo", "/sys/devices/system/cpu"),
)
HARMLESS = frozenset(  # events of Python that importing, calling and calculating cause
    {
        *("compile", "exec", "marshal.loads", "os.listdir", "os.putenv", "builtins.id"),
        *("sys._getframe", "sys._getframemodulename", "sys.unraisablehook", "array.__new__"),
        *("object.__getattr__", "function.__new__", "time.sleep"),
    }
)
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446  # Landlock's, the same on every processor
NO_NEW_PRIVILEGES = 38
READ_FILE, READ_FOLDER = 1 << 2, 1 << 3
FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}  # how many kinds of access each version knows


def readable(hidden: Path = PACKAGE) -> list[str]:
    """List the folders and files that answers may read: Python and the installed libraries.

    Args:
        hidden: A folder that is left out, wherever it lies.
    """
    paths = sysconfig.get_paths()
    roots = [paths["stdlib"], paths["platstdlib"], sysconfig.get_config_var("DESTSHARED")]
    roots += [place for place in sys.path if place.endswith(("-packages", "lib-dynload"))]
    roots += [f"{prefix}/lib" for prefix in (sys.prefix, sys.base_prefix)]
    found: dict[str, None] = {}
    for root in (Path(root) for root in (*roots, *SYSTEM) if root):
        if root.exists() and root != Path("/"):
            found |= dict.fromkeys(
                map(str, (*_around(root, hidden), *_around(root.resolve(), hidden)))
            )
    return list(found)


def _around(place: Path, hidden: Path) -> list[Path]:
    """Return the place, or if the hidden folder lies in it, all beside that folder."""
    if not hidden.is_relative_to(place.resolve()):
        return [place]
    if hidden == place.resolve():
        return []
    return [part for child in place.iterdir() for part in _around(child, hidden)]


def limit(*, cpu_seconds: int, memory_mib: int) -> None:
    """Bound this process: processor time, memory beyond what it has, and no file may grow.

    Args:
        cpu_seconds: Counted from the start of the process.
        memory_mib: Address space to add; only Linux tells what there is, so only there.
    """
    bounds = [(resource.RLIMIT_CPU, cpu_seconds), (resource.RLIMIT_FSIZE, 0)]
    with contextlib.suppress(OSError):
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        bounds.append((resource.RLIMIT_AS, pages * resource.getpagesize() + memory_mib * MIB))
    for kind, bound in [*bounds, (resource.RLIMIT_CORE, 0)]:
        resource.setrlimit(kind, (bound, bound))


def landlock(places: Sequence[str]) -> int | None:
    """Prepare rules for this kernel: reading below the places, and no other file access.

    Returns:
        A file descriptor for `enter`, or None where there is no Landlock.
    """
    if not sys.platform.startswith("linux"):
        return None
    syscall = ctypes.CDLL(None, use_errno=True).syscall
    version = syscall(CREATE_RULESET, None, ctypes.c_size_t(0), 1)
    if version < 1:
        return None
    rights = (1 << FILE_RIGHTS.get(version, 16)) - 1
    network, scopes = (3 if version >= 4 else 0), (3 if version >= 6 else 0)
    handled = struct.pack("QQQ", rights, network, scopes)[
        : 8 if version < 4 else 24 if version >= 6 else 16
    ]
    rules = syscall(CREATE_RULESET, handled, ctypes.c_size_t(len(handled)), 0)
    for place in places if rules >= 0 else ():
        try:
            handle = os.open(place, os.O_PATH | os.O_CLOEXEC)
        except OSError:  # what is not there cannot be read either
            continue
        right = READ_FILE | READ_FOLDER if os.path.isdir(place) else READ_FILE
        syscall(ADD_RULE, rules, 1, struct.pack("=Qi", right, handle), 0)
        os.close(handle)
    return rules if rules >= 0 else None


def enter(rules: int | None) -> None:
    """Put this thread, and all it starts, behind the rules of `landlock`; there is no way back.

    Raises:
        OSError: If the kernel refuses.
    """
    if rules is None:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0) or libc.syscall(RESTRICT_SELF, rules, 0):
        raise OSError(ctypes.get_errno(), "the kernel did not lock the process that runs answers")
    os.close(rules)


def guard(places: Sequence[str], add: Callable[[Callable], object] = sys.addaudithook) -> None:
    """Refuse every audited event from now on but those that honest answers cause.

    Args:
        places: What may be read: folders and files, by absolute path.
        add: Puts the hook in force.

    The hook uses nothing that an answer could replace: no global name, no builtin, only constants
    and the defaults of its parameters, which cannot be set again.
    """
    inside = tuple(f"{place}/" if os.path.isdir(place) else place for place in places)
    writing = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

    def refuse(
        event: str,
        given: tuple,
        inside: tuple = inside,
        allowed: frozenset = HARMLESS,
        writing: int = writing,
        type: type = type,
        str: type = str,
        function: type = FunctionType,
        no_file: type = PermissionError,
        no_module: type = ImportError,
    ) -> None:
        if event == "open":
            place, _, flags = given
            plain = type(place) is str and ".." not in place and place.startswith(inside)
            if not plain or flags & writing:
                raise no_file("answers may read Python's libraries, and write no file")
        elif event == "import":
            if given[0] == "tlbook" or given[0].startswith("tlbook."):
                raise no_module("answers import no more of tlbook than their set-up cell does")
        elif event in ("object.__setattr__", "object.__delattr__"):
            if type(given[0]) is function and given[0].__code__.co_name == "refuse":
                raise no_file("the lock stays as it is")
        elif event not in allowed:
            raise no_file("answers may not do this: " + event)

    add(refuse)
