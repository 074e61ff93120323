"""A cure for cells that seem to hang: look for a kernel's reply in short slices.

Where a cell draws into ``widgets.Output``, the wake-up for the kernel's reply can get lost, and
the reader sleeps until its timeout although the reply is there (jupyter/nbclient issue 312).
"""

import time
from queue import Empty

from jupyter_client.channels import AsyncZMQSocketChannel

SLICE = 0.5  # seconds between two looks

_wait = AsyncZMQSocketChannel.get_msg


async def _wait_in_slices(channel: AsyncZMQSocketChannel, timeout: float | None = None) -> dict:
    """Wait for a message as the original does, but never longer than a slice at a time."""
    end = None if timeout is None else time.monotonic() + timeout
    while True:
        left = SLICE if end is None else min(SLICE, max(0.0, end - time.monotonic()))
        try:
            return await _wait(channel, timeout=left)
        except Empty:
            if end is not None and time.monotonic() >= end:
                raise


def poll() -> None:
    """Let every kernel client of this process poll. Calling it twice changes nothing more."""
    AsyncZMQSocketChannel.get_msg = _wait_in_slices
