"""The series writer: keeps batches until InfluxDB has them, and says so batch by batch.

There is no linger: what waits is posted as soon as one of two connections is free, so batches are as large as the
load makes them. Nothing is on disk here: a batch that is lost with the process has had no receipt and comes again.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from contract.messages import Flow
from hub.clock import Clock
from hub.series.errors import BadLines, NoDatabase, SeriesError, TooLarge, Unavailable
from hub.series.influx import Influx

log = logging.getLogger(__name__)


class Batch:
    """Lines that are answered together, as those of one frame.

    Args:
        lines: line protocol without line ends; an empty item counts as written.

    Attributes:
        token: the caller's own; comes back in Written.
        body: all lines that are not empty, with line ends between them.
        count: how many lines, the empty ones included.
        size: bytes of all lines, with line ends.
    """

    __slots__ = ("_lines", "body", "count", "size", "token")

    def __init__(self, token: Any, lines: Sequence[bytes]) -> None:
        self._fill(token, b"\n".join(filter(None, lines)), len(lines), lines)

    @classmethod
    def whole(cls, token: Any, body: bytes, count: int) -> Batch:
        """Of lines in one piece, none of them empty."""
        batch = cls.__new__(cls)
        batch._fill(token, body, count, None)
        return batch

    def _fill(self, token: Any, body: bytes, count: int, lines: Sequence[bytes] | None) -> None:
        self.token = token
        self.body = body
        self.count = count
        self.size = len(body) + 1
        self._lines = lines

    @property
    def lines(self) -> Sequence[bytes]:
        """The lines one by one."""
        return self.body.split(b"\n") if self._lines is None else self._lines


@dataclass(frozen=True)
class Written:
    """A batch is in InfluxDB, but for the lines that it will never take.

    Attributes:
        rejected: (index of the line in the batch, reason), ascending.
    """

    batch: Batch
    rejected: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True)
class Limits:
    """How much is posted at once, kept, and waited for.

    Attributes:
        post_lines, post_bytes: a post ends before it would have more, unless its first batch alone has.
        full_bytes, full_lines: what is kept at most; beyond it offers are refused.
        hold_share: from this share of it on, flow is hold; below half of that it is open again.
        hold_after_s: flow is hold when InfluxDB has not answered for this long, however little waits.
        retry_s, retry_most_s: first and longest pause after a failure, before jitter of ±30 %.
    """

    post_lines: int = 10_000
    post_bytes: int = 1_000_000
    full_bytes: int = 16_000_000
    full_lines: int = 100_000
    hold_share: float = 0.5
    hold_after_s: float = 2.0
    retry_s: float = 0.2
    retry_most_s: float = 5.0


BROKEN = 3
"""Connections that a post may break in a row before it is sent in parts."""

_WHOLE = -1
"""As the line of a place: all lines of its batch."""

_Place = tuple[int, int, bytes]
"""(batch of the post, line of the batch, the line): what a post is made of, and is taken apart into when refused."""


class SeriesWriter:
    """Posts what waits as soon as one of two connections is free.

    Every answer has its way: 204 is done; 400 of any kind is halved down to single lines, the bad ones reported, their
    neighbours stored; 413 is halved; a missing database is created; everything else is kept and tried again.

    ``on_written`` and ``on_flow`` are called on the event loop and must not block or raise.
    """

    POSTS = 2

    def __init__(
        self,
        influx: Influx,
        clock: Clock,
        on_written: Callable[[Written], None],
        *,
        on_flow: Callable[[Flow], None] | None = None,
        random: Random | None = None,
        limits: Limits = Limits(),
    ) -> None:
        self._influx = influx
        self._clock = clock
        self._on_written = on_written
        self._on_flow = on_flow
        self._random = random or Random()
        self._limits = limits
        self._queue: deque[Batch] = deque()
        self._some = asyncio.Event()
        self._flow: Flow = "open"
        self._down_since_ms: int | None = None
        self.waiting = 0
        """Lines that are kept and not yet written, those in flight included."""
        self.waiting_bytes = 0
        self.posts = 0
        """Answers of InfluxDB to a write so far, good or bad."""
        self.written = 0
        """Lines written so far."""
        self.rejected = 0
        """Lines that InfluxDB will never take, so far."""

    @property
    def flow(self) -> Flow:
        """``hold`` while InfluxDB is down or behind."""
        return self._flow

    @property
    def down_since_ms(self) -> int | None:
        """Boot clock of the first failure since the last success; None while all is well."""
        return self._down_since_ms

    def offer(self, batch: Batch) -> bool:
        """Take a batch; False where memory is at its bound: the caller drops it and the gateway sends again."""
        limits = self._limits
        over = (
            self.waiting_bytes + batch.size > limits.full_bytes
            or self.waiting + batch.count > limits.full_lines
        )
        if over and self.waiting:
            self._judge_flow()
            return False
        self.waiting += batch.count
        self.waiting_bytes += batch.size
        self._queue.append(batch)
        self._some.set()
        self._judge_flow()
        return True

    async def run(self) -> None:
        """Write until cancelled. What waits then is forgotten: it has had no receipt."""
        async with asyncio.TaskGroup() as tasks:
            for number in range(1, self.POSTS + 1):
                tasks.create_task(self._post_what_waits(), name=f"series-post-{number}")

    async def _post_what_waits(self) -> None:
        while True:
            await self._some.wait()
            batches = self._take()
            if not batches:
                continue
            places = [(at, _WHOLE, batch.body) for at, batch in enumerate(batches) if batch.body]
            self._finish(batches, await self._settle(batches, places))

    def _take(self) -> list[Batch]:
        """The oldest batches that make one post."""
        batches: list[Batch] = []
        lines = size = 0
        while self._queue:
            batch = self._queue[0]
            lines, size = lines + batch.count, size + batch.size
            if batches and (lines > self._limits.post_lines or size > self._limits.post_bytes):
                break
            batches.append(self._queue.popleft())
        if not self._queue:
            self._some.clear()
        return batches

    def _finish(self, batches: list[Batch], rejected: list[tuple[int, int, str]]) -> None:
        by_batch: dict[int, list[tuple[int, str]]] = {}
        for at, index, reason in rejected:
            by_batch.setdefault(at, []).append((index, reason))
        for at, batch in enumerate(batches):
            bad = tuple(sorted(by_batch[at])) if at in by_batch else ()
            self.waiting -= batch.count
            self.waiting_bytes -= batch.size
            self.written += batch.count - len(bad)
            self.rejected += len(bad)
            self._on_written(Written(batch, bad))
        if rejected:
            log.warning("series_lines_rejected lines=%d reason=%s", len(rejected), rejected[0][2])
        self._judge_flow()

    async def _settle(self, batches: list[Batch], places: list[_Place]) -> list[tuple[int, int, str]]:
        """Write the lines, whatever it takes; return (batch, line, reason) of those that are never taken."""
        failures = 0
        while places:
            try:
                await self._influx.write([line for _, _, line in places])
            except (BadLines, TooLarge) as error:
                self._answered()
                parts = _apart(batches, places)
                if len(parts) == 1:
                    at, index, _ = parts[0]
                    return [(at, index, error.message)]
                return await self._halve(batches, parts)
            except SeriesError as error:
                if isinstance(error, NoDatabase):
                    unmade = await self._create_database()
                    if unmade is None and failures == 0:
                        failures = 1
                        continue
                    error = unmade or error
                self._failed(error)
                await asyncio.sleep(self._pause_s(failures))
                failures += 1
                parts = _apart(batches, places)
                if failures >= BROKEN and len(parts) > 1 and await self._breaks(error):
                    return await self._halve(batches, parts)
            else:
                self._answered()
                break
        return []

    async def _halve(self, batches: list[Batch], places: list[_Place]) -> list[tuple[int, int, str]]:
        half = len(places) // 2
        first = await self._settle(batches, places[:half])
        return [*first, *await self._settle(batches, places[half:])]

    async def _breaks(self, error: SeriesError) -> bool:
        """Whether this post breaks the connection of a server that else answers.

        One that finds a post too large may reset the connection before we have read its 413, and one that is slow
        may never finish a large post in time; a smaller one gets through.
        """
        return isinstance(error, Unavailable) and not error.answered and await self._influx.ping()

    async def _create_database(self) -> SeriesError | None:
        """Why it could not be made, None where it is there now."""
        try:
            await self._influx.create_database()
        except SeriesError as error:
            return error
        return None

    def _pause_s(self, failures: int) -> float:
        limits = self._limits
        pause_s = min(limits.retry_s * 2.0 ** min(failures, 16), limits.retry_most_s)
        return pause_s * self._random.uniform(0.7, 1.3)

    def _answered(self) -> None:
        self.posts += 1
        if self._down_since_ms is not None:
            log.info(
                "series_up down_ms=%d waiting=%d", self._clock.mono_ms() - self._down_since_ms, self.waiting
            )
            self._down_since_ms = None
        self._judge_flow()

    def _failed(self, error: SeriesError) -> None:
        if self._down_since_ms is None:
            self._down_since_ms = self._clock.mono_ms()
            log.error("series_down error=%s", error)
        self._judge_flow()

    def _judge_flow(self) -> None:
        limits = self._limits
        share = max(self.waiting_bytes / limits.full_bytes, self.waiting / limits.full_lines)
        down_ms = 0 if self._down_since_ms is None else self._clock.mono_ms() - self._down_since_ms
        low = limits.hold_share / 2 if self._flow == "hold" else limits.hold_share
        hold = share >= low or down_ms >= limits.hold_after_s * 1000
        flow: Flow = "hold" if hold or (self._flow == "hold" and self._down_since_ms is not None) else "open"
        if flow != self._flow:
            self._flow = flow
            log.warning("series_flow flow=%s waiting=%d down_ms=%d", flow, self.waiting, down_ms)
            if self._on_flow is not None:
                self._on_flow(flow)


def _apart(batches: list[Batch], places: list[_Place]) -> list[_Place]:
    """The same places; a batch alone line by line, since it is not to be halved otherwise."""
    if len(places) > 1 or places[0][1] != _WHOLE:
        return places
    at = places[0][0]
    return [(at, index, line) for index, line in enumerate(batches[at].lines) if line]
