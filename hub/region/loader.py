"""Reads a profile's folder into a Region, with every mistake of a file told at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, time
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from contract.errors import ContractError
from contract.kinds import KINDS
from contract.strict_toml import Mistake, once_each, unknown
from contract.strict_toml import load as load_toml
from contract.topics import check_gateway
from hub.incidents import kinds as incidents
from hub.region import files
from hub.region.equipment import camera_of, check_cameras, check_vehicles, vehicle_of
from hub.region.model import (
    Agency,
    Button,
    Channel,
    ChecklistItem,
    Device,
    Downstream,
    Gateway,
    Limits,
    Region,
    RiseRule,
    Role,
    Site,
    Source,
    Station,
    Ward,
)

_T = TypeVar("_T")
_F = TypeVar("_F", bound=files.Section)

READER = "attendance_reader"

_CONTACT_KINDS: Mapping[Role, str] = {
    "panic": "panic_button",
    "bed_mat": "bed_mat",
    "door": "door_contact",
}


def load(folder: Path) -> Region:
    """Read a region profile.

    Raises:
        contract.strict_toml.TomlError: with file, line and what to write instead, for all mistakes of a file.
    """
    agencies = load_toml(folder / "agencies.toml", files.AgenciesFile, check_agencies)
    region = load_toml(folder / "region.toml", files.RegionFile, lambda found: _check_region(found, agencies))
    devices = load_toml(
        folder / "devices.toml", files.DevicesFile, lambda found: _check_devices(found, region)
    )
    load_toml(folder / "region.toml", files.RegionFile, lambda found: _check_places(found, devices))
    lists = _if_there(folder / "checklists.toml", files.ChecklistsFile, _check_checklists)
    cameras = _if_there(
        folder / "cameras.toml", files.CamerasFile, lambda found: check_cameras(found, region)
    )
    vehicles = _if_there(
        folder / "vehicles.toml", files.VehiclesFile, lambda found: check_vehicles(found, region, agencies)
    )
    return replace(
        _build(region, agencies, devices),
        checklists=MappingProxyType(_checklists(lists)),
        cameras=MappingProxyType({entry.id: camera_of(entry) for entry in cameras.camera}),
        vehicles=MappingProxyType({entry.id: vehicle_of(entry) for entry in vehicles.vehicle}),
    )


def _if_there(path: Path, cls: type[_F], check: Callable[[_F], Iterator[Mistake]]) -> _F:
    """A file that a profile may do without."""
    return load_toml(path, cls, check) if path.exists() else cls()


def _check_checklists(file: files.ChecklistsFile) -> Iterator[Mistake]:
    seen: set[str] = set()
    for at, entry in enumerate(file.checklist):
        if entry.kind not in incidents.KINDS:
            yield unknown("kind of incident", entry.kind, incidents.KINDS, ("checklist", at, "kind"))
        elif entry.kind in seen:
            yield Mistake(
                f"{entry.kind!r} has a checklist already",
                at=("checklist", at, "kind"),
                instead="one [[checklist]] with all its items",
            )
        seen.add(entry.kind)
        for mistake in once_each("item", [item.id for item in entry.item]):
            yield mistake.below(("checklist", at))


def _checklists(file: files.ChecklistsFile) -> dict[str, tuple[ChecklistItem, ...]]:
    return {entry.kind: tuple(_copy(item, ChecklistItem) for item in entry.item) for entry in file.checklist}


def check_agencies(file: files.AgenciesFile) -> Iterator[Mistake]:
    yield from once_each("agency", [agency.id for agency in file.agency])
    seen: set[str] = set()
    for at, agency in enumerate(file.agency):
        for place, channel in enumerate(agency.channel):
            if channel.id in seen:
                yield Mistake(
                    f"channel {channel.id!r} is given twice",
                    at=("agency", at, "channel", place, "id"),
                    instead="an id of its own",
                )
            seen.add(channel.id)


def _check_devices(file: files.DevicesFile, region: files.RegionFile) -> Iterator[Mistake]:
    gateways = [gateway.id for gateway in region.gateway]
    seen: set[tuple[str, str]] = set()
    for table in ("modbus", "contact", "reader"):
        for at, entry in enumerate(getattr(file, table)):
            if entry.gateway not in gateways:
                yield unknown("gateway", entry.gateway, gateways, (table, at, "gateway"))
            yield from _first_of(seen, (entry.gateway, entry.device), "device", (table, at, "device"))
    for at, device in enumerate(file.modbus):
        if device.kind not in KINDS:
            yield unknown("device kind", device.kind, KINDS, ("modbus", at, "kind"))
    lines: set[tuple[str, int]] = set()
    for at, contact in enumerate(file.contact):
        for name, pin in (("pin", contact.pin), *contact.lamps.items()):
            yield from _first_of(lines, (contact.gateway, pin), "GPIO line", ("contact", at, name))
    serials: set[str] = set()
    for at, reader in enumerate(file.reader):
        yield from _first_of(serials, reader.serial, "serial number", ("reader", at, "serial"))


def _check_region(file: files.RegionFile, agencies: files.AgenciesFile) -> Iterator[Mistake]:
    for table in ("site", "gateway", "station", "button", "ward"):
        yield from once_each(table, [entry.id for entry in getattr(file, table)])
    try:
        ZoneInfo(file.zone)
    except (KeyError, ValueError, OSError):
        yield Mistake(
            f"{file.zone!r} is no time zone", at=("zone",), instead='"Asia/Jakarta", "Asia/Makassar"…'
        )
    yield from _check_duty_desk(file, agencies)
    sites, gateways = [site.id for site in file.site], [gateway.id for gateway in file.gateway]
    for at, gateway in enumerate(file.gateway):
        if gateway.site not in sites:
            yield unknown("site", gateway.site, sites, ("gateway", at, "site"))
        try:
            check_gateway(gateway.id)
        except ContractError as error:
            yield Mistake(error.message, at=("gateway", at, "id"), instead=error.hint)
    for table in ("station", "button", "ward"):
        for at, entry in enumerate(getattr(file, table)):
            if entry.gateway not in gateways:
                yield unknown("gateway", entry.gateway, gateways, (table, at, "gateway"))
    for at, station in enumerate(file.station):
        for mistake in _check_station(station, file.station):
            yield mistake.below(("station", at))


def _check_duty_desk(file: files.RegionFile, agencies: files.AgenciesFile) -> Iterator[Mistake]:
    desk = next((agency for agency in agencies.agency if agency.id == file.duty_desk), None)
    if desk is None:
        yield unknown("agency", file.duty_desk, [agency.id for agency in agencies.agency], ("duty_desk",))
    elif not desk.channel:
        yield Mistake(
            f"agency {desk.id!r} has no channel, so nobody would be told",
            at=("duty_desk",),
            instead="an agency with a [[agency.channel]] in agencies.toml",
        )


def _check_places(file: files.RegionFile, devices: files.DevicesFile) -> Iterator[Mistake]:
    """Every station, button and ward has a device that is there, of the right kind, and not another's."""
    kinds = _kinds(devices)
    seen: set[tuple[str, str]] = set()
    for table, wanted in (("station", None), ("button", "panic_button"), ("ward", "bed_panel")):
        for at, entry in enumerate(getattr(file, table)):
            place = (entry.gateway, entry.device)
            kind = kinds.get(place)
            if kind is None:
                there = [device for gateway, device in kinds if gateway == entry.gateway]
                yield unknown(f"device of {entry.gateway}", entry.device, there, (table, at, "device"))
                continue
            yield from _first_of(seen, place, "device", (table, at, "device"))
            if wanted is not None and kind != wanted:
                yield Mistake(
                    f"{entry.device!r} is a {kind}, not a {wanted}",
                    at=(table, at, "device"),
                    instead=f"a device of kind {wanted}",
                )
            if table == "station" and entry.quantity not in KINDS[kind].quantities:
                names = KINDS[kind].quantities
                yield unknown(f"quantity of {kind}", entry.quantity, names, (table, at, "quantity"))


