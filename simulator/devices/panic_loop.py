"""A button in a supervised loop, as resistors at an input of an ADS1115.

Worked out from the resistors, apart from the gateway's bands: 4.7 kΩ from the supply to the input, 4.7 kΩ at the end
of the cable, and the button with 4.7 kΩ in series.
"""

from __future__ import annotations

from simulator.devices.ads1115 import FakeAds1115

OHM = 4700.0
CABLE_OHM = 20.0


class FakePanicLoop:
    """What a person, a digger or the rain does to a loop."""

    def __init__(self, chip: FakeAds1115, channel: int, *, supply_v: float = 3.3) -> None:
        self._chip = chip
        self._channel = channel
        self._supply_v = supply_v
        self._pressed = False
        self._cut = False
        self._leak_ohm: float | None = None
        self._show()

    def press(self) -> None:
        """Push the button."""
        self._pressed = True
        self._show()

    def release(self) -> None:
        """Let it go."""
        self._pressed = False
        self._show()

    def cut(self) -> None:
        """Cut the cable."""
        self._cut = True
        self._show()

    def short(self) -> None:
        """Let the two wires touch near the box."""
        self.leak(1.0)

    def leak(self, ohm: float) -> None:
        """Water in the cable: so many ohms between its wires."""
        self._leak_ohm = ohm
        self._show()

    def mend(self) -> None:
        """Cable whole and dry."""
        self._cut, self._leak_ohm = False, None
        self._show()

    def _show(self) -> None:
        parts = [] if self._leak_ohm is None else [self._leak_ohm]
        if not self._cut:
            parts.append(CABLE_OHM + OHM)
            if self._pressed:
                parts.append(CABLE_OHM + OHM)
        if not parts:
            volts = self._supply_v
        else:
            loop_ohm = 1 / sum(1 / part for part in parts)
            volts = self._supply_v * loop_ohm / (OHM + loop_ohm)
        self._chip.volts[self._channel] = volts
