"""BMKG's earthquakes: ``autogempa``, ``gempaterkini`` and ``gempadirasakan`` as JSON, one or a list. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from hub.advisories.model import Advisory, FeedError

MOST = 50
"""More in one answer are left out."""


class _Quake(msgspec.Struct, frozen=True, rename="pascal"):
    """One earthquake as BMKG tells it: everything is text."""

    date_time: str
    coordinates: str
    magnitude: str
    kedalaman: str
    wilayah: str
    potensi: str = ""
    dirasakan: str = ""


class _Info(msgspec.Struct, frozen=True):
    gempa: _Quake | list[_Quake]


class _Answer(msgspec.Struct, frozen=True):
    Infogempa: _Info


def parse(body: bytes) -> list[Advisory]:
    """The earthquakes of an answer, newest first.

    Raises:
        FeedError: it is not what BMKG sends.
    """
    try:
        found = msgspec.json.decode(body, type=_Answer).Infogempa.gempa
        quakes = found if isinstance(found, list) else [found]
        advisories = [_advisory(quake) for quake in quakes[:MOST]]
    except (msgspec.DecodeError, ValueError, OverflowError) as error:
        raise FeedError(f"earthquakes: {error}", "the feed has changed") from error
    return sorted(advisories, key=lambda one: -one.issued_ms)


def _advisory(quake: _Quake) -> Advisory:
    lat, lon = (float(part) for part in quake.coordinates.split(","))
    if not (-90 <= lat <= 90 and -180 <= lon <= 180):
        raise ValueError(f"{quake.coordinates!r} is no place")
    at = datetime.fromisoformat(quake.date_time)
    if at.tzinfo is None:
        raise ValueError(f"{quake.date_time!r} has no zone")
    told: Any = [
        f"Kedalaman {quake.kedalaman}.",
        quake.potensi,
        quake.dirasakan and f"Dirasakan: {quake.dirasakan}",
    ]
    return Advisory(
        source="bmkg_earthquake",
        id=quake.date_time,
        issued_ms=round(at.timestamp() * 1000),
        headline=f"Gempa M {quake.magnitude}, {quake.wilayah}",
        text=" ".join(part for part in told if part),
        severity=quake.magnitude,
        area=quake.wilayah,
        lat=lat,
        lon=lon,
    )
