"""Instruments with a current of 4 to 20 mA, through a shunt into an ADS1115.

What the current means by NAMUR NE 43: 3.8 to 20.5 mA is a value; from there to 3.6 and to 21 mA the instrument is
beyond its range; outside of that it says that it is broken, or the loop is.
"""

from __future__ import annotations

import asyncio

from contract.kinds import Quality
from edge.clock import Clock
from edge.drivers.ads1115 import ChipError, I2c, read_volts
from edge.drivers.base import MissedPollError, Reading

READ_S = 2.0

FAULT_LOW_MA, LOW_MA, HIGH_MA, FAULT_HIGH_MA = 3.6, 3.8, 20.5, 21.0


def judge_current(current_ma: float) -> Quality:
    """What a current says of its value."""
    if not FAULT_LOW_MA <= current_ma <= FAULT_HIGH_MA:
        return Quality.INVALID
    return Quality.GOOD if LOW_MA <= current_ma <= HIGH_MA else Quality.OUT_OF_RANGE


class CurrentLoopDriver:
    """One instrument at one channel."""

    def __init__(
        self,
        device: str,
        kind: str,
        quantity: str,
        bus: I2c,
        *,
        address: int,
        channel: int,
        shunt_ohm: float,
        at_4_ma: float,
        at_20_ma: float,
        clock: Clock,
    ) -> None:
        """
        Args:
            at_4_ma, at_20_ma: what the instrument means by these, in the quantity's unit.
        """
        self.device = device
        self.kind = kind
        self.quantities = (quantity,)
        self._bus = bus
        self._address = address
        self._channel = channel
        self._shunt_ohm = shunt_ohm
        self._at_4_ma = at_4_ma
        self._at_20_ma = at_20_ma
        self._clock = clock
        self._reading: asyncio.Future[float] | None = None

    async def poll(self) -> Reading:
        """The value that the current means.

        Raises:
            MissedPollError: ``no_answer`` when no chip acknowledges, ``garbage`` when it is none of its kind.
        """
        hint = "look at the chip's address, its wires, and whether I2C is switched on"
        try:
            volts = await self._volts()
        except OSError as error:
            raise MissedPollError("no_answer", f"chip {self._address:#04x}: {error}", hint) from error
        except ChipError as error:
            raise MissedPollError("garbage", f"chip {self._address:#04x}: {error}", hint) from error
        current_ma = volts / self._shunt_ohm * 1000
        (quantity,), quality = self.quantities, judge_current(current_ma)
        share = (current_ma - 4) / 16
        value = (
            None if quality is Quality.INVALID else self._at_4_ma + share * (self._at_20_ma - self._at_4_ma)
        )
        told = {} if quality is Quality.GOOD else {quantity: quality}
        return Reading(
            self.device, {quantity: None if value is None else round(value, 4)}, self._clock.mono_ms(), told
        )

    async def _volts(self) -> float:
        """Read in a thread. One that hangs is not joined by others: the gateway has few."""
        if self._reading is None:
            self._reading = asyncio.ensure_future(
                asyncio.to_thread(read_volts, self._bus, self._address, self._channel)
            )
        await asyncio.wait([self._reading], timeout=READ_S)
        if not self._reading.done():
            raise TimeoutError("the bus hangs")
        done, self._reading = self._reading, None
        return done.result()
