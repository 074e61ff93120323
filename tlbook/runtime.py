"""Where a lesson runs: profile, seed, device, precision, threads. Every notebook starts here."""

import contextlib
import functools
import hashlib
import json
import os
import platform
import random
import sys
import time
from collections.abc import Iterable, Iterator
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from tqdm.auto import tqdm

from tlbook import files

PROFILES = ("pocket", "hub")
WORTHWHILE = 1.25  # how many times faster bfloat16 must be before it is used

_started = time.perf_counter()
_bars: ContextVar[bool] = ContextVar("bars", default=True)


@dataclass(frozen=True)
class Probe:
    """What pays on this machine.

    Attributes:
        bfloat16: Whether a bfloat16 matrix product beats a float32 one clearly.
        threads: Threads for one training process.
    """

    bfloat16: bool
    threads: int


def start(seed: int = 0) -> tuple[str, torch.device]:
    """Seed every generator, choose threads, start the clock and return (profile, device).

    On a CPU the same seed then gives the same numbers on as many threads.
    The profile is ``pocket`` (shipped weights and texts, no network) or ``hub``
    (models and data of the Hugging Face Hub). It is read from ``TLBOOK_PROFILE``.

    Args:
        seed: For Python, NumPy and PyTorch.

    Raises:
        ValueError: If ``TLBOOK_PROFILE`` or ``TLBOOK_DEVICE`` names something unknown.

    Example:
        >>> profile, device = start(seed=0)
        >>> profile
        'pocket'
    """
    global _started
    profile = os.environ.get("TLBOOK_PROFILE") or "pocket"
    if profile not in PROFILES:
        raise ValueError(f"TLBOOK_PROFILE must be {' or '.join(PROFILES)}, got {profile!r}")
    where = device()
    seed_all(seed)
    torch.set_num_threads(probe().threads)
    if where.type == "cpu":
        # Threads that add into the same row of a gradient do so in whatever order they come.
        # `use_deterministic_algorithms` would import the compiler for it, which takes seconds.
        torch.set_deterministic_debug_mode("warn")
        torch.utils.deterministic.fill_uninitialized_memory = False  # that would only cost time
    _started = time.perf_counter()
    return profile, where


def seed_all(seed: int) -> None:
    """Seed the global generators of Python, NumPy and PyTorch."""
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 -- libraries still draw from the global generator
    torch.manual_seed(seed)


