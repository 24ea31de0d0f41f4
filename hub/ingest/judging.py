"""Rules at work: samples are judged as they are accepted, changes are written, filled gaps are looked over.

None of it waits for InfluxDB, and no sample waits for it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Set
from typing import Any, Protocol, TypeVar, cast

from msgspec import structs
from sqlalchemy import Connection

from hub.alarms import service as alarms
from hub.alarms import verdicts
from hub.clock import Clock
from hub.db import Database
from hub.errors import StoreError, StoreUnavailableError
from hub.ingest.accept import AcceptedTelemetry
from hub.ingest.ruling import Ruling
from hub.region import Region, Station
from hub.rules import history
from hub.rules.engine import Engine, around
from hub.rules.model import Change, Sample, Skipped, StationState
from hub.rules.verdict import Verdict
from hub.series.errors import SeriesError

log = logging.getLogger(__name__)

T = TypeVar("T")

STORE_PAUSE_S = 0.5
SAVE_EVERY_S = 5.0
HISTORY_RETRY_S = 30.0
WINDOW_MS = 6 * 3_600_000
"""A history pass asks InfluxDB for this much at a time."""

CHANGES_AT_MOST = 10_000
"""Changes that may wait for SQL; beyond it no sample is judged, and none is receipted."""

LONGEST_GAP_MS = 31 * 86_400_000
"""A history pass looks back no further than this from the end of its gap."""


class Series(Protocol):
    """InfluxQL with bound parameters; ``hub.series.influx.Influx`` is one."""

    async def query(self, q: str, params: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """The rows of a query, ``time`` in ms."""
        ...


class Judging:
    """The engine on the event loop, and the tasks that put on record what it finds.

    Args:
        series: where a history pass reads; None without InfluxDB.
        changed: told of a station when a change of it is on record.
        rules: those of rules.toml; None for none.

    Attributes:
        on_record: called when a change waits no longer: what ``owes`` said may have changed.
    """

    def __init__(
        self,
        engine: Engine,
        region: Region,
        db: Database,
        clock: Clock,
        *,
        series: Series | None,
        changed: Callable[[Change], None],
        rules: Ruling | None = None,
    ) -> None:
        self._engine = engine
        self._region = region
        self._db = db
        self._clock = clock
        self._series = series
        self._changed = changed
        self._rules = rules
        if rules is not None:
            rules.say, rules.owing = self._say, self.owing
        self.on_record: Callable[[], None] = lambda: None
        self._changes: asyncio.Queue[Change | Verdict] = asyncio.Queue()
        self._unwritten: Counter[tuple[str, str, int]] = Counter()
        self._gaps: dict[str, Skipped] = {}
        self._gap_found = asyncio.Event()
        self._saved: dict[str, StationState] = {}

    @property
    def waiting(self) -> int:
        """Changes that are not on record yet."""
        return self._unwritten.total()

    @property
    def full(self) -> bool:
        """Whether so many changes wait that nothing more is to be judged."""
        return self.waiting >= CHANGES_AT_MOST

    def states(self) -> list[StationState]:
        """What the engine knows of every station now; what is on record may be some seconds older."""
        return self._engine.states()

    def judge(self, accepted: AcceptedTelemetry) -> None:
        """Judge every sample of a frame that is of a station. Pure and quick; what it finds is queued."""
        watched = stations = self._engine.watched(accepted.gateway)
        rules = self._rules
        if rules is not None:
            watched = stations | rules.watched(accepted.gateway)
        if not watched:
            return
        for sample in samples(accepted, watched):
            if sample.device in stations:
                for change in self._engine.judge(sample, accepted.received_ms):
                    self._say(change)
            if rules is not None:
                rules.judge(sample, accepted.received_ms)

    def _say(self, change: Change | Verdict) -> None:
        """To be put on record."""
        self._unwritten[change.record] += 1
        self._changes.put_nowait(change)

    def owes(self, gateway: str, epoch: str, first: int, last: int) -> bool:
        """Whether one of these samples has caused a change that is not on record yet.

        Such a sample is not to be receipted: a hub that is killed now hears it again and judges it again.
        """
        return bool(self._unwritten) and any(
            gateway == of_gateway and epoch == of_epoch and first <= seq <= last
            for of_gateway, of_epoch, seq in self._unwritten
        )

    def filled(self, gateway: str, epoch: str, floor: int) -> None:
        """A gateway's telemetry has come up to that floor: gaps below it can be looked over."""
        if self._series is None:
            return
        for gap in self._engine.filled(gateway, epoch, floor):
            # One that still waits, as for InfluxDB, is looked over with the new one.
            self._gaps[gap.station] = around(self._gaps.get(gap.station), gap) or gap
            self._gap_found.set()

    async def write_changes(self) -> None:
        """Put changes on record in their order, however long the store is away. Runs until cancelled."""
        while True:
            change = await self._changes.get()
            try:
                await self._write(self._applying(change), urgent=change.worse)
            except Exception:
                # One change that cannot be written must not stop those after it, nor the panics beside it.
                log.exception("change_not_written %s", _shown(change))
                self._written(change)
                continue
            self._written(change)
            if isinstance(change, Verdict):
                log.info("rule_changed %s", _shown(change))
            else:
                log.info("level_changed %s", _shown(change))
                self._changed(change)

    def _written(self, change: Change | Verdict) -> None:
        self._unwritten[change.record] -= 1
        if not self._unwritten[change.record]:
            del self._unwritten[change.record]
        if self._rules is not None and isinstance(change, Verdict):
            self._rules.written(change)
        self.on_record()

    def _applying(self, change: Change | Verdict) -> Callable[[Connection], None]:
        now_ms = self._clock.now_ms()
        if isinstance(change, Verdict):
            return lambda conn: verdicts.apply(conn, change, now_ms, region=self._region)
        return lambda conn: alarms.apply(conn, change, now_ms, region=self._region)

    async def warm(self) -> None:
        """Read how the rivers moved just before the hub began, so that their rate is known at once.

        Raises:
            SeriesError: InfluxDB does not answer.
        """
        now_ms = self._clock.now_ms()
        for station in self._region.stations.values():
            if self._series is not None and station.rise is not None:
                points = await self._points(station, now_ms - round(station.rise.window_s * 1000), now_ms)
                self._engine.warm(station.id, points)

    async def save_states(self) -> None:
        """Store the states that moved, every few seconds. Runs until cancelled."""
        while True:
            await asyncio.sleep(SAVE_EVERY_S)
            await self.save_once()

    def owing(self) -> set[str]:
        """Gateways of which a change is not on record yet."""
        return {gateway for gateway, _, _ in self._unwritten}

    async def save_once(self) -> None:
        """Store the states that moved since the last time; what the store does not take waits for the next time.

        A station whose change is not on record is left out: the record that caused it will be judged again by a
        hub that is killed before, which it would not be if a later one were on record as judged.
        """
        owing = self.owing()
        states = [self._whole(state) for state in self._engine.states()]
        moved = [
            state
            for state in states
            if self._saved.get(state.station) != state
            and self._region.stations[state.station].gateway not in owing
        ]
        if not moved:
            return
        try:
            await self._db.write(lambda conn: alarms.save_states(conn, moved))
        except StoreError as error:
            log.warning("states_not_saved states=%d error=%s", len(moved), error)
            return
        self._saved |= {state.station: state for state in moved}

    def _whole(self, state: StationState) -> StationState:
        """With the gap that waits for its pass: the engine has forgotten it, a crash must not."""
        return structs.replace(state, skipped=around(self._gaps.get(state.station), state.skipped))

    async def look_over_gaps(self) -> None:
        """Make the history pass over each filled gap. Runs until cancelled."""
        while True:
            await self._gap_found.wait()
            self._gap_found.clear()
            for gap in list(self._gaps.values()):
                try:
                    found = await self._pass(gap)
                    await self._db.write(self._writing_history(found))
                except (SeriesError, StoreError) as error:
                    log.warning("history_pass station=%s error=%s", gap.station, error)
                    asyncio.get_running_loop().call_later(HISTORY_RETRY_S, self._gap_found.set)
                    continue
                except Exception:
                    # It would fail again; and presses come through the same process, and must not end with it.
                    log.exception("history_pass_failed station=%s", gap.station)
                if self._gaps.get(gap.station) is gap:
                    del self._gaps[gap.station]

    def _writing_history(self, found: list[Change]) -> Callable[[Connection], int]:
        now_ms = self._clock.now_ms()
        return lambda conn: alarms.write_history(conn, found, now_ms)

    async def _pass(self, gap: Skipped) -> list[Change]:
        station = self._region.stations[gap.station]
        severity = await self._db.read(lambda conn: alarms.level_before(conn, station.id, gap.from_ms))
        found: list[Change] = []
        # A clock that was years off makes a gap of years; there is nothing to read in most of it. Window by window:
        # a month of seconds would fill the memory, and the loop has presses to take meanwhile.
        for start_ms in range(max(gap.from_ms, gap.to_ms - LONGEST_GAP_MS), gap.to_ms + 1, WINDOW_MS):
            points = await self._points(station, start_ms, min(start_ms + WINDOW_MS - 1, gap.to_ms))
            changes = history.changes(station, gap, points, severity)
            found += changes
            severity = changes[-1].new if changes else severity
        return found

    async def _points(self, station: Station, from_ms: int, to_ms: int) -> list[tuple[int, float]]:
        """The good values of a station between two times, both included, ascending.

        Raises:
            SeriesError: InfluxDB does not answer.
        """
        assert self._series is not None
        q = (
            f'SELECT "{station.quantity}" AS v, "{station.quantity}_q" AS q FROM "{station.kind}"'  # noqa: S608
            ' WHERE "gateway" = $gateway AND "device" = $device'
            f" AND time >= {from_ms}ms AND time < {to_ms + 1}ms ORDER BY time"
        )
        rows = await self._series.query(q, {"gateway": station.gateway, "device": station.device})
        return [(row["time"], row["v"]) for row in rows if row["v"] is not None and row.get("q") is None]

    async def _write(self, fn: Callable[[Connection], T], *, urgent: bool = False) -> T:
        while True:
            try:
                return await self._db.write(fn, urgent=urgent)
            except StoreUnavailableError as error:
                log.warning("judging store=down error=%s", error)
                await asyncio.sleep(STORE_PAUSE_S)


