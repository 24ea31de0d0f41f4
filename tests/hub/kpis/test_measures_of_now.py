"""What the city is now, as points: nothing unknown is a zero, and no one person can be told from a number."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert, update

from contract.codec import encode_body
from contract.messages import EventBody
from hub.alarms.service import Fingerprint, raise_alarm
from hub.alarms.tables import level_changes
from hub.city.beds import wards
from hub.city.rivers import levels
from hub.incidents import actions
from hub.incidents.service import Incidents
from hub.incidents.tables import assignments
from hub.incidents.tables import incidents as incident_rows
from hub.incidents.timeline import Actor
from hub.ingest.tables import events
from hub.kpis import alarms, attendance, city, facts, fleet, incidents, pipeline
from hub.kpis.measures import ATTENDANCE
from hub.rules.model import StationState
from tests.hub.city import NOW, REGION, press

SITI = Actor("siti", "console")
WIB = ZoneInfo("Asia/Jakarta")
QUARTER_MS = ATTENDANCE.every_s * 1000


def values(points, *tags):
    """The values of the point with those tags; of the measure's only one where none are given."""
    (one,) = [point for point in points if not tags or point.tags == tags]
    return one.values


# Alarms


def test_alarms_are_counted_by_priority_and_the_oldest_that_nobody_saw_is_aged(conn):
    raise_alarm(conn, Fingerprint("rs-1", "gw-rs-1", "d", "", "silent"), severity=2, now_ms=NOW - 60_000)
    raise_alarm(conn, Fingerprint("rs-1", "gw-rs-1", "e", "", "silent"), severity=2, now_ms=NOW - 90_000)
    found = list(alarms.counted(conn, NOW))
    assert values(found, "2") == {"active": 2, "unacknowledged": 2, "withheld": 0, "oldest_s": 90.0}
    assert values(found, "1") == {"active": 0, "unacknowledged": 0, "withheld": 0, "oldest_s": None}
    assert {point.tags for point in found} == {("1",), ("2",), ("3",), ("4",)}


def test_the_figures_of_quality_stand_beside_their_limits(conn):
    raise_alarm(conn, Fingerprint("rs-1", "gw-rs-1", "d", "", "silent"), severity=3, now_ms=NOW - 60_000)
    found = list(alarms.quality(conn, NOW, operators=1))
    assert values(found, "mix") == {"value": 1.0, "limit": 0.05, "off": 1}
    assert values(found, "peak")["off"] == 0


# Incidents


def test_incidents_are_counted_by_kind_and_state(conn):
    Incidents(REGION).panic(conn, press())
    Incidents(REGION).panic(conn, press(gateway="gw-pasar"))
    one = conn.execute(incident_rows.select()).first()
    actions.act(conn, REGION, one.id, "mark_false", actor=SITI, version=one.version, now_ms=NOW, note="salah")
    found = list(incidents.counted(conn, NOW + 30_000))
    panic = values(found, "panic")
    assert (panic["open"], panic["unclaimed"], panic["unverified"]) == (1, 1, 1)
    assert (panic["opened_24h"], panic["closed_24h"], panic["false_24h"]) == (2, 1, 1)
    assert panic["oldest_unclaimed_s"] == 30.0
    assert values(found, "fire")["open"] == values(found, "fire")["oldest_unclaimed_s"] == 0, "nobody waits"
    assert values(found, "unverified") == {"open": 1}


def test_a_drill_is_no_incident_of_the_city_and_no_fact(conn):
    Incidents(REGION).panic(conn, press())
    conn.execute(update(incident_rows).values(drill="latihan-1"))
    assert values(incidents.counted(conn, NOW), "panic")["opened_24h"] == 0
    assert facts.news(conn, REGION, facts.NOTHING, NOW)[0] == []


# Rivers and beds


def test_a_river_has_its_level_and_its_thresholds_and_one_never_heard_has_no_level():
    heard = StationState("hulu", severity=1, value_mm=900, rate_mm_h=300, t_ms=NOW, at_ms=NOW - 2000)
    found = values(city.rivers(levels(REGION, [heard], set(), NOW), NOW))
    assert found["level_m"] == 0.9
    assert (found["severity"], found["stale"], found["age_s"], found["rate_m_h"]) == (1, 0, 2.0, 0.3)
    assert (found["siaga3_m"], found["siaga2_m"], found["siaga1_m"]) == (0.8, 1.5, 2.0)
    never = values(city.rivers(levels(REGION, [], set(), NOW), NOW))
    assert (never["level_m"], never["severity"], never["stale"]) == (None, None, 1)


