"""What is wrong in the city now, in numbers that fit on one screen. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hub.city.beds import HospitalBeds
from hub.city.rivers import Level
from hub.console.places import site_name
from hub.region import Region

ALARMS_SHOWN = 30
"""Most alarms in the list; the others are counted."""


@dataclass(frozen=True, slots=True)
class IncidentTile:
    """Open incidents.

    Attributes:
        unseen: how many nobody has acknowledged.
        worst: priority of the worst unseen one, else of the worst; None without any.
        oldest_unseen_ms: when the one that waits longest was pressed.
    """

    open: int
    unseen: int
    worst: int | None
    oldest_unseen_ms: int | None


@dataclass(frozen=True, slots=True)
class RiverTile:
    """The worst river post of those that are heard, and how many are not."""

    worst: Level | None
    posts: int
    stale: int


@dataclass(frozen=True, slots=True)
class BedTile:
    """Beds of all hospitals; ``free`` is None where no ward is heard."""

    free: int | None
    known: int
    unknown: int
    age_ms: int | None


def incident_tile(rows: Iterable[Mapping[str, Any]]) -> IncidentTile:
    """What open incidents come to. Those that were only recovered ring for nobody."""
    found = list(rows)
    unseen = [row for row in found if row["unseen"] and row["state"] != "recovered"]
    return IncidentTile(
        open=len(found),
        unseen=len(unseen),
        worst=min((row["priority"] for row in unseen or found), default=None),
        oldest_unseen_ms=min((row["last_press_ms"] for row in unseen), default=None),
    )


def river_tile(levels: Sequence[Level]) -> RiverTile:
    """The worst post, and of several at one level the one nearest to its next threshold."""
    heard = [level for level in levels if not level.stale and level.severity is not None]
    return RiverTile(max(heard, key=_badness, default=None), len(levels), len(levels) - len(heard))


def bed_tile(hospitals: Iterable[HospitalBeds]) -> BedTile:
    """Free beds of those wards that are heard."""
    found = list(hospitals)
    known = sum(one.free + one.taken for one in found)
    return BedTile(
        free=sum(one.free for one in found) if known else None,
        known=known,
        unknown=sum(one.unknown for one in found),
        age_ms=max((one.age_ms for one in found if one.age_ms is not None), default=None),
    )


def silent_sites(region: Region, silent: Collection[str]) -> list[str]:
    """Names of the sites whose gateways are silent."""
    return sorted({site_name(region, region.site_of(gateway)) for gateway in silent})


def _badness(level: Level) -> tuple[int, float]:
    """Severity, then how much of the way to the next worse level is done."""
    assert level.severity is not None
    assert level.value_mm is not None
    thresholds = level.station.thresholds_mm
    next_mm = thresholds[min(level.severity, len(thresholds) - 1)]
    return level.severity, level.value_mm / next_mm if next_mm > 0 else 0.0
