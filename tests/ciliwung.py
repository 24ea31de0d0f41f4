"""The real river of the tests: the Ciliwung as published, and what a plain reading of it says."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest

FILE = Path(__file__).resolve().parents[2] / "shared" / "data" / "ciliwung_hourly_2021-2023.csv"
THRESHOLDS_CM = {"katulampa": (80, 150, 200), "depok": (200, 270, 350), "manggarai": (750, 850, 950)}
"""Siaga 3, 2 and 1 of each post."""

WIB = timezone(timedelta(hours=7))
HOUR_MS = 3_600_000
MINUTE_MS = 60_000

needs_the_river = pytest.mark.skipif(not FILE.exists(), reason=f"the river's data is not there: {FILE}")


@dataclass(frozen=True, slots=True)
class Siaga:
    """A change of a post's level, in the numbers that the posts use: 4 is normal, 1 the worst."""

    t_ms: int
    old: int
    new: int


def read(name: str) -> list[tuple[int, float]]:
    """(time in ms UTC, level in cm) of every hour that has a value."""
    with FILE.open(newline="") as file:
        rows = list(csv.DictReader(file))
    found = []
    for row in rows:
        text = row[f"{name}_cm"].strip()
        if text:
            local = datetime.fromisoformat(row["time_local_wib"]).replace(tzinfo=WIB)
            found.append((int(local.timestamp()) * 1000, float(text)))
    return found


def plain(name: str, points: Sequence[tuple[int, float]], hysteresis_cm: float = 5) -> list[Siaga]:
    """Siaga by the words of the posts: 4, 3, 2, 1; entered at its threshold, left below it less five."""
    limits = dict(zip((3, 2, 1), THRESHOLDS_CM[name], strict=True))
    siaga, found = 4, []
    for t_ms, level in points:
        before = siaga
        while siaga > 1 and level >= limits[siaga - 1]:
            siaga -= 1
        while siaga < 4 and level < limits[siaga] - hysteresis_cm:
            siaga += 1
        if siaga != before:
            found.append(Siaga(t_ms, before, siaga))
    return found


def restless(
    hours: Sequence[tuple[int, float]], *, seed: int, noise_cm: float = 8
) -> list[tuple[int, float]]:
    """Hours as minutes: straight lines between them, with an even noise, to the millimetre. Gaps stay gaps."""
    noise, points = Random(seed), []
    for (start_ms, low), (end_ms, high) in pairwise(hours):
        if end_ms - start_ms == HOUR_MS:
            for minute in range(60):
                level = low + (high - low) * minute / 60 + noise.uniform(-noise_cm, noise_cm)
                points.append((start_ms + minute * MINUTE_MS, round(level, 1)))
    return points
