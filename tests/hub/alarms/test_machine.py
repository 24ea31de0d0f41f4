"""The alarm machine: no state without a way out, no alarm lost, none twice."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import create_engine, select

import hub.tables  # noqa: F401 - declares every table
from hub.alarms import service
from hub.alarms.machine import ACTIVE, TRANSITIONS, UNSEEN, AlarmError, State, Step, raising
from hub.alarms.tables import alarm_history, alarms
from hub.db import metadata

STATES = get_args(State)


def test_every_state_and_step_of_the_table_is_declared():
    assert set(TRANSITIONS) == set(STATES)
    for steps in TRANSITIONS.values():
        assert set(steps) <= set(get_args(Step))
        assert set(steps.values()) <= set(STATES)


@pytest.mark.parametrize("state", STATES)
def test_every_state_is_reached_and_has_a_way_to_normal(state):
    assert state in _reachable("normal")
    assert "normal" in _reachable(state)


def _reachable(state: State) -> set[State]:
    found, fresh = {state}, [state]
    while fresh:
        for after in TRANSITIONS[fresh.pop()].values():
            if after not in found:
                found.add(after)
                fresh.append(after)
    return found


@pytest.mark.parametrize("state", STATES)
def test_only_a_person_makes_an_unseen_alarm_seen(state):
    """No step but acknowledge leads from an unseen state to a seen one."""
    for step, after in TRANSITIONS[state].items():
        if state in UNSEEN and after not in UNSEEN:
            assert step == "acknowledge"


@pytest.mark.parametrize("state", STATES)
def test_only_raising_makes_an_alarm_active_and_only_clearing_ends_that(state):
    for step, after in TRANSITIONS[state].items():
        if state not in ACTIVE and after in ACTIVE:
            assert step == "raise"
        if state in ACTIVE and after not in ACTIVE:
            assert step == "clear"


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("rearm", [False, True])
@pytest.mark.parametrize("severities", [(1, 0), (1, 1), (1, 2)])
def test_whatever_raising_is_the_table_has_it(state, rearm, severities):
    step = raising(state, *severities, rearm=rearm)
    new = rearm or severities[1] > severities[0] or state not in ACTIVE
    if step is None:
        assert not new
        return
    assert step in TRANSITIONS[state]
    if new:
        assert TRANSITIONS[state][step] == "unacknowledged", "a new happening is always to be seen"


PRINTS = [
    service.Fingerprint("s", "g", "d", "", "panic"),
    service.Fingerprint("s", "g", "d", "level_m", "level"),
    service.Fingerprint("s", "g", "d", "level_m", "rise"),
    service.Fingerprint("s", "g2", "d", "level_m", "level"),
]


class Register(RuleBasedStateMachine):
    """The register in SQL against the shortest model of what people expect of it."""

    @initialize()
    def start(self) -> None:
        self.engine = create_engine("sqlite://")
        metadata.create_all(self.engine)
        self.conn = self.engine.connect()
        self.now_ms = 1
        self.on: dict[service.Fingerprint, int] = {}
        self.unseen: set[service.Fingerprint] = set()
        self.ids: dict[service.Fingerprint, int] = {}

    def teardown(self) -> None:
        if hasattr(self, "conn"):
            self.conn.close()
            self.engine.dispose()

    @rule(at=st.sampled_from(PRINTS), severity=st.integers(0, 3), rearm=st.booleans())
    def raise_(self, at, severity, rearm) -> None:
        self.now_ms += 1
        raised = service.raise_alarm(self.conn, at, severity=severity, now_ms=self.now_ms, rearm=rearm)
        assert raised.new == (at not in self.on)
        assert self.ids.setdefault(at, raised.alarm_id) == raised.alarm_id, "one row for ever"
        if rearm or severity > self.on.get(at, -1):
            self.unseen.add(at)
        self.on[at] = severity
        assert raised.severity == severity

    @rule(at=st.sampled_from(PRINTS))
    def clear(self, at) -> None:
        self.now_ms += 1
        assert service.clear_alarm(self.conn, at, now_ms=self.now_ms) == (at in self.on)
        self.on.pop(at, None)

    @rule(at=st.sampled_from(PRINTS))
    def acknowledge(self, at) -> None:
        self.now_ms += 1
        if at not in self.ids:
            with pytest.raises(AlarmError):
                service.acknowledge(self.conn, 10_000, actor="budi", now_ms=self.now_ms)
            return
        for _ in range(2):
            service.acknowledge(self.conn, self.ids[at], actor="budi", now_ms=self.now_ms)
        self.unseen.discard(at)

    @invariant()
    def what_is_on_or_unseen_is_shown_and_nothing_else(self) -> None:
        if not hasattr(self, "conn"):
            return
        shown = {row["id"]: row["state"] for row in service.active(self.conn)}
        wanted = {self.ids[at]: self._state(at) for at in {*self.on, *self.unseen}}
        assert shown == wanted

    @invariant()
    def the_history_is_a_walk_through_the_table_to_the_state(self) -> None:
        if not hasattr(self, "conn"):
            return
        for alarm_id in self.ids.values():
            state: State = "normal"
            for row in service.history(self.conn, alarm_id):
                assert row["from_state"] == state
                assert TRANSITIONS[state][row["step"]] == row["to_state"]
                state = row["to_state"]
            assert (
                state == self.conn.execute(select(alarms.c.state).where(alarms.c.id == alarm_id)).scalar_one()
            )

    def _state(self, at) -> str:
        if at in self.on:
            return "unacknowledged" if at in self.unseen else "acknowledged"
        return "returned"


TestRegister = Register.TestCase
TestRegister.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)


@pytest.mark.parametrize(("condition", "after"), [("copied_card", "normal"), ("silent", "acknowledged")])
def test_what_only_happened_is_over_once_a_person_has_seen_it_and_what_lasts_is_not(condition, after):
    engine = create_engine("sqlite://")
    metadata.create_all(engine)
    where = service.Fingerprint("rs-1", "gw-rs-1", "gw-rs-1", "", condition)
    with engine.begin() as conn:
        raised = service.raise_alarm(conn, where, severity=2, now_ms=1, rearm=True)
        assert service.acknowledge(conn, raised.alarm_id, actor="siti", now_ms=2) == after
        assert [one["state"] for one in service.active(conn)] == [after] * (after != "normal")
        again = service.raise_alarm(conn, where, severity=2, now_ms=3, rearm=True)
        assert (again.alarm_id, again.state) == (raised.alarm_id, "unacknowledged")
        steps = [step["step"] for step in service.history(conn, raised.alarm_id)]
    engine.dispose()
    ended = ["raise", "acknowledge", "clear", "raise"]
    assert steps == (ended if after == "normal" else ["raise", "acknowledge", "rearm"])


def test_what_says_nothing_new_writes_nothing():
    engine = create_engine("sqlite://")
    metadata.create_all(engine)
    with engine.begin() as conn:
        for now_ms in range(5):
            service.raise_alarm(conn, PRINTS[1], severity=2, now_ms=now_ms)
        assert len(conn.execute(select(alarm_history)).all()) == 1
        assert conn.execute(select(alarms.c.count)).scalar_one() == 1
