"""The engine on the Ciliwung as published: exactly the changes that a plain reading of the file gives."""

from __future__ import annotations

import csv
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from random import Random

import pytest

from hub.region import Station
from hub.rules.engine import Engine
from hub.rules.model import Change
from tests.hub.rules.stations import POST, sample

FILE = Path(__file__).resolve().parents[4] / "shared" / "data" / "ciliwung_hourly_2021-2023.csv"
THRESHOLDS_CM = {"katulampa": (80, 150, 200), "depok": (200, 270, 350), "manggarai": (750, 850, 950)}
WIB = timezone(timedelta(hours=7))
HOUR_MS = 3_600_000

pytestmark = pytest.mark.skipif(not FILE.exists(), reason=f"the river's data is not there: {FILE}")


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


def station(name: str, hysteresis_mm: int = 50) -> Station:
    limits = tuple(cm * 10 for cm in THRESHOLDS_CM[name])
    return replace(POST, id=name, thresholds_mm=limits, hysteresis_mm=hysteresis_mm)


def judged(post: Station, points: list[tuple[int, float]]) -> list[Change]:
    """What the engine says of levels in metres, as an instrument in centimetres gives them."""
    engine = Engine([post])
    found = []
    for seq, (t_ms, level_cm) in enumerate(points, 1):
        found += engine.judge(sample(seq, level_cm * 0.01, t_ms=t_ms), t_ms)
    return found


def plain(name: str, points: list[tuple[int, float]], hysteresis_cm: float = 5) -> list[tuple[int, int, int]]:
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
            found.append((t_ms, before, siaga))
    return found


@pytest.mark.parametrize("name", THRESHOLDS_CM)
def test_the_engine_reads_the_river_as_a_person_does(name):
    points = read(name)
    assert len(points) > 18_000
    found = [(change.t_ms, 4 - change.old, 4 - change.new) for change in judged(station(name), points)]
    assert found == plain(name, points)
    assert found, "the river did rise in these years"


def test_levels_exactly_on_a_threshold_count():
    """The highest waters of Katulampa and Depok stand exactly on Siaga 1."""
    for name in ("katulampa", "depok"):
        points = read(name)
        assert max(level for _, level in points) == THRESHOLDS_CM[name][2]
        assert any(change.new == 3 for change in judged(station(name), points))


def test_without_hysteresis_a_noisy_river_chatters():
    """Interpolated to a minute with a noise of ±8 cm: what the five centimetres are for."""
    hours = read("katulampa")
    near = [at for at, (_, level) in enumerate(hours) if level >= 70][:150]
    noise, points = Random(20211016), []
    for at in sorted({neighbour for hour in near for neighbour in (hour - 1, hour)}):
        (start_ms, low), (end_ms, high) = hours[at], hours[at + 1]
        if end_ms - start_ms == HOUR_MS:
            for minute in range(60):
                level = low + (high - low) * minute / 60 + noise.uniform(-8, 8)
                points.append((start_ms + minute * 60_000, round(level, 1)))
    assert len(points) > 5000
    with_it, without = judged(station("katulampa"), points), judged(station("katulampa", 0), points)
    assert [(c.t_ms, 4 - c.old, 4 - c.new) for c in with_it] == plain("katulampa", points)
    assert [(c.t_ms, 4 - c.old, 4 - c.new) for c in without] == plain("katulampa", points, 0)
    assert len(without) > 1.5 * len(with_it)
