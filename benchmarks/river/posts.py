"""The three posts of the Ciliwung as a region, their file, and the same river by the minute with noise."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path
from random import Random
from types import MappingProxyType

from hub.region import Agency, Device, Downstream, Gateway, Region, Site, Station
from hub.rules.replay import Row

POSTS = ("katulampa", "depok", "manggarai")
THRESHOLDS_MM: Mapping[str, tuple[int, int, int]] = MappingProxyType(
    {"katulampa": (800, 1500, 2000), "depok": (2000, 2700, 3500), "manggarai": (7500, 8500, 9500)}
)
"""Siaga 3, 2 and 1 of each post, as the posts use them."""

TRAVEL_H: Mapping[str, tuple[tuple[str, float, float], ...]] = MappingProxyType(
    {"katulampa": (("depok", 3, 4), ("manggarai", 6, 11)), "depok": (("manggarai", 3, 7),), "manggarai": ()}
)
"""Least and most hours of the water to the posts below. Depok to Manggarai is what is left of the whole way."""

WIB = timezone(timedelta(hours=7))
HOUR_MS, MINUTE_MS = 3_600_000, 60_000

Points = Sequence[tuple[int, float]]
"""(time in ms UTC, level in metres), ascending."""


def region(hysteresis_mm: int) -> Region:
    """The river as a city's profile would have it."""
    desk = Agency("piket", "Piket", "Piket", ())
    return Region(
        id="ciliwung",
        name="Ciliwung",
        zone="Asia/Jakarta",
        zone_label="WIB",
        sites={post: Site(post, post.title(), "river_post", -6.4, 106.8) for post in POSTS},
        gateways={f"gw-{post}": Gateway(f"gw-{post}", 0, post) for post in POSTS},
        stations={post: _station(post, hysteresis_mm) for post in POSTS},
        buttons={},
        wards={},
        agencies={"piket": desk},
        duty_desk=desk,
        devices=tuple(Device(f"gw-{post}", "duga-air", "river_post", "modbus_tcp") for post in POSTS),
    )


def _station(post: str, hysteresis_mm: int) -> Station:
    return Station(
        id=post,
        name=post.title(),
        river="Ciliwung",
        site=post,
        gateway=f"gw-{post}",
        device="duga-air",
        kind="river_post",
        quantity="level_m",
        thresholds_mm=THRESHOLDS_MM[post],
        hysteresis_mm=hysteresis_mm,
        labels=("Siaga 4", "Siaga 3", "Siaga 2", "Siaga 1"),
        downstream=tuple(
            Downstream(below, least * 3600.0, most * 3600.0) for below, least, most in TRAVEL_H[post]
        ),
    )


def read(path: Path) -> dict[str, Points]:
    """Every hour of each post that has a value."""
    found: dict[str, list[tuple[int, float]]] = {post: [] for post in POSTS}
    with path.open(newline="", encoding="utf-8") as file:
        for cells in csv.DictReader(file):
            at = datetime.fromisoformat(cells["time_local_wib"]).replace(tzinfo=WIB)
            for post in POSTS:
                if cells[f"{post}_cm"].strip():
                    level_m = round(float(cells[f"{post}_cm"]) * 10) / 1000
                    found[post].append((round(at.timestamp() * 1000), level_m))
    return dict(found)


def by_minute(hours: Points, *, seed: int, noise_m: float) -> list[tuple[int, float]]:
    """Straight lines between the hours, with a normal noise of that standard deviation, to the millimetre."""
    noise, points = Random(seed), []
    for (start_ms, low), (end_ms, high) in pairwise(hours):
        if end_ms - start_ms == HOUR_MS:
            for minute in range(60):
                level = low + (high - low) * minute / 60 + noise.gauss(0, noise_m)
                points.append((start_ms + minute * MINUTE_MS, round(level, 3)))
    return points


def rows(river: Mapping[str, Points]) -> list[Row]:
    """All posts as one stream, in the order of time."""
    found = [
        Row(t_ms, f"gw-{post}", "duga-air", {"level_m": level})
        for post, points in river.items()
        for t_ms, level in points
    ]
    return sorted(found, key=lambda row: row.t_ms)
