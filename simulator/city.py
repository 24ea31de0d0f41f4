"""From a region profile to the files of a running city: what each gateway, the hub and the broker are
given."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from contract.whole_file import write_text
from edge.drivers.instruments import Library
from hub.agencies.reading import read, texts_of
from hub.region.model import Channel, ChannelKind, Device, Region
from provisioning.acl import Enrolled
from provisioning.ca import Identity
from simulator.attendance import ReaderPlace
from simulator.instruments import CityDevice, Part

BUS = "jalur-1"
READER_S = 5.0
"""How often a gateway notes how many scans a reader has given."""
ATTENDANCE_S = 10
"""Pace of the numbers of people on the walls; a real city does not tell them so closely."""
TIMEOUT_MS = 2000
"""A fake unit answers within a millisecond; on a busy machine an answer after the time-out is in the device's log
and nowhere else, and the counts would differ."""


@dataclass(frozen=True)
class GatewayPlan:
    """One gateway of the region with what is behind it."""

    id: str
    cell: int
    site: str
    beat_s: float
    devices: tuple[Device, ...]

    @property
    def enrolled(self) -> Enrolled:
        """How the broker knows it."""
        return Enrolled(self.id, self.cell)

    @property
    def readers(self) -> tuple[Device, ...]:
        """Its attendance readers."""
        return tuple(device for device in self.devices if device.driver == "attendance_push")

    @property
    def modbus(self) -> tuple[Device, ...]:
        """Devices behind its Modbus bus."""
        return tuple(device for device in self.devices if device.driver == "modbus_tcp")

    def pin(self, device: str) -> int:
        """GPIO line of a contact.

        Raises:
            KeyError: it has no such contact.
        """
        for one in self.devices:
            if one.device == device and one.driver == "gpio":
                return one.pin
        raise KeyError(device)


def gateways(region: Region) -> tuple[GatewayPlan, ...]:
    """Every gateway of the region."""
    return tuple(
        GatewayPlan(
            one.id,
            one.cell,
            one.site,
            one.beat_s,
            tuple(device for device in region.devices if device.gateway == one.id),
        )
        for one in region.gateways.values()
    )


def wanted(region: Region, device: Device) -> tuple[str, ...]:
    """The only quantities that a device is read for: a panel's free inputs must not look like free beds."""
    for ward in region.wards.values():
        if (ward.gateway, ward.device) == (device.gateway, device.device):
            return tuple(sorted(ward.beds))
    return ()


def city_devices(region: Region) -> tuple[CityDevice, ...]:
    """The other side of every Modbus device of the region."""
    library = Library()
    devices = []
    for device in region.devices:
        if device.driver != "modbus_tcp":
            continue
        only = wanted(region, device)
        parts = []
        for source in device.sources:
            instrument = library.load(source.instrument)
            read = tuple(name for name in instrument.quantities if not only or name in only)
            parts.append(Part(instrument, source.unit, source.settings, read))
        devices.append(CityDevice(device.gateway, device.device, device.kind, tuple(parts)))
    return tuple(devices)


def gateway_toml(
    region: Region,
    plan: GatewayPlan,
    *,
    broker_port: int,
    modbus_port: int,
    identity: Identity,
    spool: Path,
    spool_mb: float = 8.0,
    poll_s: float | None = None,
    enrolment: str | None = None,
    readers: ReaderPlace | None = None,
) -> str:
    """The configuration file of a gateway; ``poll_s`` replaces what the profile says. Pure.

    Args:
        enrolment: address of the enrolment service; None where it does not renew its certificate.
        readers: where its attendance readers upload to; None where it has none.
    """
    out = [
        "[gateway]",
        *toml_lines(id=plan.id, cell=plan.cell, site=plan.site, beat_s=plan.beat_s),
        "[broker]",
        *toml_lines(
            host="127.0.0.1",
            port=broker_port,
            ca_file=str(identity.authority),
            cert_file=str(identity.certificate),
            key_file=str(identity.key),
            keepalive_s=10,
        ),
        *(["[enrolment]", *toml_lines(url=enrolment)] if enrolment else []),
        "[spool]",
        *toml_lines(path=str(spool), telemetry_mb=spool_mb, event_mb=1.0, panic_mb=0.5),
    ]
    if plan.modbus:
        out += ["[[bus]]", *toml_lines(link="tcp", name=BUS, host="127.0.0.1", port=modbus_port)]
        out += toml_lines(timeout_ms=TIMEOUT_MS)
    for device in plan.modbus:
        first, *others = device.sources
        out += [
            "[[device]]",
            *toml_lines(name=device.device, kind=device.kind, poll_s=poll_s or device.poll_s),
        ]
        out += toml_lines(
            instrument=first.instrument, bus=BUS, unit=first.unit, settings=dict(first.settings)
        )
        out += toml_lines(quantities=list(wanted(region, device)))
        for source in others:
            out += ["[[device.also]]", *toml_lines(instrument=source.instrument, bus=BUS, unit=source.unit)]
            out += toml_lines(settings=dict(source.settings))
    for device in plan.devices:
        if device.driver == "gpio":
            out += ["[[contact]]", *toml_lines(name=device.device, role=device.role, pin=device.pin)]
            if device.lamps:
                out += ["[[lights]]", *toml_lines(contact=device.device, **device.lamps)]
    if readers is not None:
        book = spool.with_name("scans.sqlite")
        out += ["[attendance]", *toml_lines(key_file=str(readers.key_file), zone=region.zone, book=str(book))]
        out += ["[attendance.listen]", *toml_lines(host="127.0.0.1", port=readers.port)]
        for device in plan.readers:
            out += ["[[reader]]", *toml_lines(name=device.device, serial=device.serial, sample_s=READER_S)]
    return "\n".join(out) + "\n"


