"""The rivers: what is known of each post now, in the order in which the water passes them. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from hub.region import Region, Station
from hub.rules.levels import until_next_ms
from hub.rules.model import StationState, siaga

FORESEEN_MS = 12 * 3600 * 1000
"""A straight line says nothing of a river further ahead than this."""


SPOKEN_MS = 15_000
"""A device that spoke so lately answers, whatever the last beat of its gateway says of it."""


@dataclass(frozen=True, slots=True)
class Level:
    """What is known of a river post.

    A post that is ``stale`` keeps its last known values; whoever shows them says how old they are. Where nothing was
    ever known all values are None: never zero, never normal.

    Attributes:
        value_mm: the level.
        severity: 0 (Siaga 4, normal) .. 3 (Siaga 1, the worst).
        rising: whether it rises too fast.
        rate_mm_h: rate of rise, below zero where it falls; None where unknown.
        t_ms: time of the value by its gateway's clock.
        age_ms: age of the value by the hub's reckoning.
        stale: its gateway is silent, its device does not answer, or it had no value for longer than the station's
            ``stale_s``.
        next_ms: when the next worse level is reached if it goes on rising so; None where it does not, or nobody knows.
    """

    station: Station
    value_mm: int | None = None
    severity: int | None = None
    rising: bool | None = None
    rate_mm_h: int | None = None
    t_ms: int | None = None
    age_ms: int | None = None
    stale: bool = True
    next_ms: int | None = None

    @property
    def siaga(self) -> int | None:
        """4 (normal) .. 1 (the worst)."""
        return None if self.severity is None else siaga(self.severity)

    @property
    def label(self) -> str | None:
        """What the level is called at this post."""
        return None if self.severity is None else self.station.labels[self.severity]

    @property
    def next_label(self) -> str | None:
        """What the next worse level is called; None at the worst."""
        if self.severity is None or self.severity + 1 >= len(self.station.labels):
            return None
        return self.station.labels[self.severity + 1]

    @property
    def to_next_mm(self) -> int | None:
        """How much is missing to the next worse level; None at the worst, and where nothing is known."""
        if self.value_mm is None or self.severity is None or self.severity >= len(self.station.thresholds_mm):
            return None
        return max(0, self.station.thresholds_mm[self.severity] - self.value_mm)


def levels(
    region: Region, states: Iterable[StationState], unheard: Collection[str], now_ms: int
) -> list[Level]:
    """Every post of the region, upstream first.

    Args:
        states: as the rules engine knows them; posts of which it knows nothing may be missing.
        unheard: ids of gateways, and ``gateway/device``, that are not heard now.
    """
    known = {state.station: state for state in states if state.value_mm is not None}
    return [
        _level(station, known.get(station.id), unheard, now_ms)
        for station in upstream_first(region.stations.values())
    ]


def is_unheard(unheard: Collection[str], gateway: str, device: str, age_ms: int) -> bool:
    """Whether a device whose last word is so old is not heard, for whatever reason."""
    return gateway in unheard or (age_ms > SPOKEN_MS and f"{gateway}/{device}" in unheard)


def upstream_first(stations: Iterable[Station]) -> list[Station]:
    """The posts river by river, each river from its spring to its mouth as ``downstream`` says.

    Rivers come in the order of their first post in the profile, and so do posts of which nothing is said.
    """
    found = list(stations)
    by_id = {station.id: station for station in found}
    depth = dict.fromkeys(by_id, 0)
    # Each round carries the depth one post further down; a circle in a profile must not hang the page.
    for _ in found:
        for station in found:
            for below in station.downstream:
                if below.station in depth:
                    depth[below.station] = max(depth[below.station], min(depth[station.id] + 1, len(found)))
    rivers = list(dict.fromkeys(station.river for station in found))
    return sorted(found, key=lambda station: (rivers.index(station.river), depth[station.id]))


def as_json(level: Level) -> dict[str, Any]:
    """A post as the API tells it."""
    station = level.station
    return {
        "id": station.id,
        "name": station.name,
        "river": station.river,
        "site": station.site,
        "gateway": station.gateway,
        "value_mm": level.value_mm,
        "severity": level.severity,
        "siaga": level.siaga,
        "label": level.label,
        "rising": level.rising,
        "rate_mm_h": level.rate_mm_h,
        "t_ms": level.t_ms,
        "age_ms": level.age_ms,
        "stale": level.stale,
        "next_ms": level.next_ms,
        "thresholds_mm": list(station.thresholds_mm),
        "labels": list(station.labels),
    }


def _level(station: Station, state: StationState | None, unheard: Collection[str], now_ms: int) -> Level:
    station = station.at(now_ms)
    if state is None or state.value_mm is None:
        return Level(station)
    age_ms = max(0, now_ms - state.at_ms)
    silent = is_unheard(unheard, station.gateway, station.device, age_ms)
    stale = silent or age_ms > station.stale_s * 1000
    return Level(
        station=station,
        value_mm=state.value_mm,
        severity=state.severity,
        rising=state.rising,
        rate_mm_h=state.rate_mm_h,
        t_ms=state.t_ms,
        age_ms=age_ms,
        stale=stale,
        next_ms=None if stale else _next_ms(station, state),
    )


def _next_ms(station: Station, state: StationState) -> int | None:
    assert state.value_mm is not None
    wait_ms = until_next_ms(station, state.severity, state.value_mm, state.rate_mm_h)
    return None if wait_ms is None or wait_ms > FORESEEN_MS else state.at_ms + wait_ms
