"""The curve of a river post: no line over a gap, no gap where values are merely rare."""

import pytest

from hub.city import curves
from hub.city.curves import Gap, Tendency, curve, tendency
from hub.region import Station
from hub.series.errors import SeriesError
from tests.hub.city import NOW, REGION

HULU = REGION.stations["hulu"]


def drawn(times_s, *, step_s=1, until_s=100, rows=None, stale_s=300):
    rows = rows or [{"time": t * 1000, "high": 1.5, "low": 1.4, "n": step_s} for t in times_s]
    return curve(rows, from_ms=0, to_ms=until_s * 1000, step_ms=step_s * 1000, most_gap_ms=stale_s * 1000)


def test_values_in_their_rhythm_have_no_gap():
    assert drawn(range(100)).gaps == ()
    assert drawn(range(0, 100, 20)).gaps == ()


def test_a_poll_that_is_late_is_no_gap_and_a_silence_is():
    late = [t for t in range(100) if t not in (50, 51, 52)]
    assert drawn(late).gaps == ()
    silent = [t for t in range(100) if not 50 <= t < 60]
    assert drawn(silent).gaps == (Gap(50_000, 60_000),)


def test_before_the_first_and_after_the_last_value_is_a_gap():
    assert drawn(range(40, 60)).gaps == (Gap(0, 40_000), Gap(60_000, 100_000))


def test_without_any_value_all_is_a_gap_and_nothing_has_a_level():
    found = drawn([])
    assert found.gaps == (Gap(0, 100_000),)
    assert (found.steps, found.low, found.high) == ((), None, None)


def test_however_rare_values_are_longer_than_stale_is_a_gap():
    assert drawn([0, 90], stale_s=300).gaps == ()
    assert drawn([0, 90], stale_s=60).gaps == (Gap(1000, 90_000),)


def test_a_step_without_a_good_value_is_not_zero():
    rows = [
        {"time": t * 1000, "high": None, "low": None, "n": 0, "doubtful": 1}
        if 40 <= t < 60
        else {"time": t * 1000, "high": 1.0, "low": 1.0, "n": 1}
        for t in range(100)
    ]
    found = drawn((), rows=rows)
    assert (found.low, found.gaps) == (1.0, (Gap(40_000, 60_000),))


def test_a_gap_within_a_wide_step_is_seen_by_its_few_values():
    rows = [
        {"time": t * 1000, "high": 1.0, "low": 1.0, "n": 5 if t in (300, 360) else 60}
        for t in range(0, 1200, 60)
    ]
    assert drawn((), rows=rows, step_s=60, until_s=1200).gaps == (Gap(300_000, 420_000, partly=True),)


def test_the_first_and_the_last_step_are_cut_and_no_gap():
    rows = [{"time": t * 1000, "high": 1.0, "low": 1.0, "n": 60} for t in range(0, 1200, 60)]
    rows[0]["n"] = rows[-1]["n"] = 3
    assert drawn((), rows=rows, step_s=60, until_s=1143).gaps == ()


def test_doubt_and_uncertain_time_are_told_beside_the_points():
    rows = [{"time": 0, "high": 1.0, "low": 0.9, "n": 4, "doubtful": 2, "error_ms": 90_000}]
    told = curves.as_json(drawn((), rows=rows))
    assert (told["points"], told["doubtful"], told["time_error"]) == (
        [[0, 0.9, 1.0]],
        [[0, 2]],
        [[0, 90_000]],
    )


def lately(levels, *, step_s=15, silent_s=0):
    """The tendency of a curve that ends with these levels, one a step."""
    steps = tuple(curves.Step(at * step_s * 1000, one, one) for at, one in enumerate(levels))
    to_ms = (len(levels) * step_s + silent_s) * 1000
    gaps = (Gap(to_ms - silent_s * 1000, to_ms),) if silent_s else ()
    found = curves.Curve(0, to_ms, step_s * 1000, steps, gaps)
    return tendency(found, within_ms=900_000, steady=0.005, steady_ms=120_000)


def ramp(start, by, steps):
    return [start + by * at for at in range(steps)]


def test_the_tendency_is_since_the_water_turned():
    rise, fall = ramp(1.0, 0.1, 10), ramp(1.8, -0.1, 5)
    assert lately([1.0] * 20 + rise) == Tendency(pytest.approx(0.9), 9 * 15_000)
    assert lately([1.0] * 20 + rise + fall) == Tendency(pytest.approx(-0.5), 5 * 15_000)
    assert lately(list(reversed(rise)) + ramp(1.1, 0.1, 4)) == Tendency(pytest.approx(0.4), 4 * 15_000)


def test_noise_is_no_turn_and_no_movement():
    noise = [0.002 * (-1) ** at for at in range(40)]
    assert abs(lately([1 + one for one in noise]).change) < 0.005
    rising = [1 + 0.01 * at + one for at, one in enumerate(noise)]
    assert lately(rising).change == pytest.approx(0.39, abs=0.01)


def test_water_that_has_not_moved_for_long_is_steady_whatever_it_did_before():
    assert abs(lately(ramp(1.0, 0.1, 10) + [1.9] * 12).change) < 0.005
    assert lately(ramp(1.0, 0.1, 10) + [1.9] * 4).change == pytest.approx(0.9)


def test_the_tendency_looks_over_no_gap_and_a_silent_river_has_none():
    rows = [
        {
            "time": t * 1000,
            "high": 5.0 if t < 500 else 1.0 + t / 1000,
            "low": 5.0 if t < 500 else 1.0 + t / 1000,
        }
        for t in range(0, 900, 10)
        if not 400 <= t < 500
    ]
    found = drawn((), rows=rows, step_s=10, until_s=900)
    after = tendency(found, within_ms=900_000, steady=0.005, steady_ms=120_000)
    assert after == Tendency(pytest.approx(0.39), 390_000)
    assert lately(ramp(1.0, 0.1, 10), silent_s=60) is None
    assert lately([1.0, 1.1]) is None


class Answers:
    """InfluxDB that answers from a list and keeps what it was asked."""

    def __init__(self, rows=()):
        self.rows, self.asked = list(rows), []

    async def query(self, q, params=None):
        self.asked.append((q, params))
        return self.rows


async def test_all_stations_are_one_question():
    series = Answers(
        {"time": NOW - 60_000, "gateway": gateway, "device": "level-1", "high": 2.0, "low": 1.0, "n": 30}
        for gateway in ("gw-pasar", "gw-lain")
    )
    found = await curves.read_all(series, [HULU], minutes=60, now_ms=NOW, most_steps=120)
    assert len(series.asked) == 1
    assert [step.high for step in found["hulu"].steps] == [2.0]


@pytest.mark.parametrize("name", ['level_m" FROM x; DROP', "", "Level", "x" * 65])
async def test_a_query_trusts_no_name(name):
    station = Station(**{field: getattr(HULU, field) for field in Station.__slots__} | {"quantity": name})
    series = Answers()
    with pytest.raises(SeriesError):
        await curves.read(series, station, minutes=60, now_ms=NOW)
    assert series.asked == []
