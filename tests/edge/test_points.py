"""Plausibility: range, step, stuck."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from contract.kinds import Quality
from edge.points import CONFIRMATIONS, STEP_MEMORY_MS, Limits, Track, judge

LEVEL = Limits(low=-1.0, high=6.0, max_step=0.5, stuck_s=10.0)


def judged(limits: Limits, *samples: tuple[float, int]) -> list[Quality]:
    track: Track | None = None
    codes = []
    for value, mono_ms in samples:
        code, track = judge(limits, track, value, mono_ms)
        codes.append(code)
    return codes


GOOD, RANGE, STEP, STUCK = Quality.GOOD, Quality.OUT_OF_RANGE, Quality.STEP, Quality.STUCK


def test_both_ends_of_the_range_are_in_it():
    assert judged(LEVEL, (-1.0, 0), (-1.001, 1), (6.001, 2)) == [GOOD, RANGE, RANGE]
    assert judged(Limits(low=0, high=1), (1.0, 0), (0.0, 1)) == [GOOD, GOOD]


def test_one_jump_is_a_step_and_the_value_after_it_is_judged_from_before():
    assert judged(LEVEL, (1.0, 0), (3.0, 1000), (1.1, 2000)) == [GOOD, STEP, GOOD]


def test_a_change_of_exactly_the_step_is_good():
    assert judged(LEVEL, (1.0, 0), (1.5, 1000)) == [GOOD, GOOD]


def test_a_jump_that_stays_was_true():
    samples = [(1.0, 0), *((3.0 + 0.1 * at, 1000 * (at + 1)) for at in range(CONFIRMATIONS + 1))]
    assert judged(LEVEL, *samples) == [GOOD, *[STEP] * (CONFIRMATIONS - 1), GOOD, GOOD]


def test_jumps_that_do_not_agree_are_never_good():
    samples = [(1.0, 0), (3.0, 1), (5.0, 2), (3.0, 3), (5.0, 4), (3.0, 5)]
    assert judged(LEVEL, *samples) == [GOOD] + [STEP] * 5


def test_after_a_long_gap_any_value_may_be_true():
    assert judged(LEVEL, (1.0, 0), (5.0, STEP_MEMORY_MS + 1)) == [GOOD, GOOD]
    assert judged(LEVEL, (1.0, 0), (5.0, STEP_MEMORY_MS)) == [GOOD, STEP]


def test_a_value_that_rests_too_long_is_stuck_until_it_moves():
    assert judged(LEVEL, (1.0, 0), (1.0, 10_000), (1.0, 10_001), (1.01, 11_000)) == [GOOD, GOOD, STUCK, GOOD]
    assert judged(Limits(), (1.0, 0), (1.0, 10**9)) == [GOOD, GOOD]


def test_a_value_out_of_range_is_not_what_steps_are_measured_from():
    assert judged(LEVEL, (1.0, 0), (9.0, 1), (1.2, 2)) == [GOOD, RANGE, GOOD]


@given(st.lists(st.tuples(st.floats(-10, 10), st.integers(0, 100_000)), max_size=30))
def test_without_limits_everything_is_good(samples):
    times = sorted(mono_ms for _, mono_ms in samples)
    assert set(judged(Limits(), *zip([v for v, _ in samples], times, strict=True))) <= {GOOD}


@given(st.lists(st.floats(-2, 8), min_size=1, max_size=40))
def test_good_values_are_within_the_limits_of_the_last_good_one_or_confirmed(values):
    track: Track | None = None
    for at, value in enumerate(values):
        before = track
        code, track = judge(Limits(low=0, high=6, max_step=0.5), track, value, at * 1000)
        if code is GOOD:
            assert 0 <= value <= 6
            assert before is None or abs(value - before.good) <= 0.5 or before.steps == CONFIRMATIONS - 1
