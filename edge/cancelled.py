"""A cancellation that a library has swallowed."""

from __future__ import annotations

import asyncio


def raise_if_cancelled() -> None:
    """Raise CancelledError if the running task was told to stop and goes on all the same.

    Before Python 3.12 ``asyncio.wait_for`` swallows a cancellation that comes together with its result. pymodbus and
    aiomqtt wait with it, and whoever calls them in a loop would never stop. Not inside ``asyncio.timeout``, which
    cancels its own task.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
