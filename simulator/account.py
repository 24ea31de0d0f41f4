"""The running account of a city: what its devices have said, what was pressed, and whether all of it is there.

It is kept up while the city runs, so that a demo of a day needs no more memory than one of a minute: what is found in
InfluxDB as its device said it is ticked off and forgotten.
"""

from __future__ import annotations

import logging
import time
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from simulator import report
from simulator.attendance import stored
from simulator.evidence import Point, Series, Sql
from simulator.instruments import CityDevice, Part
from simulator.interference import Pressed
from simulator.receiver import Notice
from simulator.rehearsal import Rehearsal
from simulator.report import Levels, Poll, Polls, Report

log = logging.getLogger(__name__)

SOON_MS = 400
"""Less than half a poll interval: this near, a point and a poll of the same values are the same reading."""
UNWRITTEN_MS = 6_000
"""What a gateway has read this long before its power was cut may never have reached its card, and no promise was
made for it: it writes once a second, and a busy machine takes its time."""
PAGE = 5_000
CLOSING_MS = 2_000
"""A press that comes this near to the closing of its incident may join it or open a new one."""


@dataclass
class Stream:
    """One instrument of a device: the polls that are not yet found in InfluxDB, and the levels that were."""

    device: CityDevice
    part: Part
    polls: Polls
    waiting: deque[Poll]
    found_ns: int
    levels: Levels | None
    said: int = 0

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.device.gateway}/{self.device.device} unit {self.part.unit}"


