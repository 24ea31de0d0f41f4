"""The measures of the walls: one table of their tags, fields, units and types, for who writes, rolls up and draws them.

The type of a field never follows from a value, as with samples (contract/kinds.py). A field without a value is left
out of its point: what is not known is never zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

FieldType = Literal["float", "int", "text"]

Place = Literal["raw", "long"]
"""Where a measure is written: beside the samples and rolled up with them, or once and for ever at its own time."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field: its name with the unit as suffix where it has one, the unit as people write it, its type."""

    name: str
    unit: str = ""
    type: FieldType = "int"


@dataclass(frozen=True, slots=True)
class Measure:
    """One measurement of InfluxDB.

    Attributes:
        every_s: how often it is written, on whole multiples of that; 0: whenever it happens.
    """

    name: str
    tags: tuple[str, ...]
    fields: Mapping[str, Field]
    every_s: int
    place: Place = "raw"


def _measure(name: str, tags: str, *fields: Field, every_s: int = 10, place: Place = "raw") -> Measure:
    return Measure(
        name, tuple(tags.split()), MappingProxyType({field.name: field for field in fields}), every_s, place
    )


def _seconds(*names: str) -> tuple[Field, ...]:
    return tuple(Field(name, "s", "float") for name in names)


def _counts(*names: str) -> tuple[Field, ...]:
    return tuple(Field(name) for name in names)


_BEDS = (*_counts("total", "free", "taken", "unknown"), *_seconds("age_s"))

ALARMS = _measure(
    "kpi_alarms", "priority", *_counts("active", "unacknowledged", "withheld"), *_seconds("oldest_s")
)
INCIDENTS = _measure(
    "kpi_incidents",
    "kind",
    *_counts("open", "unclaimed", "unverified", "opened_24h", "closed_24h", "false_24h"),
    *_seconds("oldest_unclaimed_s"),
)
INCIDENT_STATES = _measure("kpi_incident_states", "state", *_counts("open"))
RIVERS = _measure(
    "kpi_rivers",
    "station site",
    Field("severity"),
    Field("level_m", "m", "float"),
    Field("rate_m_h", "m/h", "float"),
    *(Field(f"siaga{n}_m", "m", "float") for n in (3, 2, 1)),
    *_seconds("next_s", "age_s"),
    Field("stale"),
)
BEDS = _measure("kpi_beds", "class site", *_BEDS)
BEDS_CITY = _measure("kpi_beds_city", "class", *_BEDS)
ATTENDANCE = _measure("kpi_attendance", "site", *_counts("came", "suppressed"), every_s=900)
GATEWAYS = _measure(
    "kpi_gateways",
    "gateway site",
    *_counts("committed", "on_way", "refused", "lost", "silent"),
    *_seconds("silent_s", "heard_s", "oldest_s"),
    Field("spool_mb", "MB", "float"),
    Field("disk_free_mb", "MB", "float"),
    Field("cpu_c", "°C", "float"),
    every_s=30,
)
FLEET = _measure(
    "kpi_fleet",
    "",
    *_counts("gateways", "silent", "unheard", "on_way", "refused", "lost", "devices_down"),
    every_s=30,
)
SITES = _measure("kpi_sites", "kind", *_counts("sites", "heard"), every_s=30)
PROGRAMMES = _measure(
    "kpi_programmes",
    "programme",
    Field("value", "", "float"),
    Field("target", "", "float"),
    Field("reached_pct", "%", "float"),
    Field("off"),
    *_seconds("age_s"),
    Field("late"),
    every_s=30,
)
ALARM_QUALITY = _measure(
    "kpi_alarm_quality",
    "figure",
    Field("value", "", "float"),
    Field("limit", "", "float"),
    Field("off"),
    every_s=300,
)
PIPELINE = _measure(
    "kpi_pipeline",
    "",
    Field("values_per_s", "1/s", "float"),
    *_counts("dead_letters", "hold", "writer_waiting", "writer_rejected", "sql_waiting", "rollup_waiting"),
    *_seconds("series_down_s", "rollup_lag_s"),
)
LANES = _measure(
    "kpi_lanes",
    "lane",
    Field("records_per_s", "1/s", "float"),
    Field("commit_p50_ms", "ms", "float"),
    Field("commit_p99_ms", "ms", "float"),
)
TIERS = _measure(
    "tiers",
    "tier",
    Field("source", "", "text"),
    Field("least_ms", "ms"),
    Field("most_ms", "ms"),
    every_s=3600,
)
ANNOTATIONS = _measure(
    "annotations",
    "kind site",
    *(Field(name, "", "text") for name in ("title", "text", "id")),
    Field("severity"),
    Field("until_ms", "ms"),
    every_s=0,
    place="long",
)
RESPONSE = _measure(
    "response",
    "kind step site agency",
    *_seconds("seconds", "assigned_s"),
    Field("incident", "", "text"),
    Field("number"),
    every_s=0,
    place="long",
)
PRESSES = _measure(
    "presses",
    "site gateway device",
    *_seconds("delay_s"),
    Field("incident", "", "text"),
    Field("number"),
    every_s=0,
    place="long",
)
PROGRAMME_VALUES = _measure(
    "programme_values",
    "programme",
    Field("value", "", "float"),
    Field("target", "", "float"),
    every_s=0,
    place="long",
)

MEASURES: Mapping[str, Measure] = MappingProxyType(
    {
        measure.name: measure
        for measure in (
            ALARMS,
            INCIDENTS,
            INCIDENT_STATES,
            RIVERS,
            BEDS,
            BEDS_CITY,
            ATTENDANCE,
            GATEWAYS,
            FLEET,
            SITES,
            PROGRAMMES,
            ALARM_QUALITY,
            PIPELINE,
            LANES,
            TIERS,
            ANNOTATIONS,
            RESPONSE,
            PRESSES,
            PROGRAMME_VALUES,
        )
    }
)
"""Every measure by its name. Fields are only ever added; a type or a unit never changes."""
