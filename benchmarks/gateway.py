"""A gateway as it is installed: the command ``siaga-edge run`` with its configuration file and certificate."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from sys import executable

from benchmarks import meter, stations
from benchmarks.receipts import Arrival, ReceiptGiver
from benchmarks.stations import Load
from provisioning.ca import Identity
from simulator.processes import Child, ServerFailed
from simulator.servers import Mosquitto

CELL = 7
SPOOL = "spool/spool.sqlite"

_TICK_S = 0.002
_LONGEST_WAIT_S = 120.0


class GatewayUnderTest:
    """One enrolled gateway with its folder; started and stopped as often as wanted, its spool stays.

    What is not in its configuration file is as the product has it, the spool's quotas too.
    """

    def __init__(self, name: str, folder: Path, broker: Mosquitto, giver: ReceiptGiver) -> None:
        self.giver = giver
        self._name = name
        self._folder = folder
        self._broker = broker
        self._identity: Identity | None = None
        command: list[str | Path] = [
            Path(executable).with_name("siaga-edge"),
            "run",
            "--config",
            self._config,
        ]
        self.child = Child(name, command, folder / "gateway.log")

    @property
    def _config(self) -> Path:
        return self._folder / "gateway.toml"

    @property
    def spool(self) -> Path:
        """The spool's file."""
        return self._folder / SPOOL

    def configure(self, load: Load, modbus_port: int) -> None:
        """Enrol it, once, and write the stations that it reads into its configuration file."""
        self.read("bench_station", stations.instrument_toml(), stations_toml(modbus_port, load))

    def read(
        self,
        instrument: str,
        instrument_toml: str,
        devices_toml: str,
        *,
        beat_s: float = 10.0,
        spool_toml: str = "",
    ) -> None:
        """Enrol it, once, and write into its configuration file what it reads, of an instrument of its own.

        Args:
            devices_toml: tables of buses and devices.
            spool_toml: more keys of ``[spool]``.
        """
        if self._identity is None:
            self._identity = self._broker.enrol(self._name, CELL)
        instruments = self._folder / "instruments"
        instruments.mkdir(parents=True, exist_ok=True)
        (instruments / f"{instrument}.toml").write_text(instrument_toml)
        head = head_toml(self._name, self._broker.port, self._identity, beat_s=beat_s, spool_toml=spool_toml)
        self._config.write_text(head + devices_toml)

    async def start(self) -> tuple[float, float]:
        """Start it.

        Returns:
            seconds from the exec until its first telemetry frame came, and until the first frame with something
            read after the start.
        """
        self.giver.forget()
        began_s, began_ms = time.monotonic(), time.time_ns() // 1_000_000
        self.child.start()
        fresh = await self.arrival(lambda arrival: arrival.newest_ms >= began_ms)
        return self.giver.arrivals[0].at_s - began_s, fresh.at_s - began_s

    async def arrival(self, wanted: Callable[[Arrival], bool]) -> Arrival:
        """The first frame since the giver counts that is wanted; waits for it.

        Raises:
            ServerFailed: the gateway ended, or none came in time.
        """
        seen, end_s = 0, time.monotonic() + _LONGEST_WAIT_S
        while time.monotonic() < end_s:
            arrivals = self.giver.arrivals
            for arrival in arrivals[seen:]:
                if wanted(arrival):
                    return arrival
            seen = len(arrivals)
            if not self.child.alive:
                raise ServerFailed(f"{self._name} ended", self.child.last_words())
            await asyncio.sleep(_TICK_S)
        raise ServerFailed(f"no frame of {self._name} in time", self.child.last_words())

    async def spent(self, seconds: float) -> tuple[meter.Spent, meter.Reading, list[Arrival]]:
        """What it takes in so many seconds from now, how it stands then, and what came meanwhile."""
        self.giver.forget()
        first = meter.read(self.child.pid)
        await asyncio.sleep(seconds)
        last = meter.read(self.child.pid)
        return meter.between(first, last), last, list(self.giver.arrivals)

    async def stop(self) -> None:
        """Stop it as a service manager does.

        Raises:
            ServerFailed: it did not end well.
        """
        status = await asyncio.to_thread(self.child.stop)
        if status != 0:
            raise ServerFailed(f"{self._name} ended with {status}", self.child.last_words())


async def median_start_s(gateway: GatewayUnderTest, times: int) -> float:
    """Median of the seconds from the exec to the first new reading; leaves the gateway stopped."""
    found = []
    for _ in range(times):
        found.append((await gateway.start())[1])
        await gateway.stop()
    return median(found)


def head_toml(
    name: str, broker_port: int, identity: Identity, *, beat_s: float = 10.0, spool_toml: str = ""
) -> str:
    """The configuration file of a gateway that reads nothing yet."""
    return f"""instruments = ["instruments"]
[gateway]
id = "{name}"
cell = {CELL}
site = "bench"
beat_s = {beat_s}
[broker]
host = "127.0.0.1"
port = {broker_port}
ca_file = "{identity.authority}"
cert_file = "{identity.certificate}"
key_file = "{identity.key}"
[spool]
path = "{SPOOL}"
{spool_toml}
"""


def tcp_bus_toml(port: int) -> str:
    """The bus that devices name ``bus``, at a Modbus TCP server."""
    return f"""[[bus]]
link = "tcp"
name = "bus"
host = "127.0.0.1"
port = {port}
"""


def stations_toml(modbus_port: int, load: Load) -> str:
    """The bus and the stations on it."""
    wanted = ", ".join(f'"{register.quantity}"' for register in stations.REGISTERS)
    return tcp_bus_toml(modbus_port) + "".join(
        f"""[[device]]
name = "{name}"
kind = "{stations.KIND}"
poll_s = {load.poll_s}
instrument = "bench_station"
bus = "bus"
unit = {unit}
quantities = [{wanted}]
"""
        for unit, name in enumerate(load.names, 1)
    )
