"""What a region profile says, checked: sites, gateways, river stations, buttons, wards, agencies, devices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol, TypeVar

SiteKind = Literal["hospital", "river_post", "office", "intersection", "minimarket", "market", "school"]
ChannelKind = Literal["webhook", "apprise", "mqtt"]
Driver = Literal["modbus_tcp", "gpio", "attendance_push"]
Role = Literal["", "panic", "bed_mat", "door"]


@dataclass(frozen=True, slots=True)
class Site:
    """A place with a gateway. Position in degrees, WGS 84."""

    id: str
    name: str
    kind: SiteKind
    lat: float
    lon: float
    address: str = ""


@dataclass(frozen=True, slots=True)
class Gateway:
    """A gateway and its place; ``beat_s`` is the agreed heartbeat interval."""

    id: str
    cell: int
    site: str
    beat_s: float = 10.0


@dataclass(frozen=True, slots=True)
class RiseRule:
    """When a river rises too fast.

    Attributes:
        limit_mm_h: begins at or above this rate; ends below half of it.
        window_s: the rate is the straight line through the samples of this time.
        gap_s: two samples further apart than this have an unknown rate between them.
    """

    limit_mm_h: int
    window_s: float = 1800.0
    gap_s: float = 600.0


@dataclass(frozen=True, slots=True)
class Downstream:
    """A station further down and how long the water takes to it, in seconds."""

    station: str
    least_s: float
    most_s: float


@dataclass(frozen=True, slots=True)
class Limits:
    """What levels a station had or will have from a time on, until the next. See Station for the fields."""

    from_ms: int
    thresholds_mm: tuple[int, int, int]
    hysteresis_mm: int
    labels: tuple[str, str, str, str]


@dataclass(frozen=True, slots=True)
class Station:
    """A river post: where its level comes from and what it means.

    The levels of the station itself count until the first of ``later``.

    Attributes:
        later: what counts from later dates on, ascending.
        thresholds_mm: levels at which Siaga 3, 2 and 1 are entered (value at or above), ascending, in mm.
        hysteresis_mm: a level is left below its threshold less this.
        labels: what severity 0, 1, 2 and 3 are called here ("Siaga 4" .. "Siaga 1", or Normal .. Awas).
        stale_s: without a new value for this long the station is shown as stale.
    """

    id: str
    name: str
    river: str
    site: str
    gateway: str
    device: str
    kind: str
    quantity: str
    thresholds_mm: tuple[int, int, int]
    hysteresis_mm: int
    labels: tuple[str, str, str, str]
    rise: RiseRule | None = None
    downstream: tuple[Downstream, ...] = ()
    stale_s: float = 300.0
    later: tuple[Limits, ...] = ()

    def at(self, t_ms: int) -> Station:
        """The station with the levels that count at a time, ms UTC."""
        if not self.later or t_ms < self.later[0].from_ms:
            return self
        valid = [limits for limits in self.later if limits.from_ms <= t_ms][-1]
        return replace(
            self,
            thresholds_mm=valid.thresholds_mm,
            hysteresis_mm=valid.hysteresis_mm,
            labels=valid.labels,
            later=(),
        )


@dataclass(frozen=True, slots=True)
class Button:
    """A panic button. ``call_back`` is the telephone number that the operator rings to verify."""

    id: str
    name: str
    site: str
    gateway: str
    device: str
    location: str
    call_back: str = ""


@dataclass(frozen=True, slots=True)
class Ward:
    """A hospital ward: ``beds`` maps the inputs of its panel (``bed_01``..) to bed names."""

    id: str
    name: str
    site: str
    bed_class: str
    gateway: str
    device: str
    beds: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Camera:
    """A camera and what it looks at. Position in degrees, WGS 84.

    Attributes:
        link: where people of the room may look through it; empty where they may not.
        gateway, device: the point that tells whether it lives; empty where none does.
    """

    id: str
    name: str
    lat: float
    lon: float
    shows: str
    link: str = ""
    gateway: str = ""
    device: str = ""


@dataclass(frozen=True, slots=True)
class Vehicle:
    """An agency's vehicle. ``lat`` and ``lon`` are of its ``post``: where it is when nothing else is known.

    Attributes:
        gateway, device: the point that tells where it is; empty where none does.
        stale_s: a position that is older is not where it is now.
    """

    id: str
    agency: str
    call_sign: str
    post: str
    lat: float
    lon: float
    gateway: str = ""
    device: str = ""
    stale_s: float = 120.0


@dataclass(frozen=True, slots=True)
class Channel:
    """A way to tell an agency. Address and secrets are in the hub's configuration under this id, not here."""

    id: str
    kind: ChannelKind
    name: str


@dataclass(frozen=True, slots=True)
class Agency:
    """Who is told, by which channels, in the order in which they are tried."""

    id: str
    name: str
    short: str
    channels: tuple[Channel, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """A Modbus instrument: its file in firmware_configs/instruments/, unit, what the file wants."""

    instrument: str
    unit: int
    settings: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Device:
    """A device behind a gateway, for who builds the gateway's configuration.

    Attributes:
        kind: device kind of contract.kinds.
        driver: ``modbus_tcp`` (then ``sources`` has its instruments) or ``gpio`` (then ``role`` of the contact,
            its ``pin`` and the pins of its ``lamps`` by name, all BCM numbers) or ``attendance_push`` (then
            ``serial`` of the reader).
        poll_s: time between two samples of a Modbus device.
    """

    gateway: str
    device: str
    kind: str
    driver: Driver
    sources: tuple[Source, ...] = ()
    role: Role = ""
    pin: int = -1
    lamps: Mapping[str, int] = field(default_factory=dict)
    poll_s: float = 1.0
    serial: str = ""


class _Placed(Protocol):
    @property
    def gateway(self) -> str: ...

    @property
    def device(self) -> str: ...


_P = TypeVar("_P", bound=_Placed)


def _at(placed: Mapping[str, _P], gateway: str, device: str) -> _P | None:
    return next((item for item in placed.values() if (item.gateway, item.device) == (gateway, device)), None)


@dataclass(frozen=True, slots=True)
class ChecklistItem:
    """Something to do for an incident of a kind: ``text`` in Bahasa Indonesia, ``english``."""

    id: str
    text: str
    english: str


@dataclass(frozen=True)
class Region:
    """A city, whole and checked: every name that is used is defined."""

    id: str
    name: str
    zone: str
    zone_label: str
    sites: Mapping[str, Site]
    gateways: Mapping[str, Gateway]
    stations: Mapping[str, Station]
    buttons: Mapping[str, Button]
    wards: Mapping[str, Ward]
    agencies: Mapping[str, Agency]
    duty_desk: Agency
    devices: tuple[Device, ...]
    checklists: Mapping[str, tuple[ChecklistItem, ...]] = field(default_factory=dict)
    """By kind of incident."""
    cameras: Mapping[str, Camera] = field(default_factory=dict)
    vehicles: Mapping[str, Vehicle] = field(default_factory=dict)

    def site_of(self, gateway: str) -> str:
        """The site id of a gateway.

        Raises:
            KeyError: the region has no such gateway.
        """
        return self.gateways[gateway].site

    def station_at(self, gateway: str, device: str) -> Station | None:
        """The station whose level that device measures, if any."""
        return _at(self.stations, gateway, device)

    def button_at(self, gateway: str, device: str) -> Button | None:
        """The panic button that is that device, if any."""
        return _at(self.buttons, gateway, device)
