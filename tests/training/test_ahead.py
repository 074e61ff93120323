"""Tests of `tlbook.training.ahead`."""

import pytest
import torch

from tlbook.training import ahead


class Counting:
    """A stream of batches that hold their own number."""

    def __len__(self):
        return 5

    def batch(self, step):
        return {"step": torch.tensor(step), "rows": torch.full((2, 3), step)}

    def __iter__(self):
        return map(self.batch, range(len(self)))


@pytest.mark.parametrize("workers", [1, 2])
def test_batches_come_in_the_order_of_their_numbers_and_once_more_when_asked_again(workers):
    drawn = ahead.Ahead(Counting(), workers=workers)
    assert len(drawn) == 5
    for _ in range(2):
        batches = list(drawn)
        assert [int(batch["step"]) for batch in batches] == [0, 1, 2, 3, 4]
        assert all(torch.equal(b["rows"], torch.full((2, 3), i)) for i, b in enumerate(batches))


def test_a_cpu_draws_its_own_batches_and_a_gpu_has_them_drawn():
    stream = Counting()
    assert ahead.for_device(stream, torch.device("cpu")) is stream
    assert isinstance(ahead.for_device(stream, torch.device("cuda")), ahead.Ahead)


def test_no_worker_at_all_is_refused():
    with pytest.raises(ValueError, match="workers must be 1 or more, got 0"):
        ahead.Ahead(Counting(), workers=0)
