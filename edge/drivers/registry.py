"""From the configuration to drivers: the one place that knows which table of the file makes which driver."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contract.kinds import KINDS
from edge.clock import Clock
from edge.config import CONTACT_KINDS, Config, Device, PointLimits
from edge.drivers.base import OnEdge
from edge.drivers.gpio import Contacts, Lamps, real_pins
from edge.drivers.instruments import Library
from edge.drivers.modbus import Bus, ModbusDriver
from edge.drivers.simulated import SimulatedDriver
from edge.outputs import Shown
from edge.points import Limits
from edge.sampler import Schedule


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

    async def run(self, on_edge: OnEdge) -> None:
        """Watch the contacts until cancelled; close buses and GPIO lines at the end.

        Buses are opened by the first poll, and again after a failure.

        Raises:
            DriverError: there are contacts but no usable GPIO. A gateway with a panic button must not start so.
        """

    def show(self, device: str, shown: Shown) -> None:
        """Switch the lamps of a button; what Outputs is given as its `show`."""


def build(config: Config, *, clock: Clock, pins: Any = None) -> Drivers:
    """Drivers for everything in the configuration.

    Args:
        pins: a gpiozero pin factory. None takes the board's own lines when ``run`` starts, and nothing else. A
            simulator passes a MockFactory here; no configuration can.
    """
