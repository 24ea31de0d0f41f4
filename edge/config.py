"""A gateway's configuration: one strict TOML file into frozen objects. Nothing reads a dict later.

Every number has its unit in its name (``poll_s``, ``debounce_ms``, ``height_m``). Paths are relative to the
file that names them. ``firmware_configs/gateway.example.toml`` shows every key.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from contract import strict_toml
from contract.errors import ContractError
from contract.kinds import KINDS
from contract.strict_toml import Mistake, MistakesError, closest
from contract.toml_lines import KeyPath
from contract.topics import check_gateway
from edge.drivers.instruments import Library

Name = Annotated[
    str,
    Meta(
        pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$",
        description="lower-case letters, digits, hyphens and underscores, at most 64",
    ),
]
Port = Annotated[int, Meta(ge=1, le=65535)]
Positive = Annotated[float, Meta(gt=0)]
Seconds = Annotated[float, Meta(ge=0.05, le=3600, description="seconds, for example 1.0")]
Pin = Annotated[int, Meta(ge=0, le=27, description="the BCM number of the line, 0 to 27, not the header's")]
Role = Literal["panic", "bed_mat", "door"]

CONTACT_KINDS: Mapping[Role, str] = {"panic": "panic_button", "bed_mat": "bed_mat", "door": "door_contact"}
"""Device kind of a contact by its role."""


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of every table of the file."""


class Gateway(Section, frozen=True, kw_only=True):
    """Who this gateway is: as enrolled, and as in the CN of its certificate."""

    id: str
    cell: Annotated[int, Meta(ge=0, le=63, description="the cell given at enrolment, 0 to 63")]
    site: Name
    beat_s: Annotated[float, Meta(ge=1, le=3600, description="seconds: 10, or 60 on a metered link")] = 10.0

    def __post_init__(self) -> None:
        try:
            check_gateway(self.id)
        except ContractError as error:
            raise MistakesError(Mistake(error.message, at=("id",), instead=error.hint)) from None


class Broker(Section, frozen=True, kw_only=True):
    """Where the broker is, and the certificates of mutual TLS. There is no other way in."""

    host: Annotated[str, Meta(min_length=1)]
    port: Port = 8883
    ca_file: Path
    cert_file: Path
    key_file: Path
    keepalive_s: Annotated[int, Meta(ge=5, le=1200)] = 30


class Enrolment(Section, frozen=True, kw_only=True):
    """Where the gateway gets its next certificate before the present one ends."""

    url: Annotated[
        str, Meta(pattern=r"^https://[A-Za-z0-9.\[\]:-]+$", description="https://host:port, as in the claim")
    ]


class SpoolSettings(Section, frozen=True, kw_only=True):
    """The spool's file and what each lane may take of the card, in MB of 10^6 bytes."""

    path: Path = Path("spool.sqlite")
    telemetry_mb: Annotated[float, Meta(ge=1)] = 512.0
    event_mb: Annotated[float, Meta(ge=0.5)] = 32.0
    panic_mb: Annotated[float, Meta(ge=0.5)] = 8.0


class TcpBus(Section, frozen=True, kw_only=True, tag="tcp", tag_field="link"):
    """A Modbus TCP server, or a converter with serial units behind it."""

    name: Name
    host: Annotated[str, Meta(min_length=1)]
    port: Port = 502
    timeout_ms: Annotated[int, Meta(ge=20, le=10_000)] = 500
    gap_ms: Annotated[int, Meta(ge=0, le=1000)] = 0
    """Silence between two requests."""


class RtuBus(Section, frozen=True, kw_only=True, tag="rtu", tag_field="link"):
    """An RS-485 line. Speed and parity are the line's: all its units must be set to them."""

    name: Name
    device: Annotated[str, Meta(min_length=1, description='the port, best as "/dev/serial/by-id/…"')]
    baud: Literal[1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200] = 9600
    parity: Literal["none", "even", "odd"] = "none"
    stop_bits: Literal[1, 2] = 1
    timeout_ms: Annotated[int, Meta(ge=20, le=10_000)] = 300
    gap_ms: Annotated[int, Meta(ge=0, le=1000)] = 10


class PointLimits(Section, frozen=True, kw_only=True):
    """What is plausible of a point at this site; what is not given is the instrument's."""

    min: float | None = None
    max: float | None = None
    max_step: Positive | None = None
    """Most that the value may change from one good sample to the next, in the quantity's unit."""
    stuck_s: Positive | None = None
    """The value never rests for longer than this, in seconds."""

    def __post_init__(self) -> None:
        if self.min is not None and self.max is not None and self.min >= self.max:
            raise MistakesError(Mistake(f"min {self.min:g} is not below max {self.max:g}", at=("min",)))


