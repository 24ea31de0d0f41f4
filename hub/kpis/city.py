"""What the city's rivers and beds are now, as points. Pure: who calls has read them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from hub.city.beds import WardBeds
from hub.city.rivers import Level
from hub.kpis.measures import BEDS, BEDS_CITY, RIVERS
from hub.kpis.point import Point, Value, at


def rivers(levels: Iterable[Level], now_ms: int) -> Iterator[Point]:
    """The posts, each with its thresholds of now. A stale one keeps its last level, marked, with its age."""
    rows: dict[tuple[str, ...], dict[str, Value]] = {}
    for level in levels:
        third, second, first = (mm / 1000 for mm in level.station.thresholds_mm)
        rows[level.station.id, level.station.site] = {
            "severity": level.severity,
            "level_m": None if level.value_mm is None else level.value_mm / 1000,
            "rate_m_h": None if level.rate_mm_h is None else level.rate_mm_h / 1000,
            "siaga3_m": third,
            "siaga2_m": second,
            "siaga1_m": first,
            "next_s": None if level.next_ms is None else max(0, level.next_ms - now_ms) / 1000,
            "age_s": None if level.age_ms is None else level.age_ms / 1000,
            "stale": int(level.stale),
        }
    return at(RIVERS, now_ms, rows)


def beds(wards: Iterable[WardBeds], now_ms: int) -> Iterator[Point]:
    """The beds by class, of each hospital and of the whole city."""
    by_site: defaultdict[tuple[str, ...], list[WardBeds]] = defaultdict(list)
    by_class: defaultdict[tuple[str, ...], list[WardBeds]] = defaultdict(list)
    for ward in wards:
        by_site[ward.ward.bed_class, ward.ward.site].append(ward)
        by_class[(ward.ward.bed_class,)].append(ward)
    yield from at(BEDS, now_ms, {tags: _summed(found) for tags, found in by_site.items()})
    yield from at(BEDS_CITY, now_ms, {tags: _summed(found) for tags, found in by_class.items()})


def _summed(found: Sequence[WardBeds]) -> dict[str, Value]:
    """Wards together. Where none of them is heard there is no number of free or taken beds, and not zero."""
    heard = [ward for ward in found if not ward.stale]
    ages = [ward.age_ms for ward in heard if ward.age_ms is not None]
    return {
        "total": sum(len(ward.beds) for ward in found),
        "free": sum(ward.free for ward in heard) if heard else None,
        "taken": sum(ward.taken for ward in heard) if heard else None,
        "unknown": sum(ward.unknown for ward in found),
        "age_s": max(ages) / 1000 if ages else None,
    }
