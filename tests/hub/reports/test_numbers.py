"""A period in numbers, against what was done in it; and its tables, which no spreadsheet takes for formulas."""

import csv
import io
import statistics

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from hub.agencies.directory import plain
from hub.incidents import actions
from hub.incidents.service import Incidents
from hub.incidents.tables import incidents
from hub.incidents.timeline import Actor
from hub.reports import summary, tables
from hub.reports.period import Period, month, month_of, neighbour
from hub.reports.spread import spread
from tests.hub.city import NOW, REGION, press

HOUR = 3_600_000
PERIOD = Period("uji", NOW, NOW + HOUR)
RINA = Actor("rina", "console")


def opened(conn, *, at=NOW, device="btn-1", gateway="gw-rs-1", **changes):
    """An incident by a press; its id."""
    event = press(device, gateway=gateway, at=at, **changes)
    Incidents(REGION).panic(conn, event)
    found = conn.execute(incidents.select().order_by(incidents.c.number.desc())).first()
    return found.id


def step(conn, incident_id, action, at, **more):
    version = conn.execute(
        incidents.select().where(incidents.c.id == incident_id).with_only_columns(incidents.c.version)
    ).scalar_one()
    known = {"actor": RINA, "version": version, "now_ms": at, "note": "uji"}
    actions.act(conn, REGION, incident_id, action, **known, **more)


def report(conn, now=NOW + HOUR):
    return summary.read(conn, REGION, plain(REGION), PERIOD, now_ms=now)


def test_an_empty_period_has_no_times_rather_than_zeros(conn):
    found = report(conn)
    assert (found.total, found.still_open, found.escalated) == (0, 0, 0)
    assert (found.seen.count, found.seen.median_ms, found.seen.within_pct) == (0, None, None)
    assert not [*found.agencies, *found.buttons, *found.longest]


def test_the_times_of_one_incident_from_press_to_scene(conn):
    one = opened(conn)
    actions.acknowledge(conn, one, actor=RINA, now_ms=NOW + 10_000)
    step(conn, one, "verify", NOW + 40_000)
    step(conn, one, "assign", NOW + 60_000, agency="damkar")
    step(conn, one, "accept", NOW + 150_000)
    step(conn, one, "arrive", NOW + 600_000)
    found = report(conn)
    assert (found.seen.median_ms, found.seen.within) == (10_000, 1)
    assert found.verified.median_ms == 40_000
    assert (found.dispatched.median_ms, found.dispatched.within) == (50_000, 1)
    (line,) = found.agencies
    assert (line.id, line.name, line.given, line.silent) == ("damkar", "Dinas Kebakaran", 1, 0)
    assert (line.answered.median_ms, line.answered.within) == (90_000, 1)
    assert line.arrived.median_ms == 540_000


@pytest.mark.parametrize("after", ["", "withdraw", "hand_over", "cancel"])
def test_an_agency_that_never_answers_or_cannot_come_is_told_apart(conn, after):
    for agency, action in (("damkar", "refuse"), ("bpbd", None)):
        one = opened(conn, device="btn-1" if action else "btn-2", at=NOW + (0 if action else 120_000))
        step(conn, one, "verify", NOW + 130_000)
        step(conn, one, "assign", NOW + 140_000, agency=agency)
        if action:
            step(conn, one, action, NOW + 170_000)
        if after and (action or after != "withdraw"):
            step(conn, one, after, NOW + 400_000)
    lines = {line.id: line for line in report(conn).agencies}
    assert (lines["damkar"].refused, lines["damkar"].silent) == (1, 0)
    assert lines["damkar"].answered.median_ms == 30_000
    assert (lines["bpbd"].refused, lines["bpbd"].silent, lines["bpbd"].answered.count) == (0, 1, 0)


def test_false_presses_are_counted_by_button_the_worst_first(conn):
    for at in (NOW, NOW + 300_000):
        one = opened(conn, device="btn-2", at=at)
        step(conn, one, "mark_false", at + 20_000)
    true = opened(conn, at=NOW + 600_000)
    Incidents(REGION).panic(conn, press(at=NOW + 610_000))
    step(conn, true, "verify", NOW + 620_000)
    first, second = report(conn).buttons
    assert (first.name, first.incidents, first.false, first.presses) == ("Tombol Lobi", 2, 2, 2)
    assert (second.name, second.incidents, second.false, second.presses) == ("Tombol IGD", 1, 0, 2)


