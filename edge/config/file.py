"""The whole file of a gateway.

Every number has its unit in its name (``poll_s``, ``debounce_ms``, ``height_m``). Paths are relative to the
file that names them. ``firmware_configs/gateway.example.toml`` shows every key.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from contract import strict_toml
from contract.credentials import placed
from contract.strict_toml import Mistake, MistakesError, closest
from contract.toml_lines import KeyPath
from edge.config.attendance import Attendance, CardReader, Reader
from edge.config.cameras import Camera, SnapshotSettings
from edge.config.checks import dangling, duplicates, one_file
from edge.config.contacts import Contact, Lights, SupervisedLoop
from edge.config.gateway import Box, Broker, Enrolment, Gateway, SecondPath, SpoolSettings
from edge.config.instruments import BedRadar, CurrentLoop, RainGauge, Ultrasonic
from edge.config.mobile import Gps
from edge.config.modbus import Device, RtuBus, TcpBus
from edge.config.nodes import LocalBroker, Node
from edge.config.section import Section
from edge.config.simulated import SimulatedDevice
from edge.drivers.instruments import Library
from edge.drivers.nodes.models import Models

DEVICE_TABLES = (
    "box",
    "device",
    "simulated",
    "contact",
    "supervised_loop",
    "ultrasonic",
    "rain_gauge",
    "current_loop",
    "bed_radar",
    "reader",
    "card_reader",
    "node",
    "gps",
    "camera",
)
"""Tables of the file whose entries are devices, each with a name of its own."""


class Config(Section, frozen=True, kw_only=True):
    """Everything a gateway is told. ``load`` makes it from a file."""

    gateway: Gateway
    broker: Broker
    enrolment: Enrolment | None = None
    second_path: SecondPath | None = None
    box: tuple[Box, ...] = ()
    spool: SpoolSettings = SpoolSettings()
    bus: tuple[TcpBus | RtuBus, ...] = ()
    device: tuple[Device, ...] = ()
    simulated: tuple[SimulatedDevice, ...] = ()
    contact: tuple[Contact, ...] = ()
    supervised_loop: tuple[SupervisedLoop, ...] = ()
    lights: tuple[Lights, ...] = ()
    ultrasonic: tuple[Ultrasonic, ...] = ()
    rain_gauge: tuple[RainGauge, ...] = ()
    current_loop: tuple[CurrentLoop, ...] = ()
    bed_radar: tuple[BedRadar, ...] = ()
    attendance: Attendance | None = None
    reader: tuple[Reader, ...] = ()
    card_reader: tuple[CardReader, ...] = ()
    local_broker: LocalBroker | None = None
    node: tuple[Node, ...] = ()
    gps: tuple[Gps, ...] = ()
    camera: tuple[Camera, ...] = ()
    snapshots: SnapshotSettings = SnapshotSettings()
    instruments: tuple[Path, ...] = ()
    """Folders with more instrument files and models of nodes, looked into before the shipped ones."""

    def __post_init__(self) -> None:
        mistakes = [*one_file(self), *duplicates(self, DEVICE_TABLES), *dangling(self)]
        if mistakes:
            raise MistakesError(*mistakes)

    @property
    def device_names(self) -> tuple[str, ...]:
        """Every device of the gateway, contacts too, in the order of the file."""
        return tuple(item.name for table in DEVICE_TABLES for item in getattr(self, table))


def load(path: Path | str) -> Config:
    """Read the file; its relative paths come back relative to the file's folder.

    The instruments that devices name are read too, so that a wrong name or setting is a mistake of this file.

    Raises:
        TomlError: with every mistake, its line and what to write instead.
    """
    path = Path(path)
    folder = path.resolve().parent
    config = strict_toml.load(path, Config, lambda config: _check_instruments(config, folder))
    return _resolved(config, folder)


def loads(text: str, folder: Path, name: str) -> Config:
    """As `load`, of a text whose relative paths are relative to the folder; ``name`` is for mistakes.

    Raises:
        TomlError: as `load`.
    """
    config = strict_toml.loads(text, Config, name, lambda config: _check_instruments(config, folder))
    return _resolved(config, folder)


def _resolved(config: Config, folder: Path) -> Config:
    broker = msgspec.structs.replace(
        config.broker,
        ca_file=folder / config.broker.ca_file,
        cert_file=folder / config.broker.cert_file,
        key_file=folder / config.broker.key_file,
    )
    spool = msgspec.structs.replace(config.spool, path=folder / config.spool.path)
    attendance = config.attendance
    if attendance is not None:
        attendance = msgspec.structs.replace(
            attendance, key_file=placed(attendance.key_file, folder), book=folder / attendance.book
        )
    local = config.local_broker
    if local is not None:
        local = msgspec.structs.replace(
            local,
            password_file=None if local.password_file is None else placed(local.password_file, folder),
            ca_file=None if local.ca_file is None else folder / local.ca_file,
        )
    more = tuple(folder / item for item in config.instruments)
    cameras = tuple(
        one
        if one.password_file is None
        else msgspec.structs.replace(one, password_file=placed(one.password_file, folder))
        for one in config.camera
    )
    album = msgspec.structs.replace(config.snapshots, folder=folder / config.snapshots.folder)
    return msgspec.structs.replace(
        config,
        broker=broker,
        spool=spool,
        attendance=attendance,
        local_broker=local,
        camera=cameras,
        snapshots=album,
        instruments=more,
    )


def _check_instruments(config: Config, folder: Path) -> Iterator[Mistake]:
    """What the devices ask of their instruments that these do not have."""
    folders = [folder / item for item in config.instruments]
    library = Library(folders)
    yield from Models(folders).check(config.node)
    for at, device in enumerate(config.device):
        seen: set[str] = set()
        for number, source in enumerate(device.sources):
            place: KeyPath = ("device", at, "also", number - 1) if number else ("device", at)
            for mistake in library.check(
                source.instrument, source.settings, device.kind, device.quantities, seen
            ):
                yield mistake.below(place)
        for number, name in enumerate(device.quantities):
            if seen and name not in seen:
                text = f"none of its instruments gives {name!r}"
                yield Mistake(text, ("device", at, "quantities", number), closest(name, seen))
        for name in device.points:
            if seen and name not in seen:
                text = f"none of its instruments gives {name!r}"
                yield Mistake(text, ("device", at, "points", name), closest(name, seen))
