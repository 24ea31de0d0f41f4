"""The engine on the Ciliwung as published: exactly the changes that a plain reading of the file gives."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hub.region import Station
from hub.rules.engine import Engine
from hub.rules.model import Change, siaga
from tests.ciliwung import THRESHOLDS_CM, Siaga, needs_the_river, plain, read, restless
from tests.hub.rules.stations import POST, sample

pytestmark = needs_the_river


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


def as_said(changes: list[Change]) -> list[Siaga]:
    return [Siaga(change.t_ms, siaga(change.old), siaga(change.new)) for change in changes]


@pytest.mark.parametrize("name", THRESHOLDS_CM)
def test_the_engine_reads_the_river_as_a_person_does(name):
    points = read(name)
    assert len(points) > 18_000
    found = as_said(judged(station(name), points))
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
    around = sorted({hour for at in near for hour in (at - 1, at, at + 1)})
    points = restless([hours[at] for at in around], seed=20211016)
    assert len(points) > 5000
    with_it, without = judged(station("katulampa"), points), judged(station("katulampa", 0), points)
    assert as_said(with_it) == plain("katulampa", points)
    assert as_said(without) == plain("katulampa", points, 0)
    assert len(without) > 1.5 * len(with_it)
