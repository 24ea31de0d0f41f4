"""From the configuration to drivers: the one place that knows which table of the file makes which driver."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from random import SystemRandom
from typing import TYPE_CHECKING, Any

from contract.kinds import KINDS
from edge.clock import Clock
from edge.config import (
    Attendance,
    BedRadar,
    CardReader,
    Config,
    Contact,
    CurrentLoop,
    Device,
    Gps,
    Node,
    PointLimits,
    RainGauge,
    Reader,
    SimulatedDevice,
    SupervisedLoop,
    Ultrasonic,
)
from edge.drivers import bed_radar, ultrasonic
from edge.drivers.ads1115 import I2c, LinuxI2c
from edge.drivers.base import Driver
from edge.drivers.bed_radar import BedRadarDriver
from edge.drivers.bed_state import BedState
from edge.drivers.box import BoxDriver
from edge.drivers.current_loop import CurrentLoopDriver
from edge.drivers.equipment import Drivers, Service
from edge.drivers.gpio import ContactDriver, Contacts, Lamps, check_pins, real_pins
from edge.drivers.instruments import Library
from edge.drivers.modbus import Bus, ModbusDriver, Source
from edge.drivers.serial_port import SerialPort
from edge.drivers.simulated import SimulatedDriver
from edge.drivers.supervised_loop import Loops, SupervisedLoopDriver
from edge.drivers.tipping_bucket import RainDriver, TippingBucket, TippingBuckets
from edge.drivers.ultrasonic import UltrasonicDriver
from edge.points import Limits
from edge.sampler import Schedule

if TYPE_CHECKING:
    from edge.drivers.attendance import Readers
    from edge.drivers.camera import CameraDriver
    from edge.drivers.card_reader import CardReaderDriver
    from edge.drivers.local_broker import LocalBrokerClient
    from edge.drivers.nodes.node import NodeDriver
    from edge.drivers.snapshots import Photographer


def build(
    config: Config, *, clock: Clock, pins: Any = None, i2c: Callable[[int], I2c] | None = None
) -> Drivers:
    """Drivers for everything in the configuration. Opens nothing but the instrument files.

    Args:
        pins: a gpiozero pin factory. None takes the board's own lines when ``run`` starts, and nothing else. A
            simulator passes a MockFactory here; no configuration can.
        i2c: an I2C bus by its number; None takes the board's own. Only the simulator passes one.

    Raises:
        PinError: `pins` is given and is no factory for contacts.
        TomlError: an instrument file has mistakes.
    """
    if pins is not None:
        check_pins(pins)
    factory = _Once(real_pins if pins is None else lambda: pins)
    library = Library(config.instruments)
    buses = {bus.name: Bus(bus, clock=clock) for bus in config.bus}
    contacts = Contacts(config.contact, pins=factory, clock=clock)
    schedules = [
        *(_modbus(device, library, buses, clock) for device in config.device),
        *(_simulated(device, clock) for device in config.simulated),
        *(_contact(contact, contacts, clock) for contact in config.contact),
    ]
    ports: list[SerialPort] = []
    schedules += (_ultrasonic(each, ports, clock) for each in config.ultrasonic)
    folder = config.spool.path.parent
    buckets = [TippingBucket(each, folder, clock=clock) for each in config.rain_gauge]
    schedules += (_rain(each, bucket, clock) for each, bucket in zip(config.rain_gauge, buckets, strict=True))
    restarts: dict[str, tuple[Callable[[], None], ...]] = {
        device.name: tuple(buses[name].restart for name in dict.fromkeys(each.bus for each in device.sources))
        for device in config.device
    }
    chips = _Buses(i2c or LinuxI2c)
    schedules += _current_loops(config.current_loop, chips, clock)
    loops = _supervised(config.supervised_loop, chips, clock)
    for watcher, settings in loops:
        schedules += (_supervised_loop(each, watcher) for each in settings)
    schedules += (_bed_radar(each, ports, clock) for each in config.bed_radar)
    schedules += (
        _schedule(BoxDriver(each.name, folder, clock=clock, modem=each.modem), each.poll_s, {}, {}, 1)
        for each in config.box
    )
    own_lines = [each.name for each in config.ultrasonic] + [each.name for each in config.bed_radar]
    restarts |= {name: (port.close,) for name, port in zip(own_lines, ports, strict=True)}
    gps_ports: list[SerialPort] = []
    schedules += (_gps(each, gps_ports, clock) for each in config.gps)
    ports += gps_ports
    nodes = _nodes(config, clock)
    schedules += (_schedule(node, each.poll_s, {}, each.points, 1) for node, each in nodes)
    cameras = _cameras(config, clock)
    schedules += (
        _schedule(one, one.settings.poll_s, {}, one.settings.points, one.settings.down_after)
        for one in cameras
    )
    photographer = _photographer(config, cameras, clock)
    services: list[Service] = [] if photographer is None else [photographer]
    if config.attendance is not None:
        readers, more = _attendance(config.attendance, config.reader, clock)
        services += more
        schedules += (_reader(reader, readers) for reader in config.reader)
        cards = [_card_reader(each, config.attendance, folder, clock) for each in config.card_reader]
        schedules += (
            _schedule(one, each.sample_s, {}, {}, 2)
            for one, each in zip(cards, config.card_reader, strict=True)
        )
        services += cards
    return Drivers(
        schedules=tuple(schedules),
        services=tuple(services),
        buttons=(
            *(each.name for each in config.contact if each.role == "panic"),
            *(each.name for each in config.supervised_loop if each.role == "panic"),
            *(node.device for node, _ in nodes if node.kind == "panic_button"),
        ),
        _buses=tuple(buses.values()),
        _contacts=contacts,
        _lamps=Lamps(config.lights, pins=factory),
        _buckets=TippingBuckets(buckets, pins=factory),
        _ports=tuple(ports),
        _restarts=restarts,
        _loops=tuple(watcher for watcher, _ in loops),
        _photographer=photographer,
        _local=_local_broker(config, [node for node, _ in nodes], clock),
    )


class _Once:
    """Makes the pin factory at its first use; a board has only one."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self._made: Any = None

    def __call__(self) -> Any:
        if self._made is None:
            self._made = self._make()
        return self._made


