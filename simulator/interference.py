"""What can be done to the running city, by its story and by a visitor, and in which state each part is.

A part can be down for two reasons at once: the story has cut a line, and a visitor has cut it too. It is up again
when nobody holds it down. Processes are started in the thread of the event loop, because the kernel ties a child's
life to the thread that started it, and everything that waits, waits without stopping the loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Literal

from edge.errors import EnrolmentError
from hub.region.model import Button, Station
from simulator.processes import Child, ServerFailed
from simulator.rehearsal import GatewayProcess, Rehearsal

Who = Literal["story", "visitor"]
Health = Literal["up", "down", "frozen", "starting", "stopping"]

RELEASE_S = 0.4
"""Between two presses of a button its contact is open at least this long, well beyond any debouncing."""

STEP_M_S = 0.15
"""How fast a visitor's water rises or falls; a jump would be taken for a broken gauge, and rightly so."""

START_S = 30.0
CALM_S = 30.0
"""After a visitor's doing the city needs this long until its times are its own again."""
VISITORS_S = 300.0


class Refused(Exception):
    """What was asked for cannot be done now. Two sentences for people."""

    def __init__(self, id: str, en: str) -> None:  # noqa: A002 - Bahasa Indonesia
        super().__init__(f"{id} / {en}")
        self.id = id
        self.en = en


@dataclass(frozen=True, slots=True)
class Pressed:
    """A press that was made: UTC wall clock in ms of the moment when its contact closed.

    Attributes:
        calm: nothing that a visitor did was under way, so that its latency is the product's own.
    """

    gateway: str
    device: str
    made_ms: int
    by: Who
    calm: bool


@dataclass
class Float:
    """A gauge in a visitor's hand: it goes to the level that he wants, and stays.

    Attributes:
        wanted_m: None where it is on its way back to what the story says.
    """

    wanted_m: float | None
    level_m: float
    moved_s: float

    def move(self, story_m: float, now_s: float) -> bool:
        """Let time pass; False when it is back at the story's level, and of no use any more."""
        most_m = STEP_M_S * max(0.0, now_s - self.moved_s)
        self.moved_s = now_s
        target_m = story_m if self.wanted_m is None else self.wanted_m
        self.level_m += max(-most_m, min(most_m, target_m - self.level_m))
        return self.wanted_m is not None or abs(self.level_m - story_m) > 0.001


@dataclass
class Part:
    """A process of the city and how it is now."""

    child: Child
    health: Health = "up"
    changing: asyncio.Lock = field(default_factory=asyncio.Lock)


