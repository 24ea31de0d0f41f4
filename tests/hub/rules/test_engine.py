"""The rules engine: levels, what is judged at all, rates, and what it knows after a restart."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.kinds import Quality
from hub.rules.engine import Engine
from hub.rules.history import changes
from hub.rules.model import LIVE_AGE_MS, Sample, Skipped, siaga, to_mm
from tests.hub.rules.stations import EPOCH, NOW_MS, POST, RISING, sample


def run(levels, station=POST) -> list[tuple[int, int, int]]:
    """(number, old, new) of the level changes of a plain row of levels in metres."""
    engine = Engine([station])
    found = []
    for seq, level_m in enumerate(levels, 1):
        found += [
            (c.seq, c.old, c.new) for c in engine.judge(sample(seq, level_m), NOW_MS) if c.kind == "level"
        ]
    return found


def naive(levels_mm, thresholds=(800, 1500, 2000), hysteresis=50) -> list[tuple[int, int, int]]:
    """The rule as one would tell it: step by step up at a threshold, step by step down below it less 5 cm."""
    severity, found = 0, []
    for seq, value in enumerate(levels_mm, 1):
        old = severity
        while severity < 3 and value >= thresholds[severity]:
            severity += 1
        while severity > 0 and value < thresholds[severity - 1] - hysteresis:
            severity -= 1
        if severity != old:
            found.append((seq, old, severity))
    return found


def test_severity_is_siaga_upside_down():
    assert [siaga(severity) for severity in range(4)] == [4, 3, 2, 1]


def test_a_level_is_entered_at_its_threshold_and_left_below_it_less_the_hysteresis():
    assert run([0.799, 0.8, 0.75, 0.749, 0.75, 0.799, 0.8]) == [(2, 0, 1), (4, 1, 0), (7, 0, 1)]


def test_several_levels_are_passed_in_one_change():
    assert run([0.1, 2.0, 1.96, 1.0, 0.0]) == [(2, 0, 3), (4, 3, 1), (5, 1, 0)]


@pytest.mark.parametrize(
    "metres", [200.0 * 0.01, 200 / 100, 2, 1.9999999999999998, 2.0000000000000004, 20000 * 0.0001]
)
def test_two_metres_are_two_metres_however_they_were_reckoned(metres):
    assert run([metres]) == [(1, 0, 3)]
    assert to_mm(metres) == 2000


def test_a_millimetre_below_is_below():
    assert run([1.999]) == [(1, 0, 2)]
    assert run([2.0, 1.95]) == [(1, 0, 3)]
    assert run([2.0, 1.949]) == [(1, 0, 3), (2, 3, 2)]


@given(st.lists(st.integers(-500, 2600), max_size=60), st.integers(0, 400))
def test_levels_are_as_one_would_tell_the_rule(levels_mm, hysteresis):
    station = replace(POST, hysteresis_mm=hysteresis)
    assert run([value / 1000 for value in levels_mm], station) == naive(levels_mm, hysteresis=hysteresis)


def test_only_good_values_of_stations_are_judged():
    engine = Engine([POST])
    for code in list(Quality)[1:]:
        assert engine.judge(sample(code, 9.0, quality=code), NOW_MS) == []
    assert engine.judge(sample(20, None), NOW_MS) == []
    for seq, impossible in enumerate((float("nan"), float("inf"), 61.0, 1e300, -20.5, 2**62), 30):
        assert engine.judge(sample(seq, impossible), NOW_MS) == []
    assert engine.judge(sample(22, 9.0, device="other"), NOW_MS) == []
    assert engine.watched("gw-pos") == {"duga-air"}
    assert engine.watched("gw-other") == set()
    assert engine.states() == []
    assert engine.judge(sample(23, 60.0), NOW_MS)


def test_a_record_is_judged_once():
    """Sent live while the hub held, and again as itself; or sent again for want of a receipt."""
    engine = Engine([POST])
    assert engine.judge(sample(5, 1.6, live=True), NOW_MS)
    assert engine.judge(sample(6, 0.1), NOW_MS)
    assert engine.judge(sample(5, 1.6), NOW_MS) == []
    assert engine.judge(sample(6, 0.1), NOW_MS) == []
    assert engine.filled("gw-pos", EPOCH, 100) == [], "what was judged is no gap"


def test_the_newest_block_comes_first_and_what_is_behind_it_changes_nothing():
    engine = Engine([POST])
    assert engine.judge(sample(100, 0.1), NOW_MS) == []
    for seq in range(1, 100):
        assert engine.judge(sample(seq, 2.5), NOW_MS) == []
    assert engine.states()[0].severity == 0


def test_ten_minutes_old_is_judged_and_older_is_history():
    assert Engine([POST]).judge(sample(1, 2.5, age_ms=LIVE_AGE_MS), NOW_MS)
    assert Engine([POST]).judge(sample(1, 2.5, age_ms=LIVE_AGE_MS + 1), NOW_MS) == []


def test_age_is_by_the_boot_clock_whatever_the_time_says():
    """A board in 1970 or ten years ahead, whose boot clock says that this is now."""
    for t_ms in (0, NOW_MS + 10 * 365 * 86_400_000):
        assert Engine([POST]).judge(sample(1, 2.5, t_ms=t_ms, age_ms=500), NOW_MS)


def test_without_a_boot_clock_age_is_by_time_and_the_far_future_is_not_now():
    assert Engine([POST]).judge(sample(1, 2.5, t_ms=NOW_MS - 1000, age_ms=None), NOW_MS)
    assert Engine([POST]).judge(sample(1, 2.5, t_ms=NOW_MS - LIVE_AGE_MS - 1, age_ms=None), NOW_MS) == []
    assert Engine([POST]).judge(sample(1, 2.5, t_ms=NOW_MS + 86_400_000, age_ms=None), NOW_MS) == []


def test_a_clock_that_was_ahead_and_is_repaired_does_not_blind_the_station():
    ahead = 10 * 365 * 86_400_000
    engine = Engine([POST])
    engine.judge(sample(1, 0.1, t_ms=NOW_MS + ahead), NOW_MS)
    assert engine.judge(sample(2, 2.5, t_ms=NOW_MS + 1000), NOW_MS + 1000), "the same epoch after a reboot"
    engine = Engine([POST])
    engine.judge(sample(1, 0.1, t_ms=NOW_MS + ahead), NOW_MS)
    new = sample(1, 2.5, t_ms=NOW_MS + 1000, epoch="2" * 16)
    assert engine.judge(new, NOW_MS + 1000), "a new epoch"


def test_a_card_that_was_put_back_does_not_blind_the_station():
    """It goes on in its epoch with numbers that were judged already, unnoticed (world seed 21822)."""
    engine = Engine([POST])
    for seq in range(1, 48):
        engine.judge(sample(seq, 0.1, t_ms=NOW_MS + seq * 1000), NOW_MS + seq * 1000)
    later = NOW_MS + 60_000
    assert engine.judge(sample(20, 2.5, t_ms=later), later + 100)
    assert engine.judge(sample(21, 0.1, t_ms=later + 1000), later + 1100)
    assert engine.judge(sample(20, 2.5, t_ms=later, age_ms=5000), later + 5100) == [], "sent again"


@pytest.mark.parametrize(
    "wrong",
    [
        {
            "age_ms": None,
            "t_ms": NOW_MS + 60_000,
        },  # of an earlier boot: the backlog of a card that was cut off
        {"age_ms": 0, "t_ms": NOW_MS + 20_000},  # a late repeat
        {"age_ms": 30_000, "t_ms": NOW_MS + 60_000},  # old by its boot clock, whatever its time says
    ],
)
def test_a_lower_number_that_is_not_later_by_both_clocks_changes_nothing(wrong):
    engine = Engine([POST])
    for seq in range(40, 48):
        engine.judge(sample(seq, 0.1, t_ms=NOW_MS + seq * 1000), NOW_MS + seq * 1000)
    assert engine.judge(sample(20, 2.5, **wrong), NOW_MS + 60_100) == []


def test_records_moved_to_a_new_epoch_are_not_judged_again():
    """The same records under new numbers, on the way a little longer than at first."""
    engine = Engine([POST])
    for seq in range(1, 6):
        engine.judge(sample(seq, 2.5 if seq == 3 else 0.1), NOW_MS + seq * 1000)
    for seq in range(1, 6):
        again = sample(seq, 2.5 if seq == 3 else 0.1, epoch="2" * 16, t_ms=NOW_MS + seq * 1000, age_ms=0)
        assert engine.judge(again, NOW_MS + 60_000) == []
    assert engine.judge(sample(6, 2.5, epoch="2" * 16, t_ms=NOW_MS + 6000), NOW_MS + 60_000)


def minutes(engine, levels_m, *, first=1, start_ms=NOW_MS, step_s=60):
    found = []
    for at, level_m in enumerate(levels_m):
        t_ms = start_ms + at * step_s * 1000
        found += engine.judge(sample(first + at, level_m, t_ms=t_ms), t_ms)
    return found


def test_a_river_that_rises_too_fast_says_so_with_the_time_of_the_next_level():
    engine = Engine([RISING])
    found = minutes(engine, [0.10 + 0.01 * minute for minute in range(40)])
    assert [(c.kind, c.old, c.new) for c in found] == [("rise", 0, 1)]
    assert found[0].rate_mm_h == 600
    assert found[0].seq == 16, "known once the samples span half the window"
    left_mm = 800 - found[0].value_mm
    assert found[0].next_ms == found[0].t_ms + left_mm * 6000
    found = minutes(engine, [0.5] * 40, first=41, start_ms=NOW_MS + 40 * 60_000)
    assert [(c.kind, c.old, c.new) for c in found] == [("rise", 1, 0)]
    assert found[0].rate_mm_h < 300


def test_a_slower_rise_says_nothing():
    assert minutes(Engine([RISING]), [0.10 + 0.0099 * minute for minute in range(40)]) == []


def test_the_rate_is_unknown_across_a_gap():
    engine = Engine([RISING])
    minutes(engine, [0.1] * 30)
    later_ms = NOW_MS + 30 * 60_000 + 601_000
    (jump,) = minutes(engine, [1.0], first=31, start_ms=later_ms)
    assert (jump.kind, jump.rate_mm_h, jump.next_ms) == ("level", None, None)
    assert minutes(engine, [1.0] * 30, first=32, start_ms=later_ms + 60_000) == []


def test_time_that_goes_back_begins_a_new_rate():
    engine = Engine([RISING])
    minutes(engine, [0.1 + 0.005 * at for at in range(30)])
    minutes(engine, [0.1], first=31, start_ms=NOW_MS - 86_400_000)
    assert engine.states()[0].rate_mm_h is None


def test_the_line_through_noisy_samples_is_near_the_truth():
    noise = Random(3)
    engine = Engine([RISING])
    minutes(engine, [0.1 + 0.005 * at + noise.uniform(-0.02, 0.02) for at in range(60)])
    assert engine.states()[0].rate_mm_h == pytest.approx(300, abs=60)


def test_after_a_restart_it_goes_on_where_it_was():
    first = Engine([POST])
    first.judge(sample(10, 1.6), NOW_MS)
    first.judge(sample(3, 0.1), NOW_MS)
    second = Engine([POST])
    second.restore(first.states())
    assert second.states() == first.states()
    assert second.judge(sample(10, 1.6), NOW_MS) == []
    assert second.judge(sample(9, 0.1), NOW_MS) == [], "older than the last judged"
    assert [c.new for c in second.judge(sample(11, 1.46), NOW_MS)] == [], "the hysteresis is remembered"
    assert [c.new for c in second.judge(sample(12, 1.44), NOW_MS)] == [1]


@given(st.lists(st.integers(0, 2400), min_size=1, max_size=40), st.integers(0, 40))
def test_a_restart_anywhere_changes_no_change(levels_mm, at):
    def judged(restart: int) -> list[tuple[int, int, int]]:
        engine, found = Engine([POST]), []
        for seq, value in enumerate(levels_mm, 1):
            if seq == restart:
                twin = Engine([POST])
                twin.restore(engine.states())
                engine = twin
            found += [(c.seq, c.old, c.new) for c in engine.judge(sample(seq, value / 1000), NOW_MS)]
        return found

    assert judged(at) == judged(-1)


def test_what_was_not_judged_is_a_gap_until_the_floor_has_passed_it():
    engine = Engine([POST])
    engine.judge(sample(50, 0.1), NOW_MS)
    for seq in (20, 10, 30):
        engine.judge(sample(seq, 2.5, age_ms=LIVE_AGE_MS * 2), NOW_MS)
    gap = Skipped("katulampa", EPOCH, 30, NOW_MS + 10_000, NOW_MS + 30_000)
    assert engine.states()[0].skipped == gap
    assert engine.filled("gw-pos", EPOCH, 30) == []
    assert engine.filled("gw-other", EPOCH, 31) == []
    assert engine.filled("gw-pos", EPOCH, 31) == [gap]
    assert engine.filled("gw-pos", EPOCH, 31) == [], "once"
    assert engine.states()[0].skipped is None


def test_a_gap_of_an_epoch_that_was_left_is_filled():
    engine = Engine([POST])
    engine.judge(sample(5, 2.5, age_ms=LIVE_AGE_MS * 2), NOW_MS)
    assert engine.states()[0].value_mm is None, "history alone shows no level"
    assert len(engine.filled("gw-pos", "2" * 16, 1)) == 1


def test_the_pass_over_a_gap_finds_what_nobody_could_see():
    gap = Skipped("katulampa", EPOCH, 30, 1000, 5000)
    points = [(0, 9.0), (1000, 0.1), (2000, 1.6), (3000, 2.0), (4000, 1.96), (5000, 0.2), (6000, 9.0)]
    found = changes(POST, gap, points, severity=0)
    assert [(c.t_ms, c.old, c.new) for c in found] == [(2000, 0, 2), (3000, 2, 3), (5000, 3, 0)]
    assert all(c.history for c in found)
    assert changes(POST, gap, points, severity=0) == found, "pure"


numbers = st.integers(1, 60)


@given(
    st.lists(
        st.tuples(numbers, st.integers(0, 2400), st.integers(0, 2 * LIVE_AGE_MS), st.booleans()), max_size=80
    )
)
def test_whatever_order_records_come_in_no_record_acts_twice_and_none_acts_late(arrivals):
    """Duplicates, disorder and age: each change is of a record that is newer than all judged before and young."""
    engine, acted, top, severity = Engine([POST]), set(), 0, 0
    for seq, value_mm, age_ms, live in arrivals:
        found = engine.judge(sample(seq, value_mm / 1000, age_ms=age_ms, live=live), NOW_MS)
        young = age_ms <= LIVE_AGE_MS
        if found:
            (change,) = found
            assert young
            assert seq > top
            assert seq not in acted
            assert change.old == severity
            severity = change.new
        if young and seq > top:
            top = seq
            acted.add(seq)
            assert engine.states()[0].value_mm == value_mm
        assert all(state.severity == severity for state in engine.states())


def test_an_engine_of_many_devices_is_cheap_for_those_it_does_not_watch():
    engine = Engine([POST])
    other = Sample(("g", EPOCH, "telemetry"), 1, "g", "s", "d", "bed_panel", {}, {}, NOW_MS, 0)
    assert all(engine.judge(other, NOW_MS) == [] for _ in range(1000))
    assert engine.states() == []
