"""A year of a city of 500 points, as line protocol for the three databases of its series.

Samples lie as densely as they are measured where walls look at them, and thinner before: what a question costs depends
on what is in its range, on the series and on the files of the year, and all of these are there.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from hub.kpis.measures import ANNOTATIONS, MEASURES, PRESSES, RESPONSE, TIERS, Field, FieldType, Measure
from hub.kpis.point import Point, Value
from hub.kpis.tiers import tiers
from hub.rollups.buckets import of
from hub.rollups.questions import DAILY

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
MINUTE_MS = 60_000

POSTS, WARDS, BOXES = 60, 20, 80
"""River posts with three quantities, bed panels of eight beds, gateways with two: 180 + 160 + 160 points."""

POINTS = POSTS * 3 + WARDS * 8 + BOXES * 2

KINDS = ("panic", "flood", "fire", "medical", "crime", "accident", "rescue", "disaster", "other")
INCIDENTS_A_DAY = 20

_STATIONS = tuple((f"pos-{at:02}", f"situs-{at:02}") for at in range(POSTS))
_GATEWAYS = tuple((f"gw-{at:02}", f"situs-{at:02}") for at in range(BOXES))
_TAGS: dict[str, tuple[tuple[str, ...], ...]] = {
    "kpi_alarms": tuple((str(at),) for at in range(1, 5)),
    "kpi_incidents": tuple((kind,) for kind in KINDS),
    "kpi_incident_states": tuple((state,) for state in ("unverified", "verified", "assigned", "on_scene")),
    "kpi_rivers": _STATIONS,
    "kpi_beds": tuple(product(("I", "II", "III", "ICU"), ("rs-1", "rs-2", "rs-3", "rs-4", "rs-5"))),
    "kpi_beds_city": tuple((of_class,) for of_class in ("I", "II", "III", "ICU")),
    "kpi_attendance": tuple((f"kantor-{at}",) for at in range(10)),
    "kpi_gateways": _GATEWAYS,
    "kpi_sites": tuple((kind,) for kind in ("hospital", "river_post", "office")),
    "kpi_alarm_quality": tuple((figure,) for figure in ("rate", "median", "peak", "flood", "stale", "mix")),
    "kpi_lanes": tuple((lane,) for lane in ("panic", "event", "telemetry")),
    "kpi_programmes": tuple((f"program-{at}",) for at in range(10)),
}


VARIANTS = 97
"""So many different values a field has, in turn."""


class Series:
    """One series: what is before its fields, and its numeric fields."""

    def __init__(self, head: str, fields: tuple[Field, ...]) -> None:
        self._name, comma, tags = head.partition(",")
        self._tags = comma + tags
        numbers = [
            [((step * 31 + at * 17 + len(head) * 7) % 997) / 100 for at in range(len(fields))]
            for step in range(VARIANTS)
        ]
        self._raw = [
            ",".join(
                f"{f.name}={f'{int(n)}i' if f.type == 'int' else n}" for f, n in zip(fields, row, strict=True)
            )
            for row in numbers
        ]
        self._rolled = [
            ",".join(of([n, n + 0.5]).fields(f.name) for f, n in zip(fields, row, strict=True))
            for row in numbers
        ]

    def raw(self, t_ms: int) -> bytes:
        """A sample."""
        return f"{self._name}{self._tags} {self._raw[t_ms // 10_000 % VARIANTS]} {t_ms}000000".encode()

    def rolled(self, t_ms: int, *, suffix: str = "") -> bytes:
        """A minute, an hour or a day."""
        fields = self._rolled[t_ms // MINUTE_MS % VARIANTS]
        return f"{self._name}{suffix}{self._tags} {fields} {t_ms}000000".encode()


def samples() -> list[Series]:
    """The points of the city."""
    found = []
    for count, kind, names in (
        (POSTS, "river_post", ("level_m", "rain_mm", "battery_v")),
        (WARDS, "bed_panel", tuple(f"bed_{n:02}" for n in range(1, 9))),
        (BOXES, "site_health", ("cpu_c", "disk_free_mb")),
    ):
        type_: FieldType = "int" if kind == "bed_panel" else "float"
        for at in range(count):
            head = f"{kind},device=alat-{at:02},gateway=gw-{at:02},site=situs-{at:02}"
            found.append(Series(head, tuple(Field(name, "", type_) for name in names)))
    return found


def measures() -> list[Series]:
    """The measures of the walls that are rolled up."""
    return [
        Series(_head(measure, tags), tuple(measure.fields.values()))
        for measure in MEASURES.values()
        if measure.place == "raw" and measure is not TIERS
        for tags in _TAGS.get(measure.name, ((),))
    ]


def _head(measure: Measure, tags: tuple[str, ...]) -> str:
    return measure.name + "".join(
        f",{key}={value}" for key, value in sorted(zip(measure.tags, tags, strict=True))
    )


def raw(now_ms: int, days: int) -> Iterator[bytes]:
    """Each ten seconds in the last six hours; before, every six hours."""
    for series in (*samples(), *measures()):
        yield from map(series.raw, range(now_ms - days * DAY_MS, now_ms - 6 * HOUR_MS, 6 * HOUR_MS))
        yield from map(series.raw, range(now_ms - 6 * HOUR_MS, now_ms, 10_000))
    yield from (point.line for point in tiers(now_ms))


def minute(now_ms: int, days: int) -> Iterator[bytes]:
    """Each minute of the last day; before, every day."""
    day_ms = now_ms - DAY_MS
    for series in (*samples(), *measures()):
        yield from map(series.rolled, range(now_ms - days * DAY_MS, day_ms, DAY_MS))
        yield from map(series.rolled, range(day_ms, now_ms, MINUTE_MS))


def long(now_ms: int, days: int) -> Iterator[bytes]:
    """Each hour of the last 30 days; before, twice a day; every day; and what happened in all that time."""
    begin_ms = now_ms // DAY_MS * DAY_MS - days * DAY_MS
    dense_ms = max(begin_ms, now_ms // DAY_MS * DAY_MS - 30 * DAY_MS)
    for series in (*samples(), *measures()):
        yield from map(series.rolled, range(begin_ms, dense_ms, 12 * HOUR_MS))
        yield from map(series.rolled, range(dense_ms, now_ms, HOUR_MS))
        yield from (series.rolled(t_ms, suffix=DAILY) for t_ms in range(begin_ms, now_ms, DAY_MS))
    for number, t_ms in enumerate(range(begin_ms, now_ms, DAY_MS // INCIDENTS_A_DAY)):
        yield from (point.line for point in _incident(number, t_ms))


def _incident(number: int, t_ms: int) -> Iterator[Point]:
    site, kind, name = f"situs-{number % 60:02}", KINDS[number % len(KINDS)], f"insiden-{number}"
    told: dict[str, Value] = {
        "title": f"#{number}",
        "text": "Selesai",
        "id": name,
        "severity": 3,
        "until_ms": t_ms + HOUR_MS,
    }
    yield Point(ANNOTATIONS, ("incident" if number % 4 else "level", site), told, t_ms, name)
    yield Point(
        PRESSES, (site, f"gw-{number % 80:02}", "btn-1"), {"delay_s": 0.2, "number": number}, t_ms, name
    )
    for after_s, step in enumerate(
        ("acknowledged", "claimed", "verified", "assigned", "accepted", "on_scene")
    ):
        values: dict[str, Value] = {"seconds": after_s * 60.0, "incident": name, "number": number}
        agency = "damkar" if after_s > 3 else ""
        yield Point(RESPONSE, (kind, step, site, agency), values, t_ms + after_s * 60_000, name)