class _Buses:
    """I2C buses by number, each made once: its lock is what keeps two conversions apart."""

    def __init__(self, make: Callable[[int], I2c]) -> None:
        self._make = make
        self._made: dict[int, I2c] = {}

    def __call__(self, number: int) -> I2c:
        if number not in self._made:
            self._made[number] = self._make(number)
        return self._made[number]


def _modbus(device: Device, library: Library, buses: Mapping[str, Bus], clock: Clock) -> Schedule:
    sources = []
    limits: dict[str, Limits] = {}
    for source in device.sources:
        instrument = library.load(source.instrument)
        limits |= instrument.limits(source.settings)
        sources.append(
            Source(
                bus=buses[source.bus],
                unit=source.unit,
                instrument=instrument,
                settings=source.settings,
                wanted=device.quantities,
                inverted=source.inverted,
            )
        )
    driver = ModbusDriver(device.name, device.kind, sources, clock=clock)
    return _schedule(driver, device.poll_s, limits, device.points, device.down_after)


def _simulated(device: SimulatedDevice, clock: Clock) -> Schedule:
    driver = SimulatedDriver(device.name, device.kind, device.values, clock=clock)
    return _schedule(driver, device.poll_s, {}, device.points, device.down_after)


def _contact(contact: Contact, contacts: Contacts, clock: Clock) -> Schedule:
    # Its first polls may come before the lines are claimed.
    return _schedule(ContactDriver(contact, contacts, clock=clock), contact.sample_s, {}, {}, 3)


def _ultrasonic(settings: Ultrasonic, ports: list[SerialPort], clock: Clock) -> Schedule:
    port = SerialPort(settings.device, ultrasonic.BAUD)
    ports.append(port)
    driver = UltrasonicDriver(
        settings.name,
        settings.kind,
        port,
        mounting_height_m=settings.mounting_height_m,
        blind_m=settings.blind_m,
        range_m=settings.range_m,
        clock=clock,
    )
    return _schedule(driver, settings.poll_s, {}, settings.points, settings.down_after)


def _bed_radar(settings: BedRadar, ports: list[SerialPort], clock: Clock) -> Schedule:
    port = SerialPort(settings.device, bed_radar.BAUD)
    ports.append(port)
    state = BedState(occupied_ms=int(settings.occupied_s * 1000), vacant_ms=int(settings.vacant_s * 1000))
    driver = BedRadarDriver(settings.name, port, range_m=settings.range_m, state=state, clock=clock)
    return _schedule(driver, settings.poll_s, {}, {}, settings.down_after)


def _rain(settings: RainGauge, bucket: TippingBucket, clock: Clock) -> Schedule:
    # Its first polls may come before the line is claimed.
    return _schedule(RainDriver(settings, bucket, clock=clock), settings.poll_s, {}, settings.points, 3)


def _supervised(
    loops: Sequence[SupervisedLoop], buses: _Buses, clock: Clock
) -> list[tuple[Loops, list[SupervisedLoop]]]:
    """A watcher for each bus, with its loops."""
    by_bus: dict[int, list[SupervisedLoop]] = {}
    for each in loops:
        by_bus.setdefault(each.i2c_bus, []).append(each)
    return [(Loops(named, buses(number), clock=clock), named) for number, named in by_bus.items()]


