"""Small trainings beside each other: a process for each, since more threads bring them nothing.

The steps of a small model are too short to be shared among threads. Two trainings on one thread
each take as long as one of them. That holds for the fits of scikit-learn, too.
"""

import gc
import multiprocessing
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor

import torch
from threadpoolctl import threadpool_limits

from tlbook import runtime

_held: list = []  # in a worker: what is done, and the jobs


def side_by_side(
    work: Callable[..., object], jobs: Iterable[tuple], *, told: str | None = None
) -> Iterator[object]:
    """Yield ``work(*job)`` for each job, in the order of the jobs.

    On a CPU each runs on one thread, so the numbers are the same however many run beside it:
    as many as `runtime.probe` has found threads to pay. The workers are forks of this process, so
    they have all that it has, and only what `work` returns is sent. On a GPU, and where processes
    are not to be forked (Windows, macOS), the jobs are done here one after another.

    Args:
        work: Seeds what it draws. What it changes is lost; what it raises is raised here. Its own
            progress bars are hidden.
        jobs: Its arguments, a tuple for each call.
        told: What a progress bar over the jobs says; None shows none.

    Example:
        >>> list(side_by_side(pow, [(2, 3), (3, 2)]))
        [8, 9]
    """
    jobs = list(jobs)
    shown = {"total": len(jobs), "desc": told, "shown": told is not None}
    yield from runtime.progress_bar(_all_done(work, jobs), **shown)


def _all_done(work: Callable[..., object], jobs: list[tuple]) -> Iterator[object]:
    if runtime.device().type != "cpu":
        yield from (_quietly(work, job) for job in jobs)
        return
    workers = min(runtime.probe().threads, len(jobs)) if sys.platform == "linux" else 1
    if workers < 2:
        yield from (_on_one_thread(work, job) for job in jobs)
        return
    torch.optim.SGD([torch.zeros(1)])  # the first one loads much: once here, not in each worker
    forked = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(workers, forked, _begin, (work, jobs)) as pool:
        yield from pool.map(_done, range(len(jobs)))


def _quietly(work: Callable[..., object], job: tuple) -> object:
    with runtime.without_bars():
        return work(*job)


def _on_one_thread(work: Callable[..., object], job: tuple) -> object:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            return _quietly(work, job)
    finally:
        torch.set_num_threads(threads)


def _begin(work: Callable[..., object], jobs: list[tuple]) -> None:
    """Keep in a worker what it is to do."""
    _held[:] = work, jobs
    gc.freeze()  # what the worker was born with is not searched for garbage, so it stays shared
    torch.set_num_threads(1)
    threadpool_limits(1)  # those of NumPy and SciPy


def _done(place: int) -> object:
    """Do one job of those that the worker keeps."""
    work, jobs = _held
    return _quietly(work, jobs[place])