def _check_levels(
    levels: files.StationEntry | files.LimitsEntry, hysteresis_m: float, labels: Sequence[str]
) -> Iterator[Mistake]:
    thresholds = _thresholds_mm(levels)
    metres = {name: getattr(levels, name) for name in ("siaga_3_m", "siaga_2_m", "siaga_1_m")}
    for name, value in {**metres, "hysteresis_m": hysteresis_m}.items():
        if abs(value * 1000 - _mm(value)) > 1e-6:
            yield Mistake(
                f"{value} m is no whole number of millimetres", at=(name,), instead=f"{_mm(value) / 1000}"
            )
    if not thresholds[0] < thresholds[1] < thresholds[2]:
        yield Mistake(
            "Siaga 1 is the worst: its level must be above Siaga 2, and that above Siaga 3",
            at=("siaga_1_m",),
            instead="siaga_3_m < siaga_2_m < siaga_1_m",
        )
    elif _mm(hysteresis_m) >= min(thresholds[1] - thresholds[0], thresholds[2] - thresholds[1]):
        yield Mistake(
            f"a hysteresis of {hysteresis_m} m is as wide as a level",
            at=("hysteresis_m",),
            instead="less than the distance of two thresholds, for example 0.05",
        )
    if len(labels) != 4:
        yield Mistake(
            f"{len(labels)} labels for four levels",
            at=("labels",),
            instead='["Siaga 4", "Siaga 3", "Siaga 2", "Siaga 1"], the normal one first',
        )


