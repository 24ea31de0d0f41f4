"""Presses make incidents: each in exactly one, with one notice, whatever comes twice, late or again."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from hub.alarms import service as alarms
from hub.incidents import actions, reads, timeline
from hub.incidents.machine import OPEN
from hub.incidents.progress import AT_WORK
from hub.incidents.service import Incidents
from hub.incidents.tables import incidents, presses
from hub.incidents.tables import timeline as timeline_rows
from hub.incidents.timeline import Actor
from hub.notify.tables import outbox
from tests.hub.city import NOW, REGION, press
from tests.hub.empty_tables import fresh

SITI = Actor("siti", "console")


@pytest.fixture
def took(conn):
    """Give presses to the hub, in order."""

    def take(*events):
        for event in events:
            Incidents(REGION).panic(conn, event)

    return take


def every(conn):
    return conn.execute(select(incidents).order_by(incidents.c.number)).all()


def notices(conn):
    return conn.execute(select(outbox).order_by(outbox.c.created_ms, outbox.c.key)).all()


def test_a_press_opens_an_unverified_incident_with_alarm_and_notice(conn, took):
    event = press()
    took(event)
    (one,) = every(conn)
    assert (one.state, one.presses, one.site, one.number) == ("unverified", 1, "rs-1", 1)
    (notice,) = notices(conn)
    assert notice.state == "waiting"
    assert notice.title.startswith("BELUM DIVERIFIKASI")
    assert notice.key == f"panic/{one.id}/desk-hook"
    assert json.loads(notice.data)["verified"] is False
    (alarm,) = alarms.active(conn)
    assert (alarm["condition"], alarm["severity"]) == ("panic", 3)
    assert one.alarm_id == alarm["id"]


def test_a_press_of_the_same_button_joins_and_tells_nobody_again(conn, took):
    took(press(), press(at=NOW + 5000))
    (one,) = every(conn)
    assert one.presses == 2
    assert one.last_press_ms == NOW + 5000
    assert len(notices(conn)) == 1
    assert [entry["action"] for entry in timeline.entries(conn, one.id)] == ["open", "press"]


def test_a_press_of_another_button_opens_another(conn, took):
    took(press(), press(gateway="gw-pasar"))
    assert len(every(conn)) == 2
    assert len(notices(conn)) == 2


def test_the_same_event_again_changes_nothing(conn, took):
    event = press()
    took(event, event, replace(event, row_id=999, seq=999))
    (one,) = every(conn)
    assert one.presses == 1
    assert len(timeline.entries(conn, one.id)) == 1


def test_the_same_event_id_of_another_gateway_is_another_press(conn, took):
    """A gateway that repeats another's id cannot make its press disappear."""
    event = press()
    took(event, press(gateway="gw-pasar", event_id=event.event_id))
    assert len(every(conn)) == 2


@pytest.mark.parametrize("action", ["mark_false", "cancel"])
def test_a_press_after_the_incident_is_closed_opens_a_new_one(conn, took, action):
    took(press())
    (one,) = every(conn)
    actions.act(conn, REGION, one.id, action, actor=SITI, version=1, now_ms=NOW + 1, note="diperiksa")
    assert alarms.active(conn) == []
    took(press(at=NOW + 9000))
    first, second = every(conn)
    assert (first.presses, second.presses) == (1, 1)
    assert second.state == "unverified"
    assert len(notices(conn)) == 2


def test_a_press_while_people_work_on_it_joins_and_does_not_throw_them_back(conn, took):
    took(press())
    (one,) = every(conn)
    took(press(at=NOW + 100))
    actions.act(conn, REGION, one.id, "verify", actor=SITI, version=one.version, now_ms=NOW + 200)
    took(press(at=NOW + 300))
    (one,) = every(conn)
    assert (one.state, one.presses) == ("verified", 3)


