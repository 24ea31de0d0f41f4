"""The peer: thingsboard-gateway from PyPI in an environment of its own, and the little of ThingsBoard that it needs.

It runs with the configuration that it ships, but for addresses, what it reads, and configuration from afar: its
storage in memory, its log at INFO. Its platform is a plain Mosquitto without TLS, which spares it what Siaga's gateway
has to do.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks import meter, stations
from benchmarks.stations import Load
from simulator.processes import Child, ServerFailed, free_port, listens

VERSION = "3.8.5"
# What its Modbus connector installs by itself at its first start; here before anything is measured.
PACKAGES = (f"thingsboard-gateway=={VERSION}", "pymodbus==3.9.2", "pyserial", "pyserial-asyncio")

_LIMITS = {"maxPayloadSize": 65536, "maxInflightMessages": 100, "rateLimits": {}, "gatewayRateLimits": {}}
"""What a ThingsBoard without limits answers; the gateway sends nothing before it has asked for them."""

_READY_S = 15.0
_TICK_S = 0.002
_LONGEST_WAIT_S = 60.0


def installed(place: Path) -> Path:
    """Its folder of programs; made by pip at the first call.

    Raises:
        subprocess.CalledProcessError: pip could not install it.
    """
    place = place.resolve()
    done = place / f"installed-{VERSION}"
    if not done.exists():
        print(f"installing {PACKAGES[0]} into {place}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", place], check=True)
        pip = [str(place / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, *PACKAGES], check=True)
        done.touch()
    return place / "bin"


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message with telemetry, when it came.

    Attributes:
        at_s: monotonic clock.
        newest_ms: UTC of its newest value.
    """

    at_s: float
    newest_ms: int
    values: int


class Platform:
    """Stands where ThingsBoard stands."""

    def __init__(self) -> None:
        self.arrivals: list[Arrival] = []

    def on_message(self, client: Client, _: object, message: MQTTMessage) -> None:
        """Count telemetry; answer the one question without which it sends none."""
        at_s = time.monotonic()
        if message.topic == "v1/gateway/telemetry":
            times, values = [], 0
            for entries in json.loads(message.payload).values():
                for entry in entries:
                    times.append(int(entry["ts"]))
                    values += len(entry["values"])
            if values:
                self.arrivals.append(Arrival(at_s, max(times), values))
        elif json.loads(message.payload).get("method") == "getSessionLimits":
            client.publish(message.topic.replace("/request/", "/response/"), json.dumps(_LIMITS), qos=1)


