"""A whole city as processes: broker, databases, hub, gateways, fake devices, agencies. Used by the demo and
the fault tests.

Servers, hub and gateways are children, so that each can be killed as a power cut kills it; fake devices,
agencies and network faults live in our own event loop.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from contract.whole_file import write_text
from hub.region.loader import load as load_region
from hub.region.model import Region
from simulator import city
from simulator.attendance import CityKey, Door, ReaderPlace
from simulator.city import GatewayPlan, HubPlace
from simulator.devices.attendance_reader import AttendanceReader
from simulator.devices.modbus_server import ModbusServer
from simulator.devices.modbus_units import Answered, Fault, OnAnswered
from simulator.instruments import CityDevice, Showing
from simulator.logins import Login, new_password
from simulator.processes import ANY_PORT, Child, ServerFailed, Wish, free_port
from simulator.proxy import FaultProxy
from simulator.receiver import Receiver
from simulator.registrar import Registrar
from simulator.servers import Influx, Mosquitto, Postgres

USERS = {
    "operator": ["operator"],
    "pengendali": ["operator", "dispatcher"],
    "teknisi": ["technician"],
    "layar": ["viewer"],
    "simulasi": ["operator", "dispatcher"],
}
"""Whom the city has beside its administrator, and their roles. ``simulasi`` is nobody: the story's own operator."""

COOKIE = "siaga"
"""The hub's session, without TLS."""

INFLUX_CACHE_KB = 512
READY_S = 60.0
ORDER_S = 10.0
KEPT_S = 2.0
"""How long an idle connection to the API is used again: less than the 5 s after which the server closes it. At the same
moment on both sides a request would be sent into a closed one."""


class Heard(NamedTuple):
    """One line of the fake devices' own log."""

    gateway: str
    answered: Answered


@dataclass(frozen=True, slots=True)
class Choice:
    """What kind of city.

    Attributes:
        folder: where everything is kept.
        profile: folder of the region profile.
        claims: gateways enrol at a real enrolment service, each by a claim; else they get their certificates at once,
            which is a second quicker.
        proxied: gateways that reach the broker through a fault proxy of their own; None for all.
        only: gateways to run, None for all of the region.
        postgres: the hub keeps its SQL in PostgreSQL instead of SQLite.
        link_bits_s: what the proxied gateways' links carry each way; None is no limit.
        poll_s: seconds between two polls of every Modbus device, instead of what the profile says.
        spool_mb: room for samples on each gateway's card.
        log: level of hub and gateways.
        influx_cache_kb: memory in which InfluxDB gathers points; None for its own choice, which is the faster.
        api_port: where the hub listens.
    """

    folder: Path
    profile: Path
    claims: bool = False
    proxied: frozenset[str] | None = frozenset()
    only: frozenset[str] | None = None
    postgres: bool = False
    link_bits_s: float | None = None
    poll_s: float | None = None
    spool_mb: float = 8.0
    log: str = "info"
    influx_cache_kb: int | None = INFLUX_CACHE_KB
    api_port: Wish = ANY_PORT


class GatewayProcess:
    """One gateway: the product's code in a process of its own, its pins pressed through a socket."""

    def __init__(self, plan: GatewayPlan, config: Path, control: Path, log: Path, level: str) -> None:
        self.plan = plan
        self._control = control
        module = [sys.executable, "-m", "simulator.gateway"]
        arguments = ["--config", str(config), "--control", str(control), "--log", level]
        self.child = Child(plan.id, [*module, *arguments], log, environment=_environment())

    async def order(self, **order: object) -> dict[str, Any]:
        """Tell the running gateway something; its answer.

        Raises:
            OSError: it does not listen (now).
            TimeoutError: it does not answer.
        """
        async with asyncio.timeout(ORDER_S):
            reader, writer = await asyncio.open_unix_connection(str(self._control))
            try:
                writer.write(json.dumps(order).encode() + b"\n")
                line = await reader.readline()
            finally:
                writer.close()
        if not line:
            raise ConnectionResetError(f"{self.plan.id} went away")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise ValueError(f"{self.plan.id}: {answer['error']}")
        return answer

    async def press(self, device: str, *, hold_ms: int = 400) -> int:
        """Press a button; UTC wall clock in ms of the moment the contact closed."""
        answer = await self.order(do="press", pin=self.plan.pin(device), ms=hold_ms)
        return int(answer["wall_ms"])

    async def answers(self) -> bool:
        """Whether it listens now."""
        try:
            await self.order(do="account")
        except (OSError, ValueError, TimeoutError):
            return False
        return True

    async def ready(self) -> None:
        """Wait until it listens.

        Raises:
            ServerFailed: it died or did not in time.
        """
        end = asyncio.get_running_loop().time() + READY_S
        while True:
            if await self.answers():
                return
            if not self.child.alive or asyncio.get_running_loop().time() > end:
                raise ServerFailed(f"{self.plan.id} is not ready", self.child.last_words())
            await asyncio.sleep(0.1)


