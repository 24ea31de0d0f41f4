"""Device kinds, their quantities, units and field types, and the kinds of events: one table.

The field type never follows from a value: InfluxDB refuses a field that is once an integer and once a float,
so the type is declared here, and both sides encode by it. A kind is the measurement's name in InfluxDB.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType
from typing import Literal

from contract.errors import KindError

FieldType = Literal["float", "int"]


class Quality(IntEnum):
    """Why a value is not simply good. A value of quality BAD or worse is absent (null), never zero."""

    GOOD = 0
    OUT_OF_RANGE = 1
    """Outside the plausible range of its point; the value is kept."""
    STEP = 2
    """Changed faster than its point can; the value is kept."""
    STUCK = 3
    """Has not changed for longer than its point ever rests; the value is kept."""
    INVALID = 4
    """The instrument itself says that it has no value (for example 0xFFFF)."""
    NO_ANSWER = 5
    """The instrument answered for other points of the device but not for this one."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """One measured quantity of a kind.

    Attributes:
        name: field name, with its unit as suffix where it has one.
        unit: unit as written for people (UCUM where it has one; "" for a count or a state).
        type: field type in InfluxDB.
        low, high: what is physically possible; a value outside is refused by nobody but marked OUT_OF_RANGE.
    """

    name: str
    unit: str
    type: FieldType = "float"
    low: float = float("-inf")
    high: float = float("inf")


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of device: the quantities that one sample of it may carry."""

    name: str
    title_id: str
    title_en: str
    quantities: Mapping[str, Quantity]

    def quantity(self, name: str) -> Quantity:
        """The quantity of that name.

        Raises:
            KindError: the kind has none of that name.
        """
        try:
            return self.quantities[name]
        except KeyError:
            raise KindError(
                "quantity",
                f"kind {self.name!r} has no quantity {name!r}",
                "it has " + ", ".join(sorted(self.quantities)[:12]),
            ) from None


def _kind(name: str, title_id: str, title_en: str, *quantities: Quantity) -> Kind:
    return Kind(name, title_id, title_en, MappingProxyType({q.name: q for q in quantities}))


_COMMON = (
    Quantity("battery_v", "V", low=0, high=60),
    Quantity("signal_db", "dB", low=-200, high=200),
    Quantity("device_status", "", "int", low=0, high=65535),
)

_RADIO = (
    Quantity("battery_pct", "%", low=0, high=100),
    Quantity("battery_low", "", "int", low=0, high=1),
    Quantity("battery_v", "V", low=0, high=60),
    Quantity("signal_db", "dB", low=-200, high=200),
)
"""What a contact at a radio tells beside its state."""

BED_INPUTS = 64
"""Beds that one panel can carry."""