def _supervised_loop(settings: SupervisedLoop, loops: Loops) -> Schedule:
    # Its first polls may come before the first samples.
    return _schedule(SupervisedLoopDriver(settings, loops), settings.sample_s, {}, {}, 3)


def _current_loops(loops: Sequence[CurrentLoop], buses: _Buses, clock: Clock) -> Iterator[Schedule]:
    for each in loops:
        driver = CurrentLoopDriver(
            each.name,
            each.kind,
            each.quantity,
            buses(each.i2c_bus),
            address=each.address,
            channel=each.channel,
            shunt_ohm=each.shunt_ohm,
            at_4_ma=each.at_4_ma,
            at_20_ma=each.at_20_ma,
            clock=clock,
        )
        yield _schedule(driver, each.poll_s, {}, each.points, each.down_after)


def _attendance(settings: Attendance, named: Sequence[Reader], clock: Clock) -> tuple[Readers, list[Service]]:
    # Imported here: most gateways have no reader, and need the memory.
    from edge.drivers.attendance import Readers
    from edge.drivers.attendance_push import PushServer

    readers = Readers(settings, named, clock=clock)
    services: list[Service] = [PushServer(settings, readers, clock=clock)]
    for reader in named:
        if reader.pull is not None:
            from edge.drivers.attendance_pull import LogPuller

            services.append(LogPuller(reader, reader.pull, readers))
    return readers, services


def _card_reader(
    settings: CardReader, attendance: Attendance, folder: Path, clock: Clock
) -> CardReaderDriver:
    # Imported here: most gateways have none.
    from edge.drivers.card_reader import CardReaderDriver

    return CardReaderDriver(settings, attendance, folder, clock=clock)


def _gps(settings: Gps, ports: list[SerialPort], clock: Clock) -> Schedule:
    # Imported here: most gateways stay where they are.
    from edge.drivers.gpsd import GpsdDriver
    from edge.drivers.nmea import NmeaDriver

    driver: Driver
    if settings.gpsd is not None:
        driver = GpsdDriver(settings.name, settings.gpsd, clock=clock)
    else:
        assert settings.device is not None
        port = SerialPort(settings.device, settings.baud)
        ports.append(port)
        driver = NmeaDriver(settings.name, port, clock=clock)
    return _schedule(driver, settings.poll_s, {}, settings.points, settings.down_after)


def _cameras(config: Config, clock: Clock) -> list[CameraDriver]:
    if not config.camera:
        return []
    from edge.drivers.camera import CameraDriver

    return [CameraDriver(each, clock=clock) for each in config.camera]


def _photographer(config: Config, cameras: Sequence[CameraDriver], clock: Clock) -> Photographer | None:
    if not any(each.on_panic for each in config.camera):
        return None
    from edge.drivers.snapshots import Album, Photographer

    return Photographer(cameras, Album(config.snapshots, clock=clock), clock=clock)


def _nodes(config: Config, clock: Clock) -> list[tuple[NodeDriver, Node]]:
    if not config.node:
        return []
    # Imported here: most gateways have none.
    from edge.drivers.nodes.models import Models
    from edge.drivers.nodes.node import NodeDriver

    models = Models(config.instruments)
    return [(NodeDriver(each, models.meaning(each), clock=clock), each) for each in config.node]


def _local_broker(config: Config, nodes: Sequence[NodeDriver], clock: Clock) -> LocalBrokerClient | None:
    if config.local_broker is None or not nodes:
        return None
    from edge.drivers.local_broker import LocalBrokerClient, Nodes

    return LocalBrokerClient(
        config.local_broker, Nodes(nodes, clock=clock), gateway=config.gateway.id, random=SystemRandom()
    )


def _reader(reader: Reader, readers: Readers) -> Schedule:
    from edge.drivers.attendance import ReaderDriver

    return _schedule(ReaderDriver(reader, readers), reader.sample_s, {}, {}, 1)


def _schedule(
    driver: Driver,
    poll_s: float,
    limits: Mapping[str, Limits],
    points: Mapping[str, PointLimits],
    down_after: int,
) -> Schedule:
    """With the limits of the site before those of the instrument, and both within what is physically possible."""
    merged = {}
    for name in driver.quantities:
        possible = KINDS[driver.kind].quantities[name]
        own, site = limits.get(name, Limits()), points.get(name, PointLimits())
        merged[name] = Limits(
            low=max(possible.low, own.low if site.min is None else site.min),
            high=min(possible.high, own.high if site.max is None else site.max),
            max_step=own.max_step if site.max_step is None else site.max_step,
            stuck_s=own.stuck_s if site.stuck_s is None else site.stuck_s,
        )
    return Schedule(driver, poll_s, merged, down_after)