def test_the_longest_without_an_answer_come_first_and_those_that_wait_still_count(conn):
    quick = opened(conn)
    actions.acknowledge(conn, quick, actor=RINA, now_ms=NOW + 5_000)
    waiting = opened(conn, device="btn-2", at=NOW + 200_000)
    first, second = report(conn, now=NOW + 500_000).longest
    assert (first.id, first.waited_ms, first.seen) == (waiting, 300_000, False)
    assert (second.id, second.waited_ms, second.seen) == (quick, 5_000, True)


@pytest.mark.parametrize("what", ["drill", "before", "after"])
def test_exercises_and_other_times_are_left_out(conn, what):
    at = {"drill": NOW, "before": NOW - 1, "after": NOW + HOUR}[what]
    opened(conn, at=at)
    if what == "drill":
        conn.execute(update(incidents).values(drill="latihan-1"))
    assert report(conn).total == 0
    assert summary.times(conn, PERIOD) == []


def test_what_came_again_after_a_restore_is_counted_and_has_no_times(conn):
    one = opened(conn, again=True)
    actions.acknowledge(conn, one, actor=RINA, now_ms=NOW + HOUR // 2)
    found = report(conn)
    assert (found.total, found.recovered, found.seen.count, found.longest) == (1, 1, 0, [])


# Tables


def rows(text):
    assert text.startswith("\ufeff")
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))


def test_the_tables_have_what_the_report_has(conn):
    one = opened(conn)
    actions.acknowledge(conn, one, actor=RINA, now_ms=NOW + 10_000)
    step(conn, one, "verify", NOW + 40_000)
    step(conn, one, "assign", NOW + 60_000, agency="damkar")
    found = report(conn)
    (line,) = rows(tables.incidents(summary.times(conn, PERIOD), REGION.zone))
    assert (line["seen_s"], line["verified_s"], line["assigned_s"], line["closed_s"]) == (
        "10.0",
        "40.0",
        "60.0",
        "",
    )
    assert line["opened"].endswith("+07:00")
    (agency,) = rows(tables.agencies(found.agencies))
    assert (agency["agency"], agency["given"], agency["answered"], agency["silent"]) == (
        "damkar",
        "1",
        "0",
        "1",
    )
    assert agency["answered_median_s"] == ""
    (button,) = rows(tables.buttons(found.buttons))
    assert (button["name"], button["incidents"], button["false"]) == ("Tombol IGD", "1", "0")


@pytest.mark.parametrize("name", ["=1+1", "+62", "-1", "@x", "\tx", 'a,"b"\nc', "biasa"])
def test_no_cell_is_a_formula_and_every_cell_comes_back(conn, name):
    opened(conn)
    conn.execute(update(incidents).values(title=name))
    (line,) = rows(tables.incidents(summary.times(conn, PERIOD), REGION.zone))
    assert line["title"] == (f"'{name}" if name[0] in "=+-@\t" else name)


# Spreads and months


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 10**9), min_size=1), st.integers(0, 10**9))
def test_a_spread_is_of_its_times(values, target):
    found = spread(values, target)
    assert found.count == len(values)
    assert found.median_ms == statistics.median_low(values)
    assert found.most_ms == max(values)
    assert found.p90_ms in values
    assert sum(one <= (found.p90_ms or 0) for one in values) * 10 >= 9 * len(values)
    assert found.within == sum(one <= target for one in values)


def test_a_month_is_of_the_citys_calendar():
    found = month("2026-12", "Asia/Makassar")
    assert found is not None
    assert (found.to_ms - found.from_ms) == 31 * 24 * HOUR
    assert month_of(found.from_ms, "Asia/Makassar") == "2026-12"
    assert month_of(found.from_ms - 1, "Asia/Makassar") == "2026-11"
    assert month_of(found.to_ms, "Asia/Makassar") == neighbour("2026-12", 1) == "2027-01"
    assert neighbour("2027-01", -1) == "2026-12"


@pytest.mark.parametrize("name", ["2026-13", "2026-00", "26-11", "2026-1", "1999-01", "", "2026-11-01"])
def test_what_is_no_month_is_none(name):
    assert month(name, "Asia/Jakarta") is None
