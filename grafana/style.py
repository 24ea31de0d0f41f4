"""House style of the walls: colours, units, words for states, and when a number turns red. All in this file.

Muted for normal; colour only for what is not, always with a word or a number beside it; what is unknown is said to be
unknown and never drawn as zero.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from grafana_foundation_sdk.builders.dashboard import ThresholdsConfig
from grafana_foundation_sdk.models.dashboard import DashboardRangeMapOptions as Range
from grafana_foundation_sdk.models.dashboard import DashboardSpecialValueMapOptions as Special
from grafana_foundation_sdk.models.dashboard import (
    RangeMap,
    SpecialValueMap,
    SpecialValueMatch,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMapping,
    ValueMappingResult,
)

PALETTE = ("#ff5c55", "#ff9d42", "#ffd84d", "#55d3e8", "#9aa8b5")
CRITICAL, HIGH, MEDIUM, LOW, NORMAL = PALETTE
"""The colours of the hub's own pages: a priority or a Siaga level looks the same on both screens."""

UNKNOWN = "#4a5761"
"""What nobody knows now."""

SEVERITY = (NORMAL, MEDIUM, HIGH, CRITICAL)
"""By severity 0..3: Siaga 4 (normal) to Siaga 1 (the worst)."""

SIAGA = ("Siaga 4", "Siaga 3", "Siaga 2", "Siaga 1")
"""By severity, where stations have no words of their own."""

PRIORITIES: Mapping[str, str] = MappingProxyType(
    {f"Prioritas {at}": colour for at, colour in enumerate((CRITICAL, HIGH, MEDIUM, LOW), start=1)}
)
"""Colour of each priority, by what its line is called."""

STATES: Mapping[str, str] = MappingProxyType(
    {
        "acknowledged": "Diakui",
        "claimed": "Diambil",
        "unverified": "Belum diverifikasi",
        "verified": "Terverifikasi",
        "assigned": "Ditugaskan",
        "accepted": "Diterima instansi",
        "en_route": "Dalam perjalanan",
        "on_scene": "Di lokasi",
        "contained": "Terkendali",
        "done": "Selesai",
        "false_alarm": "Palsu",
        "duplicate": "Ganda",
        "handed_over": "Diserahkan",
        "cancelled": "Dibatalkan",
        "reopened": "Dibuka kembali",
        "recovered": "Dipulihkan",
    }
)
"""Of an incident, and the two steps of the desk before any."""

TAGS = MappingProxyType(
    {
        "station": "Pos",
        "site": "Lokasi",
        "class": "Kelas",
        "figure": "Ukuran",
        "kind": "Jenis",
        "gateway": "Gateway",
        "programme": "Program",
    }
)
"""What the column of a tag is called in a table."""

LANES = MappingProxyType({"panic": "Darurat", "event": "Kejadian", "telemetry": "Pengukuran"})

UNITS: Mapping[str, str] = MappingProxyType(
    {
        "m": "lengthm",
        "mm": "lengthmm",
        "mm/h": "suffix: mm/jam",
        "m/s": "velocityms",
        "°C": "celsius",
        "%": "percent",
        "V": "volt",
        "dB": "dB",
        "kPa": "pressurekpa",
        "MB": "decmbytes",
        "ms": "ms",
        "s": "s",
        "m/h": "suffix: m/jam",
        "1/s": "suffix: /dtk",
        "": "none",
    }
)
"""Grafana's name of each unit of the tables of kinds and of measures."""

COUNT = UNITS[""]
METRES, RISE, SECONDS, MILLISECONDS = UNITS["m"], UNITS["m/h"], UNITS["s"], UNITS["ms"]
PERCENT, RATE = UNITS["%"], UNITS["1/s"]

NO_VALUE = "TIDAK DIKETAHUI"
"""Shown where there is no value: not zero, not normal."""


def steps(*turns: tuple[float | None, str]) -> ThresholdsConfig:
    """From which value on a number has which colour; the first begins at None."""
    return (
        ThresholdsConfig()
        .mode(ThresholdsMode.ABSOLUTE)
        .steps([Threshold(value=value, color=colour) for value, colour in turns])
    )


def quiet() -> ThresholdsConfig:
    """A number that is never wrong."""
    return steps((None, NORMAL))


def none_is_good(first: str = HIGH, *, bad: float | None = None) -> ThresholdsConfig:
    """0 is normal, any is ``first``, from ``bad`` on critical."""
    turns: list[tuple[float | None, str]] = [(None, NORMAL), (1, first)]
    return steps(*turns, *(((bad, CRITICAL),) if bad is not None else ()))


def limit(most: float, colour: str = HIGH) -> ThresholdsConfig:
    """Normal below a limit."""
    return steps((None, NORMAL), (most, colour))


def least(limit: float, colour: str = HIGH) -> ThresholdsConfig:
    """Normal above a limit."""
    return steps((None, colour), (limit, NORMAL))


def levels(thresholds_mm: Sequence[int]) -> ThresholdsConfig:
    """Siaga 3, 2 and 1 of a river post, in metres."""
    turns = zip((mm / 1000 for mm in thresholds_mm), SEVERITY[1:], strict=True)
    return steps((None, NORMAL), *turns)


def severities(labels: Sequence[str]) -> list[ValueMapping]:
    """Words of severity 0..3. A mean between two of a rollup counts as the worse."""
    words = [
        RangeMap(
            options=Range(
                from_val=-1 if at == 0 else at - 0.999,
                to=at,
                result=ValueMappingResult(text=label, color=SEVERITY[at], index=at),
            )
        )
        for at, label in enumerate(labels)
    ]
    return [*words, unknown()]


def yes_no(yes: str, no: str, colour: str = HIGH) -> list[ValueMapping]:
    """Words of a field that is 0 or 1."""
    words = {"0": ValueMappingResult(text=no, color=NORMAL, index=0)}
    return [
        ValueMap(options=words),
        RangeMap(options=Range(from_val=0.0001, to=1, result=ValueMappingResult(text=yes, color=colour))),
        unknown(),
    ]


def words(of: Mapping[str, str]) -> list[ValueMapping]:
    """Words of a text's values."""
    return [
        ValueMap(
            options={
                value: ValueMappingResult(text=text, index=at) for at, (value, text) in enumerate(of.items())
            }
        )
    ]


def unknown() -> ValueMapping:
    """No value is a state of its own."""
    result = ValueMappingResult(text=NO_VALUE, color=UNKNOWN, index=9)
    return SpecialValueMap(options=Special(match=SpecialValueMatch.NULL, result=result))
