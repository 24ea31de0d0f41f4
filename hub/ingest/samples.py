"""The telemetry lane: judge, write to InfluxDB, and only then receipt."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import cast

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from contract.messages import Flow
from contract.ranges import Ranges
from hub.clock import Clock
from hub.db import Database
from hub.errors import StoreError
from hub.ingest import dead_letter, ledger
from hub.ingest.accept import T_LIMIT_MS, AcceptedTelemetry
from hub.ingest.answers import Answers
from hub.ingest.commit import refused_ranges
from hub.ingest.events import RefusedRecord
from hub.ingest.judging import Judging
from hub.ingest.ledger import StreamKey
from hub.ingest.pipeline import Pipeline
from hub.rollups.marks import Marks
from hub.rollups.windows import HOUR_MS
from hub.series.lines import encode, encode_whole
from hub.series.writer import Batch, SeriesWriter, Written

log = logging.getLogger(__name__)

FLUSH_S = 2.0
FLUSHED_AT_ONCE = 50
"""Streams in one transaction, so that a panic never waits for a whole fleet's flush."""

REFUSALS_AT_MOST = 256
"""Frames with refused records that may wait for SQL; further ones go without a receipt and come again."""

REFUSED_AT_ONCE = 100
"""Refused records in one transaction, so that a panic never waits for a frame of them."""

OWING_AT_MOST = 4096
"""Frames that may wait for the level changes they caused, or for the mark that they came late; further ones go without
a receipt and come again. At a saturated hub one write to SQL lasts as long as some hundreds of frames; a frame here
has no records any more and takes half a kilobyte."""


_Known = tuple[StreamKey, str, int, int]


class _Frame:
    """A frame on its way through InfluxDB. Its records are not kept: their lines are.

    Attributes:
        begin_ms: time of its earliest record.
        hours_ms: a time in each hour that it has records of.
        known: what makes it the same frame. A card put back from an older copy gives numbers twice, in another boot.
        values: how many it has.
        sent_ms, refused: as accept found them.
    """

    __slots__ = (
        "begin_ms",
        "first",
        "hours_ms",
        "key",
        "known",
        "last",
        "received_mono_ms",
        "refused",
        "sent_ms",
        "values",
    )

    def __init__(self, accepted: AcceptedTelemetry, received_mono_ms: int) -> None:
        frame = accepted.frame
        self.key = StreamKey(accepted.gateway, frame.epoch, "telemetry")
        self.first, self.last = frame.first, frame.first + frame.n - 1
        self.known: _Known = (self.key, frame.boot, self.first, self.last)
        self.values = sum(map(len, frame.rows)) - 2 * frame.n
        self.sent_ms = accepted.sent_ms
        self.refused = accepted.refused
        self.received_mono_ms = received_mono_ms
        self.begin_ms = accepted.begin_ms
        self.hours_ms: tuple[int, ...] = (accepted.begin_ms,)
        if accepted.begin_ms // HOUR_MS != accepted.end_ms // HOUR_MS:
            self.hours_ms = _hours_ms(accepted)


class Fresh:
    """Committed telemetry ranges that are not in SQL yet."""

    def __init__(self) -> None:
        self._ranges: dict[StreamKey, Ranges] = {}

    def add(self, key: StreamKey, ranges: tuple[tuple[int, int], ...]) -> None:
        """These are in InfluxDB."""
        known = self._ranges.get(key)
        if known is None:
            known = self._ranges[key] = Ranges()
        for first, last in ranges:
            known.add(first, last)

    def take(self, most: int, gateway: str | None = None) -> dict[StreamKey, Ranges]:
        """Some streams' ranges, of one gateway if asked; to be put back where storing them fails."""
        keys = [key for key in self._ranges if gateway is None or key.gateway == gateway][:most]
        return {key: self._ranges.pop(key) for key in keys}

    def put_back(self, taken: dict[StreamKey, Ranges]) -> None:
        """They could not be stored."""
        for key, ranges in taken.items():
            self.add(key, ranges.pairs())

    def __len__(self) -> int:
        return len(self._ranges)


