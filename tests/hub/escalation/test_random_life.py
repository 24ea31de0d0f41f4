"""Random presses, people, agencies, crashes, restarts and clock steps: no escalation is lost, no incident is double,
nobody is asked twice, and nothing unverified is sent out without a person."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from hub import failpoints
from hub.escalation import machine, register
from hub.escalation.asking import Rung
from hub.escalation.machine import AGAIN_MS
from hub.escalation.tables import escalation_steps, escalations
from hub.failpoints import FAILPOINTS, Failpoints
from hub.incidents import actions, assignments, reads
from hub.incidents.machine import ACTIONS, PERSONS, TransitionError
from hub.incidents.progress import WORDS
from hub.incidents.service import Incidents
from hub.incidents.tables import assignments as parts
from hub.incidents.tables import incidents, presses, timeline
from hub.incidents.timeline import Actor
from hub.notify.tables import asks
from tests.hub.city import REGION, press
from tests.hub.escalation.city import CONTACTS, Desk, contact, desk, directory

PEOPLE = directory(*CONTACTS, contact("bpbd", "first"), contact("bpbd", "second"))
BUTTONS = [("gw-rs-1", "btn-1"), ("gw-rs-1", "btn-2"), ("gw-pasar", "btn-1")]
SOURCES = ["console", "api", "hub", "gateway", "link", "app"]
WITHIN = [name for name in FAILPOINTS if name.startswith("escalation.")]

OPS = st.one_of(
    st.tuples(st.just("press"), st.sampled_from(BUTTONS), st.booleans()),
    st.tuples(st.just("repeat"), st.integers(0, 20), st.none()),
    st.tuples(st.just("see"), st.integers(0, 20), st.none()),
    st.tuples(
        st.just("act"), st.integers(0, 20), st.tuples(st.sampled_from(ACTIONS), st.sampled_from(SOURCES))
    ),
    st.tuples(st.just("offered"), st.integers(0, 20), st.integers(0, 20)),
    st.tuples(st.just("answer"), st.integers(0, 20), st.sampled_from(sorted(WORDS))),
    st.tuples(st.just("wait"), st.sampled_from([1, 14, 16, 61, 121, 400]), st.none()),
    st.tuples(st.just("restart"), st.sampled_from([0, 1, 30, 3600]), st.none()),
    st.tuples(st.just("clock"), st.sampled_from([-(10**9), -3600, -20, 20, 3600, 10**9]), st.none()),
    st.tuples(st.just("crash"), st.sampled_from(WITHIN), st.integers(1, 3)),
    st.tuples(st.just("attended"), st.booleans(), st.none()),
    st.tuples(st.just("dispatch"), st.integers(0, 20), st.none()),
)


class CrashError(BaseException):
    """The hub was killed here."""


def crash() -> None:
    raise CrashError


@dataclass
class Life:
    """A desk to which things happen, and what is known of it from outside.

    Attributes:
        bounds: until when, by the clock that never jumps, each rung must have been taken.
        stepped: whether the wall clock was ever set.
    """

    city: Desk
    made: list[Any] = field(default_factory=list)
    bounds: dict[tuple[Rung, int], int] = field(default_factory=dict)
    stepped: bool = False

    def do(self, what: str, first: Any, second: Any) -> None:
        """One thing happens; the hub may be killed in it, and is then started again."""
        try:
            getattr(self, what)(first, second)
        except CrashError:
            self.restart(0, None)
        self.settle()

    def write(self, fn: Callable[[], object]) -> None:
        """One transaction, by whichever way it came."""
        with self.city.conn.begin_nested():
            fn()

    def press(self, button: tuple[str, str], again: bool) -> None:
        """A press; if the hub is killed meanwhile, its gateway sends it again."""
        event = press(button[1], gateway=button[0], at=self.city.clock.wall, again=again)
        self.made.append(event)
        self.repeat(len(self.made) - 1, None)

    def repeat(self, n: int, _: None) -> None:
        """An event comes again."""
        if not self.made:
            return
        event = self.made[n % len(self.made)]
        for _attempt in range(2):
            try:
                self.write(lambda: Incidents(REGION).panic(self.city.conn, event))
            except CrashError:
                self.restart(0, None)
            else:
                return

    def some(self, n: int) -> Any:
        """One of the incidents."""
        rows = self.city.conn.execute(select(incidents).order_by(incidents.c.number)).all()
        return rows[n % len(rows)] if rows else None

    def see(self, n: int, _: None) -> None:
        """An operator acknowledges."""
        if (row := self.some(n)) is not None:
            siti, now_ms = Actor("siti", "console"), self.city.clock.wall
            self.write(lambda: actions.acknowledge(self.city.conn, row.id, actor=siti, now_ms=now_ms))

    def act(self, n: int, what: tuple[Any, str]) -> None:
        """Somebody or something tries a step, whether it is offered or not."""
        row = self.some(n)
        if row is None:
            return
        action, source = what
        parent = self.some(n + 1)
        try:
            self.write(
                lambda: actions.act(
                    self.city.conn,
                    REGION,
                    row.id,
                    action,
                    actor=Actor("x", source),
                    version=row.version,
                    now_ms=self.city.clock.wall,
                    note="uji",
                    agency=("damkar", "bpbd")[n % 2] if action == "assign" else None,
                    parent_id=parent.id,
                )
            )
        except TransitionError:
            return
        assert source in PERSONS, f"{source} took {action}"

    def offered(self, n: int, k: int) -> None:
        """A person takes one of the steps that the page offers."""
        row = self.some(n)
        if row is not None:
            can = reads.one(self.city.conn, row.id)["can"]
            self.act(n, (can[k % len(can)], "console"))

    def dispatch(self, n: int, _: None) -> None:
        """A person makes sure, and sends an agency."""
        for action in ("verify", "assign"):
            self.act(n, (action, "console"))

    def answer(self, n: int, word: Any) -> None:
        """A contact of an agency answers."""
        rows = self.city.conn.execute(select(parts).order_by(parts.c.id)).all()
        if not rows:
            return
        part = rows[n % len(rows)]
        try:
            self.write(
                lambda: assignments.answered(
                    self.city.conn,
                    incident_id=part.incident_id,
                    assignment=part.id,
                    agency=part.agency,
                    contact="x",
                    word=word,
                    source="link",
                    note="",
                    now_ms=self.city.clock.wall,
                )
            )
        except TransitionError:
            return

    def wait(self, seconds: int, _: None) -> None:
        """Time passes, the hub runs."""
        asyncio.run(self.city.wait(seconds))

    def settle(self) -> None:
        """The hub does what is due; it may be killed in it."""
        for _attempt in range(10):
            try:
                asyncio.run(self.city.settle())
            except CrashError:
                self.restart(0, None)
            else:
                break

    def restart(self, seconds: int, _: None) -> None:
        """The hub is down for a time. What is armed fires once."""
        failpoints._points = Failpoints("")
        self.city.clock.run(seconds * 1000)
        self.city.restart()
        self.bounds.clear()

    def clock(self, seconds: int, _: None) -> None:
        """The wall clock is set."""
        self.stepped = True
        self.city.clock.wall += seconds * 1000

    def crash(self, name: str, times: int) -> None:
        """The hub will be killed at that place."""
        failpoints._points = Failpoints(f"{name}:{times}", crash)

    def attended(self, there: bool, _: None) -> None:
        """Operators come and go."""
        self.city.attended = there

    def check(self) -> None:
        """What must hold whenever nothing is due."""
        self._nothing_is_lost()
        self._nothing_is_double()
        self._nobody_is_asked_twice()
        self._only_people_send()

    def _nothing_is_lost(self) -> None:
        conn = self.city.conn
        rows = {(row.ladder, row.subject): row for row in conn.execute(select(escalations))}
        wanted: dict[tuple[str, str], set[str]] = {}
        for incident in conn.execute(select(incidents)):
            its = conn.execute(select(parts).where(parts.c.incident_id == incident.id)).all()
            for need in machine.needs(incident, its):
                wanted[need.ladder, need.subject] = {
                    "begin": {"waiting", "exhausted"},
                    "answer": {"answered", "ended"},
                    "end": {"ended"},
                }[need.stands]
                if need.stands == "begin":
                    assert (need.ladder, need.subject) in rows, f"nobody is asked about {need}"
        for key, row in rows.items():
            assert row.state in wanted[key], (key, row.state)
        mono, bounds = self.city.clock.mono, self.bounds
        self.bounds = {}
        for row in rows.values():
            if row.state == "waiting":
                rung = (Rung.of(row), row.wait_ms)
                self.bounds[rung] = bounds.get(rung, mono + row.wait_ms)
                assert mono <= self.bounds[rung], f"late: {rung}"

    def _nothing_is_double(self) -> None:
        conn = self.city.conn
        linked = conn.execute(select(presses.c.gateway, presses.c.event_id)).all()
        assert sorted(map(tuple, linked)) == sorted((one.gateway, one.event_id) for one in self.made)
        grouped = conn.execute(
            select(presses.c.incident_id, func.count()).group_by(presses.c.incident_id)
        ).all()
        assert dict(map(tuple, grouped)) == {row.id: row.presses for row in conn.execute(select(incidents))}

    def _nobody_is_asked_twice(self) -> None:
        conn = self.city.conn
        told = conn.execute(
            select(escalation_steps)
            .where(escalation_steps.c.outcome == "told")
            .order_by(escalation_steps.c.n)
        ).all()
        asked = conn.execute(select(asks.c.key, asks.c.contact)).all()
        assert len(asked) == len(told), "a step that is on record was asked, and no other"
        last: dict[tuple[Any, ...], int] = {}
        for step in told:
            key = (step.ladder, step.subject, step.begun, step.contact)
            assert self.stepped or step.at_ms - last.get(key, -AGAIN_MS) >= AGAIN_MS, f"twice: {key}"
            last[key] = step.at_ms

    def _only_people_send(self) -> None:
        conn = self.city.conn
        for part in conn.execute(select(parts)):
            before = conn.execute(
                select(timeline.c.action, timeline.c.source).where(timeline.c.incident_id == part.incident_id)
            ).all()
            by_people = {(action, source) for action in ("verify", "reopen") for source in PERSONS}
            assert by_people & set(map(tuple, before)), f"{part.agency} was sent to what nobody has verified"
        ways = conn.execute(
            select(timeline).where(timeline.c.from_state == "unverified", timeline.c.to_state != "unverified")
        )
        for entry in ways:
            assert entry.source in PERSONS, entry
        about = conn.execute(select(asks.c.assignment).where(asks.c.assignment.is_not(None))).scalars().all()
        assert set(about) <= set(conn.execute(select(parts.c.id)).scalars())


def live(ops: list[tuple[str, Any, Any]]) -> None:
    """Let it happen, then an hour pass."""
    with desk() as city:
        city.people = PEOPLE
        life = Life(city)
        try:
            for op in ops:
                life.do(*op)
                life.check()
            failpoints._points = Failpoints("")
            life.wait(3600, None)
            life.check()
            left = city.conn.execute(select(escalations).where(escalations.c.state == "waiting")).all()
            assert not left, "after an hour everybody was asked, or somebody has answered"
        finally:
            failpoints._points = Failpoints("")


@settings(max_examples=50, deadline=None)
@given(st.lists(OPS, min_size=4, max_size=20))
@example(
    [("press", BUTTONS[0], False), ("dispatch", 0, None), ("answer", 0, "received"), ("answer", 0, "cannot")]
)
@example([("crash", "escalation.begun", 1), ("press", BUTTONS[0], False)])
@example([("press", BUTTONS[0], False), ("crash", "escalation.stepped", 1), ("wait", 400, None)])
@example([("press", BUTTONS[0], False), ("crash", "escalation.committed", 1), ("wait", 400, None)])
@example([("press", BUTTONS[0], False), ("clock", -3600, None), ("restart", 0, None), ("wait", 16, None)])
def test_nothing_is_lost_double_or_sent_by_itself_whatever_happens(ops):
    live(ops)


SEEN_AND_BACK = [
    ("press", BUTTONS[0], False),
    ("wait", 16, None),
    ("see", 0, None),
    ("press", BUTTONS[0], False),
]


@pytest.mark.parametrize(
    ("name", "broken"),
    [
        ("settle", lambda conn, incident_id, *, now_ms: None),
        ("step_to", lambda state, need, cause_ms: "begin" if state is None else None),
    ],
)
def test_a_hub_that_forgets_one_is_found_out(monkeypatch, name, broken):
    monkeypatch.setattr(register, name, broken)
    with pytest.raises(AssertionError):
        live(SEEN_AND_BACK)


def test_a_hub_that_trusts_the_wall_clock_is_found_out(monkeypatch):
    monkeypatch.setattr("hub.escalation.worker.left_ms", lambda due_ms, wait_ms, now_ms: due_ms - now_ms)
    with pytest.raises(AssertionError):
        live([("press", BUTTONS[0], False), ("clock", -3600, None), ("restart", 0, None), ("wait", 61, None)])
