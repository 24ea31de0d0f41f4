"""Registers and buttons to the card: drivers, sampler and panic task on the real spool."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from gpiozero.pins.mock import MockFactory

from contract.codec import decode_body
from contract.strict_toml import loads
from edge.clock import SystemClock, random_hex
from edge.config import Config
from edge.drivers import registry
from edge.drivers.base import Edge
from edge.outputs import Outputs, Proven
from edge.panic import Panic
from edge.sampler import Sampler
from edge.spool import Spool
from simulator.devices.modbus_server import ModbusServer
from simulator.devices.modbus_units import Answered, Fault
from tests.edge.drivers.rigs import fake

pytestmark = pytest.mark.real


def config(port: int) -> Config:
    return loads(
        f"""
[gateway]
id = "gw-1"
cell = 0
site = "s"
[broker]
host = "h"
ca_file = "a"
cert_file = "b"
key_file = "c"
[[bus]]
link = "tcp"
name = "bus"
host = "127.0.0.1"
port = {port}
timeout_ms = 100
[[device]]
name = "pos"
kind = "river_post"
instrument = "dfrobot_sen0676"
bus = "bus"
unit = 1
poll_s = 0.05
[[device]]
name = "mati"
kind = "river_post"
instrument = "dfrobot_sen0676"
bus = "bus"
unit = 2
poll_s = 0.05
[[contact]]
name = "igd"
role = "panic"
pin = 17
debounce_ms = 20
""",
        Config,
    )


async def test_everything_that_a_device_answered_is_on_the_card_and_a_press_too(tmp_path: Path):
    clock, pins, answered = SystemClock(), MockFactory(), list[Answered]()
    live, dead = fake("dfrobot_sen0676"), fake("dfrobot_sen0676")
    live.show("level_m", 1.5)
    dead.unit.fault = Fault("silent")
    spool = Spool(str(tmp_path / "spool.sqlite"))
    spool.open(clock.boot_id(), clock.mono_ms())
    spool.append_sync(clock.mono_ms(), clock.now_ms(), 0, "ntp")
    async with ModbusServer({1: live.unit, 2: dead.unit}, on_answered=answered.append) as server:
        drivers = registry.build(config(server.port), clock=clock, pins=pins)
        outputs = Outputs(drivers.buttons, clock=clock)
        panic = Panic(sink=spool, outputs=outputs, random_hex=random_hex)
        sampler = Sampler(drivers.schedules, clock=clock, sink=spool, random_hex=random_hex)

        def on_edge(edge: Edge) -> None:
            (panic if edge.role == "panic" else sampler).edge(edge)

        tasks = [asyncio.create_task(work) for work in (drivers.run(on_edge), panic.run(), sampler.run())]
        await asyncio.sleep(0.4)
        assert outputs.shown("igd").proven is None
        pins.pin(17).drive_low()
        await asyncio.sleep(0.1)
        assert outputs.shown("igd").proven is Proven.STORED
        for value in (1.6, 1.7):
            live.show("level_m", value)
            await asyncio.sleep(0.3)
        assert await sampler.rest()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    stored = _levels(spool)
    log = [answer.values[0] / 1000 for answer in answered if answer.unit == 1 and answer.address == 3]
    assert stored == log
    assert {1.5, 1.6, 1.7} == set(stored)

    ((_, press),) = _bodies(spool, "panic")
    assert (decode_body(press).kind, decode_body(press).device) == ("panic_press", "igd")
    events = [decode_body(body) for _, body in _bodies(spool, "event")]
    assert [(event.kind, event.device) for event in events] == [("device_down", "mati")]
    spool.close()


def _bodies(spool: Spool, lane) -> list[tuple[int, bytes]]:
    run = spool.read_run(lane, 1, 1000, 1_000_000)
    return [(row.mono_ms, row.body) for row in run.rows] if run else []


def _levels(spool: Spool) -> list[float]:
    run = spool.read_run("telemetry", 1, 1000, 1_000_000)
    columns = [(row.column, json.loads(row.body)) for row in run.rows] if run else []
    return [
        body[0][column.quantities.index("level_m")]
        for column, body in columns
        if column is not None and column.device == "pos"
    ]
