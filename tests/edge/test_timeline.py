"""Time of a record: the same at every resend, never backwards within a boot, and true within its bound."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.timeline import BootSpan, Stamp, Sync, Timeline, lay_out
from tests.edge.spooling import THOROUGH

NOW = 1_790_000_000_000


def line(*syncs):
    timeline = Timeline()
    for mono, wall, error in syncs:
        timeline.add(timeline.propose(mono, wall, error, "ntp"))
    return timeline


def test_a_boot_without_a_row_has_no_time():
    assert Timeline().at(5) is None
    assert not Timeline()


def test_before_the_first_row_time_counts_back():
    assert line((10_000, NOW, 5)).at(4_000) == Stamp(NOW - 6_000, 5 + 2)


def test_a_forward_correction_jumps():
    timeline = line((0, NOW, 5), (1000, NOW + 61_000, 5))
    assert timeline.at(999).t_ms == NOW + 999
    assert timeline.at(1000) == Stamp(NOW + 61_000, 5)


def test_a_backward_correction_is_slewed_at_half_speed_until_caught_up():
    timeline = line((0, NOW, 5), (1000, NOW - 9_000, 5))
    assert timeline.at(1000).t_ms == NOW + 1000
    assert timeline.at(3000).t_ms == NOW + 2000
    assert timeline.at(21_000).t_ms == NOW + 11_000, "caught up after twice the step"
    assert timeline.at(31_000).t_ms == NOW + 21_000, "and at full speed from there"
    assert timeline.at(1000).error_ms == 5 + 10_000, "what is left of the step is part of the error"
    assert timeline.at(21_000).error_ms == 5 + 4


def test_drift_widens_the_error_with_distance():
    timeline = line((0, NOW, 5))
    assert timeline.at(3_600_000).error_ms == 5 + 720
    assert timeline.at(0).error_ms == 5


def test_a_row_moves_behind_records_that_may_have_been_sent():
    timeline = line((0, NOW, 5))
    row = timeline.propose(500, NOW + 70_000, 5, "hub", after_mono_ms=900)
    assert row == Sync(901, NOW + 70_401, 6, "hub", NOW + 70_401)
    before = timeline.at(900)
    timeline.add(row)
    assert timeline.at(900) == before


def test_rows_are_never_changed():
    timeline = line((100, NOW, 5))
    with pytest.raises(ValueError, match="not behind"):
        timeline.add(Sync(100, NOW, 5, "ntp", NOW))


@pytest.mark.parametrize(
    ("mono", "wall", "error", "wanted"),
    [
        (60_000, NOW + 60_000, 5, False),
        (60_000, NOW + 61_000, 5, True),
        (60_000, NOW + 59_000, 5, True),
        (600_000, NOW + 600_000, 5, True),
        (590_000, NOW + 590_000, 50, True),
        (590_000, NOW + 590_000, 60, False),
    ],
)
def test_which_measured_times_are_worth_a_row(mono, wall, error, wanted):
    assert line((0, NOW, 5)).wants(mono, wall, error) is wanted
    assert Timeline().wants(mono, wall, error)


def test_pruning_keeps_the_row_in_force():
    timeline = line((0, NOW, 5), (1000, NOW + 1000, 5), (2000, NOW + 2000, 5))
    kept = timeline.at(1500)
    assert [row.mono_ms for row in timeline.prune(1500)] == [0]
    assert timeline.at(1500) == kept
    assert timeline.prune(1500) == []


SYNCS = st.lists(
    st.tuples(st.integers(1, 5_000), st.integers(-20_000, 20_000), st.integers(0, 500)),
    min_size=1,
    max_size=8,
)


@THOROUGH
@given(SYNCS, st.lists(st.integers(0, 60_000), min_size=2, max_size=40))
def test_time_increases_strictly_within_a_boot_and_rows_before_never_change(steps, monos):
    timeline, mono, seen = Timeline(), 0, {}
    for gap, step, error in steps:
        mono += gap
        seen |= {at: timeline.at(at) for at in monos if at < mono and timeline}
        timeline.add(timeline.propose(mono, NOW + mono + step, error, "hub"))
        assert all(timeline.at(at) == stamp for at, stamp in seen.items()), "a resend says the same time"
    previous = None
    for at in sorted(set(monos)):
        if previous is not None and at - previous < 2:
            continue
        if previous is not None:
            assert timeline.at(previous).t_ms < timeline.at(at).t_ms
        previous = at


@THOROUGH
@given(SYNCS, st.lists(st.integers(0, 60_000), min_size=1, max_size=40), st.integers(-200, 200))
def test_true_time_lies_in_the_declared_interval(steps, monos, drift_ppm):
    """The crystal drifts within its bound, each measurement is wrong by no more than it says."""

    def true(at):
        return NOW + at + at * drift_ppm / 1_000_000

    timeline, mono = Timeline(), 0
    for gap, step, error in steps:
        mono += gap
        wrong = max(-error, min(error, step))
        timeline.add(timeline.propose(mono, round(true(mono)) + wrong, error + 1, "hub"))
    for at in monos:
        stamp = timeline.at(at)
        assert stamp is not None
        assert abs(stamp.t_ms - true(at)) <= stamp.error_ms + 1


def test_a_boot_without_sync_is_laid_in_the_middle():
    [row] = lay_out([BootSpan(1000, 61_000)], after=Stamp(NOW, 5), before=Stamp(NOW + 100_000, 7))
    assert (row.mono_ms, row.wall_ms, row.source) == (1000, NOW + 20_000, "declared")
    assert row.error_ms == 20_000 + 5 + 7 + 12 + 1


def test_boots_without_sync_keep_their_order_and_distances():
    first, second = lay_out(
        [BootSpan(0, 10_000), BootSpan(500, 30_500)], after=Stamp(NOW, 0), before=Stamp(NOW + 60_000, 0)
    )
    assert first.wall_ms == NOW + 10_000
    assert second.wall_ms == NOW + 20_000
    assert second.at(30_500).t_ms == NOW + 50_000


def test_without_a_neighbour_before_the_error_reaches_back_to_the_earliest_time():
    [row] = lay_out([BootSpan(0, 60_000)], after=None, before=Stamp(NOW, 5), earliest_ms=NOW - 1_000_000)
    assert row.wall_ms == NOW - 60_000
    assert row.wall_ms - row.error_ms <= NOW - 1_000_000


@THOROUGH
@given(
    st.lists(st.tuples(st.integers(0, 50_000), st.integers(0, 50_000)), min_size=1, max_size=5),
    st.integers(0, 50_000),
)
def test_true_time_of_boots_without_sync_lies_in_the_declared_interval(boots, last_gap):
    """(machine off, machine on) each, between a boot that ended at NOW and one that begins after the last gap."""
    at, truth, spans = NOW, [], []
    for off, on in boots:
        at += off
        truth.append((at, at + on))
        spans.append(BootSpan(0, on))
        at += on
    rows = lay_out(spans, after=Stamp(NOW, 3), before=Stamp(at + last_gap, 3))
    for row, (start, end), span in zip(rows, truth, spans, strict=True):
        for mono, true in ((0, start), (span.last_mono_ms, end)):
            stamp = row.at(mono)
            assert abs(stamp.t_ms - true) <= stamp.error_ms