def _shown(change: Change | Verdict) -> str:
    """A change in a log line."""
    if isinstance(change, Verdict):
        where = change.subject
        return f"rule={change.rule} site={where.site} device={where.device} active={int(change.active)}"
    return f"station={change.station} kind={change.kind} old={change.old} new={change.new}"


_ALL_GOOD: Mapping[int, int] = {}


def samples(accepted: AcceptedTelemetry, watched: Set[str]) -> Iterator[Sample]:
    """The samples of those devices in a frame, refused ones left out."""
    frame = accepted.frame
    wanted = [column.device in watched for column in frame.devices]
    if True not in wanted:
        return
    refused = {record.seq for record in accepted.refused}
    quality: dict[int, dict[int, int]] = {}
    for at, quantity, code in frame.quality:
        quality.setdefault(at, {})[quantity] = code
    base_ms = cast(int, frame.base_ms)
    stream = (accepted.gateway, frame.epoch, "telemetry")
    rows: Any = frame.rows
    for at, row in enumerate(rows):
        alias = row[0]
        if not wanted[alias] or frame.first + at in refused:
            continue
        column = frame.devices[alias]
        codes = quality.get(at, _ALL_GOOD)
        yield Sample(
            stream=stream,
            seq=frame.first + at,
            gateway=accepted.gateway,
            site=accepted.site,
            device=column.device,
            kind=column.kind,
            values=dict(zip(column.quantities, row[2:], strict=True)),
            quality={column.quantities[quantity]: code for quantity, code in codes.items()} if codes else {},
            t_ms=base_ms + row[1],
            age_ms=accepted.age_ms(at),
            live=frame.live,
        )
