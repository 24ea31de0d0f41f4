"""Ultrasonic level sensors that send distances by themselves on a serial line (ME007, A02 class).

9600 8N1, frames of four bytes: ``FF H L SUM``, the distance in millimetres, the sum of the first three. Such sensors on
RS-485 look like Modbus and are not.
"""

from __future__ import annotations

from contract.kinds import Quality
from edge.clock import Clock
from edge.drivers.base import MissedPollError, Reading, Value
from edge.drivers.serial_port import SerialPort

BAUD = 9600
HEAD = 0xFF
FRAME_BYTES = 4
FRAMES = 5
"""A reading is the median of so many: waves and leaves make single echoes wrong."""
LISTEN_S = 1.5
"""Sensors send every 100 ms, or every 300 ms while they smooth by themselves."""


def distances_mm(data: bytes) -> list[int]:
    """Every distance in the bytes, whatever lies between the frames. Pure."""
    found = []
    at = 0
    while at + FRAME_BYTES <= len(data):
        high, low, total = data[at + 1 : at + 4]
        if data[at] == HEAD and (HEAD + high + low) & 0xFF == total:
            found.append(high << 8 | low)
            at += FRAME_BYTES
        else:
            at += 1
    return found


class UltrasonicDriver:
    """A sensor that looks down on the water from a known height."""

    quantities = ("distance_m", "level_m")

    def __init__(
        self,
        device: str,
        kind: str,
        port: SerialPort,
        *,
        mounting_height_m: float,
        blind_m: float,
        range_m: float,
        clock: Clock,
    ) -> None:
        """
        Args:
            mounting_height_m: of the sensor's face above the zero of the staff gauge.
            blind_m: nearer than this it measures nothing.
            range_m: and further than this.
        """
        self.device = device
        self.kind = kind
        self._port = port
        self._height_m = mounting_height_m
        self._blind_m = blind_m
        self._range_m = range_m
        self._clock = clock

    async def poll(self) -> Reading:
        """The median of the next frames.

        Raises:
            MissedPollError: ``no_answer``, ``garbage`` when bytes come and no frame is in them, ``bus_down``.
        """
        data = await self._port.listen(lambda came: len(distances_mm(came)) >= FRAMES, LISTEN_S)
        found = distances_mm(data)
        if not found and data:
            raise MissedPollError(
                "garbage", f"{len(data)} bytes without a frame", "look at the model, the speed and the ground"
            )
        if not found:
            raise MissedPollError(
                "no_answer", "the sensor sends nothing", "look at its power and its transmit line"
            )
        seen = [mm / 1000 for mm in found if self._blind_m <= mm / 1000 <= self._range_m]
        now_ms = self._clock.mono_ms()
        # One echo of many proves nothing: most must be in range.
        if 2 * len(seen) < len(found):
            none: dict[str, Value] = dict.fromkeys(self.quantities)
            return Reading(self.device, none, now_ms, dict.fromkeys(self.quantities, Quality.INVALID))
        distance_m = sorted(seen)[len(seen) // 2]
        values = {"distance_m": round(distance_m, 4), "level_m": round(self._height_m - distance_m, 4)}
        return Reading(self.device, values, now_ms)
