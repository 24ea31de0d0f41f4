"""A box with a card: its processes live from one start to the next crash."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Coroutine
from random import Random
from typing import Any

from simulator.world import disk
from simulator.world.loop import WorldLoop
from simulator.world.network import Link
from simulator.world.trace import Trace


class Machine(ABC):
    """What a gateway or the hub runs on.

    A process that is killed does nothing any more: its tasks are cancelled, its disk handles and connections
    are void, and whatever it would still do on the way out has no effect.

    Attributes:
        life: counts the starts; 0 before the first. A life that is over stays so.
        running: whether a process runs now.
        quick: it is started again at once, because the world is healing.
        pause_s: when it is started again the next time; None is by chance.
        retired: it is not started again.
    """

    def __init__(
        self, name: str, loop: WorldLoop, random: Random, trace: Trace, *, card: disk.Disk, link: Link
    ) -> None:
        self.name = name
        self.loop = loop
        self.random = random
        self.trace = trace
        self.card = card
        self.link = link
        self.life = 0
        self.running = False
        self.quick = False
        self.pause_s: float | None = None
        self.retired = False
        self._tasks: list[asyncio.Task[Any]] = []
        card.stopped = self._stopped_by_card
        disk.mount(name, card)

    @abstractmethod
    def start(self) -> None:
        """Start the process, if none runs."""

    def begin(self) -> None:
        """A process starts."""
        self.life += 1
        self.running = True
        self.trace("start", self.name, self.life)

    def spawn(self, coroutine: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Run a task that ends with the process."""
        life = self.life
        task = self.loop.create_task(coroutine, name=f"{self.name}/{name}")

        def done(task: asyncio.Task[None]) -> None:
            if not task.cancelled() and (error := task.exception()) is not None and self.is_alive(life):
                self.loop.errors.append(error)
                self.kill()

        task.add_done_callback(done)
        self._tasks.append(task)
        return task

    def is_alive(self, life: int) -> bool:
        """Whether that life still goes on."""
        return self.running and self.life == life

    def pause(self, usual_s: tuple[float, float]) -> float:
        """Seconds from now to the next start."""
        pause_s, self.pause_s = self.pause_s, None
        if self.quick:
            return 0.5
        return self.random.uniform(*usual_s) if pause_s is None else pause_s

    async def sleep(self, seconds: float) -> None:
        """Pass time; whoever is dead by then never wakes."""
        life = self.life
        await asyncio.sleep(seconds)
        await self.alive(life)

    async def alive(self, life: int) -> None:
        """Go on only in that life."""
        if not self.is_alive(life):
            await self.loop.create_future()

    def kill(self) -> None:
        """The process dies at once; its card keeps all that it wrote. Harmless when none runs."""
        if self.running:
            self.trace("kill", self.name)
            self._end()
            self.card.crash()

    def power_cut(self) -> None:
        """The box loses power."""
        self.trace("power cut", self.name)
        self._end()
        self.card.power_cut(self.random)

    def _stopped_by_card(self) -> None:
        self.trace("stopped at an operation of the card", self.name, self.card.operations)
        self._end()

    def _end(self) -> None:
        self.running = False
        for task in self._tasks:
            task.cancel()
        self._tasks.clear()
        self.ended()

    @abstractmethod
    def ended(self) -> None:
        """What else goes when the process goes."""