class Interference:
    """The levers of a running city.

    Args:
        on_press: told of each press at once.

    Attributes:
        powered_off: gateways whose power was cut, and when last (UTC ms): what they had read and not yet written is
            gone, and was never promised.
        visited: how many things a visitor has done.
    """

    def __init__(self, city: Rehearsal, *, on_press: Callable[[Pressed], None]) -> None:
        self._city = city
        self._on_press = on_press
        self._visitors_s: dict[tuple[str, str], float] = {}
        self.powered_off: dict[str, list[int]] = defaultdict(list)
        self.visited = 0
        self._revoked: set[str] = set()
        self._cut: dict[str, set[Who]] = defaultdict(set)
        self._silenced: dict[tuple[str, str], set[Who]] = defaultdict(set)
        self._taken_s: dict[tuple[str, str], float] = {}
        self._floats: dict[str, Float] = {}
        self._showing_m: dict[str, float] = {}
        self._parts = {
            "influx": Part(city.influx.child),
            "broker": Part(city.broker.child),
            "hub": Part(city.hub),
            **{name: Part(one.child) for name, one in city.gateways.items()},
        }
        self._troubled_s = float("-inf")

    # How it is

    def health(self, part: str) -> Health:
        """Of ``influx``, ``broker``, ``hub`` or a gateway."""
        return self._parts[part].health

    @property
    def disturbed(self) -> bool:
        """Something is held away from what the story wants, by whomever."""
        held = any(self._cut.values()) or any(self._silenced.values()) or bool(self._floats)
        held = held or bool(self._revoked)
        return held or any(part.health != "up" for part in self._parts.values())

    def is_cut(self, gateway: str) -> bool:
        """Whether the gateway's line to the broker is cut."""
        return bool(self._cut.get(gateway))

    def is_revoked(self, gateway: str) -> bool:
        """Whether the gateway is trusted no more."""
        return gateway in self._revoked

    def is_silent(self, gateway: str, device: str) -> bool:
        """Whether a Modbus device answers nothing."""
        return bool(self._silenced.get((gateway, device)))

    def held_m(self, station: str) -> float | None:
        """The level at which a visitor holds a station's water, None where the story goes on."""
        held = self._floats.get(station)
        return None if held is None else held.wanted_m

    def showing_m(self, station: str) -> float | None:
        """What a station's gauge shows now."""
        return self._showing_m.get(station)

    def is_visitors(self, gateway: str, device: str) -> bool:
        """Whether a visitor has pressed that button not long ago."""
        return time.monotonic() - self._visitors_s.get((gateway, device), float("-inf")) < VISITORS_S

    @property
    def calm(self) -> bool:
        """Nothing of a visitor's doing is under way, or was a moment ago."""
        down = any(part.health != "up" for part in self._parts.values())
        held = any("visitor" in who for table in (self._cut, self._silenced) for who in table.values())
        return not down and not held and not self._revoked and time.monotonic() - self._troubled_s > CALM_S

    def died(self) -> Child | None:
        """A process that nobody has ended and that is not there any more."""
        for part in self._parts.values():
            if part.health in ("up", "frozen") and not part.child.alive and not part.changing.locked():
                return part.child
        return None

    # What can be done

    async def press(self, button: Button, *, by: Who, hold_ms: int = 400) -> None:
        """Press a button.

        Raises:
            Refused: its gateway has no power, or it is being held.
        """
        key, now_s = (button.gateway, button.device), time.monotonic()
        if self.health(button.gateway) != "up":
            raise Refused(
                "gateway tombol itu tidak berdaya: tidak ada yang mendengar tekanan",
                "the button's gateway has no power: nobody hears the press",
            )
        if now_s < self._taken_s.get(key, 0.0):
            raise Refused("tombol itu masih ditekan", "that button is still being pressed")
        self._taken_s[key] = now_s + hold_ms / 1000 + RELEASE_S
        calm = self.calm
        try:
            made_ms = await self._gateway(button.gateway).press(button.device, hold_ms=hold_ms)
        except (OSError, TimeoutError) as error:
            raise Refused(
                "gateway tombol itu tidak menjawab", "the button's gateway does not answer"
            ) from error
        self._visit(by)
        if by == "visitor":
            self._visitors_s[key] = now_s
        self._on_press(Pressed(button.gateway, button.device, made_ms, by, calm))

    def cut(self, gateway: str, *, by: Who) -> None:
        """Cut a gateway's line to the broker. Idempotent."""
        self._cut[gateway].add(by)
        self._city.proxies[gateway].cut()
        self._visit(by)

    def restore(self, gateway: str, *, by: Who) -> None:
        """Mend it; a visitor also mends what the story has cut. Idempotent."""
        self._let_go(self._cut[gateway], by)
        if not self._cut[gateway]:
            self._city.proxies[gateway].heal()
        self._visit(by)

    async def revoke(self, gateway: str) -> None:
        """Take a gateway's trust away. Idempotent.

        Raises:
            Refused: the gateways of this city never enrolled.
        """
        registrar = self._city.registrar
        if registrar is None:
            raise Refused(
                "gateway kota ini tidak pernah mendaftar", "the gateways of this city never enrolled"
            )
        self._revoked.add(gateway)
        with contextlib.suppress(
            OSError
        ):  # a broker that is away reads it at its start; the hub knows it already
            await asyncio.to_thread(registrar.revoke, gateway)
        self._visit("visitor")

    async def enrol(self, gateway: str) -> None:
        """Let a revoked gateway enrol again, by a new claim, and start it anew so that it connects at once. Idempotent.

        Raises:
            Refused: the enrolment service will not.
            ServerFailed: the gateway does not start again.
        """
        if gateway not in self._revoked:
            return
        try:
            await self._city.enrol(gateway)
        except EnrolmentError as error:
            raise Refused(f"pendaftaran gagal: {error}", f"it cannot enrol: {error}") from error
        self._revoked.discard(gateway)
        self._visit("visitor")
        if self.health(gateway) == "up":
            await self.stop(gateway)
            await self.start(gateway)

    def silence(self, gateway: str, device: str, *, by: Who) -> None:
        """Let a Modbus device answer nothing. Idempotent."""
        self._silenced[gateway, device].add(by)
        self._city.silence(gateway, device, silent=True)
        self._visit(by)

    def answer(self, gateway: str, device: str, *, by: Who) -> None:
        """Let it answer again; a visitor also wakes what the story has silenced. Idempotent."""
        self._let_go(self._silenced[gateway, device], by)
        if not self._silenced[gateway, device]:
            self._city.silence(gateway, device, silent=False)
        self._visit(by)

    def hold(self, station: Station, level_m: float) -> None:
        """Let a station's water go to a level and stay there."""
        now_s = time.monotonic()
        held = self._floats.get(station.id)
        begin_m = held.level_m if held else self._showing_m.get(station.id, level_m)
        self._floats[station.id] = Float(level_m, begin_m, now_s)
        self._visit("visitor")

    def let_flow(self, station: Station) -> None:
        """Let the story go on at a station. Idempotent."""
        held = self._floats.get(station.id)
        if held is not None:
            held.wanted_m = None
        self._visit("visitor")

    def level_m(self, station: str, story_m: float) -> float:
        """What a station's gauge is to show, where the story says ``story_m``."""
        held = self._floats.get(station)
        if held is not None and not held.move(story_m, time.monotonic()):
            del self._floats[station]
            held = None
        self._showing_m[station] = story_m if held is None else round(held.level_m, 3)
        return self._showing_m[station]

    async def stop(self, part: str) -> None:
        """End a process as a clean stop does. Idempotent."""
        await self._change(part, "stopping", "down", lambda child: asyncio.to_thread(child.stop))

    async def kill(self, part: str) -> None:
        """End a process as a power cut does. Idempotent."""
        if part in self._city.gateways:
            self.powered_off[part].append(_now_ms())
        await self._change(part, "stopping", "down", lambda child: asyncio.to_thread(child.kill))

    def freeze(self, part: str) -> None:
        """Let a process stand still: it takes connections, and answers nothing.

        Raises:
            Refused: it does not run.
        """
        if self.health(part) != "up":
            raise Refused("bagian itu tidak berjalan", "that part does not run")
        self._parts[part].child.signal(signal.SIGSTOP)
        self._parts[part].health = "frozen"
        self._visit("visitor")

    async def start(self, part: str) -> None:
        """Start a process, or let a frozen one go on; wait until it is ready. Idempotent.

        Raises:
            ServerFailed: it does not start.
        """
        if self.health(part) == "frozen":
            self._parts[part].child.signal(signal.SIGCONT)
            self._parts[part].health = "up"
            self._visit("visitor")
        await self._change(part, "starting", "up", lambda child: self._started(part, child))

    async def heal(self) -> None:
        """Undo everything: every part runs, is trusted and connected, every device answers, all water flows.

        Raises:
            ServerFailed: a part does not start again.
        """
        for gateway in self._city.proxies:
            self._cut[gateway].clear()
            self._city.proxies[gateway].heal()
        for gateway, device in self._silenced:
            self._city.silence(gateway, device, silent=False)
        self._silenced.clear()
        self._floats.clear()
        for part in ("influx", "broker", "hub"):
            await self.start(part)
        for gateway in sorted(self._revoked):
            await self.enrol(gateway)
        await asyncio.gather(*(self.start(gateway) for gateway in self._city.gateways))

    async def _change(
        self, part: str, meanwhile: Health, then: Health, do: Callable[[Child], Awaitable[object]]
    ) -> None:
        """One change of a process at a time; who asks for a second waits for the first."""
        found = self._parts[part]
        async with found.changing:
            if found.health == then:
                return
            self._visit("visitor")
            found.health = meanwhile
            try:
                await do(found.child)
            except BaseException:
                found.health = "down"
                raise
            found.health = then
            self._visit("visitor")

    async def _started(self, part: str, child: Child) -> None:
        child.start()
        end_s = time.monotonic() + START_S
        while not await self._is_ready(part):
            if not child.alive or time.monotonic() > end_s:
                raise ServerFailed(f"{child.name} does not come back", child.last_words())
            await asyncio.sleep(0.1)

    async def _is_ready(self, part: str) -> bool:
        match part:
            case "influx":
                return await asyncio.to_thread(self._city.influx.answers)
            case "broker":
                return await asyncio.to_thread(self._city.broker.answers)
            case "hub":
                return await self._city.hub_answers()
        return await self._gateway(part).answers()

    def _gateway(self, name: str) -> GatewayProcess:
        return self._city.gateways[name]

    def _let_go(self, holders: set[Who], by: Who) -> None:
        holders.discard(by)
        if by == "visitor":
            holders.clear()

    def _visit(self, by: Who) -> None:
        if by == "visitor":
            self.visited += 1
            self._troubled_s = time.monotonic()


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
