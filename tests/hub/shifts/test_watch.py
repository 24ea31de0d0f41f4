"""The watch: one shift at a time, handed over with what is open, and nobody counts who has not heard the sound."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from sqlalchemy import delete, update

from hub.api.auth import users
from hub.api.auth.sessions import Timeouts, start
from hub.api.tables import sessions
from hub.incidents.service import Incidents
from hub.shifts import reads, watch
from hub.shifts.left import left_open
from hub.shifts.watch import ShiftError
from tests.hub.city import NOW, REGION, press
from tests.hub.empty_tables import fresh

HOUR = 3_600_000


@pytest.fixture
def room(conn):
    """A store with an operator who is signed in, and a technician who is too."""
    for name, role in (("rina", "operator"), ("adi", "dispatcher"), ("tono", "technician")):
        users.add(conn, name, name.title(), [role], "x", actor="cli", now_ms=NOW)
        start(conn, name, address="10.0.0.1", now_ms=NOW)
    return conn


def attended(conn, at=NOW):
    return reads.attended(conn, Timeouts(), at)


def now_on(conn):
    """The present shift."""
    found = reads.present(conn)
    assert found is not None
    return found


def take(conn, user, *, at=NOW, heard=True, expected="now"):
    present = reads.present(conn)
    seen = (present["id"] if present else None) if expected == "now" else expected
    return watch.take(conn, user, expected=seen, name="Jaga pagi", heard=heard, now_ms=at)


def test_before_the_first_shift_nobody_attends(room):
    assert reads.present(room) is None
    assert not attended(room)
    for act in (watch.join, watch.leave, watch.hear):
        with pytest.raises(ShiftError):
            act(room, "rina", now_ms=NOW)


def test_who_is_on_watch_and_has_heard_the_sound_attends(room):
    take(room, "rina", heard=False)
    assert not attended(room), "the sound was not heard"
    watch.hear(room, "rina", now_ms=NOW)
    assert attended(room)


@pytest.mark.parametrize("lost", ["session", "left", "old sound", "role", "handed over", "never on watch"])
def test_each_thing_that_is_missing_means_nobody_hears(room, lost):
    take(room, "rina")
    assert attended(room)
    at = NOW
    if lost == "session":
        room.execute(delete(sessions).where(sessions.c.user == "rina"))
    elif lost == "left":
        watch.leave(room, "rina", now_ms=NOW)
    elif lost == "old sound":
        at = NOW + reads.SOUND_GOOD_MS + 1
        room.execute(update(sessions).values(seen_ms=at, created_ms=at))
    elif lost == "role":
        users.change(room, "rina", roles=["viewer"], active=True, actor="cli", now_ms=NOW)
        start(room, "rina", address="10.0.0.1", now_ms=NOW)
    else:
        take(room, "adi", heard=False)
        if lost == "never on watch":
            watch.leave(room, "adi", now_ms=NOW)
    assert not attended(room, at)


def test_after_a_new_shift_each_hears_the_sound_anew(room):
    take(room, "rina")
    take(room, "adi")
    watch.join(room, "rina", now_ms=NOW)
    present = now_on(room)
    assert {one["user"]: one["sound_ms"] for one in present["people"]} == {"adi": NOW, "rina": None}


def test_of_two_who_take_the_watch_at_once_one_is_told(room):
    seen = take(room, "rina")
    take(room, "adi", expected=seen)
    with pytest.raises(ShiftError, match="meanwhile"):
        take(room, "tono", expected=seen)
    assert now_on(room)["began_by"] == "adi"


def test_a_hand_over_writes_down_what_is_open(room):
    take(room, "rina")
    Incidents(REGION).panic(room, press())
    watch.note(room, "rina", "13:55 Rina: pompa di pasar mati")
    watch.note(room, "rina", "14:01 Rina: sudah ditelepon")
    watch.add_item(room, "rina", "telepon PLN pukul 16", now_ms=NOW)
    watch.add_item(room, "rina", "ganti baterai", now_ms=NOW)
    (first, second) = left_open(room)["items"]
    assert watch.finish_item(room, "rina", second["id"], now_ms=NOW)
    assert not watch.finish_item(room, "rina", second["id"], now_ms=NOW)
    take(room, "adi", at=NOW + HOUR)
    (before,) = reads.ended(room, limit=5)
    assert (before["ended_ms"], before["noted_by"]) == (NOW + HOUR, "rina")
    assert before["note"].splitlines() == ["13:55 Rina: pompa di pasar mati", "14:01 Rina: sudah ditelepon"]
    assert before["left"]["incident_count"] == len(before["left"]["incidents"]) == 1
    assert before["left"]["unseen_alarms"] == 1
    assert before["left"]["items"] == [first]
    assert [one["left_ms"] for one in before["people"]] == [NOW + HOUR]
    # What is to be done stays to be done, whatever shift it is.
    assert left_open(room)["items"] == [first]
    assert now_on(room)["note"] == ""


def test_with_nothing_open_nothing_is_left(room):
    found = left_open(room)
    assert not any(found.values())


@pytest.mark.parametrize("said", ["", "  \n"])
def test_nothing_said_is_refused(room, said):
    take(room, "rina")
    with pytest.raises(ShiftError):
        watch.note(room, "rina", said)
    with pytest.raises(ShiftError):
        watch.add_item(room, "rina", said, now_ms=NOW)
    with pytest.raises(ShiftError):
        watch.finish_item(room, "rina", 1, now_ms=NOW)


class Room(RuleBasedStateMachine):
    """Three people do what they like; at each moment the watch is as a list of who did what last would say."""

    people = st.sampled_from(["rina", "adi", "sari"])

    def __init__(self):
        super().__init__()
        self.opened = fresh()
        self.conn = self.opened.__enter__()
        self.at, self.count, self.on, self.heard = NOW, 0, set(), set()

    @rule(user=people, heard=st.booleans(), stale=st.booleans())
    def takes(self, user, heard, stale):
        present = reads.present(self.conn)
        seen = present["id"] if present else None
        if stale and seen is not None:
            with pytest.raises(ShiftError):
                watch.take(self.conn, user, expected=seen - 1, name="", heard=heard, now_ms=self.at)
            return
        watch.take(self.conn, user, expected=seen, name="", heard=heard, now_ms=self.at)
        self.count += 1
        self.on, self.heard = {user}, {user} if heard else set()

    @rule(user=people)
    def joins(self, user):
        if not self.count:
            with pytest.raises(ShiftError):
                watch.join(self.conn, user, now_ms=self.at)
            return
        watch.join(self.conn, user, now_ms=self.at)
        self.on.add(user)

    @rule(user=people, act=st.sampled_from([watch.leave, watch.hear]))
    def acts(self, user, act):
        if user not in self.on:
            with pytest.raises(ShiftError):
                act(self.conn, user, now_ms=self.at)
            return
        act(self.conn, user, now_ms=self.at)
        if act is watch.hear:
            self.heard.add(user)
        else:
            self.on.discard(user)
            self.heard.discard(user)

    @invariant()
    def the_watch_is_one(self):
        self.at += 60_000
        present = reads.present(self.conn)
        ended = reads.ended(self.conn, limit=1000)
        assert len(ended) == max(self.count - 1, 0)
        assert (present is not None) == bool(self.count)
        if present is not None:
            there = [one for one in present["people"] if one["left_ms"] is None]
            assert {one["user"] for one in there} == self.on
            assert {one["user"] for one in there if one["sound_ms"] is not None} == self.heard
        assert all(one["left_ms"] is not None for row in ended for one in row["people"])

    def teardown(self):
        self.opened.__exit__(None, None, None)


TestRoom = Room.TestCase
TestRoom.settings = settings(max_examples=15, stateful_step_count=20, deadline=None)
