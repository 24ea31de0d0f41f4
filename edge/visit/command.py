"""The technician's commands of ``siaga-edge``: read, scan, doctor, spool, presses, test."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Iterable
from pathlib import Path

from edge.config import Config, RtuBus
from edge.errors import OrderError

NAMES = ("read", "scan", "doctor", "spool", "presses", "test")

UNWELL = 1
"""Exit status of ``doctor`` when something is bad."""

Commands = argparse._SubParsersAction


def add_to(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add them to the parser of ``siaga-edge``."""
    read = _command(commands, "read", "ask a device now, and show what it says")
    read.add_argument("point", metavar="POINT", help="a device, or DEVICE.QUANTITY")
    read.add_argument("--times", type=int, metavar="N", default=1, help="so often; default 1")
    read.add_argument("--every-s", type=float, metavar="SECONDS", default=1.0, help="default 1")
    scan = _command(commands, "scan", "look what is connected to this box")
    scan.add_argument("what", choices=["modbus", "i2c", "serial", "cameras"])
    scan.add_argument(
        "--bus", metavar="NAME", help="modbus: a bus of the configuration; i2c: its number, default 1"
    )
    scan.add_argument("--units", metavar="A-B", default="1-32", help="modbus: addresses to ask; default 1-32")
    _command(commands, "doctor", "say what is wrong with this box, and what to do")
    _command(commands, "spool", "show what waits for the hub, and why")
    _command(commands, "presses", "show the newest presses, and which of them the hub has")
    test = _command(
        commands, "test", "send a test of the way from a panic button to the hub; it raises nothing"
    )
    test.add_argument("button", metavar="BUTTON", help="a panic button of the configuration")


def _command(commands: Commands[argparse.ArgumentParser], name: str, text: str) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=text, description=text)
    command.add_argument("--config", type=Path, required=True, metavar="FILE", help="the gateway's TOML file")
    return command


def run(config: Config, options: argparse.Namespace) -> int:
    """Do one of them; the exit status.

    Raises:
        OrderError, EdgeError: it cannot be done; the message says what to do.
    """
    if options.command == "read":
        from edge.visit.points import read

        for table in read(config, options.point, times=options.times, every_s=options.every_s):
            print(table, flush=True)
        return 0
    if options.command == "scan":
        return _scan(config, options)
    if options.command == "doctor":
        return _doctor(config)
    if options.command == "presses":
        return _presses(config)
    if options.command == "test":
        return _test(config, options.button)
    return _spool(config)


def _scan(config: Config, options: argparse.Namespace) -> int:
    from edge.visit import search

    if options.what == "modbus":
        return asyncio.run(_scan_modbus(config, options.bus or "", units_of(options.units)))
    if options.what == "i2c":
        number = options.bus or "1"
        if not number.isdigit():
            raise OrderError("bus", f"{number!r} is no number of an I2C bus", "--bus 1")
        return _say((f"{address:#04x}", text) for address, text in search.i2c(int(number)))
    if options.what == "cameras":
        from edge.visit import cameras

        return _say(asyncio.run(cameras.look()))
    return _say(search.serial())


async def _scan_modbus(config: Config, name: str, units: range) -> int:
    from edge.drivers.instruments import Library
    from edge.local_door import ask
    from edge.visit import search

    bus = search.bus_of(config, name)
    if isinstance(bus, RtuBus) and ask(config.spool.path.parent, "status") is not None:
        text = f"the gateway uses {bus.device} now, and two who ask at once disturb each other"
        raise OrderError("in_use", text, "systemctl stop siaga-edge, and start it afterwards")
    found = 0
    async for unit, text in search.modbus(bus, units, Library(config.instruments)):
        print(f"{unit:3d}  {text}", flush=True)
        found += 1
    print(f"{found} unit dari / of {len(units)}")
    return 0


def units_of(text: str) -> range:
    """Addresses ``A-B`` of Modbus units.

    Raises:
        OrderError: it is no such range.
    """
    first, _, last = text.partition("-")
    if (
        not (first.isdigit() and (last or first).isdigit())
        or not 1 <= int(first) <= int(last or first) <= 247
    ):
        raise OrderError("units", f"{text!r} is no range of addresses", "--units 1-32; they go from 1 to 247")
    return range(int(first), int(last or first) + 1)


def _say(rows: Iterable[tuple[str, str]]) -> int:
    found = [f"{name}  {text}" for name, text in rows]
    print("\n".join(found) or "tidak ada / nothing")
    return 0


def _doctor(config: Config) -> int:
    from edge.clock import SystemClock
    from edge.visit.doctor import examine
    from edge.visit.facts import gather

    findings = list(examine(gather(config, SystemClock())))
    words = {"good": "baik  ", "look": "LIHAT ", "bad": "BURUK "}
    for one in findings:
        print(f"{words[one.level]} {one.subject}: {one.text}")
        if one.advice and one.level != "good":
            print(f"        → {one.advice}")
    return UNWELL if any(one.level == "bad" for one in findings) else 0


def _presses(config: Config) -> int:
    from edge.visit.gateway_here import lines, order
    from edge.visit.waiting import moment

    found, _ = order(config, "presses")
    rows = [
        (
            moment(one["t_ms"]),
            one["device"],
            "diterima / received" if one["received"] else "BELUM / NOT YET",
            one["id"],
        )
        for one in found["presses"]
    ]
    print(lines(rows) or "tidak ada / none")
    return 0


def _test(config: Config, button: str) -> int:
    from edge.local_door import ask

    # Only a gateway that runs can send it.
    answer = ask(config.spool.path.parent, "test", {"device": button})
    if answer is None:
        raise OrderError(
            "gateway", "gerbang tidak berjalan / the gateway does not run", "systemctl start siaga-edge"
        )
    print(f"terkirim / on its way: {answer['event']}")
    return 0


def _spool(config: Config) -> int:
    from edge.visit import waiting
    from edge.visit.gateway_here import lines, order

    status, running = order(config, "status")
    print(lines(list(waiting.rows(status, running=running))))
    if status["lost_untold"]:
        print(f"{status['lost_untold']} hilang, belum diceritakan / lost, and the hub does not know yet")
    return 0
