"""Every driver of a gateway in one: what is polled, what runs beside the polls, and what listens."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from edge.drivers.base import EventStore, OnEdge, OnFault, OnPast
from edge.drivers.gpio import Contacts, Lamps
from edge.drivers.modbus import Bus
from edge.drivers.serial_port import SerialPort
from edge.drivers.supervised_loop import Loops
from edge.drivers.tipping_bucket import TippingBuckets
from edge.errors import OrderError
from edge.outputs import Shown
from edge.sampler import Schedule

if TYPE_CHECKING:
    from edge.drivers.local_broker import LocalBrokerClient
    from edge.drivers.snapshots import Photographer
    from edge.panic import Press

log = logging.getLogger(__name__)

BLINK_S = 0.25

AGAIN_S = 5.0
"""After how long a service that has failed begins anew."""


class Service(Protocol):
    """A driver's part that runs by itself."""

    async def run(self, store: EventStore) -> None:
        """Work until cancelled. A missing network, device or file is told in the log and tried again for ever."""


async def _go_on(service: Service, store: EventStore) -> None:
    """Run a service until cancelled. A fault of its own must not take the buttons with it: it begins anew."""
    while True:
        try:
            await service.run(store)
        except Exception:
            log.exception("service_failed service=%s", type(service).__name__)
        await asyncio.sleep(AGAIN_S)


@dataclass(frozen=True)
class Drivers:
    """Every driver of a gateway. Nothing is opened before ``run``.

    Attributes:
        schedules: what the sampler polls.
        buttons: names of the panic buttons, for the outputs.
    """

    schedules: tuple[Schedule, ...]
    buttons: tuple[str, ...]
    _buses: tuple[Bus, ...]
    _contacts: Contacts
    _lamps: Lamps
    _buckets: TippingBuckets
    _ports: tuple[SerialPort, ...] = ()
    _loops: tuple[Loops, ...] = ()
    _restarts: Mapping[str, tuple[Callable[[], None], ...]] = field(default_factory=dict)
    _local: LocalBrokerClient | None = None
    _photographer: Photographer | None = None
    services: tuple[Service, ...] = ()
    """What runs beside the polls, such as servers that devices upload to."""

    async def serve(self, store: EventStore) -> None:
        """Run the services until cancelled; returns at once where there are none."""
        async with asyncio.TaskGroup() as group:
            for service in self.services:
                group.create_task(_go_on(service, store), name=type(service).__name__)

    def pressed(self, press: Press) -> None:
        """A press is on the card: what looks on takes its picture. Never blocks."""
        if self._photographer is not None:
            self._photographer.pressed(press)

    def picture(self, file: str) -> bytes:
        """A picture that is kept.

        Raises:
            OrderError: it is not.
        """
        if self._photographer is None:
            raise OrderError(
                "picture", "tidak ada kamera / no camera keeps pictures here", "on_panic of a [[camera]]"
            )
        return self._photographer.album.read(file)

    def restart(self, device: str) -> bool:
        """Open the line of a device anew; False where it has none."""
        acts = self._restarts.get(device, ())
        for act in acts:
            act()
        return bool(acts)

    async def blink(self, seconds: float) -> None:
        """Switch all lamps on and off, twice a second."""
        end_s, on = asyncio.get_running_loop().time() + seconds, True
        while asyncio.get_running_loop().time() < end_s:
            self._lamps.all_on(on)
            on = not on
            await asyncio.sleep(BLINK_S)

    @property
    def has_lamps(self) -> bool:
        """Whether there is a lamp to blink with."""
        return self._lamps.any

    async def listen(self, on_edge: OnEdge, on_fault: OnFault, on_past: OnPast) -> None:
        """Watch the supervised loops and hear the nodes until cancelled; returns at once where there are none."""
        async with asyncio.TaskGroup() as group:
            for loops in self._loops:
                group.create_task(loops.run(on_edge, on_fault), name="loops")
            if self._local is not None:
                group.create_task(self._local.run(on_edge, on_past), name="local broker")

    async def run(self, on_edge: OnEdge) -> None:
        """Watch the contacts and drive the lamps until cancelled; then close buses and GPIO lines.

        Buses are opened by the first poll, and again after a failure.

        Raises:
            PinError: there are contacts but no usable GPIO. A gateway with a panic button must not start so.
        """
        try:
            self._lamps.claim()
            self._buckets.claim()
            await self._contacts.run(on_edge)
            await asyncio.Event().wait()
        finally:
            self._lamps.release()
            self._buckets.release()
            for port in self._ports:
                port.close()
            for bus in self._buses:
                bus.close()

    def show(self, device: str, shown: Shown) -> None:
        """Switch the lamps of a button; what Outputs is given as its `show`."""
        self._lamps.show(device, shown)