class Source(Section, frozen=True, kw_only=True):
    """An instrument of a device: one Modbus unit and what its registers mean."""

    instrument: Name
    """Name of a file in ``firmware_configs/instruments``, without ``.toml``."""
    bus: Name
    unit: Annotated[int, Meta(ge=1, le=247, description="the unit's Modbus address, 1 to 247")]
    settings: dict[str, float] = {}
    """What the instrument file asks for, for example ``mounting_height_m``."""
    inverted: bool = False
    """Bits mean the opposite, as with normally closed contacts."""


class Device(Section, frozen=True, kw_only=True):
    """A thing at a site that is sampled as one: one record, one line in the database.

    A river post with a level meter and a rain gauge is one device of two instruments: the second is in ``also``.
    """

    name: Name
    kind: str
    poll_s: Seconds = 1.0
    instrument: Name
    bus: Name
    unit: Annotated[int, Meta(ge=1, le=247, description="the unit's Modbus address, 1 to 247")]
    settings: dict[str, float] = {}
    inverted: bool = False
    quantities: tuple[str, ...] = ()
    """Only these quantities of its instruments, as for a panel with free inputs; empty: all."""
    also: tuple[Source, ...] = ()
    points: dict[str, PointLimits] = {}
    """Limits by quantity."""
    down_after: Annotated[int, Meta(ge=1, le=100)] = 2
    """Missed polls in a row after which the device is said to be down."""

    def __post_init__(self) -> None:
        _check_kind(self.kind, self.points)

    @property
    def sources(self) -> tuple[Source, ...]:
        """All instruments of the device, the first one first."""
        first = Source(
            instrument=self.instrument,
            bus=self.bus,
            unit=self.unit,
            settings=self.settings,
            inverted=self.inverted,
        )
        return (first, *self.also)


class Wave(Section, frozen=True, kw_only=True):
    """A value that a simulated device shows: ``mean + amplitude * sin(2 pi t / period_s)``."""

    mean: float
    amplitude: float = 0.0
    period_s: Positive = 3600.0


class SimulatedDevice(Section, frozen=True, kw_only=True):
    """A device without hardware, for the bench and for rehearsals."""

    name: Name
    kind: str
    poll_s: Seconds = 1.0
    values: dict[str, Wave]
    points: dict[str, PointLimits] = {}
    down_after: Annotated[int, Meta(ge=1, le=100)] = 2

    def __post_init__(self) -> None:
        if not self.values:
            raise MistakesError(Mistake("a simulated device without values", at=("values",)))
        _check_kind(self.kind, self.points, self.values)


class Contact(Section, frozen=True, kw_only=True):
    """A dry contact at a GPIO line: a panic button, a bed mat, a door."""

    name: Name
    role: Role
    pin: Pin
    active_low: bool = True
    """True: the contact pulls the line to ground when pressed, occupied or open, and the pull-up is on."""
    debounce_ms: Annotated[int, Meta(ge=5, le=30_000)] = 50
    """The level must hold this long to count."""
    vacant_ms: Annotated[int, Meta(ge=5, le=600_000)] | None = None
    """Of a bed mat: it must be free this long to count as free; None: as long as debounce_ms."""
    sample_s: Annotated[float, Meta(ge=0.1, le=3600)] = 60.0
    """How often the state is also sent as a sample, which shows that the contact is watched."""

    def __post_init__(self) -> None:
        if self.vacant_ms is not None and self.role != "bed_mat":
            raise MistakesError(Mistake(f"a {self.role} contact has no vacant_ms", at=("vacant_ms",)))


class Lights(Section, frozen=True, kw_only=True):
    """Lamps that tell what is proven of a button's presses. Each is a GPIO line; any may be left out."""

    contact: Name
    stored: Pin | None = None
    received: Pin | None = None
    acknowledged: Pin | None = None
    fault: Pin | None = None
    buzzer: Pin | None = None
    """On while a press has no receipt after 10 s."""
    active_high: bool = True

    @property
    def pins(self) -> dict[str, int]:
        """The lamps that are there, by name."""
        names = ("stored", "received", "acknowledged", "fault", "buzzer")
        return {name: pin for name in names if (pin := getattr(self, name)) is not None}