class Rehearsal:
    """The running city. ``async with Rehearsal(choice) as city``; at the end nothing of it is left running.

    Attributes:
        heard: the fake devices' own log: every read that was answered.
        doors: where people scan, by gateway and device.
        key: what makes their pseudonyms.
    """

    def __init__(
        self,
        choice: Choice,
        *,
        first: Callable[[Rehearsal], None] = lambda _: None,
        tell: Callable[[str, str], None] = lambda *_: None,
    ) -> None:
        """
        Args:
            first: called before any gateway reads: what the devices show at the beginning.
            tell: told, in two languages, what is being started.
        """
        self.choice = choice
        self._tell = tell
        self._first = first
        self.region: Region = load_region(choice.profile)
        self.plans = {
            plan.id: plan
            for plan in city.gateways(self.region)
            if choice.only is None or plan.id in choice.only
        }
        self.devices: tuple[CityDevice, ...] = tuple(
            device for device in city.city_devices(self.region) if device.gateway in self.plans
        )
        self.heard: list[Heard] = []
        self.doors: dict[tuple[str, str], Door] = {}
        self.key = CityKey(choice.folder / "gateways" / "attendance.key")
        self.gateways: dict[str, GatewayProcess] = {}
        self.proxies: dict[str, FaultProxy] = {}
        self.logins: dict[str, Login] = {}
        self._sessions: dict[str, tuple[str, str]] = {}
        self.registrar: Registrar | None = None
        self.broker: Mosquitto
        self.influx: Influx
        self.postgres: Postgres | None = None
        self.receiver: Receiver
        self.drill_receiver: Receiver
        self.hub: Child
        self.api: httpx.AsyncClient
        self.api_port = 0
        self.database: Path | str = choice.folder / "hub" / "hub.sqlite"
        self._showing: dict[tuple[str, str], Showing] = {}
        self._modbus: dict[str, ModbusServer] = {}
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Rehearsal:
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    # The parts, in the order in which they need each other.

    async def _start(self) -> None:
        self.choice.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._start_servers()
        keys = city.new_secrets(city.webhooks(self.region))
        chats = city.new_secrets(city.chats(self.region))
        self.receiver = await self._stack.enter_async_context(Receiver(keys, chats))
        drills = city.new_secrets(city.exercise_webhooks(self.choice.profile, self.region))
        self.drill_receiver = await self._stack.enter_async_context(Receiver(drills))
        await self._start_devices()
        await self._start_hub(keys, chats, drills)
        await self._start_gateways()

    def _start_servers(self) -> None:
        folder = self.choice.folder
        self._tell("sertifikat dan broker MQTT (Mosquitto)", "certificates and the MQTT broker (Mosquitto)")
        self._start_broker(folder / "broker")
        self._tell("deret waktu (InfluxDB)", "time series (InfluxDB)")
        self.influx = Influx(folder / "influx", login=True, cache_kb=self.choice.influx_cache_kb)
        self._stack.callback(self.influx.stop)
        self.influx.start()
        if self.choice.postgres:
            self._tell("basis data (PostgreSQL)", "database (PostgreSQL)")
            self.postgres = Postgres(folder / "postgres")
            self._stack.callback(self.postgres.stop)
            self.postgres.start()
            self.database = self.postgres.create_database()

    def _start_broker(self, folder: Path) -> None:
        if not self.choice.claims:
            self.broker = Mosquitto(folder, gateways=[plan.enrolled for plan in self.plans.values()])
            self._stack.callback(self.broker.stop)
            self.broker.start()
            return
        self.registrar = Registrar(self.choice.folder / "trust", log=self.choice.log)
        authority = self.registrar.found(self.region.name)
        self.broker = Mosquitto(folder, authority=authority)
        self._stack.callback(self.broker.stop)
        self.broker.start()
        self._stack.callback(self.registrar.child.stop)
        self.registrar.start(authority, self.broker)

    async def _start_devices(self) -> None:
        for gateway in self.plans:
            own = [device for device in self.devices if device.gateway == gateway]
            if not own:
                continue
            units = {}
            for device in own:
                showing = self._showing[gateway, device.device] = Showing(device)
                units.update(showing.units)
            server = ModbusServer(units, on_answered=self._hear(gateway))
            self._modbus[gateway] = await self._stack.enter_async_context(server)
        self._first(self)

    async def _start_hub(
        self, keys: Mapping[str, bytes], chats: Iterable[str], drills: Mapping[str, bytes]
    ) -> None:
        folder = self.choice.folder / "hub"
        self._tell("pusat kendali (hub) dan pengguna", "the hub and its users")
        self.api_port = self.choice.api_port.choose()
        # The hub writes into its profile what people change on its pages; the shipped one stays as it is.
        profile = shutil.copytree(self.choice.profile, folder / "profile")
        place = HubPlace(
            profile=profile,
            broker_port=self.broker.port,
            control=self.broker.hub_control(),
            telemetry=self.broker.hub_telemetry(),
            influx_url=self.influx.url,
            influx_database=self.influx.database,
            influx_login=self.influx.login,
            database=self.database,
            api_port=self.api_port,
            receiver_port=self.receiver.port,
            channels={channel: self.receiver.url(channel) for channel in keys},
            chats={channel: self.receiver.chat_url(channel) for channel in chats},
            secrets={**keys, **drills},
            answers=f"http://127.0.0.1:{self.api_port}",
            exercise={channel: self.drill_receiver.url(channel) for channel in drills},
            trust=self.registrar.trust if self.registrar else None,
        )
        config = folder / "hub.toml"
        write_text(config, city.hub_toml(place, folder), mode=0o600)
        hub = [sys.executable, "-m", "hub.cli", "--log", self.choice.log]
        await self._first_user([*hub, "users", "add", "--config", str(config)], folder)
        command = [*hub, "run", "--config", str(config)]
        self.hub = Child("hub", command, folder / "hub.log", environment=_environment())
        self._stack.callback(self.hub.stop)
        self.hub.start()
        self.api = await self._stack.enter_async_context(
            httpx.AsyncClient(
                base_url=f"http://127.0.0.1:{self.api_port}",
                timeout=10,
                trust_env=False,
                limits=httpx.Limits(keepalive_expiry=KEPT_S),
            )
        )
        await self.hub_ready()
        await self._other_users()

    async def _first_user(self, command: list[str], folder: Path) -> None:
        """The administrator, by the hub's own command, as at the first start of a real hub."""
        login = self.logins["admin"] = Login("admin", new_password())
        write_text(folder / "login", login.password, mode=0o600)
        arguments = ["admin", "--role", "admin", "--password-file", str(folder / "login")]
        child = Child(
            "hub users add", [*command, *arguments], folder / "users.log", environment=_environment()
        )
        child.start()
        code = await asyncio.to_thread(child.wait, READY_S)
        (folder / "login").unlink()
        if code != 0:
            raise ServerFailed("no first user", child.last_words())

    async def _other_users(self) -> None:
        """The others, by the administrator through the API."""
        await self.log_in("admin")
        for name, roles in USERS.items():
            login = self.logins[name] = Login(name, new_password())
            body = {"name": name, "roles": roles, "password": login.password}
            (await self.api.post("/api/users", json=body)).raise_for_status()
        await self.log_in("pengendali")  # enrols the second factor, whose code visitors then read

    async def _start_gateways(self) -> None:
        sockets = Path(tempfile.mkdtemp(prefix="siaga-"))  # a socket's path must be short
        self._stack.callback(shutil.rmtree, sockets, ignore_errors=True)
        folder = self.choice.folder / "gateways"
        self._tell(f"{len(self.plans)} gateway", f"{len(self.plans)} gateways")
        await self._configure_gateways()
        for at, plan in enumerate(self.plans.values()):
            config = self._gateway_file(plan.id)
            log = folder / f"{plan.id}.log"
            process = GatewayProcess(plan, config, sockets / f"{at}", log, self.choice.log)
            self._stack.callback(process.child.stop)
            process.child.start()
            self.gateways[plan.id] = process
        for process in self.gateways.values():
            await process.ready()
        for door in self.doors.values():
            await self._stack.enter_async_context(door.running())

    async def _configure_gateways(self) -> None:
        """Write each gateway's file, and let it enrol where there is a place to."""
        registrar = self.registrar
        for plan in self.plans.values():
            modbus = self._modbus.get(plan.id)
            text = city.gateway_toml(
                self.region,
                plan,
                broker_port=await self._way_to_broker(plan.id),
                modbus_port=modbus.port if modbus else 0,
                identity=registrar.place(plan.id) if registrar else self.broker.authority.gateway(plan.id),
                spool=self.spool(plan.id),
                spool_mb=self.choice.spool_mb,
                poll_s=self.choice.poll_s,
                enrolment=registrar.url if registrar else None,
                readers=self._make_doors(plan),
            )
            write_text(self._gateway_file(plan.id), text, mode=0o600)
        if registrar is not None:
            await registrar.ready()
            await asyncio.gather(*map(self.enrol, self.plans))

    def _make_doors(self, plan: GatewayPlan) -> ReaderPlace | None:
        """The readers of a gateway, and where it is to hear them."""
        if not plan.readers:
            return None
        self.key.write()
        port = free_port()
        for device in plan.readers:
            reader = AttendanceReader(device.serial, "127.0.0.1", port)
            self.doors[plan.id, device.device] = Door(plan.id, device.device, reader, self.region.zone)
        return ReaderPlace(port, self.key.path)

    async def enrol(self, gateway: str) -> None:
        """Let a gateway enrol again, by a new claim. The running one comes with its new certificate when it connects.

        Raises:
            EnrolmentError: the enrolment service will not.
        """
        assert self.registrar is not None, "a city whose gateways enrol"
        await self.registrar.enrol(self.plans[gateway], self._gateway_file(gateway))

    def _gateway_file(self, gateway: str) -> Path:
        return self.choice.folder / "gateways" / f"{gateway}.toml"

    async def _way_to_broker(self, gateway: str) -> int:
        if self.choice.proxied is not None and gateway not in self.choice.proxied:
            return self.broker.port
        bits_s = self.choice.link_bits_s
        proxy = FaultProxy(self.broker.port, narrow=bits_s is not None)
        proxy.throttle(bits_s)
        self.proxies[gateway] = await self._stack.enter_async_context(proxy)
        return proxy.port

    @property
    def children(self) -> list[Child]:
        """Every process of the city."""
        servers = [self.broker.child, self.influx.child, *((self.postgres.child,) if self.postgres else ())]
        if self.registrar is not None:
            servers.append(self.registrar.child)
        return [*servers, self.hub, *(gateway.child for gateway in self.gateways.values())]

    # What can be done to it.

    def spool(self, gateway: str) -> Path:
        """Where a gateway keeps its records, and beside them what else is its own: a door, its configuration."""
        return self.choice.folder / "gateways" / gateway / "spool.sqlite"

    def show(self, gateway: str, device: str, values: Mapping[str, float]) -> None:
        """What a fake device measures from now on."""
        self._showing[gateway, device].show(values)

    def silence(self, gateway: str, device: str, *, silent: bool) -> None:
        """Let a device answer nothing any more, or answer again."""
        for unit in self._showing[gateway, device].units.values():
            unit.fault = Fault("silent") if silent else Fault()

    async def hub_ready(self) -> None:
        """Wait until the hub says that it is.

        Raises:
            ServerFailed: it died or did not in time.
        """
        end = asyncio.get_running_loop().time() + READY_S
        while True:
            if await self.hub_answers(ready=True):
                return
            if not self.hub.alive or asyncio.get_running_loop().time() > end:
                raise ServerFailed("the hub is not ready", self.hub.last_words())
            await asyncio.sleep(0.1)

    async def hub_answers(self, *, ready: bool = False) -> bool:
        """Whether the hub answers now; with ``ready``, whether it also has its broker."""
        try:
            answer = await self.api.get("/api/health")
        except httpx.HTTPError:
            return False
        return answer.status_code == 200 or not ready

    async def log_in(self, name: str) -> None:
        """Be that user at the API; later calls of ``self.api`` are theirs, with the token for changes.

        A session that is still good is taken up again: a login is slow by intention, and its codes work once.
        """
        self.api.cookies.clear()
        if name in self._sessions:
            cookie, self.api.headers["X-CSRF-Token"] = self._sessions[name]
            self.api.cookies.set(COOKIE, cookie)
            if (await self.api.get("/api/me")).status_code == httpx.codes.OK:
                return
            self.api.cookies.clear()
        await self.logins[name].enter(self.api)
        self._sessions[name] = (self.api.cookies[COOKIE], self.api.headers["X-CSRF-Token"])

    async def rest(self) -> None:
        """Let every reader tell what it has, every gateway finish its polls, and nobody read any more; what was read is
        on its card."""
        await asyncio.gather(*(door.finish() for door in self.doors.values()))
        await asyncio.gather(*(gateway.order(do="rest") for gateway in self.gateways.values()))

    async def accounts(self) -> dict[str, dict[str, Any]]:
        """What every running gateway's spool has promised.

        Raises:
            OSError, TimeoutError: one does not answer.
        """
        names = list(self.gateways)
        said = await asyncio.gather(*(self.gateways[name].order(do="account") for name in names))
        return dict(zip(names, said, strict=True))

    def _hear(self, gateway: str) -> OnAnswered:
        return lambda answered: self.heard.append(Heard(gateway, answered))


def _environment() -> dict[str, str]:
    """What a child gets: our own environment without what would change its numbers or its pins."""
    return {key: value for key, value in os.environ.items() if not key.startswith(("GPIOZERO_", "SIAGA_"))}