def test_a_late_press_raises_and_carries_its_delay(conn, took):
    took(press(age_ms=45 * 60_000, t_ms=NOW - 45 * 60_000))
    (one,) = every(conn)
    assert one.delay_ms == 45 * 60_000
    (notice,) = notices(conn)
    assert notice.state == "waiting"
    assert "TERLAMBAT 00:45" in notice.title
    assert reads.one(conn, one.id)["delayed"] == "TERLAMBAT 00:45 / DELAYED 00:45"
    (alarm,) = alarms.active(conn)
    assert alarm["delay_ms"] == 45 * 60_000


def test_a_press_in_time_carries_none(conn, took):
    took(press())
    assert "TERLAMBAT" not in notices(conn)[0].title


def test_a_press_without_a_clock_raises(conn, took):
    took(press(t_ms=None, age_ms=None))
    (one,) = every(conn)
    assert (one.happened_ms, one.delay_ms) == (None, None)
    assert "waktu tidak diketahui" in notices(conn)[0].text


def test_a_press_whose_clock_was_years_ahead_does_not_pass_for_one_of_now(conn, took):
    took(press(t_ms=NOW + 10 * 365 * 86_400_000, age_ms=None))
    (one,) = every(conn)
    assert one.delay_ms is None
    assert "KETERLAMBATAN TIDAK DIKETAHUI / DELAY UNKNOWN" in notices(conn)[0].title


def test_a_malformed_press_of_an_unknown_button_raises(conn, took):
    took(press(device="", malformed=True, kind="", raw=b"\xff\x00"))
    (one,) = every(conn)
    assert "tidak terdaftar" in one.title
    assert notices(conn)[0].state == "waiting"


def test_a_press_that_comes_again_is_recovered_and_held(conn, took):
    took(press(again=True))
    (one,) = every(conn)
    assert (one.state, one.recovered) == ("recovered", True)
    (notice,) = notices(conn)
    assert notice.state == "held"
    assert [alarm["condition"] for alarm in alarms.active(conn)] == ["notice_held"]


def test_a_person_releases_what_is_held(conn, took):
    took(press(again=True))
    (one,) = every(conn)
    actions.act(conn, REGION, one.id, "release", actor=SITI, version=1, now_ms=NOW + 60_000, note="benar")
    (notice,) = notices(conn)
    assert (notice.state, notice.due_ms) == ("waiting", NOW + 60_000)
    assert every(conn)[0].state == "unverified"
    assert [alarm["condition"] for alarm in alarms.active(conn)] == ["panic"]


def test_closing_a_recovered_incident_throws_its_notice_away(conn, took):
    took(press(again=True))
    (one,) = every(conn)
    actions.act(conn, REGION, one.id, "finish", actor=SITI, version=1, now_ms=NOW + 1)
    assert notices(conn)[0].state == "discarded"


def test_a_recovered_press_joins_the_open_incident_silently(conn, took):
    took(press(), press(again=True, at=NOW + 50))
    (one,) = every(conn)
    assert (one.state, one.presses) == ("unverified", 2)
    assert len(notices(conn)) == 1


def test_a_live_press_of_a_recovered_incident_tells_the_desk(conn, took):
    took(press(again=True), press(at=NOW + 50))
    (one,) = every(conn)
    assert (one.state, one.presses) == ("unverified", 2)
    assert sorted(notice.state for notice in notices(conn)) == ["discarded", "waiting"]
    assert len(alarms.active(conn)) == 1


def test_two_buttons_of_a_site_within_a_minute_raise_both(conn, took):
    took(press("btn-1"), press("btn-2", at=NOW + 59_000))
    assert [one.priority for one in every(conn)] == [1, 1]
    first, second = notices(conn)
    assert (first.priority, second.priority) == (2, 1)
    assert "Tombol IGD" in second.text


@pytest.mark.parametrize(
    "second",
    [
        press("btn-2", at=NOW + 61_000),
        press("btn-1", gateway="gw-pasar", at=NOW + 1000),
        press("btn-2", at=NOW + 1000, t_ms=NOW - 3600_000, age_ms=3601_000),
    ],
    ids=["too late", "another site", "arrived together, happened an hour apart"],
)
def test_two_presses_that_are_not_together_raise_nothing(conn, took, second):
    took(press("btn-1"), second)
    assert [one.priority for one in every(conn)] == [2, 2]