def _check_station(station: files.StationEntry, stations: Iterable[files.StationEntry]) -> Iterator[Mistake]:
    yield from _check_levels(station, station.hysteresis_m, station.labels)
    before: date | None = None
    for at, later in enumerate(station.later):
        hysteresis_m = station.hysteresis_m if later.hysteresis_m is None else later.hysteresis_m
        for mistake in _check_levels(later, hysteresis_m, later.labels or station.labels):
            yield mistake.below(("later", at))
        if before is not None and later.valid_from <= before:
            yield Mistake(
                f"{later.valid_from} is not after {before}",
                at=("later", at, "valid_from"),
                instead="the dates in ascending order, each once",
            )
        before = later.valid_from
    rivers = {other.id: other.river for other in stations}
    for at, below in enumerate(station.downstream):
        if below.station not in rivers or below.station == station.id:
            others = [name for name in rivers if name != station.id]
            yield unknown("other station", below.station, others, ("downstream", at, "station"))
        elif rivers[below.station] != station.river:
            yield Mistake(
                f"{below.station!r} is on the {rivers[below.station]}, not on the {station.river}",
                at=("downstream", at, "station"),
                instead="a station of the same river",
            )
        if below.least_min > below.most_min:
            yield Mistake(
                "least_min is above most_min", at=("downstream", at, "least_min"), instead="the smaller"
            )


def _kinds(devices: files.DevicesFile) -> dict[tuple[str, str], str]:
    """Device kind by (gateway, device)."""
    kinds = {(device.gateway, device.device): device.kind for device in devices.modbus}
    kinds |= {(item.gateway, item.device): READER for item in devices.reader}
    return kinds | {(item.gateway, item.device): _CONTACT_KINDS[item.role] for item in devices.contact}


def _mm(metres: float) -> int:
    return round(metres * 1000)


def _thresholds_mm(levels: files.StationEntry | files.LimitsEntry) -> tuple[int, int, int]:
    return _mm(levels.siaga_3_m), _mm(levels.siaga_2_m), _mm(levels.siaga_1_m)


def _first_of(seen: set[_T], found: _T, what: str, at: tuple[str | int, ...]) -> Iterator[Mistake]:
    if found in seen:
        shown = " ".join(map(str, found)) if isinstance(found, tuple) else found
        yield Mistake(f"{what} {shown!r} is given twice", at=at, instead=f"a {what} of its own")
    seen.add(found)


