"""Positions by gpsd: JSON over TCP, asked with ``?POLL``, which gives the newest of each receiver."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping

from edge.clock import Clock
from edge.config.mobile import Gpsd
from edge.drivers.base import MissedPollError, Reading
from edge.drivers.nodes.said import moment_ms
from edge.drivers.position import FIX_2D, FIX_3D, NO_FIX, QUANTITIES, Fix

ANSWER_S = 2.0
LINE_MAX = 64 * 1024
LINES_MAX = 50
"""Lines before the answer: gpsd tells of devices that come and go."""
STALE_MS = 10_000
"""A fix that is older than this, by gpsd's own clock, is none: its receiver has fallen silent."""
WATCH = b'?WATCH={"enable":true,"json":false};\n'
ASK = b"?POLL;\n"


def fix_of(told: Mapping[str, object], receiver: str | None) -> Fix | None:
    """What a POLL object says; None where it knows no such receiver. Pure."""
    reports = [one for one in _list(told.get("tpv")) if receiver in (None, one.get("device"))]
    if not reports:
        return None
    newest = max(reports, key=lambda one: moment_ms(_utc(one.get("time"))) or 0)
    skies = [one for one in _list(told.get("sky")) if receiver in (None, one.get("device"))]
    mode = newest.get("mode")
    at_ms, now_ms = moment_ms(_utc(newest.get("time"))), moment_ms(_utc(told.get("time")))
    stale = at_ms is not None and now_ms is not None and now_ms - at_ms > STALE_MS
    good = mode in (FIX_2D, FIX_3D) and not stale and not isinstance(mode, bool)
    satellites = [_number(one.get("uSat")) for one in skies]
    used = next((one for one in satellites if one is not None), None)
    return Fix(
        fix=int(str(mode)) if good else NO_FIX,
        lat_deg=_number(newest.get("lat"), 90),
        lon_deg=_number(newest.get("lon"), 180),
        altitude_m=_number(newest.get("altMSL", newest.get("alt"))),
        speed_m_s=_number(newest.get("speed")),
        course_deg=_number(newest.get("track"), 360),
        satellites=None if used is None else int(used),
    )


class GpsdDriver:
    """A receiver at a gpsd. The connection is opened by the first poll, and again after a failure."""

    kind = "vehicle"
    quantities = QUANTITIES

    def __init__(self, device: str, settings: Gpsd, *, clock: Clock) -> None:
        self.device = device
        self._settings = settings
        self._clock = clock
        self._open: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def poll(self) -> Reading:
        """Where it is now.

        Raises:
            MissedPollError: ``bus_down`` without gpsd, ``no_answer`` without the receiver, ``garbage``. Without a fix
                there is a reading that says so.
        """
        try:
            async with asyncio.timeout(ANSWER_S):
                told = await self._ask()
        except TimeoutError as error:
            self.close()
            raise MissedPollError("no_answer", "gpsd gives no answer", "systemctl status gpsd") from error
        except OSError as error:
            self.close()
            where = f"{self._settings.host}:{self._settings.port}"
            raise MissedPollError("bus_down", f"{where}: {error}", "systemctl status gpsd.socket") from error
        except MissedPollError:
            self.close()
            raise
        fix = fix_of(told, self._settings.receiver)
        if fix is None:
            raise MissedPollError("no_answer", "gpsd hears no such receiver", "gpspipe -w; its path in gpsd")
        return fix.reading(self.device, self._clock.mono_ms())

    def close(self) -> None:
        """Hang up; idempotent."""
        if self._open is not None:
            self._open[1].close()
        self._open = None

    async def _ask(self) -> dict[str, object]:
        if self._open is None:
            self._open = await asyncio.open_connection(
                self._settings.host, self._settings.port, limit=LINE_MAX
            )
            self._open[1].write(WATCH)
        reader, writer = self._open
        writer.write(ASK)
        await writer.drain()
        for _ in range(LINES_MAX):
            told = _object(await _line(reader))
            if told.get("class") == "POLL":
                return told
        raise MissedPollError("garbage", "gpsd talks of other things", "gpspipe -w")


async def _line(reader: asyncio.StreamReader) -> bytes:
    try:
        line = await reader.readline()
    except ValueError as error:
        raise MissedPollError("garbage", "a line without end", "is it gpsd that listens there?") from error
    if not line:
        raise ConnectionResetError("gpsd has hung up")
    return line


def _object(line: bytes) -> dict[str, object]:
    try:
        told = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise MissedPollError("garbage", "no JSON", "is it gpsd that listens there?") from error
    return told if isinstance(told, dict) else {}


def _list(value: object) -> list[Mapping[str, object]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _utc(value: object) -> object:
    return value.replace("Z", "+00:00") if isinstance(value, str) else value


def _number(value: object, most: float = 1e6) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # Nothing that is no number is at most anything, and an integer may be too large for a float.
    return float(value) if abs(value) <= most else None
