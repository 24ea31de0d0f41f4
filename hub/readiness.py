"""Telling the service manager that the hub is ready, and that its loop goes round (sd_notify(3))."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Mapping
from contextlib import suppress


class Readiness:
    """The service manager's ear; silent where there is none."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        found = os.environ if environment is None else environment
        self._address = found.get("NOTIFY_SOCKET", "")
        patience_us = found.get("WATCHDOG_USEC", "")
        self._every_s = int(patience_us) / 2_000_000 if patience_us.isdigit() else None

    def ready(self) -> None:
        """The store is open and the API listens; broker and InfluxDB may still be away."""
        self._tell("READY=1")

    def stopping(self) -> None:
        """The hub stops on purpose."""
        self._tell("STOPPING=1")

    async def watchdog(self) -> None:
        """Say that the loop goes round, twice within the manager's patience. Ends at once without a watchdog."""
        while self._every_s is not None:
            self._tell("WATCHDOG=1")
            await asyncio.sleep(self._every_s)

    def _tell(self, line: str) -> None:
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
            ear.sendto(line.encode(), address)