def test_beds_of_a_ward_that_is_not_heard_are_unknown_and_not_zero():
    panel = {("gw-rs-1", "panel-1"): {"time": NOW - 1000, "bed_01": 1, "bed_02": 0}}
    heard = values(city.beds(wards(REGION, panel, set(), NOW), NOW), "III", "rs-1")
    assert heard == {"total": 2, "free": 1, "taken": 1, "unknown": 0, "age_s": 1.0}
    silent = values(city.beds(wards(REGION, panel, {"gw-rs-1"}, NOW), NOW), "III")
    assert silent == {"total": 2, "free": None, "taken": None, "unknown": 2, "age_s": None}


# Gateways and the pipeline


def row(gateway, site, **more):
    told = {"heard": True, "silent": False, "silent_since_ms": None, "last_ms": NOW - 3000, "health": {}}
    ledger = {"committed": 90, "on_way": 5, "refused": 1, "lost": 4}
    return {"gateway": gateway, "site": site, **told, **ledger, **more}


def test_gateways_have_their_ledger_and_one_that_was_never_heard_has_none():
    never = {"heard": False, "last_ms": None, "committed": 0, "on_way": 0, "refused": 0, "lost": 0}
    health = {
        "spool_bytes": 2_500_000,
        "devices_down": ["d"],
        "oldest_age_ms": {"panic": None, "event": 4000},
    }
    rows = [row("gw-rs-1", "rs-1", health=health), row("gw-pasar", "pasar", **never)]
    found = list(fleet.gateways(rows, REGION, NOW))
    first = values(found, "gw-rs-1", "rs-1")
    assert (first["committed"], first["spool_mb"], first["oldest_s"], first["heard_s"]) == (90, 2.5, 4.0, 3.0)
    assert "committed" not in values(found, "gw-pasar", "pasar")
    whole = values(found, *()) if len(found) == 1 else next(p.values for p in found if p.tags == ())
    assert (whole["gateways"], whole["unheard"], whole["lost"], whole["devices_down"]) == (2, 1, 4, 1)
    assert values(found, "hospital") == {"sites": 1, "heard": 1}
    assert values(found, "market") == {"sites": 1, "heard": 0}


def test_the_pipeline_says_how_long_influxdb_is_down_and_nothing_where_there_is_none():
    lanes = {"panic": 0.0, "event": 0.0, "telemetry": 20.0}
    quantiles = {lane: {"p50": None, "p99": None} for lane in lanes} | {"telemetry": {"p50": 4, "p99": 11}}
    numbers = {
        "flow": "hold",
        "values_per_s": 100.0,
        "dead_letters": 2,
        "queues": {"sql": 0},
        "series": {"waiting": 9, "rejected": 0, "down_ms": 1500},
        "records_per_s": lanes,
        "publish_to_commit_ms": quantiles,
    }
    found = list(pipeline.pipeline(numbers, NOW))
    whole = values(found, *()) if len(found) == 1 else next(p.values for p in found if p.tags == ())
    assert (whole["hold"], whole["series_down_s"], whole["rollup_lag_s"]) == (1, 1.5, None)
    up = next(iter(pipeline.pipeline(numbers | {"series": {"down_ms": None}}, NOW))).values
    assert up["series_down_s"] == 0
    assert next(iter(pipeline.pipeline(numbers | {"series": None}, NOW))).values["series_down_s"] is None
    assert values(found, "telemetry") == {"records_per_s": 20.0, "commit_p50_ms": 4, "commit_p99_ms": 11}


# Attendance


def scan(conn, number, who, *, site="rs-1", at_ms=NOW):
    body = encode_body(
        EventBody(
            id=f"{number:032x}", kind="attendance_scan", device="reader-1", data={"who": who, "at_ms": at_ms}
        )
    )
    conn.execute(
        insert(events).values(
            gateway="gw-rs-1", cell=1, site=site, epoch="e", lane="event", seq=number,
            hash=hashlib.sha256(body).hexdigest(), body=body, event_id=f"{number:032x}", kind="attendance_scan",
            device="reader-1", boot="b", t_ms=at_ms, error_ms=0, received_ms=at_ms + 10, again=False,
            conflict=False, malformed=False,
        )
    )  # fmt: skip


@pytest.mark.parametrize(("people", "told"), [(0, None), (4, None), (5, 5), (9, 5), (10, 10)])
def test_a_small_number_of_people_is_not_told_and_a_larger_one_in_fives(conn, people, told):
    for number in range(people):
        scan(conn, 2 * number + 1, f"p{number}")
        scan(conn, 2 * number + 2, f"p{number}")  # each counts once
    found = values(attendance.came(conn, ["rs-1"], WIB, NOW + QUARTER_MS))
    assert (found["came"], found["suppressed"]) == (told, int(told is None))


