"""GPS receivers that speak NMEA 0183 on a serial line: position by RMC and GGA, each line with its checksum.

RMC has position, speed and course, GGA satellites and altitude. Which satellites are meant (``GP``, ``GL``, ``GN``…)
does not matter here.
"""

from __future__ import annotations

import math
import re
from functools import reduce

from edge.clock import Clock
from edge.drivers.base import MissedPollError, Reading
from edge.drivers.position import FIX_2D, FIX_3D, NO_FIX, QUANTITIES, Fix
from edge.drivers.serial_port import SerialPort

LISTEN_S = 2.5
"""Receivers speak once a second."""
KNOT_M_S = 1852 / 3600

_LINE = re.compile(rb"\$([A-Z]{2}(?:RMC|GGA),[ -)+-~]{0,120})\*([0-9A-Fa-f]{2})")


def sentences(data: bytes) -> list[list[str]]:
    """The fields of every RMC and GGA in the bytes whose checksum is right, in their order. Pure."""
    return [
        line[1].decode("ascii").split(",")
        for line in _LINE.finditer(data)
        if reduce(int.__xor__, line[1]) == int(line[2], 16)
    ]


def fix_of(data: bytes) -> Fix | None:
    """What the newest sentences say together; None while there is no RMC."""
    newest = {fields[0][2:]: fields for fields in sentences(data)}
    rmc, gga = newest.get("RMC"), newest.get("GGA")
    if rmc is None or len(rmc) < 9:
        return None
    lat, lon = _angle(rmc[3], rmc[4], "NS"), _angle(rmc[5], rmc[6], "EW")
    speed, course = _number(rmc[7]), _number(rmc[8])
    whole = gga is not None and len(gga) > 9
    altitude = _number(gga[9]) if whole and gga is not None else None
    satellites = _number(gga[7]) if whole and gga is not None else None
    good = rmc[2] == "A" and lat is not None and lon is not None
    return Fix(
        fix=NO_FIX if not good else FIX_2D if altitude is None else FIX_3D,
        lat_deg=lat,
        lon_deg=lon,
        altitude_m=altitude,
        speed_m_s=None if speed is None else round(speed * KNOT_M_S, 3),
        course_deg=course,
        satellites=None if satellites is None else int(satellites),
    )


class NmeaDriver:
    """A receiver on a port of its own."""

    kind = "vehicle"
    quantities = QUANTITIES

    def __init__(self, device: str, port: SerialPort, *, clock: Clock) -> None:
        self.device = device
        self._port = port
        self._clock = clock

    async def poll(self) -> Reading:
        """Where it is now.

        Raises:
            MissedPollError: ``no_answer``, ``garbage``, ``bus_down``. Without a fix there is a reading that says so.
        """
        data = await self._port.listen(
            lambda came: {"RMC", "GGA"} <= {one[0][2:] for one in sentences(came)}, LISTEN_S
        )
        fix = fix_of(data)
        if fix is None and data:
            raise MissedPollError(
                "garbage", f"{len(data)} bytes without an RMC", "look at the speed: 4800, 9600, 38400"
            )
        if fix is None:
            raise MissedPollError("no_answer", "the receiver sends nothing", "look at its power and its port")
        return fix.reading(self.device, self._clock.mono_ms())


def _angle(text: str, side: str, sides: str) -> float | None:
    """Degrees and minutes, as ``0610.5000``, in degrees; south and west are negative."""
    value = _number(text)
    if value is None or value < 0 or side not in tuple(sides):
        return None
    degrees = math.floor(value / 100) + math.fmod(value, 100) / 60
    if math.fmod(value, 100) >= 60 or degrees > (90 if sides == "NS" else 180):
        return None
    return round(-degrees if side in "SW" else degrees, 7)


def _number(text: str) -> float | None:
    return float(text) if re.fullmatch(r"-?[0-9]{1,9}(\.[0-9]{0,9})?", text) else None