class Account:
    """The account of one rehearsal, from its first reading to its end."""

    def __init__(
        self, city: Rehearsal, sql: Sql, powered_off: Mapping[str, Sequence[int]], began_ns: int
    ) -> None:
        """
        Args:
            powered_off: when the power of a gateway was cut (UTC ms), by gateway; read whenever it matters.
            began_ns: a time before the first reading.
        """
        self._city = city
        self._powered_off = powered_off
        self._sql = sql
        self._began_ns = began_ns
        self._streams: dict[str, list[Stream]] = defaultdict(list)
        self._changes: dict[str, list[tuple[int, int]]] = {station: [] for station in city.region.stations}
        self._presses: list[Pressed] = []
        self._made: Counter[tuple[str, str]] = Counter()
        self._told: dict[str, int] = {}
        self._to_incident_ms: list[float] = []
        self._to_notice_ms: list[float] = []
        self.answers = 0
        self.notices = 0
        for device in city.devices:
            station = city.region.station_at(device.gateway, device.device)
            for part in device.parts:
                measures = station is not None and station.quantity in part.quantities
                self._streams[device.gateway].append(
                    Stream(
                        device,
                        part,
                        Polls(part),
                        deque(),
                        began_ns - 1,
                        Levels(station) if measures and station else None,
                    )
                )

    # While it runs

    def hear(self) -> list[Notice]:
        """Take in what devices and agencies have heard since the last time; the notices that are new."""
        for gateway, answered in self._city.heard:
            for stream in self._streams[gateway]:
                poll = stream.polls.hear(answered)
                if poll is not None:
                    stream.waiting.append(poll)
                    stream.said += 1
        self.answers += len(self._city.heard)
        self._city.heard.clear()
        new = [notice for notice in self._city.receiver.take() if not notice.again]
        self.notices += len(new)
        for notice in new:
            if notice.content["kind"] == "panic":
                self._told.setdefault(notice.content["data"]["incident"], notice.received_ms)
        return new

    def press(self, pressed: Pressed) -> None:
        """A button was pressed."""
        self._presses.append(pressed)
        self._made[pressed.gateway, pressed.device] += 1

    def reached(self, pressed: Pressed, after_ms: float) -> None:
        """A press was seen in the database so long after it was made."""
        if pressed.calm:
            self._to_incident_ms.append(after_ms)

    async def tick_off(self) -> None:
        """Forget the readings that are in InfluxDB as they were said. What is on its way stays for the next time."""
        series = self._series()
        try:
            for stream in self._all():
                await self._follow(series, stream)
        except (httpx.HTTPError, KeyError, ValueError) as error:
            log.info("account=later error=%r", error)
        finally:
            await series.aclose()

    async def _follow(self, series: Series, stream: Stream) -> None:
        device = stream.device
        points = await series.after(device.gateway, device.device, device.kind, stream.found_ns, most=PAGE)
        for point in _of(stream, points):
            self._skip_unwritten(stream, point)
            if not stream.waiting or not _is(stream, stream.waiting[0], point, SOON_MS):
                return
            self._tick(stream, point)

    def _tick(self, stream: Stream, point: Point) -> None:
        poll = stream.waiting.popleft()
        stream.found_ns = point.time_ns
        station = self._city.region.station_at(stream.device.gateway, stream.device.device)
        if stream.levels is not None and station is not None:
            change = stream.levels.pass_on(poll.values[station.quantity])
            if change is not None:
                self._changes[station.id].append(change)

    def _skip_unwritten(self, stream: Stream, point: Point) -> None:
        """Drop polls that a power cut took before they were written: nothing was promised for them."""
        while stream.waiting and not _is(stream, stream.waiting[0], point, SOON_MS):
            if (
                not self._is_unwritten(stream, stream.waiting[0])
                or stream.waiting[0].time_ms > point.t_ms + SOON_MS
            ):
                return
            stream.waiting.popleft()

    def _is_unwritten(self, stream: Stream, poll: Poll) -> bool:
        cuts = self._powered_off.get(stream.device.gateway, ())
        return any(-UNWRITTEN_MS <= poll.time_ms - at_ms <= SOON_MS for at_ms in cuts)

    # At the end

    async def close(self) -> Report:
        """Count everything. Nothing is on its way any more."""
        self.hear()
        series = self._series()
        try:
            missing = [
                problem for stream in self._all() async for problem in self._differences(series, stream)
            ]
            found = await series.counts(self._began_ns, time.time_ns())
        finally:
            await series.aclose()
        accounts = await self._city.accounts()
        readings = report.counted(accounts, found, self._sql.refused())
        presses, problems = self._count_presses(accounts)
        passed = report.passed_changes(self._sql.level_changes())
        scans, wrong = self._count_scans()
        problems = [*missing, *_unequal(readings), *problems, *wrong]
        problems += [
            f"{station}: Siaga changes {passed.get(station, [])}, by the device's own log {steps}"
            for station, steps in self._changes.items()
            if passed.get(station, []) != steps
        ]
        return Report(
            readings=readings,
            presses=presses,
            scans=scans,
            latency_ms={
                "press_to_incident": report.quantiles(self._to_incident_ms),
                "press_to_notice": report.quantiles(self._to_notice_ms),
                "publish_to_commit": await _publish_to_commit(self._city.api),
            },
            siaga_changes={station: len(passed.get(station, [])) for station in self._city.region.stations},
            gateways={
                "total": len(self._city.gateways),
                "silent_seen": len({one["gateway"] for one in self._sql.silences()}),
            },
            problems=tuple(problems),
        )

    async def _differences(self, series: Series, stream: Stream) -> Any:
        """What is left of a stream's readings must be what is left in InfluxDB, one by one."""
        device = stream.device
        while True:
            points = await series.after(
                device.gateway, device.device, device.kind, stream.found_ns, most=PAGE
            )
            if not points:
                break
            for point in _of(stream, points):
                self._skip_unwritten(stream, point)
                if not stream.waiting:
                    yield f"{stream.name}: InfluxDB has a reading at {point.t_ms} that no device said"
                    return
                if not _is(stream, stream.waiting[0], point, report.NEAR_MS):
                    yield _difference(stream, stream.waiting[0], point)
                    return
                self._tick(stream, point)
            stream.found_ns = points[-1].time_ns
        left = [poll for poll in stream.waiting if not self._is_unwritten(stream, poll)]
        if left:
            yield f"{stream.name}: {len(left)} polls that the device answered are not in InfluxDB"

    def _count_presses(self, accounts: Mapping[str, Mapping[str, Any]]) -> tuple[dict[str, int], list[str]]:
        rows, incidents = self._sql.presses(), self._sql.incidents()
        there = Counter((row["gateway"], row["device"]) for row in rows)
        problems = []
        for gateway, account in accounts.items():
            promised = report.promised(account, "panic")
            reached = sum(count for (name, _), count in there.items() if name == gateway)
            if promised != reached:
                problems.append(f"{gateway}: {promised} presses promised, {reached} are in incidents")
        for (gateway, device), count in self._made.items():
            if gateway not in self._powered_off and there[gateway, device] != count:
                problems.append(
                    f"{gateway}/{device}: {count} presses, {there[gateway, device]} are in incidents"
                )
        expected = expected_incidents(rows, incidents, self._sql.reopened())
        told = sum(one["id"] in self._told for one in incidents)
        self._to_notice_ms += _to_notice(self._presses, incidents, self._told)
        counted = {
            "made": self._made.total(),
            "incidents_expected": expected,
            "incidents": len(incidents),
            "notices": told,
        }
        if expected != len(incidents):
            problems.append(f"incidents do not add up: {counted}")
        if told < len(incidents):
            problems.append(f"an incident was told to nobody: {counted}")
        return counted, problems

    def _count_scans(self) -> tuple[dict[str, int], list[str]]:
        """What every attendance reader has in its own memory must be in the hub, each scan once, by its pseudonym."""
        city = self._city
        made = Counter(scan for door in city.doors.values() for scan in door.scanned(city.key))
        there = Counter(stored(self._sql.scans()))
        counted = {"made": made.total(), "committed": there.total()}
        problems = [
            f"{count} scans of {one.gateway}/{one.device} at {one.at_ms} are {wrong}"
            for found, wrong in ((made - there, "missing"), (there - made, "too many"))
            for one, count in found.items()
        ]
        return counted, problems

    def _all(self) -> Iterator[Stream]:
        for streams in self._streams.values():
            yield from streams

    def _series(self) -> Series:
        influx = self._city.influx
        return Series(influx.url, influx.database, influx.login)


