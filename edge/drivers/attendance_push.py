"""The server that ZKTeco readers upload their scans to (PUSH, ADMS).

A reader is told ``OK`` only after its scans are on the card; anything else makes it tell them again. Its serial
number is all that it shows of itself, so only the readers of the configuration are heard, and the server belongs on
a network of its own. Whatever else readers upload (photos, templates, names) is thrown away unread.
"""

from __future__ import annotations

import asyncio
import logging
import re
from datetime import UTC, datetime

from edge.clock import Clock
from edge.config import Attendance, Reader
from edge.drivers import zk_push
from edge.drivers.attendance import Readers
from edge.drivers.base import EventStore
from edge.drivers.http_server import Answer, Head, HttpServer, Use
from edge.drivers.punches import read_attlog, text_of
from edge.errors import EdgeError

log = logging.getLogger(__name__)

RETRY_S = 5.0
"""Pause before the address or the book is tried again: the readers' network may come up after the gateway."""

STRANGERS_MAX = 32
"""Unknown serial numbers that are told in the log."""

_SERIAL = re.compile(r"[A-Za-z0-9-]{1,32}")
_STAMP = re.compile(r"[0-9]{1,20}")


class PushServer:
    """Serves the readers of a gateway while ``run`` runs."""

    def __init__(self, settings: Attendance, readers: Readers, *, clock: Clock) -> None:
        self._settings = settings
        self._readers = readers
        self._clock = clock
        self._strangers: set[str] = set()
        self._commands = 0
        self.port: int | None = None
        """Where it listens; None while it does not."""

    async def run(self, store: EventStore) -> None:
        """Listen until cancelled; where that fails, try again for ever."""
        down = False
        while True:
            try:
                self._readers.open(store)
                if self._settings.listen is None:
                    await asyncio.Event().wait()
                async with self._server() as server:
                    self.port, down = server.port, False
                    log.info("attendance_listening port=%d", server.port)
                    await asyncio.Event().wait()
            except (EdgeError, OSError) as error:
                if not down:
                    log.error("attendance_down error=%r", str(error))
                down = True
            finally:
                self.port = None
                self._readers.close()
            await asyncio.sleep(RETRY_S)

    def _server(self) -> HttpServer:
        listen = self._settings.listen
        assert listen is not None
        return HttpServer(listen.host, listen.port, self.answer, self._use, self._now_ms)

    def _now_ms(self) -> int | None:
        return self._clock.now_ms() if self._clock.discipline().synced else None

    def _use(self, head: Head) -> Use:
        wanted = self._is_attlog(head) or zk_push.endpoint(head.path) == "devicecmd"
        return "keep" if wanted and head.query.get("SN") in self._readers.by_serial else "discard"

    @staticmethod
    def _is_attlog(head: Head) -> bool:
        return zk_push.endpoint(head.path) == "cdata" and head.query.get("table", "").upper() == "ATTLOG"

    async def answer(self, head: Head, body: bytes) -> Answer:
        """What a reader is told."""
        endpoint = zk_push.endpoint(head.path)
        if endpoint not in ("cdata", "getrequest", "devicecmd", "ping"):
            return Answer(404, "unknown")
        serial = head.query.get("SN", "")
        reader = self._readers.by_serial.get(serial)
        if reader is None:
            self._stranger(serial)
            return Answer(403, "unknown reader")
        heard = self._readers.heard(reader)
        try:
            if endpoint == "cdata":
                return await self._cdata(reader, head, body)
        except EdgeError as error:
            log.warning("reader_must_wait device=%s error=%r", reader.name, str(error))
            return Answer(503, "try again")
        if endpoint == "getrequest" and not heard.asked and self._readers.is_open:
            # It may have tried in vain while the gateway was away; it would wait for its next round.
            heard.asked = True
            self._commands += 1
            return Answer(200, zk_push.command(self._commands, "LOG"))
        if endpoint == "devicecmd":
            for result in zk_push.results(text_of(body)):
                if result.code != "0":
                    log.warning("reader_command_refused device=%s code=%r", reader.name, result.code)
        return Answer(200)

    async def _cdata(self, reader: Reader, head: Head, body: bytes) -> Answer:
        if head.method == "GET":
            return Answer(200, self._options(reader, head))
        if not self._is_attlog(head):
            self._note_stamp(reader, head)
            return Answer(200)
        told = read_attlog(body)
        await self._readers.take(reader, told.punches, told.unreadable)
        if told.unreadable:
            log.error("reader_unreadable device=%s lines=%d of=%d", reader.name, told.unreadable, told.lines)
        self._note_stamp(reader, head)
        return Answer(200, f"OK: {told.lines}")

    def _options(self, reader: Reader, head: Head) -> str:
        book = self._readers.book
        stamps = {name: book.stamp(reader.serial, name) for name in ("ATTLOG", "OPERLOG")}
        dialect = zk_push.dialect_of(head.query) if reader.dialect == "auto" else reader.dialect
        zone = zk_push.time_zone(self._readers.zone, datetime.fromtimestamp(self._clock.now_ms() / 1000, UTC))
        return zk_push.options(reader.serial, dialect, stamps, zone)

    def _note_stamp(self, reader: Reader, head: Head) -> None:
        table = head.query.get("table", "").upper()
        stamp = head.query.get("Stamp") or head.query.get("OpStamp") or ""
        if table in ("ATTLOG", "OPERLOG") and _STAMP.fullmatch(stamp):
            self._readers.book.set_stamp(reader.serial, table, stamp)

    def _stranger(self, serial: str) -> None:
        told = serial if _SERIAL.fullmatch(serial) else "unreadable"
        if told not in self._strangers and len(self._strangers) < STRANGERS_MAX:
            self._strangers.add(told)
            log.warning("reader_unknown serial=%s", told)
