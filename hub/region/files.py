"""The files of a profile as strict structures: region.toml, agencies.toml, devices.toml, checklists.toml, cameras.toml
and vehicles.toml."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from hub.region.model import ChannelKind, SiteKind

Id = Annotated[
    str,
    Meta(
        pattern=r"^[a-z0-9][a-z0-9_-]{0,47}\Z", description="lower-case letters, digits, hyphens, at most 48"
    ),
]
Text = Annotated[str, Meta(min_length=1, max_length=120)]
Phone = Annotated[
    str,
    Meta(
        pattern=r"^\+?[0-9][0-9 -]{2,18}[0-9]\Z", description="a telephone number, digits, spaces and hyphens"
    ),
]
Metres = Annotated[float, Meta(ge=-20, le=60, description="metres, for example 2.0")]
Pin = Annotated[int, Meta(ge=0, le=27, description="the BCM number of the line, 0 to 27")]
Positive = Annotated[float, Meta(gt=0)]
Latitude = Annotated[float, Meta(ge=-90, le=90, description="degrees north, negative in the south")]
Longitude = Annotated[float, Meta(ge=-180, le=180, description="degrees east")]
Link = Annotated[
    str,
    Meta(
        pattern=r"^https?://[^\s/@]+(/[^\s@]*)?\Z",
        description="an address that people may open, without user and password",
    ),
]


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """Base of every table."""


class SiteEntry(Section, frozen=True, kw_only=True):
    """``[[site]]``"""

    id: Id
    name: Text
    kind: SiteKind
    lat: Latitude
    lon: Longitude
    address: str = ""


class GatewayEntry(Section, frozen=True, kw_only=True):
    """``[[gateway]]``"""

    id: str
    cell: Annotated[int, Meta(ge=0, le=63, description="the cell given at enrolment, 0 to 63")]
    site: str
    beat_s: Annotated[float, Meta(ge=1, le=3600)] = 10.0


class RiseEntry(Section, frozen=True, kw_only=True):
    """``[station.rise]``"""

    limit_m_h: Annotated[float, Meta(gt=0, le=60, description="metres an hour")]
    window_s: Annotated[float, Meta(ge=10, le=86_400)] = 1800.0
    gap_s: Annotated[float, Meta(ge=1, le=86_400)] = 600.0


class DownstreamEntry(Section, frozen=True, kw_only=True):
    """``[[station.downstream]]``: travel time of the water to a station further down, in minutes."""

    station: str
    least_min: Positive
    most_min: Positive


class LimitsEntry(Section, frozen=True, kw_only=True):
    """``[[station.later]]``: other levels from a date on, local midnight; what is not given stays as before."""

    valid_from: Annotated[date, Meta(description="a date without quotes, as 2027-01-01")]
    siaga_3_m: Metres
    siaga_2_m: Metres
    siaga_1_m: Metres
    hysteresis_m: Annotated[float, Meta(ge=0, le=5)] | None = None
    labels: tuple[Text, ...] = ()


class StationEntry(Section, frozen=True, kw_only=True):
    """``[[station]]``"""

    id: Id
    name: Text
    river: Text
    gateway: str
    device: Id
    quantity: str = "level_m"
    siaga_3_m: Metres
    siaga_2_m: Metres
    siaga_1_m: Metres
    hysteresis_m: Annotated[float, Meta(ge=0, le=5)] = 0.05
    labels: tuple[Text, ...] = ("Siaga 4", "Siaga 3", "Siaga 2", "Siaga 1")
    rise: RiseEntry | None = None
    downstream: tuple[DownstreamEntry, ...] = ()
    stale_s: Annotated[float, Meta(ge=1, le=86_400)] = 300.0
    later: tuple[LimitsEntry, ...] = ()


class ButtonEntry(Section, frozen=True, kw_only=True):
    """``[[button]]``"""

    id: Id
    name: Text
    gateway: str
    device: Id
    location: Text
    call_back: Phone | None = None


class WardEntry(Section, frozen=True, kw_only=True):
    """``[[ward]]``: the first bed is at input 1 of the panel."""

    id: Id
    name: Text
    bed_class: Text
    gateway: str
    device: Id
    beds: Annotated[tuple[Text, ...], Meta(min_length=1, max_length=64)]


class RegionFile(Section, frozen=True, kw_only=True):
    """region.toml"""

    id: Id
    name: Text
    zone: Annotated[str, Meta(description='an IANA zone, for example "Asia/Jakarta"')]
    zone_label: Text
    duty_desk: str
    site: tuple[SiteEntry, ...]
    gateway: tuple[GatewayEntry, ...]
    station: tuple[StationEntry, ...] = ()
    button: tuple[ButtonEntry, ...] = ()
    ward: tuple[WardEntry, ...] = ()


class ChannelEntry(Section, frozen=True, kw_only=True):
    """``[[agency.channel]]``: address and secrets are in the hub's configuration under this id."""

    id: Id
    kind: ChannelKind
    name: Text


