"""Work on the store by a command, beside a hub that runs or instead of one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from sqlalchemy import Connection

from hub.config import HubConfig
from hub.db import Database

T = TypeVar("T")


def with_store(config: HubConfig, work: Callable[[Database], Awaitable[T]], *, exclusive: bool = False) -> T:
    """Open the store, do the work, close it.

    Args:
        exclusive: no hub may run meanwhile.

    Raises:
        AlreadyRunningError: one does.
        StoreError: the store cannot be used.
    """
    db = Database(config.database_url, exclusive=exclusive)
    db.open()

    async def run() -> T:
        return await work(db)

    try:
        return asyncio.run(run())
    finally:
        db.close()


def in_store(config: HubConfig, fn: Callable[[Connection], T], *, exclusive: bool = False) -> T:
    """One transaction.

    Raises:
        AlreadyRunningError, StoreError: as with_store.
    """
    return with_store(config, lambda db: db.write(fn), exclusive=exclusive)
