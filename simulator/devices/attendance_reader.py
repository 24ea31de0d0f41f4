"""A ZKTeco attendance reader that uploads by PUSH: an HTTP client with a log of scans and the habits of the firmware.

Written from what the protocol does on the wire, apart from the gateway's server, so that the two check each other.
"""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal


@dataclass(frozen=True, slots=True)
class Row:
    """A scan in the reader's memory; its time is local text, as the reader shows it."""

    number: str
    local: str
    status: int = 0
    verify: int = 15

    def line(self) -> str:
        """As it is uploaded."""
        return f"{self.number}\t{self.local}\t{self.status}\t{self.verify}\t0\t0\t0\n"


@dataclass(frozen=True, slots=True)
class Reply:
    """What the server answered."""

    status: int
    text: str
    headers: dict[str, str]


class ServerGoneError(Exception):
    """The server did not answer, or broke off."""


@dataclass
class AttendanceReader:
    """A reader of that serial number. `sent` rows of `rows` were acknowledged; the rest is told by ``upload``.

    Attributes:
        push_version: what it says of itself; "" as old firmware, which wants the older dialect of options.
        path: in front of each endpoint; some firmware writes ``.aspx`` behind.
        ending: of its header lines.
    """

    serial: str
    host: str
    port: int
    rows: list[Row] = field(default_factory=list)
    push_version: str = "2.4.1"
    suffix: str = ""
    ending: str = "\r\n"
    packing: Literal["", "gzip"] = ""
    sent: int = 0
    options: dict[str, str] = field(default_factory=dict)
    commands: list[str] = field(default_factory=list)
    timeout_s: float = 10.0
    _reader: asyncio.StreamReader | None = None
    _writer: asyncio.StreamWriter | None = None

    async def start(self) -> Reply:
        """Ask for the options, as at each start of the device. A stamp below its own makes it tell from there."""
        version = f"&pushver={self.push_version}" if self.push_version else ""
        reply = await self.get(f"cdata{self.suffix}?SN={self.serial}&options=all{version}&language=73")
        lines = [line.partition("=")[::2] for line in reply.text.splitlines()]
        self.options = {key: value for key, value in lines if value}
        stamp = self.options.get("ATTLOGStamp", self.options.get("Stamp", "None"))
        self.sent = int(stamp) if stamp.isdigit() else 0
        return reply

    async def upload(self, batch: int = 500) -> int:
        """Tell what was not acknowledged yet, oldest first; returns how many rows were. Stops at the first refusal."""
        done = 0
        while self.sent < len(self.rows):
            part = self.rows[self.sent : self.sent + batch]
            reply = await self.post_attlog("".join(row.line() for row in part), self.sent + len(part))
            if reply.status != 200 or reply.text != f"OK: {len(part)}":
                break
            self.sent += len(part)
            done += len(part)
        return done

    async def post_attlog(self, text: str, stamp: int) -> Reply:
        """Upload lines as they are."""
        return await self.post(
            f"cdata{self.suffix}?SN={self.serial}&table=ATTLOG&Stamp={stamp}", text.encode()
        )

    async def poll(self) -> str:
        """Ask for a command, as every few seconds; a command is carried out and its result told."""
        reply = await self.get(f"getrequest{self.suffix}?SN={self.serial}")
        if not reply.text.startswith("C:"):
            return reply.text
        _, number, command = reply.text.strip().split(":", 2)
        self.commands.append(command)
        await self.post(
            f"devicecmd{self.suffix}?SN={self.serial}", f"ID={number}&Return=0&CMD={command}\n".encode()
        )
        return reply.text

    async def get(self, target: str) -> Reply:
        """A request without a body."""
        return await self._ask("GET", target, b"")

    async def post(self, target: str, body: bytes) -> Reply:
        """A request with a body."""
        return await self._ask("POST", target, body)

    async def raw(self, data: bytes) -> bytes:
        """Any bytes at all on a connection of their own; what comes back until its end."""
        reader, writer = await asyncio.open_connection(self.host, self.port)
        try:
            writer.write(data)
            writer.write_eof()
            async with asyncio.timeout(self.timeout_s):
                return await reader.read()
        finally:
            writer.close()

    async def close(self) -> None:
        """Hang up."""
        if self._writer is not None:
            self._writer.close()
        self._writer = None

    async def _ask(self, method: str, target: str, body: bytes) -> Reply:
        headers = [
            f"{method} /iclock/{target} HTTP/1.1",
            f"Host: {self.host}",
            "User-Agent: iClock Proxy/1.09",
        ]
        if self.packing == "gzip" and body:
            body = gzip.compress(body)
            headers.append("Content-Encoding: gzip")
        if method == "POST":
            headers += ["Content-Type: text/plain", f"Content-Length: {len(body)}"]
        try:
            async with asyncio.timeout(self.timeout_s):
                reader, writer = await self._connected()
                writer.write(self.ending.join([*headers, "", ""]).encode() + body)
                await writer.drain()
                return await _reply(reader)
        except (OSError, asyncio.IncompleteReadError, TimeoutError) as error:
            await self.close()
            raise ServerGoneError(str(error)) from error

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._writer is None or self._reader is None or self._reader.at_eof():
            self._reader, self._writer = await asyncio.open_connection(self.host, self.port)
        return self._reader, self._writer


async def _reply(reader: asyncio.StreamReader) -> Reply:
    lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {
        name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:] if line)
    }
    body = await reader.readexactly(int(headers["content-length"]))
    return Reply(int(lines[0].split()[1]), body.decode(), headers)


def month(people: Sequence[str], scans: int) -> list[Row]:
    """That many scans of these people from November 2026 on: four a day each, no two of one person alike."""
    rows = []
    for at in range(scans):
        turn, who = divmod(at, len(people))
        day, quarter = divmod(turn, 4)
        second = (7, 12, 13, 16)[quarter] * 3600 + who % 3600
        local = datetime(2026, 11, 1) + timedelta(days=day, seconds=second)  # noqa: DTZ001
        rows.append(Row(people[who], f"{local:%Y-%m-%d %H:%M:%S}", quarter % 2))
    return rows