def _build(file: files.RegionFile, agencies: files.AgenciesFile, devices: files.DevicesFile) -> Region:
    sites = {entry.id: _copy(entry, Site) for entry in file.site}
    gateways = {entry.id: _copy(entry, Gateway) for entry in file.gateway}
    site_of = {gateway.id: gateway.site for gateway in gateways.values()}
    kinds = _kinds(devices)
    known = {entry.id: agency_of(entry) for entry in agencies.agency}
    return Region(
        id=file.id,
        name=file.name,
        zone=file.zone,
        zone_label=file.zone_label,
        sites=MappingProxyType(sites),
        gateways=MappingProxyType(gateways),
        stations=MappingProxyType(
            {entry.id: _station(entry, site_of, kinds, file.zone) for entry in file.station}
        ),
        buttons=MappingProxyType({entry.id: _button(entry, site_of) for entry in file.button}),
        wards=MappingProxyType({entry.id: _ward(entry, site_of) for entry in file.ward}),
        agencies=MappingProxyType(known),
        duty_desk=known[file.duty_desk],
        devices=(
            *map(_modbus_device, devices.modbus),
            *map(_contact_device, devices.contact),
            *map(_reader_device, devices.reader),
        ),
    )


def _copy(entry: files.Section, cls: Callable[..., _T], **more: Any) -> _T:
    """The entry's fields as arguments of the model's class of the same fields."""
    return cls(**{name: getattr(entry, name) for name in entry.__struct_fields__}, **more)


def _station(
    entry: files.StationEntry,
    site_of: Mapping[str, str],
    kinds: Mapping[tuple[str, str], str],
    zone: str,
) -> Station:
    rise = None
    if entry.rise is not None:
        rise = RiseRule(_mm(entry.rise.limit_m_h), entry.rise.window_s, entry.rise.gap_s)
    first, second, third, fourth = entry.labels
    return Station(
        id=entry.id,
        name=entry.name,
        river=entry.river,
        site=site_of[entry.gateway],
        gateway=entry.gateway,
        device=entry.device,
        kind=kinds[entry.gateway, entry.device],
        quantity=entry.quantity,
        thresholds_mm=_thresholds_mm(entry),
        hysteresis_mm=_mm(entry.hysteresis_m),
        labels=(first, second, third, fourth),
        rise=rise,
        downstream=tuple(
            Downstream(below.station, below.least_min * 60, below.most_min * 60) for below in entry.downstream
        ),
        stale_s=entry.stale_s,
        later=tuple(_later(entry, later, zone) for later in entry.later),
    )


def _later(station: files.StationEntry, entry: files.LimitsEntry, zone: str) -> Limits:
    midnight = datetime.combine(entry.valid_from, time(), ZoneInfo(zone))
    first, second, third, fourth = entry.labels or station.labels
    hysteresis_m = station.hysteresis_m if entry.hysteresis_m is None else entry.hysteresis_m
    return Limits(
        int(midnight.timestamp() * 1000),
        _thresholds_mm(entry),
        _mm(hysteresis_m),
        (first, second, third, fourth),
    )


def _button(entry: files.ButtonEntry, site_of: Mapping[str, str]) -> Button:
    return Button(
        id=entry.id,
        name=entry.name,
        site=site_of[entry.gateway],
        gateway=entry.gateway,
        device=entry.device,
        location=entry.location,
        call_back=entry.call_back or "",
    )


def _ward(entry: files.WardEntry, site_of: Mapping[str, str]) -> Ward:
    return Ward(
        id=entry.id,
        name=entry.name,
        site=site_of[entry.gateway],
        bed_class=entry.bed_class,
        gateway=entry.gateway,
        device=entry.device,
        beds=MappingProxyType({f"bed_{at:02d}": name for at, name in enumerate(entry.beds, 1)}),
    )


def agency_of(entry: files.AgencyEntry) -> Agency:
    channels = tuple(_copy(channel, Channel) for channel in entry.channel)
    return Agency(entry.id, entry.name, entry.short, channels)


def _modbus_device(entry: files.ModbusEntry) -> Device:
    sources = tuple(
        Source(item.name, item.unit, MappingProxyType(dict(item.settings))) for item in entry.instrument
    )
    return Device(entry.gateway, entry.device, entry.kind, "modbus_tcp", sources=sources, poll_s=entry.poll_s)


def _contact_device(entry: files.ContactEntry) -> Device:
    return Device(
        gateway=entry.gateway,
        device=entry.device,
        kind=_CONTACT_KINDS[entry.role],
        driver="gpio",
        role=entry.role,
        pin=entry.pin,
        lamps=MappingProxyType(entry.lamps),
    )


def _reader_device(entry: files.ReaderEntry) -> Device:
    return Device(entry.gateway, entry.device, READER, "attendance_push", serial=entry.serial)