def test_a_joining_press_that_makes_it_critical_is_told(conn, took):
    took(press("btn-1"), press("btn-2", at=NOW + 3600_000), press("btn-1", at=NOW + 3610_000))
    assert [one.priority for one in every(conn)] == [1, 1]
    assert [notice.notice.rpartition("/")[2] for notice in notices(conn)][-1] == "together"


def test_the_timeline_shows_what_was_tampered_with(conn, took):
    took(press(), press(at=NOW + 1), press(at=NOW + 2))
    (one,) = every(conn)
    assert timeline.broken_at(conn, one.id) is None
    conn.execute(timeline_rows.update().where(timeline_rows.c.n == 2).values(actor="lain"))
    assert timeline.broken_at(conn, one.id) == 2


def test_a_timeline_with_a_row_missing_is_found(conn, took):
    took(press(), press(at=NOW + 1), press(at=NOW + 2))
    (one,) = every(conn)
    conn.execute(timeline_rows.delete().where(timeline_rows.c.n == 2))
    assert timeline.broken_at(conn, one.id) is not None


BUTTONS = [("gw-rs-1", "btn-1"), ("gw-rs-1", "btn-2"), ("gw-pasar", "btn-1")]
STEPS = st.one_of(
    st.tuples(st.just("press"), st.sampled_from(BUTTONS), st.booleans()),
    st.tuples(st.just("repeat"), st.integers(0, 30), st.none()),
    st.tuples(st.just("act"), st.integers(0, 30), st.integers(0, 30)),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(STEPS, max_size=25))
def test_each_press_is_in_exactly_one_incident_whatever_people_do(steps):
    """I7, and: at most one open incident a button that is not reopened, no live press untold, none told twice."""
    service, made, at = Incidents(REGION), [], NOW
    with fresh() as conn:
        for what, first, second in steps:
            at += 7000
            if what == "press":
                made.append(press(first[1], gateway=first[0], at=at, again=second))
                service.panic(conn, made[-1])
            elif what == "repeat" and made:
                service.panic(conn, made[first % len(made)])
            elif what == "act" and every(conn):
                row = every(conn)[first % len(every(conn))]
                shown = reads.one(conn, row.id)
                action = shown["can"][second % len(shown["can"])]
                parents = [one.id for one in every(conn) if one.id != row.id and one.state != "duplicate"]
                if action == "mark_duplicate" and not parents:
                    continue
                if action == "assign" and any(part["state"] in AT_WORK for part in shown["assignments"]):
                    continue
                actions.act(
                    conn,
                    REGION,
                    row.id,
                    action,
                    actor=SITI,
                    version=row.version,
                    now_ms=at,
                    note="uji",
                    agency="damkar",
                    parent_id=parents[0] if action == "mark_duplicate" else None,
                )
        linked = conn.execute(select(presses.c.gateway, presses.c.event_id)).all()
        assert sorted(map(tuple, linked)) == sorted((e.gateway, e.event_id) for e in made)
        counted = {one.id: one.presses for one in every(conn)}
        grouped = conn.execute(
            select(presses.c.incident_id, func.count()).group_by(presses.c.incident_id)
        ).all()
        assert dict(map(tuple, grouped)) == counted
        told = {notice.incident_id for notice in notices(conn) if notice.state == "waiting"}
        live = {row.incident_id for row in conn.execute(select(presses).where(~presses.c.again))}
        first_was_live = {one.id for one in every(conn) if not one.recovered}
        assert live <= told
        assert first_was_live <= told
        for one in every(conn):
            assert timeline.broken_at(conn, one.id) is None
            assert (one.closed_ms is None) == (one.state in OPEN)
            panic = [notice.notice for notice in notices(conn) if notice.notice == f"panic/{one.id}"]
            assert len(panic) == 1
