"""What side_by_side promises: the order, the same numbers, one thread each, no lost error."""

import os

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_info

from tlbook import runtime
from tlbook.training.side_by_side import side_by_side


def draw(seed):
    runtime.seed_all(seed)
    return os.getpid(), torch.get_num_threads(), torch.rand(2).tolist()


@pytest.fixture(params=[1, 2], ids=["here", "forked"])
def workers(request, monkeypatch):
    monkeypatch.setenv("TLBOOK_DEVICE", "cpu")
    monkeypatch.setenv("OMP_NUM_THREADS", str(request.param))
    return request.param


def test_results_come_in_order_from_as_many_processes_and_one_thread_each(workers):
    threads = torch.get_num_threads()
    found = list(side_by_side(draw, [(seed,) for seed in (5, 3, 4, 5)]))
    processes = {process for process, _, _ in found}
    assert (os.getpid() in processes) == (workers == 1)
    assert len(processes) <= workers
    assert {count for _, count, _ in found} == {1}
    assert [drawn for *_, drawn in found] == [draw(seed)[2] for seed in (5, 3, 4, 5)]
    assert torch.get_num_threads() == threads


def test_numpy_has_one_thread_each_too(workers):
    def threads():
        return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}

    before = threads()
    np.ones((2, 2)) @ np.ones((2, 2))  # its library is there
    assert list(side_by_side(threads, [(), ()])) == [{1}, {1}]
    assert threads() == before


def test_one_bar_counts_the_jobs_and_those_of_the_work_are_hidden(workers, monkeypatch, capfd):
    monkeypatch.delenv("TQDM_DISABLE", raising=False)

    def work(number):
        return list(runtime.progress_bar([number], desc="inside", shown=True))

    assert list(side_by_side(work, [(1,), (2,)], told="two jobs")) == [[1], [2]]
    shown = capfd.readouterr().err
    assert "two jobs" in shown
    assert "0/2" in shown
    assert "inside" not in shown


def test_a_training_gives_the_same_weights_wherever_it_runs(workers):
    inputs = torch.linspace(-1, 1, 64).reshape(16, 4)

    def train(seed):
        runtime.seed_all(seed)
        layer = torch.nn.Linear(4, 1)
        optimizer = torch.optim.SGD(layer.parameters(), 0.1)
        for _ in range(5):
            optimizer.zero_grad()
            layer(inputs).square().mean().backward()
            optimizer.step()
        return layer.weight.tolist()

    inputs @ inputs.T  # this process has worked before it forks
    assert list(side_by_side(train, [(0,), (1,)])) == [train(0), train(1)]


def test_what_the_work_raises_is_raised_here(workers):
    def work(number):
        raise ValueError(f"job {number}")

    with pytest.raises(ValueError, match="job 7"):
        list(side_by_side(work, [(7,), (8,)]))


def test_without_jobs_there_is_nothing(workers):
    assert list(side_by_side(draw, [])) == []
