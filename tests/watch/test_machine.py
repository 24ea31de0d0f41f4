"""When people are told: the table whole, and for any history what an outsider would expect."""

import itertools
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watch.machine import TRANSITIONS, WORDS, Signal, State, Watching, judge

LIMIT_MS = 60_000


def test_every_state_has_an_answer_to_every_signal():
    assert set(TRANSITIONS) == set(get_args(State))
    for state, signals in TRANSITIONS.items():
        assert set(signals) == set(get_args(Signal)), state
        assert set(signals.values()) <= set(get_args(State))


def test_every_way_into_down_tells_and_every_way_out_and_no_other_does():
    steps = {(state, after) for state, signals in TRANSITIONS.items() for after in signals.values()}
    into = {step for step in steps if step[1] == "down" and step[0] != "down"}
    out = {step for step in steps if step[0] == "down" and step[1] != "down"}
    assert {step for step, word in WORDS.items() if word == "down"} == into
    assert {step for step, word in WORDS.items() if word == "up"} == out
    assert set(WORDS) <= steps


PRESSES = st.lists(st.tuples(st.booleans(), st.integers(0, 40_000), st.integers(0, 40_000)), max_size=60)
"""Answered or not, how long after the one before it began, how long it took: ms."""


@given(PRESSES)
def test_people_are_told_when_nothing_was_answered_for_a_minute_and_when_it_is_again(presses):
    known, now_ms = Watching(), 0
    words: list[str] = []
    failing_since: int | None = None
    for answered, pause_ms, took_ms in presses:
        began_ms = now_ms + pause_ms
        now_ms = began_ms + took_ms
        known, word = judge(
            known, answered=answered, began_ms=began_ms, now_ms=now_ms, down_after_ms=LIMIT_MS
        )
        told_down = bool(words) and words[-1] == "down"
        if answered:
            failing_since = None
            assert word == ("up" if told_down else None)
        else:
            failing_since = began_ms if failing_since is None else failing_since
            overdue = now_ms - failing_since >= LIMIT_MS
            assert word == ("down" if overdue and not told_down else None)
        words += [word] if word else []
    assert words == list(itertools.islice(itertools.cycle(("down", "up")), len(words)))


@given(st.integers(0, LIMIT_MS - 1))
def test_less_than_a_minute_wakes_nobody(took_ms):
    known, word = judge(
        Watching("working"), answered=False, began_ms=0, now_ms=took_ms, down_after_ms=LIMIT_MS
    )
    assert (known.state, word) == ("failing", None)
    known, word = judge(known, answered=True, began_ms=took_ms, now_ms=took_ms, down_after_ms=LIMIT_MS)
    assert (known, word) == (Watching("working"), None)


def test_the_minute_itself_counts():
    known = Watching("failing", 0)
    assert judge(known, answered=False, began_ms=0, now_ms=LIMIT_MS - 1, down_after_ms=LIMIT_MS)[1] is None
    assert judge(known, answered=False, began_ms=0, now_ms=LIMIT_MS, down_after_ms=LIMIT_MS)[1] == "down"


@pytest.mark.parametrize("state", get_args(State))
def test_a_minute_without_an_answer_is_told_once_from_every_state(state):
    known = Watching(state, None if state in ("waiting", "working") else 0)
    words = []
    for at in range(0, 4 * LIMIT_MS, 10_000):
        known, word = judge(known, answered=False, began_ms=at, now_ms=at + 9_000, down_after_ms=LIMIT_MS)
        words += [word] if word else []
    assert words == ([] if state == "down" else ["down"])
