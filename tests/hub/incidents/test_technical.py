"""Events that tell of a fault in the equipment: alarms about now, and only about now."""

from dataclasses import replace

import pytest
from sqlalchemy import insert

import hub.tables  # noqa: F401
from hub.alarms import service as alarms
from hub.incidents.service import Incidents
from hub.ingest.tables import events
from tests.hub.city import NOW, REGION, press


def told(kind, seq, **changes):
    return replace(press(device="probe-1"), lane="event", kind=kind, seq=seq, **changes)


def store(conn, event):
    """As the commit does: the row first, then what it causes."""
    conn.execute(
        insert(events).values(
            gateway=event.gateway,
            cell=event.cell,
            site=event.site,
            epoch=event.epoch,
            lane=event.lane,
            seq=event.seq,
            hash="0" * 64,
            body=event.raw,
            event_id=event.event_id,
            kind=event.kind,
            device=event.device,
            boot="00000000",
            error_ms=0,
            received_ms=event.received_ms,
            again=False,
            conflict=False,
            malformed=False,
        )
    )
    Incidents(REGION).event(conn, event)


def conditions(conn):
    return [alarm["condition"] for alarm in alarms.active(conn)]


def test_a_device_that_is_down_raises_and_one_that_is_up_clears(conn):
    store(conn, told("device_down", 1))
    assert conditions(conn) == ["device_down"]
    store(conn, told("device_up", 2))
    assert [alarm["state"] for alarm in alarms.active(conn)] == ["returned"]


def test_an_older_event_that_arrives_later_changes_nothing(conn):
    store(conn, told("device_up", 2))
    store(conn, told("device_down", 1))
    assert conditions(conn) == []


def test_a_broken_line_raises_and_a_whole_one_clears(conn):
    store(conn, told("panic_fault", 1))
    assert conditions(conn) == ["panic_fault"]
    store(conn, told("panic_line_whole", 2))
    assert [alarm["state"] for alarm in alarms.active(conn)] == ["returned"]
    # An older fault that comes later changes nothing.
    store(conn, told("panic_line_whole", 4))
    store(conn, told("panic_fault", 3))
    assert [alarm["state"] for alarm in alarms.active(conn)] == ["returned"]


@pytest.mark.parametrize("kind", ["panic_fault", "spool_quarantined", "spool_full", "software_left_behind"])
def test_faults_of_button_and_spool_raise(conn, kind):
    store(conn, told(kind, 1))
    assert conditions(conn) == [kind]


@pytest.mark.parametrize("kind", ["bed_edge", "door_edge", "attendance_scan", "panic_test", "never_heard_of"])
def test_what_is_no_fault_is_only_stored(conn, kind):
    store(conn, told(kind, 1))
    assert conditions(conn) == []


@pytest.mark.parametrize(
    "changes",
    [{"age_ms": 11 * 60_000}, {"again": True}, {"age_ms": None, "t_ms": NOW - 3600_000}],
    ids=["old", "again", "old by its time"],
)
def test_what_says_nothing_about_now_raises_nothing(conn, changes):
    store(conn, told("device_down", 1, **changes))
    assert conditions(conn) == []


def test_what_nothing_clears_asks_anew_each_time_it_happens(conn):
    store(conn, told("spool_quarantined", 1))
    (alarm,) = alarms.active(conn)
    alarms.acknowledge(conn, alarm["id"], actor="ani", now_ms=NOW)
    store(conn, told("spool_quarantined", 2))
    (alarm,) = alarms.active(conn)
    assert (alarm["state"], alarm["count"]) == ("unacknowledged", 2)


def test_a_fault_whose_age_nobody_knows_says_nothing_of_now(conn):
    store(conn, told("device_down", 1, t_ms=NOW + 10 * 365 * 86_400_000, age_ms=None))
    assert conditions(conn) == []
