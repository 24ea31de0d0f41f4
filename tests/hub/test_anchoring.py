"""Heads of the trail are noted elsewhere each hour, and the trail is held against them."""

import asyncio
import json
import socket
from typing import Any

import pytest
from sqlalchemy import update

from hub.alarms.tables import alarms
from hub.anchoring import Anchoring, ChannelPlace, FilePlace, PlaceError, SyslogPlace
from hub.api import audit
from hub.api.audit import Head, HeadError
from hub.api.tables import audit as rows
from hub.api.tables import audit_head
from hub.config import AuditSection
from hub.notify.channels.base import Answer
from hub.trail import anchoring, places
from tests.hub.city import NOW


class Stands:
    def now_ms(self):
        return NOW


class Recorder:
    """A channel."""

    def __init__(self, outcome="delivered"):
        self.outcome, self.messages = outcome, []

    async def send(self, message):
        self.messages.append(message)
        return Answer(self.outcome)


async def add(db, n=1):
    for _ in range(n):
        await db.write(lambda conn: audit.record(conn, "siti", "incident.verify", "i1", now_ms=NOW))


@pytest.fixture
def noting(database, tmp_path):
    """Heads of this store go to a file; what was told of it is kept."""
    told = []

    async def tell(fault):
        told.append(fault)

    file = FilePlace(tmp_path / "jejak.jsonl")
    return Anchoring("hub", [file], database.read, Stands(), told=tell), file, told


async def test_the_head_is_noted_at_each_look(database, noting):
    one, file, told = noting
    assert await one.look()
    await add(database, 3)
    assert await one.look()
    assert [line["n"] for line in file.lines()] == [0, 3]
    assert file.newest() == await database.read(audit.head)
    assert file.lines()[-1]["at"] == "2026-11-18T11:06:40+00:00"
    assert told == [None]


def write_anew(conn):
    """As somebody does who can write the store: a whole trail, with digests that fit."""
    conn.execute(rows.delete())
    conn.execute(audit_head.delete())
    for _ in range(5):
        audit.record(conn, "budi", "incident.verify", "i1", now_ms=NOW)


async def test_a_trail_that_was_written_anew_is_found_and_nothing_more_is_noted(database, noting):
    one, file, told = noting
    await add(database, 3)
    await one.look()
    await database.write(write_anew)
    assert await database.read(audit.first_fault) is None, "by itself it holds"
    await one.look()
    await one.look()
    assert told == [None, "row 3 is not the one that was noted"]
    assert len(file.lines()) == 1, "else the next look would take the new trail for the right one"


async def test_a_changed_row_is_found_within_a_day_and_a_new_one_within_the_hour(database, noting):
    one, _, told = noting
    await add(database, 3)
    await one.look()
    await add(database, 2)
    await database.write(lambda conn: conn.execute(update(rows).where(rows.c.n == 5).values(actor="x")))
    await one.look()
    assert told[-1] == "row 5 was changed, or those before it were written anew"
    await database.write(lambda conn: conn.execute(update(rows).where(rows.c.n == 5).values(actor="siti")))
    await one.look()
    assert told[-1] is None, "put right again"
    await database.write(lambda conn: conn.execute(update(rows).where(rows.c.n == 1).values(actor="x")))
    for _ in range(24):
        await one.look()
    assert told[-1] == "row 1 was changed, or those before it were written anew"


async def test_a_place_that_is_away_is_tried_again_and_stops_nothing(database, tmp_path, caplog):
    async def tell(fault):
        assert fault is None

    file = FilePlace(tmp_path / "gone" / "jejak.jsonl")
    channel = Recorder("failed")
    both = Anchoring("hub", [file, ChannelPlace("arsip", channel)], database.read, Stands(), told=tell)
    assert not await both.look()
    assert caplog.text.count("audit.unnoted") == 2
    (tmp_path / "gone").mkdir()
    channel.outcome = "delivered"
    assert await both.look()
    assert channel.messages[-1].text == str(file.newest())


async def test_a_half_line_is_passed_over(database, noting):
    one, file, told = noting
    await add(database)
    await one.look()
    await asyncio.to_thread(file._path.write_bytes, file._path.read_bytes() + b'{"n": 99, "dig\xff')
    assert file.newest().n == 1
    await one.look()
    assert told == [None]


async def test_syslog_gets_it_and_one_that_is_away_is_told(tmp_path):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(5)
        await SyslogPlace(server.getsockname()).note({"n": 7, "digest": "d" * 64, "at_ms": NOW})
        said = server.recv(4096)
    assert said.startswith(b"<86>siaga-audit: ")
    assert json.loads(said.rstrip(b"\0").partition(b"siaga-audit: ")[2])["n"] == 7
    with pytest.raises((PlaceError, OSError)):
        await SyslogPlace(str(tmp_path / "nobody")).note({"n": 7, "digest": "d" * 64, "at_ms": NOW})


async def test_the_hub_raises_an_alarm_and_clears_it(database, tmp_path):
    changed = []
    section = AuditSection(file=str(tmp_path / "jejak.jsonl"))
    one = anchoring(section, {}, database, Stands(), changed=lambda: changed.append(1))
    await add(database, 2)
    await one.look()
    assert await database.read(lambda conn: conn.execute(alarms.select()).all()) == []
    await database.write(lambda conn: conn.execute(update(rows).where(rows.c.n == 2).values(actor="x")))
    await database.write(lambda conn: audit.record(conn, "siti", "x", "y", now_ms=NOW))
    one._looks = 24
    await one.look()
    (alarm,) = await database.read(lambda conn: conn.execute(alarms.select()).all())
    assert (alarm.condition, alarm.severity, alarm.state) == ("audit_tampered", 2, "unacknowledged")
    assert "row 2" in alarm.detail
    await database.write(lambda conn: conn.execute(update(rows).where(rows.c.n == 2).values(actor="siti")))
    await one.look()
    (alarm,) = await database.read(lambda conn: conn.execute(alarms.select()).all())
    assert alarm.state == "returned"
    assert len(changed) == 3


def test_the_places_are_those_of_the_configuration(tmp_path):
    channel: Any = Recorder()
    section = AuditSection(file=str(tmp_path / "a"), syslog="10.20.0.7:514", channel="arsip")
    found = places(section, {"arsip": channel})
    assert [place.name for place in found] == ["file", "syslog", "arsip"]
    assert vars(found[1])["_address"] == ("10.20.0.7", 514)
    assert vars(places(AuditSection(syslog="/dev/log"), {})[0])["_address"] == "/dev/log"
    assert places(AuditSection(), {}) == []


@pytest.mark.parametrize("text", ["", "7", "7:xyz", "-1:" + "d" * 64, "7:" + "d" * 63, "²:" + "d" * 64])
def test_what_is_no_head_is_refused(text):
    with pytest.raises(HeadError):
        Head.parse(text)
    assert Head.parse(f" {Head(7, 'd' * 64)}\n") == Head(7, "d" * 64)