class Ultrasonic(Section, frozen=True, kw_only=True):
    """A level sensor that sends distances by itself on a serial line of its own (ME007, A02 class)."""

    name: Name
    kind: Literal["river_post"] = "river_post"
    device: Annotated[str, Meta(min_length=1, description='the port, best as "/dev/serial/by-id/…"')]
    mounting_height_m: Annotated[float, Meta(gt=0, le=30)]
    """Height of the sensor's face above the zero of the staff gauge."""
    blind_m: Annotated[float, Meta(gt=0, le=2)] = 0.3
    range_m: Annotated[float, Meta(gt=0, le=30)] = 4.5
    poll_s: Annotated[float, Meta(ge=1, le=3600)] = 2.0
    points: dict[str, PointLimits] = {}
    down_after: Annotated[int, Meta(ge=1, le=100)] = 2

    def __post_init__(self) -> None:
        _check_kind(self.kind, self.points)
        if self.blind_m >= self.range_m:
            text = f"blind_m {self.blind_m:g} is not below range_m {self.range_m:g}"
            raise MistakesError(Mistake(text, at=("blind_m",)))


class RainGauge(Section, frozen=True, kw_only=True):
    """A rain gauge with a tipping bucket, whose contact closes a GPIO line to ground."""

    name: Name
    pin: Pin
    mm_per_tip: Annotated[float, Meta(gt=0, le=2, description="millimetres, for example 0.2 or 0.254")]
    debounce_ms: Annotated[int, Meta(ge=5, le=1000)] = 80
    """Closings within so long of a tip are its bounce."""
    poll_s: Seconds = 10.0
    points: dict[str, PointLimits] = {}

    def __post_init__(self) -> None:
        _check_kind("rain_gauge", self.points)


class CurrentLoop(Section, frozen=True, kw_only=True):
    """An instrument of 4 to 20 mA at a channel of an ADS1115."""

    name: Name
    kind: str
    quantity: str
    """What it measures, of its kind."""
    i2c_bus: Annotated[int, Meta(ge=0, le=32)] = 1
    address: Annotated[int, Meta(ge=0x48, le=0x4B, description="0x48 to 0x4B")] = 0x48
    channel: Annotated[int, Meta(ge=0, le=3)]
    shunt_ohm: Annotated[float, Meta(ge=50, le=190)] = 150.0
    """Its true value, measured; 21 mA must stay below 4.096 V."""
    at_4_ma: float
    at_20_ma: float
    """What these currents mean, in the quantity's unit."""
    poll_s: Seconds = 1.0
    points: dict[str, PointLimits] = {}
    down_after: Annotated[int, Meta(ge=1, le=100)] = 2

    def __post_init__(self) -> None:
        _check_kind(self.kind, self.points)
        known = KINDS[self.kind].quantities
        mistakes = []
        if self.quantity not in known:
            text = f"{self.kind} has no quantity {self.quantity!r}"
            mistakes.append(Mistake(text, at=("quantity",), instead=closest(self.quantity, known)))
        elif known[self.quantity].type == "int":
            mistakes.append(
                Mistake(f"{self.quantity} is a count", at=("quantity",), instead="what is measured")
            )
        if self.at_4_ma == self.at_20_ma:
            mistakes.append(Mistake("both currents mean the same", at=("at_20_ma",)))
        if mistakes:
            raise MistakesError(*mistakes)


class BedRadar(Section, frozen=True, kw_only=True):
    """A presence radar LD2410 over a bed, on a serial port of its own."""

    name: Name
    device: Annotated[str, Meta(min_length=1, description='the port, best as "/dev/serial/by-id/…"')]
    range_m: Annotated[float, Meta(gt=0, le=6)] = 2.0
    """What is further away is not in this bed."""
    occupied_s: Annotated[float, Meta(ge=0, le=60)] = 2.0
    vacant_s: Annotated[float, Meta(ge=1, le=600)] = 20.0
    """How long a person must be seen, or not, before the bed counts as taken or free."""
    poll_s: Annotated[float, Meta(ge=0.5, le=60)] = 1.0
    down_after: Annotated[int, Meta(ge=1, le=100)] = 3


class Listen(Section, frozen=True, kw_only=True):
    """Where attendance readers upload to: an address of the network that only they are on."""

    host: Annotated[str, Meta(min_length=1)]
    port: Annotated[int, Meta(ge=0, le=65535)] = 8081
    """0 takes a free one, for the bench."""