class AgencyEntry(Section, frozen=True, kw_only=True):
    """``[[agency]]``"""

    id: Id
    name: Text
    short: Text
    channel: tuple[ChannelEntry, ...] = ()


class AgenciesFile(Section, frozen=True, kw_only=True):
    """agencies.toml"""

    agency: tuple[AgencyEntry, ...]


class InstrumentEntry(Section, frozen=True, kw_only=True):
    """``[[modbus.instrument]]``"""

    name: Id
    unit: Annotated[int, Meta(ge=1, le=247, description="the unit's Modbus address, 1 to 247")]
    settings: dict[str, float] = {}


class ModbusEntry(Section, frozen=True, kw_only=True):
    """``[[modbus]]``: a device behind Modbus TCP, read from one or more instruments."""

    gateway: str
    device: Id
    kind: str
    poll_s: Annotated[float, Meta(ge=0.05, le=3600)] = 1.0
    instrument: Annotated[tuple[InstrumentEntry, ...], Meta(min_length=1)]


class ContactEntry(Section, frozen=True, kw_only=True):
    """``[[contact]]``: a dry contact at a GPIO line, with its lamps."""

    gateway: str
    device: Id
    role: Literal["panic", "bed_mat", "door"]
    pin: Pin
    stored: Pin | None = None
    received: Pin | None = None
    acknowledged: Pin | None = None
    fault: Pin | None = None
    buzzer: Pin | None = None

    @property
    def lamps(self) -> dict[str, int]:
        """The lamps that are there, by name."""
        names = ("stored", "received", "acknowledged", "fault", "buzzer")
        return {name: pin for name in names if (pin := getattr(self, name)) is not None}


class ReaderEntry(Section, frozen=True, kw_only=True):
    """``[[reader]]``: an attendance reader that uploads its scans by PUSH."""

    gateway: str
    device: Id
    serial: Annotated[str, Meta(pattern=r"^[A-Za-z0-9-]{1,32}$", description="as the reader's label says it")]


class DevicesFile(Section, frozen=True, kw_only=True):
    """devices.toml"""

    modbus: tuple[ModbusEntry, ...] = ()
    contact: tuple[ContactEntry, ...] = ()
    reader: tuple[ReaderEntry, ...] = ()


class ItemEntry(Section, frozen=True, kw_only=True):
    """``[[checklist.item]]``"""

    id: Id
    text: Text
    english: Text


class ChecklistEntry(Section, frozen=True, kw_only=True):
    """``[[checklist]]``"""

    kind: str
    item: Annotated[list[ItemEntry], Meta(min_length=1, max_length=30)]


class ChecklistsFile(Section, frozen=True, kw_only=True):
    """checklists.toml; a profile may do without."""

    checklist: list[ChecklistEntry] = []


class CameraEntry(Section, frozen=True, kw_only=True):
    """``[[camera]]``: without a link nobody may look through it from the pages."""

    id: Id
    name: Text
    lat: Latitude
    lon: Longitude
    shows: Text
    link: Link | None = None
    gateway: str = ""
    device: Id | None = None


class CamerasFile(Section, frozen=True, kw_only=True):
    """cameras.toml; a profile may do without."""

    camera: tuple[CameraEntry, ...] = ()


class VehicleEntry(Section, frozen=True, kw_only=True):
    """``[[vehicle]]``: the position is that of its post."""

    id: Id
    agency: str
    call_sign: Text
    post: Text
    lat: Latitude
    lon: Longitude
    gateway: str = ""
    device: Id | None = None
    stale_s: Annotated[float, Meta(ge=5, le=1800, description="seconds, 5 to 1800")] = 120.0


class VehiclesFile(Section, frozen=True, kw_only=True):
    """vehicles.toml; a profile may do without."""

    vehicle: tuple[VehicleEntry, ...] = ()
