"""Is this machine ready for a lesson, and what to do where it is not? Lesson 00 asks it.

Nothing here downloads anything; only the profile ``hub`` asks the Hub whether it answers.
"""

import os
import queue
import re
import shutil
import sys
import threading
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from tlbook import runtime
from tlbook.corpora import embedded, hub, mirror
from tlbook.encoders import sources

if TYPE_CHECKING:
    import pandas

COLUMNS = ["what", "found", "fine", "if not"]
GIB = 2**30
OLDEST_PYTHON = (3, 11)
MEMORY = 2.0  # GiB that a lesson may take
DISK = 1.0  # GiB for cached features, and for what the Hub sends
PATIENCE = 8.0  # seconds for the Hub, name look-up included


def environment(profile: str) -> "pandas.DataFrame":
    """Check what a lesson needs, in seconds.

    Args:
        profile: ``pocket`` or ``hub``; only ``hub`` asks whether the Hub answers.

    Returns:
        One row per thing, with the columns of `COLUMNS`: what was looked at, what was found,
        whether that is fine, and what to do if it is not.

    Example:
        >>> environment("pocket").set_index("what").loc["Hub", "found"]
        'not asked: the pocket profile needs no network'
    """
    import pandas as pd

    rows = [_python(), _libraries(), *_machine(), _shipped_model(), _shipped_texts()]
    return pd.DataFrame([*rows, _mirror(), _hub(profile)], columns=COLUMNS)


def _python() -> tuple:
    wanted = ".".join(map(str, OLDEST_PYTHON))
    return (
        "Python",
        ".".join(map(str, sys.version_info[:3])),
        sys.version_info[:2] >= OLDEST_PYTHON,
        f"install Python {wanted} or later, then make PYTHON=python{wanted} workbook",
    )


def _libraries() -> tuple:
    """Compare every installed library with the lower bound that tlbook states."""
    try:
        bounds = [line for line in requires("tlbook") or [] if "extra ==" not in line]
        problems = [problem for line in bounds if (problem := _lacking(line))]
        found = ", ".join(problems) or runtime.versions().partition(", ")[2]
    except PackageNotFoundError:
        problems, found = ["tlbook"], "tlbook itself is not installed"
    return "libraries", found, not problems, "run make workbook, or install with constraints.txt"


def _lacking(requirement: str) -> str:
    """Say what is wrong with one requirement such as ``torch>=2.13``; nothing if it is met."""
    name, _, floor = re.split(r"[;\s]", requirement)[0].partition(">=")
    try:
        there = version(name)
    except PackageNotFoundError:
        return f"no {name}"
    return f"{name} {there} is older than {floor}" if _digits(there) < _digits(floor) else ""


def _digits(written: str) -> list[int]:
    """Turn ``2.13.0+cpu`` into [2, 13, 0], to compare."""
    return [int(digits) for digits in re.findall(r"\d+", written.partition("+")[0])]


def _machine() -> list[tuple]:
    """Look at processor, number format, memory and disk."""
    probe, device = runtime.probe(), runtime.device()
    kind = str(runtime.precision(device)).removeprefix("torch.")
    free = psutil.virtual_memory().available / GIB
    cache = _existing(runtime.cache_folder())
    room = shutil.disk_usage(cache).free / GIB
    cores = _cores()
    return [
        (
            "processor",
            f"{cores} cores, {probe.threads} threads in use",
            cores >= 2 and probe.threads >= 1,
            "all lessons run, in about twice the seconds stated; unset OMP_NUM_THREADS if set",
        ),
        (
            "device",
            f"{device}, matrix products in {kind}",
            True,
            "TLBOOK_DEVICE=cpu and TLBOOK_PRECISION=float32 are the safe choice everywhere",
        ),
        (
            "free memory",
            f"{free:.1f} GiB",
            free >= MEMORY,
            f"free {MEMORY:g} GiB: shut down other kernels (in JupyterLab: Kernel menu)",
        ),
        (
            "free disk",
            f"{room:.1f} GiB for the cache",
            room >= DISK,
            f"set TLBOOK_CACHE to a folder with {DISK:g} GiB to spare",
        ),
    ]


def _cores() -> int:
    """Cores that this process may use; fewer than the machine's in a container."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _existing(folder: Path) -> Path:
    """Return the folder, or the nearest one above it that exists."""
    return next(place for place in (folder, *folder.absolute().parents) if place.is_dir())


def _shipped_model() -> tuple:
    found, fine = _tried(lambda: f"{sources.find('pocket-bert').name} is intact")
    return "shipped model", found, fine, "install tlbook again: a file is missing or damaged"


def _shipped_texts() -> tuple:
    found, fine = _tried(lambda: f"{_counted_rows():,} rows are intact")
    return "shipped texts", found, fine, "install tlbook again: a file is missing or damaged"


def _counted_rows() -> int:
    return sum(len(embedded.rows(name)) for name in embedded.index())


def _mirror() -> tuple:
    def found() -> str:
        return f"{len(mirror.mirror_names())} sets" if mirror.mirror() else "none, and none needed"

    return "mirror", *_tried(found), "set TLBOOK_MIRROR to a folder laid out like the Hub, or unset"


def _hub(profile: str) -> tuple:
    remedy = "check the network and HF_HUB_OFFLINE; meanwhile use TLBOOK_PROFILE=pocket"
    if profile != "hub":
        return "Hub", "not asked: the pocket profile needs no network", True, remedy
    import datasets

    endpoint = datasets.config.HF_ENDPOINT
    fine = answers(lambda: hub.reachable(endpoint), within=PATIENCE)
    return "Hub", f"{endpoint} {'answers' if fine else 'does not answer'}", fine, remedy


def answers(ask: Callable[[], bool], *, within: float) -> bool:
    """Return what `ask` returns, or False if it takes too long; a name look-up can hang.

    Args:
        ask: Called in a thread of its own, which is left behind if it is late.
        within: Seconds to wait.

    Example:
        >>> answers(lambda: True, within=1.0)
        True
    """
    replies: queue.Queue[bool] = queue.Queue()
    threading.Thread(target=lambda: replies.put(ask()), daemon=True).start()
    try:
        return replies.get(timeout=within)
    except queue.Empty:
        return False


def _tried(look: Callable[[], str]) -> tuple[str, bool]:
    """Return what `look` says and True, or its complaint and False."""
    try:
        return look(), True
    except (OSError, ValueError) as problem:
        return str(problem), False
