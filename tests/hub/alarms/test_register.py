"""The register of alarms in SQL under random events, crashes and restarts, against the shortest model of what people
expect of it: no alarm lost, none twice, none without a way out."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import create_engine, event, select

import hub.tables  # noqa: F401 - declares every table
from hub.alarms import parents, service, times
from hub.alarms.machine import NORMAL, WITHHELD, AlarmError, Position, WithholdError, move
from hub.alarms.tables import alarm_history, alarms
from hub.db import metadata

SILENT = service.Fingerprint("s", "g", "g", "", "silent")
DOWN = service.Fingerprint("s", "g", "d", "", "device_down")
PANIC = service.Fingerprint("s", "g", "d", "", "panic")
LEVEL = service.Fingerprint("s", "g", "d", "level_m", "level")
RULE = service.Fingerprint("s", "g", "d", "level_m", "no_data:hulu")
PRINTS = [SILENT, DOWN, PANIC, LEVEL, RULE, replace(LEVEL, gateway="g2")]
CHILDREN = {DOWN, RULE}
SPANS_MS = [1_000, 61_000, 3_600_000, 9 * 3_600_000, 8 * 86_400_000]


@dataclass(frozen=True)
class Hold:
    """What keeps an alarm from ringing."""

    state: str
    by: str
    severity: int
    until_ms: int | None


@dataclass
class Expected:
    """What people expect of one alarm.

    Attributes:
        rings: it is there and nobody was told, or nobody has answered.
        owed: somebody was told and has still to look, even if it is over.
    """

    there: bool = False
    rings: bool = False
    owed: bool = False
    severity: int = 0
    over_ms: int = 0
    hold: Hold | None = None

    @property
    def state(self) -> str:
        if self.hold is not None:
            return self.hold.state
        if self.there:
            return "unacknowledged" if self.rings else "acknowledged"
        return "returned" if self.owed else "normal"

    def free(self) -> None:
        self.hold = None
        self.owed |= self.rings


class Register(RuleBasedStateMachine):
    """The register, its process killed at any moment."""

    @initialize()
    def start(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.now_ms = 1_000
        self.settled_ms = 0
        self.expected = {at: Expected() for at in PRINTS}
        self.ids: dict[service.Fingerprint, int] = {}
        self._open()
        metadata.create_all(self.engine)

    def _open(self) -> None:
        self.engine = create_engine(f"sqlite:///{Path(self.folder.name) / 'hub.sqlite'}")

        @event.listens_for(self.engine, "connect")
        def quick(connection, _) -> None:
            connection.execute("PRAGMA synchronous=OFF")
            connection.execute("PRAGMA journal_mode=MEMORY")

        self.conn = self.engine.connect()

    def teardown(self) -> None:
        if hasattr(self, "conn"):
            self.conn.close()
            self.engine.dispose()
            self.folder.cleanup()

    def _do(self, step, *, killed: bool):
        """In a transaction; one whose process is killed before the commit leaves nothing behind."""
        self.now_ms += 1
        if killed:
            step()
            self.conn.rollback()
        done = step()
        self.conn.commit()
        return done

    @rule(at=st.sampled_from(PRINTS), severity=st.integers(0, 3), rearm=st.booleans(), killed=st.booleans())
    def raise_(self, at, severity, rearm, killed) -> None:
        raised = self._do(
            lambda: service.raise_alarm(self.conn, at, severity=severity, now_ms=self.now_ms, rearm=rearm),
            killed=killed,
        )
        one = self.expected[at]
        assert raised.new == (not one.there)
        assert self.ids.setdefault(at, raised.alarm_id) == raised.alarm_id, "one row for ever"
        if one.hold is None and self._explained(at):
            one.hold = self._by_its_gateway(one)
        if one.hold is not None and one.hold.state == "shelved" and severity > one.hold.severity:
            one.hold, one.rings = None, True
        elif not one.there or rearm or severity > one.severity:
            one.rings = True
        one.there, one.severity = True, severity
        one.owed |= one.rings and one.hold is None
        assert raised.state == one.state
        if at == SILENT:
            self._gateway_is_lost()

    def _explained(self, at) -> bool:
        """Its gateway is silent, or has been back for less than a while."""
        return at in CHILDREN and (self.expected[SILENT].there or self.now_ms < self.settled_ms)

    def _by_its_gateway(self, one: Expected) -> Hold:
        until_ms = None if self.expected[SILENT].there else self.settled_ms
        return Hold("suppressed", "silent", one.severity, until_ms)

    def _gateway_is_lost(self) -> None:
        for at in CHILDREN:
            one = self.expected[at]
            if one.hold is not None and one.hold.by == "silent":
                one.hold = replace(one.hold, until_ms=None)
            elif one.state not in ("normal", *WITHHELD):
                one.hold = Hold("suppressed", "silent", one.severity, None)

    @rule(at=st.sampled_from(PRINTS), killed=st.booleans())
    def clear(self, at, killed) -> None:
        there = self.expected[at].there
        assert there == self._do(
            lambda: service.clear_alarm(self.conn, at, now_ms=self.now_ms), killed=killed
        )
        if not there:
            return
        one = self.expected[at]
        one.there, one.rings, one.over_ms = False, False, self.now_ms
        if at == SILENT:
            self.settled_ms = self.now_ms + parents.SETTLE_MS
            for child in CHILDREN:
                held = self.expected[child].hold
                if held is not None and held.by == "silent":
                    self.expected[child].hold = replace(held, until_ms=self.now_ms + parents.SETTLE_MS)
        if one.hold is not None and one.hold.by == "silent" and not one.owed:
            one.hold = None

    @rule(at=st.sampled_from(PRINTS), killed=st.booleans())
    def acknowledge(self, at, killed) -> None:
        if at not in self.ids:
            with pytest.raises(AlarmError):
                service.acknowledge(self.conn, 10_000, actor="budi", now_ms=self.now_ms)
            return
        for _ in range(2):
            self._do(
                lambda: service.acknowledge(self.conn, self.ids[at], actor="budi", now_ms=self.now_ms),
                killed=killed,
            )
        self.expected[at].rings = self.expected[at].owed = False

    @rule(at=st.sampled_from(PRINTS), until=st.sampled_from([None, 61_000, 3_600_000]), killed=st.booleans())
    def withhold(self, at, until, killed) -> None:
        """Shelve it, or take it out of service where there is no time."""
        one = self.expected[at]
        if at not in self.ids:
            return
        if at == PANIC or (one.hold is not None and one.hold.state == "out_of_service"):
            with pytest.raises(WithholdError):
                self._withholding(at, until)
            self.conn.rollback()
            return
        self._do(lambda: self._withholding(at, until), killed=killed)
        state = "shelved" if until else "out_of_service"
        one.hold = Hold(state, "budi", one.severity, until and self.now_ms + until)
        one.rings, one.owed = one.there, False

    def _withholding(self, at, until) -> None:
        if until is None:
            service.take_out(self.conn, self.ids[at], actor="budi", reason="diperbaiki", now_ms=self.now_ms)
        else:
            service.shelve(
                self.conn,
                self.ids[at],
                actor="budi",
                reason="uji",
                until_ms=self.now_ms + until,
                now_ms=self.now_ms,
            )

    @rule(at=st.sampled_from(PRINTS), killed=st.booleans())
    def put_back(self, at, killed) -> None:
        one = self.expected[at]
        if one.hold is None or one.hold.state == "suppressed":
            return
        self._do(
            lambda: service.put_back(self.conn, self.ids[at], actor="budi", now_ms=self.now_ms), killed=killed
        )
        self._release(at)

    def _release(self, at) -> None:
        one = self.expected[at]
        if self._explained(at) and (one.there or one.owed):
            one.hold = self._by_its_gateway(one)
        else:
            one.free()

    @rule(at=st.sampled_from([LEVEL, RULE]), killed=st.booleans())
    def suppress_by_a_rule(self, at, killed) -> None:
        one = self.expected[at]
        did = self._do(
            lambda: service.suppress(self.conn, at, by="rule:malam", now_ms=self.now_ms), killed=killed
        )
        self.ids.setdefault(
            at,
            self.conn.execute(
                select(alarms.c.id).where(alarms.c.condition == at.condition, alarms.c.gateway == at.gateway)
            ).scalar_one(),
        )
        assert did == (one.hold is None)
        if did:
            one.hold = Hold("suppressed", "rule:malam", one.severity, None)

    @rule(at=st.sampled_from([LEVEL, RULE]), killed=st.booleans())
    def release_by_the_rule(self, at, killed) -> None:
        one = self.expected[at]
        did = self._do(
            lambda: service.release(self.conn, at, by="rule:malam", now_ms=self.now_ms), killed=killed
        )
        assert did == (one.hold is not None and one.hold.by == "rule:malam")
        if did:
            self._release(at)

    @rule(span_ms=st.sampled_from(SPANS_MS), killed=st.booleans())
    def pass_time(self, span_ms, killed) -> None:
        self.now_ms += span_ms
        for _ in range(2 * len(PRINTS)):
            if not self._do(lambda: times.pass_time(self.conn, self.now_ms), killed=killed):
                break
        for at, one in self.expected.items():
            if one.hold is not None and one.hold.until_ms is not None and one.hold.until_ms <= self.now_ms:
                self._release(at)
        for one in self.expected.values():
            if one.state == "returned" and one.over_ms + times.LAPSE_MS[one.severity] <= self.now_ms:
                one.owed = False

    @rule()
    def restart(self) -> None:
        self.conn.close()
        self.engine.dispose()
        self._open()

    @invariant()
    def every_alarm_is_where_people_expect_it_and_in_one_list_only(self) -> None:
        if not hasattr(self, "conn"):
            return
        rows = [*service.active(self.conn), *service.withheld(self.conn)]
        states = [(row["id"], row["state"]) for row in rows]
        wanted = [(self.ids[at], one.state) for at, one in self.expected.items() if one.state != "normal"]
        assert sorted(states) == sorted(wanted)
        assert all(row["withheld_by"] for row in rows if row["state"] in WITHHELD)
        assert all(row["withheld_by"] is None for row in rows if row["state"] not in WITHHELD)
        self.conn.rollback()

    @invariant()
    def the_history_is_a_walk_through_the_tables_to_the_state(self) -> None:
        if not hasattr(self, "conn"):
            return
        for row in self.conn.execute(select(alarms)).all():
            position = NORMAL
            for line in service.history(self.conn, row.id):
                assert line["from_state"] == position.state
                after = move(position, line["step"])
                assert after is not None
                position = after
                assert line["to_state"] == position.state
            assert position == Position(row.state, row.beneath)
        self.conn.rollback()


TestRegister = Register.TestCase
TestRegister.settings = settings(max_examples=30, stateful_step_count=30, deadline=None)


@pytest.mark.parametrize(("condition", "after"), [("copied_card", "normal"), ("silent", "acknowledged")])
def test_what_only_happened_is_over_once_a_person_has_seen_it_and_what_lasts_is_not(conn, condition, after):
    where = service.Fingerprint("rs-1", "gw-rs-1", "gw-rs-1", "", condition)
    raised = service.raise_alarm(conn, where, severity=2, now_ms=1, rearm=True)
    assert service.acknowledge(conn, raised.alarm_id, actor="siti", now_ms=2) == after
    assert [one["state"] for one in service.active(conn)] == [after] * (after != "normal")
    again = service.raise_alarm(conn, where, severity=2, now_ms=3, rearm=True)
    assert (again.alarm_id, again.state) == (raised.alarm_id, "unacknowledged")
    steps = [step["step"] for step in service.history(conn, raised.alarm_id)]
    ended = ["raise", "acknowledge", "clear", "raise"]
    assert steps == (ended if after == "normal" else ["raise", "acknowledge", "rearm"])


def test_what_says_nothing_new_writes_nothing(conn):
    for now_ms in range(5):
        service.raise_alarm(conn, LEVEL, severity=2, now_ms=now_ms)
    assert len(conn.execute(select(alarm_history)).all()) == 1
    assert conn.execute(select(alarms.c.count)).scalar_one() == 1


def raised(conn, at, severity=1, now_ms=1) -> int:
    return service.raise_alarm(conn, at, severity=severity, now_ms=now_ms).alarm_id


def state(conn, alarm_id) -> str:
    return str(service.one(conn, alarm_id)["state"])


def test_a_silent_gateway_suppresses_what_follows_from_it_and_neither_river_nor_press(conn):
    down, level, panic = raised(conn, DOWN), raised(conn, LEVEL, 2), raised(conn, PANIC, 3)
    elsewhere = raised(conn, replace(DOWN, gateway="g2"))
    raised(conn, SILENT, 2, now_ms=10)
    late = raised(conn, RULE, now_ms=11)
    assert [state(conn, one) for one in (down, late)] == ["suppressed", "suppressed"]
    assert [state(conn, one) for one in (level, panic, elsewhere)] == ["unacknowledged"] * 3
    assert {one["withheld_by"] for one in service.withheld(conn)} == {"silent"}


def test_a_child_has_a_while_to_be_well_again_and_rings_then_if_it_is_not(conn):
    raised(conn, SILENT, 2)
    well, ill = raised(conn, DOWN, now_ms=2), raised(conn, RULE, now_ms=2)
    service.clear_alarm(conn, SILENT, now_ms=1_000)
    service.clear_alarm(conn, DOWN, now_ms=2_000)
    assert times.pass_time(conn, 1_000 + parents.SETTLE_MS - 1) == []
    assert times.pass_time(conn, 1_000 + parents.SETTLE_MS) == [ill]
    assert (state(conn, well), state(conn, ill)) == ("normal", "unacknowledged")


def test_an_instrument_that_starts_slower_than_its_gateway_rings_only_if_it_stays_away(conn):
    raised(conn, SILENT, 2)
    service.clear_alarm(conn, SILENT, now_ms=1_000)
    slow, broken = raised(conn, DOWN, now_ms=2_000), raised(conn, RULE, now_ms=2_000)
    service.clear_alarm(conn, DOWN, now_ms=20_000)
    assert (state(conn, slow), state(conn, broken)) == ("normal", "suppressed")
    assert times.pass_time(conn, 1_000 + parents.SETTLE_MS) == [broken]
    assert state(conn, broken) == "unacknowledged"
    later = raised(conn, DOWN, now_ms=1_000 + parents.SETTLE_MS)
    assert state(conn, later) == "unacknowledged"


@pytest.mark.parametrize("back_ms", [120_000, 86_400_000])
def test_a_clock_that_was_set_back_keeps_no_child_quiet_for_as_long(conn, back_ms):
    at_ms = 10 * 86_400_000
    raised(conn, SILENT, 2, now_ms=at_ms)
    early = raised(conn, DOWN, now_ms=at_ms)
    service.clear_alarm(conn, SILENT, now_ms=at_ms + 1_000)
    assert times.due(conn, at_ms + 1_000) == []
    late = raised(conn, RULE, now_ms=at_ms - back_ms)
    assert state(conn, late) == "unacknowledged"
    assert times.pass_time(conn, at_ms - back_ms) == [early]
    assert state(conn, early) == "unacknowledged"


def test_a_clock_that_was_set_back_makes_no_shelf_longer_than_a_day(conn):
    at_ms = 10 * 86_400_000
    level = raised(conn, LEVEL, 2, now_ms=at_ms)
    service.shelve(conn, level, actor="budi", reason="uji", until_ms=at_ms + 86_400_000, now_ms=at_ms)
    assert times.pass_time(conn, at_ms) == []
    assert times.pass_time(conn, at_ms - 1) == [level]


def test_a_gateway_that_is_lost_again_while_its_children_settle_holds_them_on(conn):
    raised(conn, SILENT, 2)
    child = raised(conn, DOWN, now_ms=2)
    service.clear_alarm(conn, SILENT, now_ms=1_000)
    raised(conn, SILENT, 2, now_ms=2_000)
    assert times.pass_time(conn, 10 * parents.SETTLE_MS) == []
    assert state(conn, child) == "suppressed"


@pytest.mark.parametrize(("is_lost", "after"), [(True, "suppressed"), (False, "unacknowledged")])
def test_a_shelf_that_ends_while_the_gateway_is_silent_rings_for_nobody(conn, is_lost, after):
    child = raised(conn, DOWN)
    service.shelve(conn, child, actor="budi", reason="uji", until_ms=100_000, now_ms=2)
    if is_lost:
        raised(conn, SILENT, 2, now_ms=3)
    assert state(conn, child) == "shelved"
    assert times.pass_time(conn, 100_000) == [child]
    assert state(conn, child) == after


def test_a_shelf_ends_with_its_time_and_has_a_reason(conn):
    level = raised(conn, LEVEL, 2)
    shelf = {"actor": "budi", "until_ms": 600_000, "now_ms": 2}
    for bad in ({"reason": " "}, {"reason": "uji", "until_ms": 10}, {"reason": "uji", "until_ms": 10**9}):
        with pytest.raises(WithholdError):
            service.shelve(conn, level, **{**shelf, **bad})
    assert service.shelve(conn, level, reason="pintu air dibuka", **shelf) == "shelved"
    (row,) = service.withheld(conn)
    assert (row["withheld_by"], row["withheld_note"], row["withheld_until_ms"]) == (
        "budi",
        "pintu air dibuka",
        600_000,
    )
    assert times.due(conn, 599_999) == []
    assert times.pass_time(conn, 600_000) == [level]
    (row,) = service.active(conn)
    assert (row["state"], row["withheld_by"], row["withheld_until_ms"]) == ("unacknowledged", None, None)


def test_what_gets_worse_than_it_was_shelved_rings(conn):
    level = raised(conn, LEVEL, 1)
    service.shelve(conn, level, actor="budi", reason="uji", until_ms=600_000, now_ms=2)
    raised(conn, LEVEL, 1, now_ms=3)
    assert state(conn, level) == "shelved"
    raised(conn, LEVEL, 2, now_ms=4)
    assert state(conn, level) == "unacknowledged"
    assert [line["step"] for line in service.history(conn, level)] == ["raise", "shelve", "outgrow"]


@pytest.mark.parametrize(("severity", "hours"), [(0, 8), (1, 24), (2, 72), (3, 168)])
def test_what_is_over_and_nobody_looked_at_does_not_stay_for_ever(conn, severity, hours):
    level = raised(conn, LEVEL, severity)
    service.clear_alarm(conn, LEVEL, now_ms=0)
    assert times.pass_time(conn, hours * 3_600_000 - 1) == []
    assert times.pass_time(conn, hours * 3_600_000) == [level]
    assert service.active(conn) == []
    last = service.history(conn, level)[-1]
    assert (last["step"], last["note"], last["actor"]) == ("lapse", times.NOBODY, "")


def test_what_is_there_never_lapses(conn):
    raised(conn, LEVEL, 0)
    assert times.pass_time(conn, 10**12) == []


def gateways(n):
    return [service.Fingerprint(f"s{at}", f"g{at}", f"g{at}", "", "silent") for at in range(n)]


def ringing(conn):
    return {
        (one["condition"], one["gateway"]) for one in service.active(conn) if one["state"] == "unacknowledged"
    }


def test_many_gateways_that_fall_silent_at_once_ring_once(conn):
    prints = gateways(9)
    for at, one in enumerate(prints[:4]):
        raised(conn, one, 2, now_ms=1_000 * at)
    assert len(ringing(conn)) == 4, "one at a time each is a thing of its own"
    service.acknowledge(conn, service.active(conn)[0]["id"], actor="siti", now_ms=3_500)
    for at, one in enumerate(prints[4:], 4):
        raised(conn, one, 2, now_ms=1_000 * at)
    assert ringing(conn) == {("outage", "")}
    assert {one["withheld_by"] for one in service.withheld(conn)} == {"outage"}
    assert len(service.withheld(conn)) == 8
    [told] = [one for one in service.active(conn) if one["condition"] == "outage"]
    assert told["detail"] == {"gateways": 5}

    for one in prints[:5]:
        service.clear_alarm(conn, one, now_ms=60_000)
    assert ringing(conn) == {("outage", "")}
    service.clear_alarm(conn, prints[5], now_ms=61_000)
    assert ringing(conn) == {("silent", f"g{at}") for at in (6, 7, 8)}, "who is still silent rings"
    assert service.withheld(conn) == []
    for one in prints[6:]:
        service.clear_alarm(conn, one, now_ms=62_000)
    assert {one["state"] for one in service.active(conn)} == {"returned"}

    raised(conn, prints[0], 2, now_ms=100_000_000)
    assert ringing(conn) == {("silent", "g0")}, "the next one is alone again"


def test_gateways_that_fail_one_after_the_other_are_no_outage(conn):
    for at, one in enumerate(gateways(9)):
        raised(conn, one, 2, now_ms=30_001 * at)
    assert len(ringing(conn)) == 9
    for one in gateways(9):
        service.clear_alarm(conn, one, now_ms=300_000)
    assert not [one for one in service.active(conn) if one["condition"] == "outage"]
