"""Mistakes that only the whole file shows: names and lines given twice, names that point to nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from contract.strict_toml import Mistake, closest
from edge.config.attendance import Reader
from edge.config.contacts import SupervisedLoop
from edge.config.instruments import CurrentLoop
from edge.config.modbus import RtuBus

if TYPE_CHECKING:
    from edge.config.file import Config


def one_file(config: Config) -> Iterator[Mistake]:
    """A certificate that is to be renewed, apart from its key."""
    if config.enrolment is not None and config.broker.cert_file != config.broker.key_file:
        yield Mistake(
            "a gateway that renews its certificate keeps it and its key in one file, which is swapped whole",
            at=("broker", "key_file"),
            instead=f'"{config.broker.cert_file}", as cert_file',
        )


def duplicates(config: Config, tables: Sequence[str]) -> Iterator[Mistake]:
    """What is given twice and may be once only. ``tables`` are those whose entries are devices."""
    named: list[tuple[str, int, str]] = [
        (table, at, item.name) for table in tables for at, item in enumerate(getattr(config, table))
    ]
    yield from _repeated(named, "device name", "give each device, contact and reader its own name")
    yield from _repeated(
        [("bus", at, bus.name) for at, bus in enumerate(config.bus)], "bus name", "rename one"
    )
    serials = [("reader", at, reader.serial) for at, reader in enumerate(config.reader)]
    yield from _repeated(serials, "serial number", "the serial number of the other reader", key="serial")
    ids = [("node", at, f"{node.id} {node.channel or ''}".strip()) for at, node in enumerate(config.node)]
    yield from _repeated(ids, "node", "the id of the other node, or its channel", key="id")
    lines = [(("contact", at, "pin"), contact.pin) for at, contact in enumerate(config.contact)]
    lines += [(("rain_gauge", at, "pin"), gauge.pin) for at, gauge in enumerate(config.rain_gauge)]
    for at, lights in enumerate(config.lights):
        lines += [(("lights", at, lamp), pin) for lamp, pin in lights.pins.items()]
    taken: set[int] = set()
    for place, pin in lines:
        if pin in taken:
            yield Mistake(f"GPIO line {pin} is used twice", at=place, instead="a line that is free")
        taken.add(pin)
    if len(config.box) > 1:
        yield Mistake("a gateway is one box", at=("box", 1), instead="remove it")
    yield from _read_twice(config)


def _read_twice(config: Config) -> Iterator[Mistake]:
    ports = [("bus", at, bus.device) for at, bus in enumerate(config.bus) if isinstance(bus, RtuBus)]
    for table in ("ultrasonic", "bed_radar", "gps"):
        ports += [(table, at, each.device) for at, each in enumerate(getattr(config, table)) if each.device]
    yield from _repeated(ports, "port", "a port of its own", key="device")
    keyboards = [("card_reader", at, each.device) for at, each in enumerate(config.card_reader)]
    yield from _repeated(keyboards, "keyboard", "the other reader's", key="device")
    inputs = [("current_loop", at, _input(each)) for at, each in enumerate(config.current_loop)]
    inputs += [("supervised_loop", at, _input(each)) for at, each in enumerate(config.supervised_loop)]
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


def _input(each: CurrentLoop | SupervisedLoop) -> str:
    return f"channel {each.channel} of chip {each.address:#04x} at bus {each.i2c_bus}"


def _repeated(
    named: Iterable[tuple[str, int, str]], what: str, instead: str, *, key: str = "name"
) -> Iterator[Mistake]:
    seen: Counter[str] = Counter()
    for table, at, name in named:
        seen[name] += 1
        if seen[name] > 1:
            yield Mistake(f"{what} {name!r} is given twice", at=(table, at, key), instead=instead)


def dangling(config: Config) -> Iterator[Mistake]:
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
    if config.card_reader and config.attendance is None:
        yield Mistake(
            "card readers without [attendance]",
            at=("card_reader", 0),
            instead="an [attendance] with key_file and zone",
        )
    if config.node and config.local_broker is None:
        yield Mistake("nodes without [local_broker]", at=("node", 0), instead="a [local_broker]")
    if config.attendance is not None and config.attendance.listen is None:
        yield from _unheard(config.reader)
    contacts = [contact.name for contact in config.contact]
    contacts += [each.name for each in config.supervised_loop]
    buttons = contacts + [node.name for node in config.node]
    for at, camera in enumerate(config.camera):
        for number, name in enumerate(camera.on_panic):
            if name not in buttons:
                yield Mistake(
                    f"no button is called {name!r}",
                    at=("camera", at, "on_panic", number),
                    instead=closest(name, buttons),
                )
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
