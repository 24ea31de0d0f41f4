"""GPS receivers: NMEA sentences for a serial line, and a gpsd that answers ``?POLL``."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import json
from dataclasses import dataclass
from typing import Literal

Fault = Literal["none", "silent", "garbage", "half", "slow"]


@dataclass
class Vehicle:
    """Where it is and what its receiver knows."""

    lat_deg: float = -6.175392
    lon_deg: float = 106.827153
    speed_m_s: float = 8.5
    course_deg: float | None = 270.0
    altitude_m: float | None = 12.5
    satellites: int = 9
    fixed: bool = True


def sentence(body: str) -> bytes:
    """A sentence with its checksum."""
    check = 0
    for letter in body:
        check ^= ord(letter)
    return f"${body}*{check:02X}\r\n".encode()


def nmea(vehicle: Vehicle) -> bytes:
    """A second of a receiver: GSV, which nobody asked for, then GGA and RMC."""
    lat, lon = _degrees(vehicle.lat_deg, "NS", 2), _degrees(vehicle.lon_deg, "EW", 3)
    place = f"{lat},{lon}" if vehicle.fixed else ",,,"
    knots = f"{vehicle.speed_m_s * 3600 / 1852:.3f}" if vehicle.fixed else ""
    course = "" if vehicle.course_deg is None else f"{vehicle.course_deg:.1f}"
    height = "" if vehicle.altitude_m is None else f"{vehicle.altitude_m:.1f}"
    return (
        sentence("GPGSV,3,1,11,10,63,137,17,07,61,098,15,05,59,290,20,08,54,157,30")
        + sentence(
            f"GNGGA,101530.00,{place},{int(vehicle.fixed)},{vehicle.satellites:02d},0.9,{height},M,2.1,M,,"
        )
        + sentence(f"GNRMC,101530.00,{'A' if vehicle.fixed else 'V'},{place},{knots},{course},221126,,,A")
    )


def _degrees(value: float, sides: str, width: int) -> str:
    whole, rest = divmod(round(abs(value) * 60e6), 60_000_000)
    return f"{whole:0{width}d}{rest / 1e6:09.6f},{sides[value < 0]}"


class FakeGpsd:
    """A gpsd with one receiver. ``async with FakeGpsd(vehicle) as gpsd: gpsd.port``."""

    def __init__(self, vehicle: Vehicle) -> None:
        self.vehicle = vehicle
        self.fault: Fault = "none"
        self.age_s = 0.0
        """How old the fix is that it tells."""
        self.port = 0
        self.connections = 0
        self._writers: list[asyncio.StreamWriter] = []

    async def __aenter__(self) -> FakeGpsd:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self.hang_up()
        self._server.close()

    def hang_up(self) -> None:
        """End every connection."""
        for writer in self._writers:
            writer.close()
        self._writers.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.append(writer)
        writer.write(
            b'{"class":"VERSION","release":"3.22","rev":"3.22","proto_major":3,"proto_minor":14}\r\n'
        )
        watching = False
        with contextlib.suppress(OSError, asyncio.CancelledError):
            while line := await reader.readline():
                if line.startswith(b"?WATCH="):
                    watching = True
                    writer.write(
                        b'{"class":"DEVICES","devices":[{"class":"DEVICE","path":"/dev/ttyACM0"}]}\r\n'
                    )
                    writer.write(b'{"class":"WATCH","enable":true,"json":false}\r\n')
                elif line.startswith(b"?POLL") and watching:
                    await self._answer(writer)

    async def _answer(self, writer: asyncio.StreamWriter) -> None:
        if self.fault == "silent":
            return
        if self.fault == "slow":
            await asyncio.sleep(0.05)
        said = {"garbage": b"\x00\xff$GPRMC,,\r\n", "half": self._poll()[:60]}.get(
            self.fault, self._poll() + b"\r\n"
        )
        writer.write(said)
        if self.fault == "half":
            writer.close()

    def _poll(self) -> bytes:
        now, one = dt.datetime.now(dt.UTC), self.vehicle
        at = now - dt.timedelta(seconds=self.age_s)
        report: dict[str, object] = {"class": "TPV", "device": "/dev/ttyACM0", "mode": 3 if one.fixed else 1}
        report["time"] = f"{at:%Y-%m-%dT%H:%M:%S}.000Z"
        if one.fixed:
            report |= {
                "lat": one.lat_deg,
                "lon": one.lon_deg,
                "altMSL": one.altitude_m,
                "speed": one.speed_m_s,
            }
            report |= {"track": one.course_deg, "epx": 3.1}
        sky = {"class": "SKY", "device": "/dev/ttyACM0", "uSat": one.satellites, "nSat": 12}
        told = {
            "class": "POLL",
            "time": f"{now:%Y-%m-%dT%H:%M:%S}.000Z",
            "active": 1,
            "tpv": [report],
            "sky": [sky],
        }
        return json.dumps(told).encode()
