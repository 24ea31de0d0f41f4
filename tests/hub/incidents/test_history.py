"""What became of the earlier presses of a button."""

from sqlalchemy import select

from hub.incidents import actions, history, reads
from hub.incidents.history import SPAN_MS
from hub.incidents.service import Incidents
from hub.incidents.tables import incidents
from hub.incidents.timeline import Actor
from tests.hub.city import NOW, REGION, press

SITI = Actor("siti", "console")
DAY_MS = 86_400_000


def pressed(conn, at, step="", note="uji", **changes):
    """One incident of a button, closed by a step if one is given; its id."""
    Incidents(REGION).panic(conn, press(at=at, **changes))
    row = conn.execute(select(incidents).order_by(incidents.c.number.desc()).limit(1)).one()
    if step == "finish":
        actions.act(conn, REGION, row.id, "verify", actor=SITI, version=row.version, now_ms=at + 1)
    if step:
        version = row.version + (step == "finish")
        actions.act(conn, REGION, row.id, step, actor=SITI, version=version, now_ms=at + 2, note=note)
    return row.id


def of(conn, incident_id):
    return history.of_button(conn, reads.one(conn, incident_id))


def test_mistakes_and_true_ones_of_the_same_button_are_told_apart(conn):
    pressed(conn, NOW - 3 * DAY_MS, "mark_false")
    pressed(conn, NOW - 2 * DAY_MS, "mark_false")
    pressed(conn, NOW - DAY_MS, "finish")
    found = of(conn, pressed(conn, NOW))
    assert (found.incidents, found.presses, found.mistakes, found.true) == (3, 3, 2, 1)
    assert [one["number"] for one in found.newest] == [3, 2, 1]
    assert found.newest[0]["label"]["id"] == "Selesai"


def test_other_buttons_and_what_is_long_ago_do_not_count(conn):
    pressed(conn, NOW - SPAN_MS - 1, "mark_false")
    pressed(conn, NOW - DAY_MS, "mark_false", device="btn-2")
    assert of(conn, pressed(conn, NOW)).incidents == 0


def test_what_came_after_it_is_not_before_it(conn):
    first = pressed(conn, NOW - DAY_MS, "mark_false")
    pressed(conn, NOW)
    assert of(conn, first).incidents == 0


def test_what_no_button_told_of_has_no_history(conn):
    assert history.of_button(conn, {"device": ""}) is None
