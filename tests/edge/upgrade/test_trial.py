"""When a new version is kept and when it is taken back; nothing runs here."""

import pytest

from edge.upgrade.releases import Trial
from edge.upgrade.trial import MOST_STARTS, Patience, Watch
from edge.vitals import Vitals

PATIENCE = Patience(settle_ms=30_000, all_ms=180_000)


def watch(*, reached=True):
    trial = Trial(old="0.1.0", new="0.2.0", made_ms=0, was_reached=reached, vitals="x", restart=("true",))
    return Watch(trial, PATIENCE, 1_000)


def vitals(*, started_ms=2_000, software="0.2.0", reached=True, pid=10):
    return Vitals(boot="b", pid=pid, software=software, started_ms=started_ms, reached=reached)


def test_one_that_runs_for_a_while_and_reaches_the_hub_is_kept():
    one = watch()
    assert one.look(None, runs=False, now_ms=1_500) is None
    assert one.look(vitals(), runs=True, now_ms=31_999) is None
    assert one.look(vitals(reached=False), runs=True, now_ms=60_000) is None
    assert one.look(vitals(), runs=True, now_ms=32_000).outcome == "good"


@pytest.mark.parametrize(
    ("seen", "runs", "why"),
    [
        (vitals(reached=False), True, "hub out of reach"),
        (vitals(started_ms=170_000), True, "not settled"),
    ],
)
def test_one_that_does_not_in_time_is_taken_back(seen, runs, why):
    one = watch()
    assert one.look(seen, runs=runs, now_ms=181_000) is None
    verdict = one.look(seen, runs=runs, now_ms=181_001)
    assert (verdict.outcome, verdict.why) == ("bad", why)


@pytest.mark.parametrize(
    ("seen", "runs"), [(None, False), (vitals(), False), (vitals(software="0.1.0"), True)]
)
def test_one_that_was_never_ready_is_not_waited_for_as_long(seen, runs):
    """Nobody hears a press meanwhile."""
    one = watch()
    assert one.look(seen, runs=runs, now_ms=46_000) is None
    verdict = one.look(seen, runs=runs, now_ms=46_001)
    assert (verdict.outcome, verdict.why) == ("bad", "not started")


def test_a_line_that_was_down_before_does_not_count():
    assert watch(reached=False).look(vitals(reached=False), runs=True, now_ms=32_000).outcome == "good"


def test_one_that_dies_again_and_again_is_not_waited_for():
    one = watch()
    for n in range(MOST_STARTS - 1):
        assert one.look(vitals(pid=n, started_ms=2_000 + n), runs=True, now_ms=3_000) is None
    assert one.look(vitals(pid=99, started_ms=9_000), runs=True, now_ms=9_001).why == "dies"


def test_the_whole_of_a_failed_trial_is_over_within_five_minutes():
    from edge.upgrade.command import RESTART_S

    assert Patience().all_ms / 1000 + RESTART_S < 300