class Attendance(Section, frozen=True, kw_only=True):
    """What all attendance readers of the gateway share."""

    key_file: Path
    """The city's key, which turns employees' numbers into pseudonyms. Only its owner may read it."""
    zone: Annotated[str, Meta(description='"Asia/Jakarta", "Asia/Makassar" or "Asia/Jayapura"')]
    """Readers know only local time; this is whose."""
    book: Path = Path("attendance.sqlite")
    """Where it is remembered what readers have told."""
    listen: Listen | None = None

    def __post_init__(self) -> None:
        from zoneinfo import ZoneInfo

        try:
            ZoneInfo(self.zone)
        except (ValueError, OSError, LookupError):
            instead = '"Asia/Jakarta", "Asia/Makassar" or "Asia/Jayapura"'
            raise MistakesError(
                Mistake(f"no time zone {self.zone!r}", at=("zone",), instead=instead)
            ) from None


class Pull(Section, frozen=True, kw_only=True):
    """How the whole log of a reader is read, beside what it uploads or instead of it."""

    host: Annotated[str, Meta(min_length=1)]
    port: Port = 4370
    transport: Literal["tcp", "udp"] = "tcp"
    comm_key: Annotated[int, Meta(ge=0, le=999_999)] = 0
    """Its communication key; 0 is none."""
    every_s: Annotated[float, Meta(ge=0.2, le=86_400)] = 21_600.0
    """Six hours beside uploads; 60 for a reader that cannot upload."""


class Reader(Section, frozen=True, kw_only=True):
    """An attendance reader. Only those named here are heard."""

    name: Name
    serial: Annotated[
        str, Meta(pattern=r"^[A-Za-z0-9-]{1,32}$", description="as its menu or its label says it")
    ]
    dialect: Literal["auto", "stamp", "attlogstamp"] = "auto"
    """How it wants its options; only old firmware that says it wrongly needs this."""
    silent_s: Annotated[float, Meta(ge=20, le=86_400)] = 180.0
    """Silent for longer, it is down."""
    sample_s: Annotated[float, Meta(ge=0.1, le=3600)] = 60.0
    """How often it is told how many scans it gave and when it was last heard."""
    pull: Pull | None = None


DEVICE_TABLES = (
    "device",
    "simulated",
    "contact",
    "ultrasonic",
    "rain_gauge",
    "current_loop",
    "bed_radar",
    "reader",
)
"""Tables of the file whose entries are devices, each with a name of its own."""


class Config(Section, frozen=True, kw_only=True):
    """Everything a gateway is told. ``load`` makes it from a file."""

    gateway: Gateway
    broker: Broker
    enrolment: Enrolment | None = None
    spool: SpoolSettings = SpoolSettings()
    bus: tuple[TcpBus | RtuBus, ...] = ()
    device: tuple[Device, ...] = ()
    simulated: tuple[SimulatedDevice, ...] = ()
    contact: tuple[Contact, ...] = ()
    lights: tuple[Lights, ...] = ()
    ultrasonic: tuple[Ultrasonic, ...] = ()
    rain_gauge: tuple[RainGauge, ...] = ()
    current_loop: tuple[CurrentLoop, ...] = ()
    bed_radar: tuple[BedRadar, ...] = ()
    attendance: Attendance | None = None
    reader: tuple[Reader, ...] = ()
    instruments: tuple[Path, ...] = ()
    """Folders with more instrument files, looked into before the shipped ones."""

    def __post_init__(self) -> None:
        mistakes = [*_one_file(self), *_duplicates(self), *_dangling(self)]
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
            attendance, key_file=folder / attendance.key_file, book=folder / attendance.book
        )
    more = tuple(folder / item for item in config.instruments)
    return msgspec.structs.replace(
        config, broker=broker, spool=spool, attendance=attendance, instruments=more
    )


def _check_instruments(config: Config, folder: Path) -> Iterator[Mistake]:
    """What the devices ask of their instruments that these do not have."""
    library = Library([folder / item for item in config.instruments])
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


def _check_kind(kind: str, *by_quantity: Mapping[str, Any]) -> None:
    if kind not in KINDS:
        raise MistakesError(
            Mistake(f"{kind!r} is not a device kind", at=("kind",), instead=closest(kind, KINDS))
        )
    known = KINDS[kind].quantities
    names = ("points", "values")
    wrong = [
        Mistake(f"{kind} has no quantity {name!r}", at=(table, name), instead=closest(name, known))
        for table, names_given in zip(names, by_quantity, strict=False)
        for name in names_given
        if name not in known
    ]
    if wrong:
        raise MistakesError(*wrong)


def _one_file(config: Config) -> Iterator[Mistake]:
    if config.enrolment is not None and config.broker.cert_file != config.broker.key_file:
        yield Mistake(
            "a gateway that renews its certificate keeps it and its key in one file, which is swapped whole",
            at=("broker", "key_file"),
            instead=f'"{config.broker.cert_file}", as cert_file',
        )


