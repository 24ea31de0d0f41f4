"""The Ciliwung as published, from the instrument to the stores: what a plain reading of the file says, and no more."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import pytest

from tests.ciliwung import THRESHOLDS_CM, WIB, Siaga, needs_the_river, plain, read, restless
from tests.river.chain import Chain, running

log = logging.getLogger(__name__)

pytestmark = [pytest.mark.real, needs_the_river, pytest.mark.timeout(900)]

Points = Sequence[tuple[int, float]]
"""(time in ms UTC, level in cm)."""

FLOOD_FROM = datetime(2023, 2, 24, 12, tzinfo=WIB)
"""In these days all three posts reached Siaga 3, Depok exactly, and stood near it for hours."""

FLOOD_DAYS = timedelta(days=3)


def posts_of(river: Mapping[str, Points]) -> list[str]:
    return list(river)


def start_ms(river: Mapping[str, Points]) -> int:
    return min(points[0][0] for points in river.values())


def in_metres(points: Points) -> list[tuple[int, float]]:
    """As the instruments show them: whole millimetres."""
    return [(t_ms, round(level_cm * 10) / 1000) for t_ms, level_cm in points]


def between(points: Points, start: datetime, length: timedelta) -> Points:
    first, last = (int(at.timestamp()) * 1000 for at in (start, start + length))
    return [point for point in points if first <= point[0] <= last]


async def replay(chain: Chain, river: Mapping[str, Points]) -> dict[str, list[Siaga]]:
    """Let the river pass; the changes that the hub has put on record as they happened, by post."""
    rows: dict[int, dict[str, float]] = {}
    for post, points in river.items():
        for t_ms, level_cm in points:
            rows.setdefault(t_ms, {})[post] = level_cm
    began_s = time.monotonic()
    for t_ms in sorted(rows):
        await chain.row(t_ms, rows[t_ms])
    took_s = time.monotonic() - began_s
    found: dict[str, list[Siaga]] = {post: [] for post in river}
    for noted in await chain.changes():
        assert not noted.history, noted
        found[noted.station].append(noted.change)
    log.info(
        "river rows=%d seconds=%.1f changes=%s",
        len(rows),
        took_s,
        {post: len(changes) for post, changes in found.items()},
    )
    return found


async def test_the_whole_river_is_read_as_a_person_reads_it(broker, influx, folder):
    river = {post: read(post) for post in THRESHOLDS_CM}
    assert all(len(points) == 19_368 for points in river.values())
    expected = {post: plain(post, points) for post, points in river.items()}
    assert all(expected.values()), "each post left Siaga 4 in these years"
    dangerous = sorted(
        (post, change.t_ms)
        for post, changes in expected.items()
        for change in changes
        if change.new < change.old and change.new <= 2
    )
    async with running(
        folder, broker=broker, influx=influx, posts=posts_of(river), start_ms=start_ms(river)
    ) as chain:
        assert await replay(chain, river) == expected
        for post, points in river.items():
            assert await chain.series(post) == in_metres(points)
        assert chain.told() == dangerous


async def test_a_restless_river_chatters_only_without_hysteresis(broker, influx, folder):
    """Three days of flood by the minute, with a noise of ±8 cm: what the five centimetres are for."""
    river: dict[str, Points] = {
        post: restless(between(read(post), FLOOD_FROM, FLOOD_DAYS), seed=seed)
        for seed, post in enumerate(THRESHOLDS_CM)
    }
    assert all(len(points) == 3 * 24 * 60 for points in river.values())
    found = {}
    for hysteresis_cm in (5, 0):
        own = folder / f"{hysteresis_cm} cm"
        own.mkdir()
        async with running(
            own,
            broker=broker,
            influx=influx,
            posts=posts_of(river),
            start_ms=start_ms(river),
            hysteresis_m=hysteresis_cm / 100,
        ) as chain:
            found[hysteresis_cm] = await replay(chain, river)
            for post, points in river.items():
                assert await chain.series(post) == in_metres(points)
        assert found[hysteresis_cm] == {
            post: plain(post, points, hysteresis_cm) for post, points in river.items()
        }
    for post in river:
        assert len(found[0][post]) > 1.2 * len(found[5][post]) > 0
