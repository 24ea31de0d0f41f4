"""The head of an audit trail, noted away from the trail each hour, and the trail held against what was noted.

Whoever can write the store can write a whole trail anew, with digests that fit. He cannot write anew what lies on
another machine. Once the trail does not fit, nothing more is noted until a person has looked: else the next note would
make the new trail the right one.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import logging
import os
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from logging.handlers import SysLogHandler
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from hub.api import audit
from hub.api.audit import Head
from hub.chain import START
from hub.clock import Clock
from hub.errors import HubError, StoreError
from hub.notify.channels.base import Channel, Message

log = logging.getLogger(__name__)

HOUR_S = 3600.0
AGAIN_S = 300.0
"""After which a place that could not be reached is tried again."""

WHOLE = 24
"""So often only what is new of the trail is verified, then all of it once."""

Said = Mapping[str, str | int]
Checked = tuple[str | None, Head]
"""What is wrong with a trail, and its head, at one moment."""

Read = Callable[[Callable[[Connection], Checked]], Awaitable[Checked]]


class PlaceError(HubError):
    """A place does not take the note now."""

    retryable = True


class Place(Protocol):
    """Where heads are noted."""

    name: str

    async def note(self, said: Said) -> None:
        """Note it.

        Raises:
            PlaceError, OSError: it is not noted.
        """
        ...

    def newest(self) -> Head | None:
        """The head that was noted last; None where nothing was, or it cannot be read back."""
        ...


class FilePlace:
    """A file to which a line of JSON is added: on another machine's disk, or one that only takes what is added."""

    name = "file"

    def __init__(self, path: Path) -> None:
        self._path = path

    async def note(self, said: Said) -> None:
        """Add a line, and see that it is on the disk."""
        await asyncio.to_thread(self.append, said)

    def append(self, said: Said) -> None:
        """As note, blocking."""
        handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
        with os.fdopen(handle, "wb") as file:
            file.write(json.dumps(dict(said), sort_keys=True).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def newest(self) -> Head | None:
        """The last head of the file."""
        heads = [Head(line["n"], line["digest"]) for line in self.lines() if "n" in line]
        return heads[-1] if heads else None

    def lines(self) -> list[dict[str, Any]]:
        """What was noted, the oldest first. A line that a power cut has left half is passed over."""
        try:
            text = self._path.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return []
        found = []
        for line in text.splitlines():
            try:
                found.append(dict(json.loads(line)))
            except (ValueError, TypeError):
                continue
        return found


class SyslogPlace:
    """The system's log, which sends it on to another machine; facility ``authpriv``."""

    name = "syslog"

    def __init__(self, address: str | tuple[str, int]) -> None:
        self._address = address

    @classmethod
    def parse(cls, text: str) -> SyslogPlace:
        """Of a configuration's word: a socket's path, or ``host:port``."""
        host, _, port = text.rpartition(":")
        return cls((host, int(port)) if host else text)

    async def note(self, said: Said) -> None:
        """Send one datagram."""
        await asyncio.to_thread(self._send, json.dumps(dict(said), sort_keys=True))

    def _send(self, text: str) -> None:
        handler = _Strict(self._address, SysLogHandler.LOG_AUTHPRIV, socket.SOCK_DGRAM)
        try:
            handler.emit(logging.LogRecord("siaga", logging.INFO, "", 0, f"siaga-audit: {text}", None, None))
        finally:
            handler.close()

    def newest(self) -> None:
        """What was sent cannot be read back."""


class _Strict(SysLogHandler):
    """Raises where logging would pass over."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the name is logging's
        raise PlaceError("syslog does not take it", "is it running, and its address right?")


class ChannelPlace:
    """A channel of the hub's configuration: a signed webhook, or mail and chat by Apprise."""

    def __init__(self, name: str, channel: Channel) -> None:
        self.name = name
        self._channel = channel

    async def note(self, said: Said) -> None:
        """Send one message."""
        head = f"{said['n']}:{said['digest']}"
        message = Message(
            key=f"audit/{head}",
            channel=self.name,
            kind="audit_head",
            subject="audit",
            desk="audit",
            title="Siaga: jejak audit / audit trail",
            text=head,
            priority=4,
            data=dict(said),
            created_ms=int(said["at_ms"]),
            attempt=1,
        )
        answer = await self._channel.send(message)
        if answer.outcome != "delivered":
            raise PlaceError(f"{self.name}: {answer.detail or answer.outcome}")

    def newest(self) -> None:
        """What was sent cannot be read back."""


class Anchoring:
    """The task that notes and checks one trail.

    Args:
        read: runs a function on the store that holds the trail.
        told: called with what is wrong, when something is first found, and with None when all is well again.
    """

    def __init__(
        self,
        trail: str,
        places: Sequence[Place],
        read: Read,
        clock: Clock,
        *,
        told: Callable[[str | None], Awaitable[None]],
    ) -> None:
        self._trail = trail
        self._places = places
        self._read = read
        self._clock = clock
        self._told = told
        self._verified: Head | None = None
        self._looks = 0
        self._fault: str | None = ""

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            done = await self.look()
            await asyncio.sleep(HOUR_S if done else AGAIN_S)

    async def look(self) -> bool:
        """Check the trail, and note its head where it holds; whether all was done."""
        whole = self._looks % WHOLE == 0 or bool(self._fault)
        since = None if whole else self._verified
        try:
            noted = max(
                (head for place in self._places if (head := place.newest())), key=_number, default=None
            )
            fault, head = await self._read(lambda conn: _checked(conn, noted, since))
        except (StoreError, SQLAlchemyError, OSError) as error:
            log.warning("audit.unchecked trail=%s error=%s", self._trail, error)
            return False
        await self._judge(fault)
        if fault is not None:
            return True
        self._looks += 1
        self._verified = head
        return all([await self._note(place, head) for place in self._places])

    async def _judge(self, fault: str | None) -> None:
        if fault == self._fault:
            return
        self._fault = fault
        if fault is not None:
            log.critical("audit.tampered trail=%s fault=%s", self._trail, fault)
        await self._told(fault)

    async def _note(self, place: Place, head: Head) -> bool:
        at_ms = self._clock.now_ms()
        at = dt.datetime.fromtimestamp(at_ms / 1000, dt.UTC).isoformat(timespec="seconds")
        said: Said = {"trail": self._trail, "at": at, "at_ms": at_ms, "n": head.n, "digest": head.digest}
        try:
            await place.note(said)
        except (PlaceError, OSError) as error:
            log.warning("audit.unnoted trail=%s place=%s error=%s", self._trail, place.name, error)
            return False
        return True


def _checked(conn: Connection, noted: Head | None, since: Head | None) -> Checked:
    fault = audit.first_fault(conn, anchor=noted, since=since)
    return fault, Head(0, START) if fault is not None else audit.head(conn)


def _number(head: Head) -> int:
    return head.n
