"""The rules engine: pure, in memory, one per hub. Samples in, changes out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from msgspec import structs

from contract.kinds import Quality
from hub.region import Station
from hub.rules import order
from hub.rules.levels import Slope, level, possible_mm, rising, until_next_ms
from hub.rules.model import (
    LIVE_AGE_MS,
    NORMAL,
    Change,
    ChangeKind,
    Sample,
    Skipped,
    StationState,
)

MAX_JUDGED = 1024
"""Most judged numbers kept per station; beyond it the oldest go, and a resend of so old a record only causes a
needless history pass."""


class Engine:
    """Judges each live sample of a river post once, in the order of its records.

    Within an epoch records follow each other by number, whatever their clock says; between epochs (a new card) by
    when they happened in the hub's own time. So a gateway whose clock is years off is judged like any other, and a
    time in the future never makes a station blind.

    Not thread-safe: it lives on the hub's event loop.
    """

    def __init__(self, stations: Iterable[Station]) -> None:
        self._watched = {(station.gateway, station.device): _Watched(station) for station in stations}
        self._by_id = {watched.station.id: watched for watched in self._watched.values()}
        self._devices: dict[str, frozenset[str]] = {}
        for gateway, device in self._watched:
            self._devices[gateway] = self._devices.get(gateway, frozenset()) | {device}

    def judge(self, sample: Sample, now_ms: int) -> list[Change]:
        """What the sample changes; empty for most. Devices that are no station cost one look-up."""
        watched = self._watched.get((sample.gateway, sample.device))
        return [] if watched is None else watched.judge(sample, now_ms)

    def watched(self, gateway: str) -> frozenset[str]:
        """Devices of that gateway whose samples are judged at all (so that others need not be built)."""
        return self._devices.get(gateway, frozenset())

    def warm(self, station: str, points: Iterable[tuple[int, float]]) -> None:
        """Values of before the start, (ms, metres) ascending: the rate is known at once, and nothing is judged."""
        self._by_id[station].warm(points)

    def restore(self, states: Iterable[StationState]) -> None:
        """Take up the states that were stored, at hub start. Unknown stations are left out."""
        for state in states:
            if state.station in self._by_id:
                self._by_id[state.station].restore(state)

    def states(self) -> list[StationState]:
        """The state of every station of which the engine knows anything, to be stored and to be shown."""
        return [state for watched in self._watched.values() if (state := watched.known()) is not None]

    def filled(self, gateway: str, epoch: str, floor: int) -> list[Skipped]:
        """Gaps that are filled now that the floor of the gateway's current epoch is there; each is returned once.

        A gap of an epoch that the gateway has left is filled too: what was missing comes again in the new one, as a
        gap of its own. Keep the gap until its pass is done: the engine forgets it.
        """
        found = []
        for watched in self._watched.values():
            gap = watched.skipped
            if watched.station.gateway != gateway or gap is None:
                continue
            if gap.epoch != epoch or gap.top_seq < floor:
                found.append(gap)
                watched.skipped = None
        return found


class _Watched:
    """A station and what has been judged of it."""

    def __init__(self, station: Station) -> None:
        self.station = station
        self.skipped: Skipped | None = None
        self._last: StationState | None = None
        self._slope = None if station.rise is None else Slope(station.rise)
        self._judged: dict[tuple[str, int], int] = {}

    def known(self) -> StationState | None:
        if self._last is None and self.skipped is None:
            return None
        return structs.replace(self._last or StationState(self.station.id), skipped=self.skipped)

    def restore(self, state: StationState) -> None:
        self.skipped = state.skipped
        self._last = None if state.value_mm is None else structs.replace(state, skipped=None)

    def warm(self, points: Iterable[tuple[int, float]]) -> None:
        for t_ms, value_m in points:
            value_mm = possible_mm(self.station, value_m)
            if value_mm is not None and self._slope is not None:
                self._slope.add(t_ms, value_mm)

    def judge(self, sample: Sample, now_ms: int) -> list[Change]:
        value_mm = self._value_mm(sample)
        if value_mm is None:
            return []
        age_ms = order.age_ms(sample, now_ms)
        if self._judged.get((sample.stream[1], sample.seq)) == sample.t_ms:
            return []
        at_ms = now_ms - age_ms
        follows = self._last is None or order.newer(sample, at_ms, self._last)
        if age_ms > LIVE_AGE_MS or not follows:
            self._skip(sample)
            return []
        return self._take(sample, value_mm, at_ms, age_ms)

    def _value_mm(self, sample: Sample) -> int | None:
        """The level, where there is one and nothing speaks against it."""
        value = sample.values.get(self.station.quantity)
        if value is None or sample.quality.get(self.station.quantity, Quality.GOOD) != Quality.GOOD:
            return None
        return possible_mm(self.station, value)

    def _skip(self, sample: Sample) -> None:
        """Remember that a record was not judged, for the history pass once all around it have come."""
        one = Skipped(self.station.id, sample.stream[1], sample.seq, sample.t_ms, sample.t_ms)
        self.skipped = around(self.skipped, one)

    def _take(self, sample: Sample, value_mm: int, at_ms: int, age_ms: int) -> list[Change]:
        self._remember(sample)
        station, before = self.station.at(at_ms), self._last
        rate = None if self._slope is None else self._slope.add(sample.t_ms, value_mm)
        was = NORMAL if before is None else before.severity
        severity = level(station, was, value_mm)
        rose = before is not None and before.rising
        rises = station.rise is not None and rising(station.rise, rose, rate)
        self._last = StationState(
            station=station.id,
            severity=severity,
            rising=rises,
            epoch=sample.stream[1],
            seq=sample.seq,
            t_ms=sample.t_ms,
            at_ms=at_ms,
            value_mm=value_mm,
            rate_mm_h=rate,
        )
        changes: list[tuple[ChangeKind, int, int]] = []
        if severity != was:
            changes.append(("level", was, severity))
        if rises != rose:
            changes.append(("rise", int(rose), int(rises)))
        if not changes:
            return []
        wait_ms = until_next_ms(station, severity, value_mm, rate)
        next_ms = None if wait_ms is None else sample.t_ms + wait_ms
        return [
            Change(
                kind=kind,
                station=station.id,
                site=sample.site,
                gateway=sample.gateway,
                device=sample.device,
                quantity=station.quantity,
                epoch=sample.stream[1],
                seq=sample.seq,
                old=old,
                new=new,
                value_mm=value_mm,
                t_ms=sample.t_ms,
                age_ms=age_ms,
                rate_mm_h=rate,
                next_ms=next_ms,
            )
            for kind, old, new in changes
        ]

    def _remember(self, sample: Sample) -> None:
        self._judged[sample.stream[1], sample.seq] = sample.t_ms
        if len(self._judged) > MAX_JUDGED:
            del self._judged[next(iter(self._judged))]


def around(earlier: Skipped | None, later: Skipped | None) -> Skipped | None:
    """One gap around two; the epoch is the later one's. None where there is neither."""
    if earlier is None or later is None:
        return earlier or later
    same = earlier.epoch == later.epoch
    return replace(
        later,
        top_seq=max(earlier.top_seq, later.top_seq) if same else later.top_seq,
        from_ms=min(earlier.from_ms, later.from_ms),
        to_ms=max(earlier.to_ms, later.to_ms),
    )