@dataclass(frozen=True)
class HubPlace:
    """Where the hub's parts are.

    Attributes:
        database: SQLite file, or the address of a PostgreSQL database.
        influx_login: user and password of InfluxDB, None where it asks for none.
        trust: what the authority tells the hub; None where it tells nothing.
        channels: address of each webhook channel.
        secrets: what each channel signs with.
        chats: address of each Apprise channel, with its password.
        answers: the hub's address as agencies' telephones have it; empty where they get no links.
        exercise: address of each webhook channel that drills reach; on no host that ``channels`` reach.
    """

    profile: Path
    broker_port: int
    control: Identity
    telemetry: Identity
    influx_url: str
    influx_database: str
    influx_login: tuple[str, str] | None
    database: Path | str
    api_port: int
    receiver_port: int
    channels: Mapping[str, str]
    secrets: Mapping[str, bytes]
    chats: Mapping[str, str] = field(default_factory=dict)
    trust: Path | None = None
    answers: str = ""
    exercise: Mapping[str, str] = field(default_factory=dict)


def hub_toml(place: HubPlace, folder: Path) -> str:
    """The configuration file of the hub; writes its secrets beside it, each in a file of mode 0600."""
    influx: dict[str, object] = {"url": place.influx_url, "database": place.influx_database, "timeout_s": 5.0}
    if place.influx_login is not None:
        user, password = place.influx_login
        influx |= {"auth": "basic", "user": user, "secret_file": _secret(folder, "influx", password)}
    if isinstance(place.database, Path):
        database: dict[str, object] = {"file": str(place.database)}
    else:
        database = {"url_file": _secret(folder, "database", place.database)}
    out = [
        *toml_lines(profile=str(place.profile)),
        "[database]",
        *toml_lines(**database),
        "[broker]",
        *toml_lines(
            host="127.0.0.1",
            port=place.broker_port,
            ca=str(place.control.authority),
            certificate=str(place.control.certificate),
            key=str(place.control.key),
            telemetry_certificate=str(place.telemetry.certificate),
            telemetry_key=str(place.telemetry.key),
        ),
        "[influx]",
        *toml_lines(**influx),
        "[api]",
        *toml_lines(listen="127.0.0.1", port=place.api_port),
        "[kpis]",
        *toml_lines(attendance_s=ATTENDANCE_S),
        *(["[trust]", *toml_lines(file=str(place.trust))] if place.trust else []),
        "[outbound]",
        *toml_lines(private=[f"127.0.0.1:{place.receiver_port}"]),
    ]
    if place.answers:
        # Whom agencies' telephones reach, their systems may ask too.
        out += ["[cap]", *toml_lines(sender="siaga@kota-contoh.example")]
        key = _secret(folder, "answers", secrets.token_urlsafe(32))
        out += ["[answers]", *toml_lines(address=place.answers, key_file=key)]
    if place.exercise:
        hosts = sorted({urlsplit(url).netloc for url in place.exercise.values()})
        out += ["[exercise]", *toml_lines(private=hosts)]
    for table, channels in (("channels", place.channels), ("exercise.channels", place.exercise)):
        for channel, url in channels.items():
            secret = _secret(folder, channel, place.secrets[channel].decode())
            out += [f"[{table}.{channel}]", *toml_lines(url=url, secret_file=secret)]
    for channel, url in place.chats.items():
        out += [f"[channels.{channel}]", *toml_lines(url_file=_secret(folder, channel, url))]
    return "\n".join(out) + "\n"


def webhooks(region: Region) -> tuple[Channel, ...]:
    """Every channel of the region that is a signed webhook."""
    return _of_kind(region, "webhook")


def chats(region: Region) -> tuple[Channel, ...]:
    """Every channel of the region that Apprise writes into."""
    return _of_kind(region, "apprise")


def _of_kind(region: Region, kind: ChannelKind) -> tuple[Channel, ...]:
    return tuple(
        channel for agency in region.agencies.values() for channel in agency.channels if channel.kind == kind
    )


def exercise_webhooks(profile: Path, region: Region) -> tuple[Channel, ...]:
    """Every channel for drills of a profile that is a signed webhook."""
    contacts = read(texts_of(profile), region).exercise_contacts.values()
    used = {name for contact in contacts for name in contact.channels}
    return tuple(Channel(name, "webhook", name) for name in sorted(used))


def new_secrets(channels: Iterable[Channel]) -> dict[str, bytes]:
    """A secret for each channel, never the same twice."""
    return {channel.id: secrets.token_urlsafe(24).encode() for channel in channels}


def _secret(folder: Path, name: str, value: str) -> str:
    path = folder / "secrets" / name
    write_text(path, value + "\n", mode=0o600)
    return str(path)


def toml_lines(**values: object) -> list[str]:
    """Keys of a table as TOML; empty lists and tables are left out."""
    return [f"{key} = {_toml(value)}" for key, value in values.items() if value not in ([], {}, ())]


def _toml(value: object) -> str:
    """A value as TOML; strings, numbers, booleans and lists are written as JSON writes them."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(one)}" for key, one in value.items()) + " }"
    return json.dumps(value, ensure_ascii=False)
