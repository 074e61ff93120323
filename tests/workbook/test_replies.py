"""A reply whose wake-up got lost is found all the same; a missing one still times out."""

import asyncio
import time
from queue import Empty

import pytest

from tlbook.workbook import replies


def test_a_reply_that_comes_between_two_slices_is_found(monkeypatch):
    asked = []

    async def wait(channel, timeout):
        asked.append(timeout)
        if len(asked) < 3:
            raise Empty
        return {"content": "here"}

    monkeypatch.setattr(replies, "_wait", wait)
    assert asyncio.run(replies._wait_in_slices(None, timeout=None)) == {"content": "here"}
    assert asked == [replies.SLICE] * 3


def test_no_reply_ends_with_the_timeout(monkeypatch):
    async def wait(channel, timeout):
        await asyncio.sleep(timeout)
        raise Empty

    monkeypatch.setattr(replies, "_wait", wait)
    monkeypatch.setattr(replies, "SLICE", 0.02)
    begun = time.monotonic()
    with pytest.raises(Empty):
        asyncio.run(replies._wait_in_slices(None, timeout=0.1))
    assert 0.1 <= time.monotonic() - begun < 1