def device() -> torch.device:
    """Return the GPU if there is one, else the CPU; ``TLBOOK_DEVICE=cpu`` insists on the CPU.

    Raises:
        ValueError: If ``TLBOOK_DEVICE`` is not ``cpu``, ``cuda``, ``mps`` or empty, or this
            machine has no such device.
    """
    wanted = os.environ.get("TLBOOK_DEVICE", "")
    if wanted not in ("", "cpu", "cuda", "mps"):
        raise ValueError(f"TLBOOK_DEVICE must be cpu, cuda or mps, got {wanted!r}")
    there = {
        "cpu": True,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    if wanted and not there[wanted]:
        raise ValueError(f"TLBOOK_DEVICE is {wanted}, but torch {torch.__version__} sees none here")
    return torch.device(wanted or ("cuda" if there["cuda"] else "cpu"))


def cache_folder() -> Path:
    """Return the folder for what may be computed again: ``TLBOOK_CACHE`` or ``~/.cache/tlbook``."""
    return Path(os.environ.get("TLBOOK_CACHE") or Path.home() / ".cache" / "tlbook").expanduser()


def probe() -> Probe:
    """Measure once per machine, in under half a second, what pays here; then read it from disk.

    bfloat16 halves the time of training on processors that multiply it in hardware; on the
    others it is many times slower than float32. ``OMP_NUM_THREADS``, where set, is obeyed.

    Returns:
        The result, from ``cache_folder()/probe.json`` if this processor was probed before.
    """
    found = _probed(cache_folder() / "probe.json", _machine())
    wished = os.environ.get("OMP_NUM_THREADS", "")
    return Probe(found.bfloat16, int(wished) if wished.isdigit() and int(wished) else found.threads)


@functools.cache  # training asks at every step
def _probed(path: Path, machine: str) -> Probe:
    known = {}
    with contextlib.suppress(OSError, ValueError):
        stored = json.loads(path.read_text(encoding="utf-8"))
        known = stored if isinstance(stored, dict) else {}
    with contextlib.suppress(KeyError, TypeError):
        return Probe(**known[machine])
    found = Probe(bfloat16=_bfloat16_pays(), threads=_cores())
    with contextlib.suppress(OSError):  # a read-only home must not stop a lesson
        files.write(path, json.dumps(known | {machine: asdict(found)}))
    return found


@functools.cache
def _machine() -> str:
    """What the probe depends on: processor, cores and torch; a home may serve many machines."""
    processor = platform.processor() or platform.machine()
    with contextlib.suppress(OSError):  # on Linux, platform does not know the model
        told = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        # The flags too: under a general name such as "AMD EPYC" some have bfloat16, some do not.
        named = [line for line in told if line.startswith(("model name", "flags", "Features"))]
        processor += hashlib.sha256("".join(sorted(set(named))).encode()).hexdigest()[:12]
    return f"{processor}/{_cores()}/{torch.__version__}"


def _cores() -> int:
    """Cores this process may use, at most 8: small models gain nothing from more."""
    if hasattr(os, "sched_getaffinity"):
        return min(8, len(os.sched_getaffinity(0)))
    return min(8, os.cpu_count() or 1)


def _bfloat16_pays() -> bool:
    """Time one small product in both precisions; slow hardware must not make this slow."""
    # A small product first: where bfloat16 is emulated, the large one alone can take half a second.
    ratio = _seconds_of(torch.float32, rows=8) / _seconds_of(torch.bfloat16, rows=8)
    if ratio > 0.25:
        ratio = _seconds_of(torch.float32, rows=256) / _seconds_of(torch.bfloat16, rows=256)
    return ratio > WORTHWHILE


def _seconds_of(kind: torch.dtype, *, rows: int, budget: float = 0.06) -> float:
    """Fastest of the (rows, 384) by (384, 768) products that fit `budget` seconds, at least one."""
    left, right = torch.ones(rows, 384, dtype=kind), torch.ones(384, 768, dtype=kind)
    best, begun = float("inf"), time.perf_counter()
    while best == float("inf") or time.perf_counter() - begun < budget:
        tick = time.perf_counter()
        left @ right
        best = min(best, time.perf_counter() - tick)
    return best


def precision(where: torch.device | None = None) -> torch.dtype:
    """Return the number format for matrix products: bfloat16 where it pays, else float32.

    ``TLBOOK_PRECISION`` overrides the probe, to compare the two.

    Args:
        where: The device asked about; `device()` by default.

    Raises:
        ValueError: If ``TLBOOK_PRECISION`` is not ``float32``, ``bfloat16`` or empty.
    """
    where = where or device()
    wished = os.environ.get("TLBOOK_PRECISION", "")
    if wished not in ("", "float32", "bfloat16"):
        raise ValueError(f"TLBOOK_PRECISION must be float32 or bfloat16, got {wished!r}")
    if wished:
        return getattr(torch, wished)
    if where.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    pays = where.type == "cpu" and probe().bfloat16
    return torch.bfloat16 if pays else torch.float32


def autocast(where: torch.device | None = None) -> contextlib.AbstractContextManager:
    """Return a context in which matrix products run in `precision`; weights stay float32."""
    where = where or device()
    if precision(where) is torch.float32:
        return contextlib.nullcontext()
    return torch.autocast(where.type, torch.bfloat16)


def progress_bar(*steps: Iterable, shown: bool, **options: object) -> tqdm:
    """Return a `tqdm` bar that vanishes when it is done; ``TQDM_DISABLE=1`` hides them all."""
    # tqdm's bar for notebooks does not look at the environment.
    hidden = not shown or os.environ.get("TQDM_DISABLE", "") not in ("", "0")
    return tqdm(*steps, leave=False, disable=hidden or not _bars.get(), **options)


@contextlib.contextmanager
def without_bars() -> Iterator[None]:
    """Hide every `progress_bar` begun inside, in this thread only: another display shows them."""
    before = _bars.set(False)
    try:
        yield
    finally:
        _bars.reset(before)


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Put the global generators of Python, NumPy and PyTorch back where they were before.

    Example:
        >>> seed_all(0)
        >>> with undisturbed():
        ...     first = torch.rand(1)
        >>> bool(torch.rand(1) == first)
        True
    """
    states = random.getstate(), np.random.get_state()  # noqa: NPY002 -- as in `seed_all`
    on_cpu = torch.get_rng_state()
    on_gpu = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else None
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])  # noqa: NPY002
        torch.set_rng_state(on_cpu)
        if on_gpu is not None:
            torch.cuda.set_rng_state_all(on_gpu)


def seconds() -> float:
    """Seconds since `start` was called."""
    return time.perf_counter() - _started


def peak_mib() -> float:
    """Largest memory this process has held so far, in MiB (0 where the system does not tell)."""
    try:
        import resource  # not on Windows
    except ImportError:
        return 0.0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def versions() -> str:
    """Name the versions that decide a result, such as ``python 3.11.7, torch 2.13.0, ...``."""
    return ", ".join(
        [f"python {platform.python_version()}"]
        + [f"{name} {version(name)}" for name in ("torch", "transformers", "datasets")]
    )
