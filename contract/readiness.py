"""Telling systemd that a program is ready, what it does, and that its main loop makes progress.

Protocol: sd_notify(3), a datagram of ``KEY=value`` lines to the socket that NOTIFY_SOCKET names.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Mapping


class Readiness:
    """The service manager's ear; silent where there is none."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        found = os.environ if environment is None else environment
        self._address = found.get("NOTIFY_SOCKET", "")
        self._watchdog_us = found.get("WATCHDOG_USEC", "")

    @property
    def watchdog_s(self) -> float | None:
        """Half the watchdog's patience in seconds: how often progress is to be told; None without a watchdog."""
        return int(self._watchdog_us) / 2_000_000 if self._watchdog_us.isdigit() else None

    def ready(self) -> None:
        """Everything that the program promises is in place; what it connects to may come later."""
        self._tell("READY=1")

    def progress(self) -> None:
        """The main loop went round once more."""
        self._tell("WATCHDOG=1")

    async def watchdog(self) -> None:
        """Say that the event loop goes round, until cancelled. Ends at once without a watchdog."""
        while self.watchdog_s is not None:
            self.progress()
            await asyncio.sleep(self.watchdog_s)

    def status(self, text: str) -> None:
        """One line for ``systemctl status``."""
        self._tell(f"STATUS={text}")

    def stopping(self) -> None:
        """It stops on purpose."""
        self._tell("STOPPING=1")

    def _tell(self, line: str) -> None:
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
            ear.sendto(line.encode(), address)