def expected_incidents(
    presses: Iterable[Mapping[str, Any]], incidents: Iterable[Mapping[str, Any]], reopened: set[str]
) -> int:
    """How many incidents the presses make: one that comes while its button's incident is open joins it, any other
    opens one.

    An incident that a person has reopened counts as open ever since; nobody can tell from its row.
    """
    rows = {one["id"]: one for one in incidents}
    current: dict[tuple[str, str], Mapping[str, Any]] = {}
    count = 0
    for press in sorted(presses, key=lambda press: press["row_id"]):
        button = press["gateway"], press["device"]
        before, its = current.get(button), rows[press["incident_id"]]
        if before is None or _opens(press, before, its, reopened):
            count += 1
            current[button] = its
    return count


def _opens(
    press: Mapping[str, Any], before: Mapping[str, Any], its: Mapping[str, Any], reopened: set[str]
) -> bool:
    moved = bool(its["id"] != before["id"])
    if before["closed_ms"] is None:
        return moved and before["id"] in reopened
    if before["id"] in reopened or abs(press["received_ms"] - before["closed_ms"]) <= CLOSING_MS:
        return moved
    return bool(press["received_ms"] > before["closed_ms"])


def _of(stream: Stream, points: Sequence[Point]) -> Iterator[Point]:
    """The points that hold something of this instrument."""
    return (point for point in points if any(name in point.values for name in stream.part.quantities))


def _is(stream: Stream, poll: Poll, point: Point, near_ms: int) -> bool:
    if abs(point.t_ms - poll.time_ms) > near_ms:
        return False
    return all(report.same(poll.values[name], point.values.get(name)) for name in stream.part.quantities)


def _difference(stream: Stream, poll: Poll, point: Point) -> str:
    number = stream.said - len(stream.waiting) + 1
    for name in stream.part.quantities:
        if not report.same(poll.values[name], point.values.get(name)):
            return (
                f"{stream.name}: reading {number}, {name}: the device said {poll.values[name]!r}, "
                f"InfluxDB has {point.values.get(name)!r}"
            )
    return f"{stream.name}: reading {number} is {point.t_ms - poll.time_ms} ms off the device's own time"


def _unequal(readings: report.Readings) -> Iterator[str]:
    if readings.lost or readings.duplicated or readings.committed + readings.refused != readings.promised:
        yield f"readings do not add up: {readings}"
    if not readings.committed:
        yield "no reading was committed"


def _to_notice(
    pressed: Sequence[Pressed], incidents: Iterable[Mapping[str, Any]], told: Mapping[str, int]
) -> Iterator[float]:
    """From the press that opened an incident to the first notice of it."""
    calm = {(one.gateway, one.device, one.made_ms) for one in pressed if one.calm}
    for incident in incidents:
        near = [
            made_ms
            for gateway, device, made_ms in calm
            if (gateway, device) == (incident["gateway"], incident["device"])
            and abs((incident["happened_ms"] or 0) - made_ms) < 1000
        ]
        if near and incident["id"] in told:
            yield told[incident["id"]] - min(near)


async def _publish_to_commit(api: httpx.AsyncClient) -> report.Quantiles:
    """What the hub itself has measured; nothing where a visitor has taken our login away."""
    try:
        answer = await api.get("/api/pipeline")
        answer.raise_for_status()
    except httpx.HTTPError:
        return report.Quantiles(None, None)
    found = answer.json()["publish_to_commit_ms"]["telemetry"]
    return report.Quantiles(found["p50"], found["p99"])