def test_a_number_of_people_is_of_its_own_time_whenever_it_is_written(conn):
    quarter = -(-NOW // QUARTER_MS) * QUARTER_MS
    for number in range(12):
        scan(conn, number + 1, f"p{number}", at_ms=quarter - 1 if number < 5 else quarter)
    at_once, again, next_one = (
        next(attendance.came(conn, [], WIB, quarter + later_ms))
        for later_ms in (0, QUARTER_MS - 1, QUARTER_MS)
    )
    assert (at_once.t_ms, at_once.values["came"]) == (quarter, 5)
    assert again == at_once, "a hub that started again tells no finer step"
    assert next_one.values["came"] == 10


def test_at_a_shorter_pace_the_number_comes_sooner_and_is_rounded_likewise(conn):
    ten = replace(ATTENDANCE, every_s=10)
    for number in range(7):
        scan(conn, number + 1, f"p{number}")
    assert values(attendance.came(conn, ["rs-1"], WIB, NOW, ten)) == {"came": None, "suppressed": 1}
    assert values(attendance.came(conn, [], WIB, NOW + 10_000, ten)) == {"came": 5, "suppressed": 0}


def test_yesterday_by_the_citys_clock_does_not_count(conn):
    begin = attendance.day_begin_ms(WIB, NOW)
    for number in range(10):
        scan(conn, number + 1, f"p{number}", at_ms=begin + (0 if number < 5 else -1))
    assert values(attendance.came(conn, [], WIB, NOW))["came"] == 5


@given(st.integers(0, 500))
def test_one_person_more_or_less_is_never_told_apart_within_a_step(people):
    told = attendance.told(people)
    assert told is None or (told >= attendance.LEAST and 0 <= people - told < attendance.LEAST)


# Facts


def test_an_incident_is_told_once_and_again_when_it_changes(conn):
    Incidents(REGION).panic(conn, press())
    points, seen = facts.news(conn, REGION, facts.NOTHING, NOW)
    assert [point.measure.name for point in points] == ["annotations", "presses"]
    assert points[0].values["title"] == "#1 Tombol darurat: RS Contoh"
    assert facts.news(conn, REGION, seen, NOW) == ([], seen)
    one = conn.execute(incident_rows.select()).one()
    actions.act(conn, REGION, one.id, "verify", actor=SITI, version=one.version, now_ms=NOW + 40_000)
    again, _ = facts.news(conn, REGION, seen, NOW + 40_000)
    assert again[0].tags == points[0].tags
    assert again[0].line.rpartition(b" ")[2] == points[0].line.rpartition(b" ")[2], "the same point"
    steps = {point.tags[1]: point.values["seconds"] for point in again if point.measure.name == "response"}
    assert steps["verified"] == 40.0


def test_each_agency_has_its_times_from_when_it_was_told(conn):
    Incidents(REGION).panic(conn, press())
    one = conn.execute(incident_rows.select()).one()
    part = {
        "id": f"{one.id}-1", "incident_id": one.id, "agency": "damkar", "state": "accepted", "version": 2,
        "assigned_ms": NOW + 20_000, "assigned_by": "siti", "accepted_ms": NOW + 50_000, "changed_ms": NOW + 50_000,
        "note": "", "n": 1,
    }  # fmt: skip
    _, seen = facts.news(conn, REGION, facts.NOTHING, NOW)
    conn.execute(insert(assignments).values(part))
    points, _ = facts.news(conn, REGION, seen, NOW)
    (accepted,) = [p.values for p in points if p.tags[1:] == ("accepted", "rs-1", "damkar")]
    assert (accepted["seconds"], accepted["assigned_s"]) == (50.0, 30.0)


def test_what_somebody_wrote_or_where_somebody_lives_is_in_no_annotation(conn):
    Incidents(REGION).panic(conn, press())
    conn.execute(
        update(incident_rows).values(site="", place="Jalan Rahasia 7", title="Budi 0812", call_back="0812")
    )
    points, _ = facts.news(conn, REGION, facts.NOTHING, NOW)
    assert all(b"Rahasia" not in p.line and b"0812" not in p.line and b"Budi" not in p.line for p in points)


def test_a_change_of_level_is_named_as_its_post_names_it_and_a_rise_is_none(conn):
    changed = {
        "station": "hulu", "value_mm": 1520, "history": False, "gateway": "gw-pasar", "epoch": "e", "noted_ms": NOW,
    }  # fmt: skip
    for seq, (old, new) in enumerate([(1, 2), (2, 2), (2, 1)], start=1):
        conn.execute(
            insert(level_changes).values(
                **changed, seq=seq, t_ms=NOW + seq, old_severity=old, new_severity=new
            )
        )
    points, seen = facts.news(conn, REGION, facts.NOTHING, NOW)
    assert [point.values["title"] for point in points] == [
        "Pos Hulu naik ke Siaga 2",
        "Pos Hulu turun ke Siaga 3",
    ]
    assert facts.news(conn, REGION, seen, NOW)[0] == []