@contextmanager
def platform(folder: Path) -> Iterator[tuple[Platform, int]]:
    """A Mosquitto as ThingsBoard, and its port."""
    folder.mkdir(parents=True)
    port = free_port()
    config = folder / "mosquitto.conf"
    user = "user root\n" if os.geteuid() == 0 else ""
    config.write_text(
        f"{user}listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n"
        "max_queued_messages 20000\nset_tcp_nodelay true\n"
    )
    found = shutil.which("mosquitto", path=os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin")
    if found is None:
        raise ServerFailed("mosquitto is not installed", "run setup/install demo")
    broker = Child("mosquitto", [found, "-c", config], folder / "mosquitto.log")
    broker.start()
    try:
        broker.wait_until(lambda: listens(port), timeout_s=_READY_S)
        with _subscribed(port) as side:
            yield side, port
    finally:
        broker.stop()


@contextmanager
def _subscribed(port: int) -> Iterator[Platform]:
    side, subscribed = Platform(), threading.Event()
    client = Client(CallbackAPIVersion.VERSION2)
    client.on_message = side.on_message
    client.on_subscribe = lambda *_: subscribed.set()

    def subscribe(*_: object) -> None:
        client.subscribe([("v1/gateway/#", 1), ("v1/devices/me/rpc/request/+", 1)])

    client.on_connect = subscribe
    client.connect("127.0.0.1", port)
    client.loop_start()
    try:
        if not subscribed.wait(_READY_S):
            raise ServerFailed("the platform's side could not subscribe")
        yield side
    finally:
        client.disconnect()
        client.loop_stop()


class Peer:
    """The peer's process."""

    def __init__(self, programs: Path, folder: Path, side: Platform) -> None:
        self._folder = folder
        self._side = side
        shutil.copytree(_shipped(programs), folder / "config")
        (folder / "logs").mkdir()
        environment = {
            "PATH": os.environ.get("PATH", ""),
            "TB_GW_CONFIG_DIR": str(folder / "config"),
            # It asks its maker for news of itself; that is none of what is measured.
            "HTTPS_PROXY": "http://127.0.0.1:9",
            "HTTP_PROXY": "http://127.0.0.1:9",
        }
        self.child = Child(
            "thingsboard-gateway",
            [programs / "thingsboard-gateway"],
            folder / "peer.log",
            environment=environment,
            cwd=folder,
        )

    def configure(self, load: Load, *, modbus_port: int, mqtt_port: int) -> str:
        """Write where it reads and reports into the configuration that it ships; its sort of storage."""
        config = self._folder / "config"
        shutil.rmtree(self._folder / "data", ignore_errors=True)
        (config / "connected_devices.json").unlink(missing_ok=True)
        general: dict[str, Any] = json.loads((config / "tb_gateway.json").read_text())
        # Nobody is here who would configure it from afar; it would ask again and again.
        general["thingsboard"] |= {"host": "127.0.0.1", "port": mqtt_port, "remoteConfiguration": False}
        general["connectors"] = [{"type": "modbus", "name": "Modbus", "configuration": "modbus.json"}]
        (config / "tb_gateway.json").write_text(json.dumps(general, indent=2))
        slaves = [_slave(name, unit, load, modbus_port) for unit, name in enumerate(load.names, 1)]
        (config / "modbus.json").write_text(json.dumps({"master": {"slaves": slaves}}, indent=2))
        return str(general["storage"]["type"])

    async def start(self) -> float:
        """Start it; seconds from the exec until the first reading came."""
        self._side.arrivals = []
        began_s, began_ms = time.monotonic(), time.time_ns() // 1_000_000
        self.child.start()
        arrival = await self._arrival(lambda arrival: arrival.newest_ms >= began_ms)
        return arrival.at_s - began_s

    async def _arrival(self, wanted: Callable[[Arrival], bool]) -> Arrival:
        end_s = time.monotonic() + _LONGEST_WAIT_S
        while time.monotonic() < end_s:
            found = next(filter(wanted, list(self._side.arrivals)), None)
            if found is not None:
                return found
            if not self.child.alive:
                break
            await asyncio.sleep(_TICK_S)
        raise ServerFailed("thingsboard-gateway sends nothing", self.child.last_words())

    async def spent(self, seconds: float) -> tuple[meter.Spent, meter.Reading, int]:
        """What it takes in so many seconds from now, how it stands then, and how many values came meanwhile."""
        self._side.arrivals = []
        first = meter.read(self.child.pid)
        await asyncio.sleep(seconds)
        last = meter.read(self.child.pid)
        return meter.between(first, last), last, sum(one.values for one in self._side.arrivals)

    async def stop(self) -> None:
        """End it. It is not asked how it ended: not every stop of it is a clean one."""
        with suppress(ServerFailed):
            await asyncio.to_thread(self.child.stop)


def _shipped(programs: Path) -> Path:
    """The configuration that comes with it."""
    return next(programs.parent.glob("lib/python3*/site-packages/thingsboard_gateway/config"))


def _slave(name: str, unit: int, load: Load, modbus_port: int) -> dict[str, Any]:
    """A station as a slave of its Modbus connector, with the connector's own settings of its example."""
    return {
        "host": "127.0.0.1",
        "port": modbus_port,
        "type": "tcp",
        "method": "socket",
        "unitId": unit,
        "deviceName": name,
        "deviceType": "default",
        "timeout": 35,
        "byteOrder": "BIG",
        "wordOrder": "BIG",
        "retries": 3,
        "retryOnEmpty": True,
        "retryOnInvalid": True,
        "pollPeriod": int(load.poll_s * 1000),
        "connectAttemptTimeMs": 5000,
        "connectAttemptCount": 5,
        "waitAfterFailedAttemptsMs": 300_000,
        "attributes": [],
        "timeseries": [
            {
                "tag": register.quantity,
                "type": "16int",
                "functionCode": 3,
                "objectsCount": 1,
                "address": address,
                "divider": round(1 / register.scale),
            }
            for address, register in enumerate(stations.REGISTERS)
        ],
        "attributeUpdates": [],
        "rpc": [],
    }
