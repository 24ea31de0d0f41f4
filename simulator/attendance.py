"""Attendance in the rehearsal city: doors at which people scan, and what must have become of each scan.

What a scan is under its pseudonym is worked out here once more, apart from the gateway, so that the two check each
other. The key is made for one rehearsal and forgotten with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import secrets
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from contract.codec import decode_body
from contract.errors import DecodeError
from contract.whole_file import write_text
from simulator.devices.attendance_reader import AttendanceReader, Row, ServerGoneError

SCAN_S = 1.0
"""One person after the other: a reader needs about this long for each, and tells time in whole seconds."""
TELL_S = 20.0
"""How long a reader is given at the end for what its gateway has not acknowledged."""
KEY_ID = "latihan"


class Scanned(NamedTuple):
    """A scan as it must be in the hub: which reader, whose pseudonym, when (UTC ms), and what was chosen."""

    gateway: str
    device: str
    who: str
    at_ms: int
    code: int


@dataclass(frozen=True)
class ReaderPlace:
    """What a gateway must know of its readers: the port at which it hears them, and the file of the city's key."""

    port: int
    key_file: Path


class CityKey:
    """The key of this rehearsal, in a file that only its owner may read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._key = secrets.token_bytes(32)

    def write(self) -> None:
        """Put it where the gateways read it."""
        write_text(self.path, f'id = "{KEY_ID}"\nkey = "{self._key.hex()}"\n', mode=0o600)

    def pseudonym(self, number: str) -> str:
        """What stands for an employee's number: 96 bits of HMAC-SHA-256 over its purpose and the number."""
        return hmac.new(self._key, b"siaga attendance 1\0" + number.encode(), "sha256").hexdigest()[:24]


class Door:
    """A door with an attendance reader: people come to it, scan one after the other, and the reader tells its gateway.

    Args:
        reader: the other side of the gateway's server.
        zone: whose time the reader shows.
    """

    def __init__(self, gateway: str, device: str, reader: AttendanceReader, zone: str) -> None:
        self.gateway = gateway
        self.device = device
        self._reader = reader
        self._zone = ZoneInfo(zone)
        self._coming: deque[tuple[str, int]] = deque()
        self._greeted = False

    def come(self, people: Iterable[str], code: int) -> None:
        """Let people come, by their numbers; they scan from now on, one after the other."""
        self._coming += ((number, code) for number in people)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Scan and tell inside the block."""
        task = asyncio.create_task(self._run(), name=f"door {self.device}")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await self._reader.close()

    async def finish(self) -> None:
        """Nobody scans any more; wait until the gateway has acknowledged every scan, but not for ever."""
        self._coming.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(TELL_S):
                while not self._greeted or self._reader.sent < len(self._reader.rows):  # noqa: ASYNC110 - it is the reader's state
                    await asyncio.sleep(0.05)

    def scanned(self, key: CityKey) -> Iterator[Scanned]:
        """Every scan as it must be in the hub."""
        for row in self._reader.rows:
            local = datetime.fromisoformat(row.local).replace(tzinfo=self._zone)
            who = key.pseudonym(row.number)
            yield Scanned(self.gateway, self.device, who, round(local.timestamp() * 1000), row.status)

    async def _run(self) -> None:
        while True:
            if self._coming:
                number, code = self._coming.popleft()
                now = datetime.now(self._zone)
                self._reader.rows.append(Row(number, f"{now:%Y-%m-%d %H:%M:%S}", code))
            await self._tell()
            await asyncio.sleep(SCAN_S)

    async def _tell(self) -> None:
        """As the firmware does: greet a gateway that was away, tell it what it does not know, ask for commands."""
        try:
            if not self._greeted:
                self._greeted = (await self._reader.start()).status == 200
            if self._greeted:
                await self._reader.upload()
                await self._reader.poll()
        except ServerGoneError:
            self._greeted = False


def stored(rows: Iterable[Mapping[str, Any]]) -> Iterator[Scanned]:
    """The scans among the hub's events."""
    for row in rows:
        try:
            data = decode_body(row["body"]).data
        except DecodeError:
            continue
        at_ms, code = data.get("at_ms"), data.get("code")
        if isinstance(at_ms, int) and isinstance(code, int):
            yield Scanned(row["gateway"], row["device"], str(data.get("who")), at_ms, code)
