"""A position as a driver gives it: what a vehicle's sample carries, and when there is none."""

from __future__ import annotations

from dataclasses import dataclass

from contract.kinds import Quality
from edge.drivers.base import Reading, Value

QUANTITIES = ("lat_deg", "lon_deg", "altitude_m", "speed_m_s", "course_deg", "satellites", "fix")

NO_FIX, FIX_2D, FIX_3D = 0, 2, 3


@dataclass(frozen=True, slots=True)
class Fix:
    """What a receiver knows now. None is not known; without a fix no position is, whatever it shows.

    Attributes:
        fix: 0 none, 2 without altitude, 3 with it.
    """

    fix: int
    lat_deg: float | None = None
    lon_deg: float | None = None
    altitude_m: float | None = None
    speed_m_s: float | None = None
    course_deg: float | None = None
    satellites: int | None = None

    def reading(self, device: str, mono_ms: int) -> Reading:
        """The sample of it."""
        known = self.fix >= FIX_2D and self.lat_deg is not None and self.lon_deg is not None
        values: dict[str, Value] = dict.fromkeys(QUANTITIES)
        if known:
            values |= {name: getattr(self, name) for name in QUANTITIES[:5]}
        if self.fix < FIX_3D:
            values["altitude_m"] = None
        values |= {"satellites": self.satellites, "fix": self.fix if known else NO_FIX}
        missing = {name: Quality.INVALID for name, value in values.items() if value is None}
        return Reading(device, values, mono_ms, missing)
