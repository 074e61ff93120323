"""Small trainings beside each other: a process for each, since more threads bring them nothing.

The steps of a small model are too short to be shared among threads. Two trainings on one thread
each take as long as one of them.
"""

import multiprocessing
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor

import torch

from tlbook import runtime

_held: list = []  # in a worker: what is done, and the jobs


def side_by_side(work: Callable[..., object], jobs: Iterable[tuple]) -> Iterator[object]:
    """Yield ``work(*job)`` for each job, in the order of the jobs.

    On a CPU each runs on one thread, so the numbers are the same however many run beside it:
    as many as `runtime.probe` has found threads to pay. The workers are forks of this process, so
    they have all that it has, and only what `work` returns is sent. On a GPU, and where processes
    are not to be forked (Windows, macOS), the jobs are done here one after another.

    Args:
        work: Seeds what it draws. What it changes is lost; what it raises is raised here.
        jobs: Its arguments, a tuple for each call.

    Example:
        >>> list(side_by_side(pow, [(2, 3), (3, 2)]))
        [8, 9]
    """
    jobs = list(jobs)
    if runtime.device().type != "cpu":
        yield from (work(*job) for job in jobs)
        return
    workers = min(runtime.probe().threads, len(jobs)) if sys.platform == "linux" else 1
    if workers < 2:
        yield from (_on_one_thread(work, job) for job in jobs)
        return
    forked = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(workers, forked, _begin, (work, jobs)) as pool:
        yield from pool.map(_done, range(len(jobs)))


def _on_one_thread(work: Callable[..., object], job: tuple) -> object:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return work(*job)
    finally:
        torch.set_num_threads(threads)


def _begin(work: Callable[..., object], jobs: list[tuple]) -> None:
    """Keep in a worker what it is to do."""
    _held[:] = work, jobs
    torch.set_num_threads(1)


def _done(place: int) -> object:
    """Do one job of those that the worker keeps."""
    work, jobs = _held
    return work(*jobs[place])
