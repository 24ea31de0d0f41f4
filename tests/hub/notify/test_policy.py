"""The life of a notice as a table, and when it is tried again."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.notify.policy import PRIORITY_LABELS, TRANSITIONS, UNFINISHED, Priority, Retry, judge

RETRY = Retry()


def test_every_state_but_the_two_ends_has_a_way_on_and_can_end():
    ends = {state for state, ways in TRANSITIONS.items() if not ways}
    assert ends == {"sent", "discarded"}
    for state in TRANSITIONS:
        assert state in ends or reached(state) & ends, f"{state} never ends"


def test_every_target_is_a_state_and_what_is_unfinished_can_be_held():
    assert {to for ways in TRANSITIONS.values() for to in ways.values()} <= set(TRANSITIONS)
    assert all("hold" in TRANSITIONS[state] for state in UNFINISHED)


def test_nothing_goes_out_that_is_held_given_up_or_done():
    for state in ("held", "given_up", "sent", "discarded"):
        assert "take" not in TRANSITIONS[state]


def test_priorities_have_labels():
    assert set(PRIORITY_LABELS) == set(Priority)


@given(failures=st.integers(1, 10_000), seed=st.integers(), asked=st.none() | st.floats(0, 1e9))
def test_a_pause_is_bounded_and_never_shorter_than_asked(failures, seed, asked):
    pause_ms = RETRY.pause_ms(failures, Random(seed), asked_s=asked)
    assert 800 <= pause_ms <= RETRY.most_s * (1 + RETRY.jitter) * 1000 + 1
    if asked is not None:
        assert pause_ms >= min(asked, RETRY.most_s) * 1000 - 1


def test_pauses_grow_and_differ():
    pauses = [RETRY.pause_ms(n, Random(1)) for n in range(1, 8)]
    assert pauses == sorted(pauses)
    assert len({RETRY.pause_ms(3, Random(seed)) for seed in range(20)}) > 10


@pytest.mark.parametrize(
    ("outcome", "failures", "tried_ms", "step", "fallback"),
    [
        ("delivered", 0, 0, "deliver", False),
        ("refused", 0, 0, "refuse", True),
        ("failed", 1, 0, "fail", False),
        ("failed", 2, 0, "fail", False),
        ("failed", 3, 0, "fail", True),
        ("failed", 9, 24 * 3600_000, "refuse", True),
        ("failed", 9, 24 * 3600_000 - 1, "fail", True),
    ],
)
def test_what_follows_from_an_attempt(outcome, failures, tried_ms, step, fallback):
    verdict = judge(outcome, failures=failures, tried_ms=tried_ms, retry=RETRY, random=Random(1))
    assert (verdict.step, verdict.fallback) == (step, fallback)
    assert (verdict.pause_ms is not None) == (step == "fail")


def reached(start):
    found, waiting = set(), [start]
    while waiting:
        for to in TRANSITIONS[waiting.pop()].values():
            if to not in found:
                found.add(to)
                waiting.append(to)
    return found


@pytest.mark.parametrize(
    ("tried_ms", "asked_s", "told"),
    [(0, None, False), (0, 30.0, True), (10_000, None, False), (21_000, None, True), (0, 10.0, False)],
)
def test_the_fallback_does_not_wait_for_who_hangs_or_asks_for_long(tried_ms, asked_s, told):
    verdict = judge("failed", failures=1, tried_ms=tried_ms, retry=Retry(), random=Random(1), asked_s=asked_s)
    assert (verdict.step, verdict.fallback) == ("fail", told)