_KINDS = (
    _kind(
        "river_post",
        "Pos duga air",
        "River post",
        Quantity("level_m", "m", low=-20, high=60),
        Quantity("distance_m", "m", low=0, high=60),
        Quantity("rain_mm", "mm", low=0, high=100_000),
        Quantity("tips", "", "int", low=0, high=2**53),
        Quantity("temperature_c", "°C", low=-40, high=85),
        *_COMMON,
    ),
    _kind(
        "rain_gauge",
        "Penakar hujan",
        "Rain gauge",
        Quantity("tips", "", "int", low=0, high=2**53),
        Quantity("rain_mm", "mm", low=0, high=100_000),
        Quantity("rate_mm_h", "mm/h", low=0, high=1000),
        Quantity("temperature_c", "°C", low=-40, high=85),
        *_COMMON,
    ),
    _kind(
        "pressure_probe",
        "Sensor tekanan",
        "Pressure probe",
        Quantity("level_m", "m", low=-20, high=60),
        Quantity("pressure_kpa", "kPa", low=-200, high=10_000),
        Quantity("temperature_c", "°C", low=-40, high=85),
        *_COMMON,
    ),
    _kind(
        "bed_panel",
        "Panel tempat tidur",
        "Bed panel",
        *(Quantity(f"bed_{n:02d}", "", "int", low=0, high=1) for n in range(1, BED_INPUTS + 1)),
    ),
    _kind(
        "bed_mat",
        "Alas tempat tidur",
        "Bed mat",
        Quantity("occupied", "", "int", low=0, high=1),
        *_RADIO,
    ),
    _kind(
        "panic_button",
        "Tombol darurat",
        "Panic button",
        Quantity("pressed", "", "int", low=0, high=1),
        Quantity("loop_v", "V", low=0, high=5),
        *_RADIO,
    ),
    _kind(
        "nurse_call",
        "Panggilan perawat",
        "Nurse call",
        Quantity("called", "", "int", low=0, high=1),
        Quantity("loop_v", "V", low=0, high=5),
        *_RADIO,
    ),
    _kind(
        "door_contact",
        "Kontak pintu",
        "Door contact",
        Quantity("open", "", "int", low=0, high=1),
        *_RADIO,
    ),
    _kind(
        "attendance_reader",
        "Mesin absensi",
        "Attendance reader",
        Quantity("scans", "", "int", low=0, high=2**53),
        Quantity("unreadable", "", "int", low=0, high=2**53),
        Quantity("heard_s", "s", low=0, high=1e9),
    ),
    _kind(
        "weather",
        "Stasiun cuaca",
        "Weather station",
        Quantity("temperature_c", "°C", low=-40, high=85),
        Quantity("humidity_pct", "%", low=0, high=100),
        Quantity("wind_m_s", "m/s", low=0, high=120),
        Quantity("rain_mm", "mm", low=0, high=100_000),
        *_COMMON,
        *_RADIO[:2],
    ),
    _kind(
        "vehicle",
        "Kendaraan",
        "Vehicle",
        Quantity("lat_deg", "deg", low=-90, high=90),
        Quantity("lon_deg", "deg", low=-180, high=180),
        Quantity("altitude_m", "m", low=-500, high=10_000),
        Quantity("speed_m_s", "m/s", low=0, high=150),
        Quantity("course_deg", "deg", low=0, high=360),
        Quantity("satellites", "", "int", low=0, high=200),
        Quantity("fix", "", "int", low=0, high=3),
    ),
    _kind(
        "camera",
        "Kamera",
        "Camera",
        Quantity("online", "", "int", low=0, high=1),
        Quantity("answer_ms", "ms", low=0, high=1e6),
        Quantity("clock_off_s", "s", low=-1e12, high=1e12),
        Quantity("snapshots", "", "int", low=0, high=2**53),
    ),
    _kind(
        "site_health",
        "Kesehatan lokasi",
        "Site health",
        Quantity("cpu_c", "°C", low=-40, high=125),
        Quantity("disk_free_mb", "MB", low=0, high=1e9),
        Quantity("load", "", low=0, high=10_000),
        Quantity("under_voltage", "", "int", low=0, high=1),
        Quantity("throttled", "", "int", low=0, high=1),
        Quantity("memory_free_mb", "MB", low=0, high=1e9),
        Quantity("clock_synced", "", "int", low=0, high=1),
        Quantity("clock_error_ms", "ms", low=0, high=1e12),
        Quantity("card_written_mb", "MB", low=0, high=1e12),
        Quantity("card_wear_pct", "%", low=0, high=110),
        Quantity("modem_signal_pct", "%", "int", low=0, high=100),
    ),
)

KINDS: Mapping[str, Kind] = MappingProxyType({kind.name: kind for kind in _KINDS})
"""Every kind by its name. Quantities are only ever added; a type or a unit never changes."""

QUALITY_SUFFIX = "_q"
"""A value that is not good has its quality beside it, in an integer field ``{quantity}_q``."""

TIME_ERROR_FIELD = "time_error_ms"
"""Integer field of a record whose time is uncertain by more than TIME_GOOD_MS."""

TIME_GOOD_MS = 1000
"""A record without a declared time error lies within this many milliseconds of its time."""


def kind(name: str) -> Kind:
    """The kind of that name.

    Raises:
        KindError: there is none.
    """
    try:
        return KINDS[name]
    except KeyError:
        raise KindError(
            "kind", f"{name!r} is not a device kind", "known are " + ", ".join(sorted(KINDS))
        ) from None


PANIC_KINDS = ("panic_press",)
"""Event kinds that travel in the panic lane."""

EVENT_KINDS = (
    "panic_release",
    "panic_test",
    "panic_fault",
    "panic_line_whole",
    "nurse_call",
    "bed_edge",
    "door_edge",
    "attendance_scan",
    "camera_snapshot",
    "device_down",
    "device_up",
    "gateway_start",
    "software_left_behind",
    "spool_quarantined",
    "spool_full",
)
"""Event kinds of the event lane. A hub stores a kind that it does not know: newer gateways may have more."""