def _duplicates(config: Config) -> Iterator[Mistake]:
    named: list[tuple[str, int, str]] = [
        (table, at, item.name) for table in DEVICE_TABLES for at, item in enumerate(getattr(config, table))
    ]
    yield from _repeated(named, "device name", "give each device, contact and reader its own name")
    yield from _repeated(
        [("bus", at, bus.name) for at, bus in enumerate(config.bus)], "bus name", "rename one"
    )
    serials = [("reader", at, reader.serial) for at, reader in enumerate(config.reader)]
    yield from _repeated(serials, "serial number", "the serial number of the other reader", key="serial")
    lines = [(("contact", at, "pin"), contact.pin) for at, contact in enumerate(config.contact)]
    lines += [(("rain_gauge", at, "pin"), gauge.pin) for at, gauge in enumerate(config.rain_gauge)]
    for at, lights in enumerate(config.lights):
        lines += [(("lights", at, lamp), pin) for lamp, pin in lights.pins.items()]
    taken: set[int] = set()
    for place, pin in lines:
        if pin in taken:
            yield Mistake(f"GPIO line {pin} is used twice", at=place, instead="a line that is free")
        taken.add(pin)
    yield from _read_twice(config)


def _read_twice(config: Config) -> Iterator[Mistake]:
    ports = [("bus", at, bus.device) for at, bus in enumerate(config.bus) if isinstance(bus, RtuBus)]
    for table in ("ultrasonic", "bed_radar"):
        ports += [(table, at, each.device) for at, each in enumerate(getattr(config, table))]
    yield from _repeated(ports, "port", "a port of its own", key="device")
    inputs = [
        ("current_loop", at, f"channel {each.channel} of chip {each.address:#04x} at bus {each.i2c_bus}")
        for at, each in enumerate(config.current_loop)
    ]
    yield from _repeated(inputs, "input", "the channel of the other instrument", key="channel")
    asked: set[tuple[str, int, str]] = set()
    for at, device in enumerate(config.device):
        for number, source in enumerate(device.sources):
            key = (source.bus, source.unit, source.instrument)
            if key in asked:
                where = ("also", number - 1, "unit") if number else ("unit",)
                yield Mistake(
                    f"unit {source.unit} of bus {source.bus!r} is read twice as {source.instrument}",
                    at=("device", at, *where),
                    instead="the address of the other unit, or remove one of the two",
                )
            asked.add(key)


def _repeated(
    named: Iterable[tuple[str, int, str]], what: str, instead: str, *, key: str = "name"
) -> Iterator[Mistake]:
    seen: Counter[str] = Counter()
    for table, at, name in named:
        seen[name] += 1
        if seen[name] > 1:
            yield Mistake(f"{what} {name!r} is given twice", at=(table, at, key), instead=instead)


def _dangling(config: Config) -> Iterator[Mistake]:
    """Names that point to nothing."""
    buses = [bus.name for bus in config.bus]
    for at, device in enumerate(config.device):
        for number, source in enumerate(device.sources):
            if source.bus not in buses:
                where = ("also", number - 1, "bus") if number else ("bus",)
                yield Mistake(
                    f"no bus is called {source.bus!r}",
                    at=("device", at, *where),
                    instead=closest(source.bus, buses) or "add a [[bus]] of that name",
                )
    if config.reader and config.attendance is None:
        yield Mistake(
            "readers without [attendance]", at=("reader", 0), instead="an [attendance] with key_file and zone"
        )
    if config.attendance is not None and config.attendance.listen is None:
        yield from _unheard(config.reader)
    contacts = [contact.name for contact in config.contact]
    for at, lights in enumerate(config.lights):
        if lights.contact not in contacts:
            yield Mistake(
                f"no contact is called {lights.contact!r}",
                at=("lights", at, "contact"),
                instead=closest(lights.contact, contacts),
            )


def _unheard(readers: Iterable[Reader]) -> Iterator[Mistake]:
    """Readers that nobody hears, where none may upload."""
    for at, reader in enumerate(readers):
        if reader.pull is None:
            yield Mistake(
                "it can neither upload nor is its log read",
                at=("reader", at),
                instead="an [attendance.listen], or a [reader.pull]",
            )
        elif reader.pull.every_s > reader.silent_s:
            yield Mistake(
                f"it is down after {reader.silent_s:g} s, and its log is read every {reader.pull.every_s:g} s only",
                at=("reader", at, "pull"),
                instead=f"every_s = 60.0 or another number below {reader.silent_s:g}",
            )