class Samples:
    """Takes accepted telemetry frames; a receipt goes out when InfluxDB has every record but the refused, and SQL
    the level changes that they caused.

    Args:
        writer: None without InfluxDB: frames are judged, flow is hold, and nothing is receipted.
    """

    def __init__(
        self,
        db: Database,
        clock: Clock,
        judging: Judging,
        answers: Answers,
        pipeline: Pipeline,
    ) -> None:
        self._db = db
        self._clock = clock
        self._judging = judging
        self._answers = answers
        self._pipeline = pipeline
        self._writer: SeriesWriter | None = None
        self._in_writer: set[_Known] = set()
        self._refusals: asyncio.Queue[tuple[_Frame, tuple[RefusedRecord, ...]]] = asyncio.Queue(
            REFUSALS_AT_MOST
        )
        self._owing: list[tuple[_Frame, tuple[RefusedRecord, ...]]] = []
        judging.on_record = self._receipt_owing
        self._late: Marks | None = None
        self.fresh = Fresh()

    def write_to(self, writer: SeriesWriter) -> None:
        """Where lines go; its ``on_written`` must be ours."""
        self._writer = writer

    def mark_late(self, marks: Marks) -> None:
        """Where it is told that samples are in InfluxDB whose minute has been rolled up before."""
        self._late = marks
        marks.on_record = self._receipt_owing

    @property
    def flow(self) -> Flow:
        """``hold`` while InfluxDB does not take what comes."""
        return "hold" if self._writer is None else self._writer.flow

    def take(self, accepted: AcceptedTelemetry, received_mono_ms: int) -> None:
        """A frame was accepted: judge it now, store it soon.

        Its newest samples that come while the hub holds (``live``) are judged only; they come again.
        """
        if self._judging.full:
            self._pipeline.count("dropped.changes_full")
            return
        self._judging.judge(accepted)
        frame = accepted.frame
        if frame.live:
            self._pipeline.count("frames.live")
            if self._answers.flow_of(accepted.gateway) == "open":
                # It has missed that the hold is over, and nothing it sends has an answer that would say so.
                self._answers.say_flow(accepted.gateway)
            return
        token = _Frame(accepted, received_mono_ms)
        known = token.known
        if known in self._in_writer:
            self._pipeline.count("repeated.telemetry")
            return
        if self._writer is None or not self._writer.offer(_batch(accepted, token)):
            self._pipeline.count("dropped.writer_full")
            return
        self._in_writer.add(known)

    def written(self, result: Written) -> None:
        """InfluxDB has a frame, but for the lines that it will never take."""
        token: _Frame = result.batch.token
        self._in_writer.discard(token.known)
        rejected = tuple(
            RefusedRecord(token.first + at, "series", reason.encode()[:200] + b"\n" + result.batch.lines[at])
            for at, reason in result.rejected
        )
        refused = token.refused + rejected
        if not refused:
            self._commit(token, refused)
            return
        try:
            self._refusals.put_nowait((token, refused))
        except asyncio.QueueFull:
            self._pipeline.count("dropped.refusals_full")

    def _commit(self, token: _Frame, refused: tuple[RefusedRecord, ...]) -> None:
        """Everything of a frame is in a store: ledger, numbers, receipt; but not before what it caused is, too."""
        key, first, last = token.key, token.first, token.last
        if self._judging.owes(key.gateway, key.epoch, first, last) or self._owes_mark(token):
            if len(self._owing) < OWING_AT_MOST:
                self._owing.append((token, refused))
            else:
                self._pipeline.count("dropped.owing_full")
            return
        ranges: tuple[tuple[int, int], ...] = ((first, last),)
        if refused:
            good = Ranges(ranges)
            for record in refused:
                good.remove(record.seq, record.seq)
            ranges = good.pairs()
            self._pipeline.count("refused.telemetry", len(refused))
        self.fresh.add(key, ranges)
        self._pipeline.committed(
            "telemetry",
            last - first + 1 - len(refused),
            sent_ms=token.sent_ms,
            received_mono_ms=token.received_mono_ms,
        )
        self._pipeline.values.add(token.values)
        self._answers.commit(key, ranges, tuple(refused_ranges(refused)))

    def _owes_mark(self, token: _Frame) -> bool:
        """Whether its records are late and this is not on record yet."""
        late = self._late
        return (
            late is not None
            and token.begin_ms < late.limit_ms
            and not late.note(token.key.gateway, token.hours_ms)
        )

    def _receipt_owing(self) -> None:
        """A change, or a mark, came to be on record: frames that waited for it may go on."""
        owing, self._owing = self._owing, []
        for token, refused in owing:
            self._commit(token, refused)

    async def keep_refused(self) -> None:
        """Put refused records into SQL, and only then commit their frame. Runs until cancelled."""
        while True:
            token, refused = await self._refusals.get()
            now_ms = self._clock.now_ms()
            try:
                for at in range(0, len(refused), REFUSED_AT_ONCE):
                    await self._db.write(self._keeping(token, refused[at : at + REFUSED_AT_ONCE], now_ms))
            except (StoreError, SQLAlchemyError) as error:
                log.warning("refusal_not_kept gateway=%s error=%s", token.key.gateway, error)
                self._pipeline.count("dropped.refusals_unstored")
                continue
            self._commit(token, refused)

    @staticmethod
    def _keeping(
        token: _Frame, refused: tuple[RefusedRecord, ...], now_ms: int
    ) -> Callable[[Connection], None]:
        def keep(conn: Connection) -> None:
            key = token.key
            dead_letter.keep_refused(conn, key.gateway, key.epoch, key.lane, refused, now_ms=now_ms)
            ranges = [(first, last) for first, last, _ in refused_ranges(refused)]
            ledger.note_frame(conn, key, refused=ranges, now_ms=now_ms)

        return keep

    async def flush(self) -> None:
        """Put committed ranges into SQL every two seconds. Runs until cancelled."""
        while True:
            await asyncio.sleep(FLUSH_S)
            await self.flush_once()

    async def flush_once(self) -> None:
        """Put what is committed by now into SQL; what the store does not take stays for the next time."""
        for _ in range(len(self.fresh)):
            taken = self.fresh.take(FLUSHED_AT_ONCE)
            if not taken or not await self._flush(taken):
                return

    async def _flush(self, taken: dict[StreamKey, Ranges]) -> bool:
        """False where the store takes nothing now."""
        try:
            await self._db.write(
                partial(ledger.flush_telemetry, committed=taken, now_ms=self._clock.now_ms())
            )
        except StoreError as error:
            self.fresh.put_back(taken)
            log.warning("ledger_not_flushed error=%s", error)
            return False
        except Exception:
            # An account that cannot be read takes neither the hub nor its neighbours with it. What is left out is
            # not lost: the ledger is a cache, and the gateway says in its beat what it has settled.
            if len(taken) > 1:
                return all([await self._flush({key: ranges}) for key, ranges in taken.items()])
            log.exception("ledger_not_flushed streams=%s", list(taken))
            self._pipeline.count("failed.ledger")
        return True


def _hours_ms(accepted: AcceptedTelemetry) -> tuple[int, ...]:
    """The hours of its records; of a time that no record can have none."""
    base_ms = accepted.frame.base_ms or 0
    times = {(base_ms + cast(int, row[1])) // HOUR_MS * HOUR_MS for row in accepted.frame.rows}
    return tuple(t_ms for t_ms in times if -T_LIMIT_MS < t_ms < T_LIMIT_MS)


def _batch(accepted: AcceptedTelemetry, token: _Frame) -> Batch:
    """The frame's lines, those of refused records left out."""
    if not accepted.refused:
        body = encode_whole(accepted.frame, accepted.site)
        if body is not None:
            return Batch.whole(token, body, accepted.frame.n)
    lines = encode(accepted.frame, accepted.site)
    for record in accepted.refused:
        lines[record.seq - accepted.frame.first] = b""
    return Batch(token, lines)
