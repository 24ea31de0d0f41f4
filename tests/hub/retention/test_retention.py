"""What is over goes, by itself and on record; what is not stays; a person who was erased stays erased."""

import asyncio
import json
import sqlite3

import pytest
from sqlalchemy import func, select

from contract.codec import encode_body
from contract.messages import EventBody
from hub.alarms.tables import alarm_history
from hub.api import audit
from hub.api.tables import audit as trail_rows
from hub.commissioning.tables import commissionings, photos
from hub.commissioning.tables import entries as commissioning_entries
from hub.errors import StoreUnavailableError
from hub.incidents.service import Incidents
from hub.incidents.tables import incidents, presses, timeline
from hub.ingest.tables import dead_letters, events
from hub.notify.tables import deliveries, outbox
from hub.retention import erasure
from hub.retention.erasure import Person
from hub.retention.periods import CLASSES, DAY_MS, SERIES, Periods
from hub.retention.purge import BY_CLASS
from hub.retention.worker import Retention
from hub.series.influx import InfluxConfig
from hub.shifts import reads as shifts
from hub.shifts import watch
from hub.shifts.left import left_open
from tests.hub.city import NOW, REGION, press

DAYS = {
    "telemetry": 0,
    "events": 100,
    "attendance": 50,
    "incidents": 200,
    "commissioning": 250,
    "audit": 300,
    "logs": 40,
}
SITI, BUDI = Person("2026a", "a1" * 12), Person("2026a", "b2" * 12)


class At:
    """A clock that stands."""

    def __init__(self, now_ms):
        self.ms = now_ms

    def now_ms(self):
        return self.ms


def retention(db, *, now_ms=NOW, days=DAYS, noted=None):
    return Retention(Periods(days), db, At(now_ms), series={}, noted=noted)


def event(number, *, age_days, kind="door_edge", lane="event", person=None, device="d"):
    at_ms = NOW - age_days * DAY_MS
    data = (
        {"open": True}
        if person is None
        else {"who": person.who, "key": person.key, "at_ms": at_ms, "code": 0}
    )
    body = encode_body(EventBody(id=f"{number:032x}", kind=kind, device=device, data=data))
    return {
        "gateway": "gw-rs-1", "cell": 1, "site": "rs-1", "epoch": "e" * 16, "lane": lane, "seq": number,
        "hash": f"{number:064x}", "body": body, "event_id": f"{number:032x}", "kind": kind, "device": device,
        "boot": "b", "t_ms": at_ms, "error_ms": 0, "received_ms": at_ms, "age_ms": 0,
        "again": False, "conflict": False, "malformed": False,
    }  # fmt: skip


def scan(number, person, *, age_days):
    return event(number, age_days=age_days, kind="attendance_scan", person=person)


async def put(db, *rows):
    await db.write(lambda conn: conn.execute(events.insert(), list(rows)))


async def count(db, table, *where):
    return await db.read(
        lambda conn: conn.execute(select(func.count()).select_from(table).where(*where)).scalar_one()
    )


async def numbers(db):
    return await db.read(
        lambda conn: conn.execute(select(events.c.seq).order_by(events.c.seq)).scalars().all()
    )


async def test_each_class_goes_at_its_time_and_not_before(database):
    await put(
        database,
        event(1, age_days=101),
        event(2, age_days=99),
        scan(3, SITI, age_days=51),
        scan(4, SITI, age_days=49),
    )
    gone = await retention(database).look()
    assert (gone["events"], gone["attendance"]) == (1, 1)
    assert await numbers(database) == [2, 4]
    rows = await database.read(audit.listed)
    assert {(row["actor"], row["action"], row["subject"]) for row in rows} == {
        ("hub", "retention", "events"),
        ("hub", "retention", "attendance"),
    }
    assert await retention(database).look() == dict.fromkeys(gone, 0), "the second pass finds nothing"


async def test_a_class_of_no_days_is_kept_for_ever(database):
    await put(database, event(1, age_days=20_000), scan(2, SITI, age_days=20_000))
    await retention(database, days=dict.fromkeys(CLASSES, 0)).look()
    assert await count(database, events) == 2


@pytest.mark.parametrize("error", [StoreUnavailableError("away"), AssertionError("a mistake of ours")])
async def test_a_class_that_cannot_go_keeps_no_other_from_going(database, monkeypatch, error):
    class Broken:
        def count(self, conn, before_ms):
            raise error

    monkeypatch.setattr("hub.retention.worker.BY_CLASS", {**BY_CLASS, "events": (Broken(),)})
    await put(database, scan(1, SITI, age_days=20_000))
    gone = await retention(database).look()
    assert gone["attendance"] == 1
    assert "events" not in gone
    assert await count(database, events) == 0


async def test_more_than_a_batch_goes_in_one_pass(database):
    await put(database, *(event(n, age_days=101) for n in range(1, 451)))
    assert (await retention(database).look())["events"] == 450


async def test_a_closed_incident_goes_with_all_that_belongs_to_it_and_an_open_one_stays(database):
    service = Incidents(REGION)

    def fill(conn):
        for one in (press("btn-1"), press("btn-2"), press("btn-1", gateway="gw-pasar")):
            conn.execute(events.insert(), [event(one.seq, age_days=0, kind="panic_press", lane="panic") | {
                "gateway": one.gateway, "event_id": one.event_id}])  # fmt: skip
            service.panic(conn, one)
        first, second, third = conn.execute(select(incidents.c.id).order_by(incidents.c.number)).scalars()
        old = NOW - 201 * DAY_MS
        conn.execute(incidents.update().where(incidents.c.id.in_([first, second])).values(closed_ms=old))
        # The duplicate refers to the first.
        conn.execute(incidents.update().where(incidents.c.id == second).values(parent_id=first))
        return third

    kept = await database.write(fill)
    assert await count(database, outbox) > 0
    gone = await retention(database).look()
    assert gone["incidents"] >= 2
    assert await database.read(lambda conn: conn.execute(select(incidents.c.id)).scalars().all()) == [kept]
    for table, column in ((presses, "incident_id"), (timeline, "incident_id"), (outbox, "incident_id")):
        assert await count(database, table, table.c[column] != kept) == 0
        assert await count(database, table, table.c[column] == kept) > 0
    assert await count(database, events) == 1
    assert await count(database, deliveries) == 0
    assert await count(database, alarm_history) > 0, "what became of alarms lately stays"


async def test_signed_commissionings_go_with_photos_and_a_gateways_newest_stays(database):
    signed: dict[str, dict[str, int | None]] = {
        "gw-pasar": {"replaced": 600, "newest": 251},
        "gw-rs-1": {"over": 251, "not yet over": 249, "open": None},
        "gw-rs-2": {"lately": 249, "now": 10},
    }

    def fill(conn, gateway, age_days):
        signed_ms = None if age_days is None else NOW - age_days * DAY_MS
        made = conn.execute(
            commissionings.insert().returning(commissionings.c.id),
            {"gateway": gateway, "site": "s", "begun_ms": 1, "begun_by": "t", "signed_ms": signed_ms},
        ).scalar_one()
        proven = {
            "commissioning_id": made, "n": 1, "item": "clock", "at_ms": 1, "actor": "t",
            "outcome": "good", "note": "", "data": "{}", "digest": "0" * 64,
        }  # fmt: skip
        conn.execute(commissioning_entries.insert(), proven)
        conn.execute(photos.insert(), {"commissioning_id": made, "at_ms": 1, "jpeg": b"\xff\xd8\xff\xd9"})
        return made

    made = {}
    for gateway, ages in signed.items():
        for name, age_days in ages.items():
            made[name] = await database.write(lambda conn, a=age_days, g=gateway: fill(conn, g, a))
    assert (await retention(database).look())["commissioning"] == 2
    kept = {number for name, number in made.items() if name not in ("replaced", "over")}
    for column in (commissionings.c.id, commissioning_entries.c.commissioning_id, photos.c.commissioning_id):
        found = await database.read(lambda conn, column=column: conn.execute(select(column)).scalars().all())
        assert set(found) == kept


async def test_shifts_that_are_over_go_with_who_was_there_and_open_items_stay(database):
    def work(conn):
        for age_days in (500, 201, 199):
            at_ms = NOW - age_days * DAY_MS
            present = shifts.present(conn)
            watch.take(conn, "rina", expected=present and present["id"], name="", now_ms=at_ms)
            watch.add_item(conn, "rina", f"{age_days}", now_ms=at_ms)
        (first, *_) = left_open(conn)["items"]
        watch.finish_item(conn, "rina", first["id"], now_ms=NOW - 201 * DAY_MS)

    await database.write(work)
    assert (await retention(database).look())["incidents"] == 2
    left = await database.read(lambda conn: (shifts.ended(conn, limit=9), left_open(conn)["items"]))
    assert [row["ended_ms"] for row in left[0]] == [NOW - 199 * DAY_MS]
    assert [item["text"] for item in left[1]] == ["201", "199"]
    assert await database.read(shifts.present) is not None


async def test_an_incident_whose_duplicate_stays_stays_too(database):
    service = Incidents(REGION)

    def fill(conn):
        for one in (press("btn-1"), press("btn-2")):
            service.panic(conn, one)
        first, second = conn.execute(select(incidents.c.id).order_by(incidents.c.number)).scalars()
        conn.execute(incidents.update().where(incidents.c.id == first).values(closed_ms=NOW - 201 * DAY_MS))
        recent = {"closed_ms": NOW - DAY_MS, "parent_id": first}
        conn.execute(incidents.update().where(incidents.c.id == second).values(recent))

    await database.write(fill)
    gone = await retention(database).look()
    assert "logs" in gone, "the pass went to its end"
    assert await count(database, incidents) == 2


async def test_refused_records_go_with_the_logs(database):
    letter = {
        "topic": "t", "reason": "kind", "detail": "", "payload": b"x", "times": 1, "first_ms": 0,
    }  # fmt: skip
    rows = [letter | {"key": str(age), "last_ms": NOW - age * DAY_MS} for age in (39, 41)]
    await database.write(lambda conn: conn.execute(dead_letters.insert(), rows))
    assert (await retention(database).look())["logs"] == 1
    assert await database.read(lambda conn: conn.execute(select(dead_letters.c.key)).scalars().all()) == [
        "39"
    ]


async def test_the_trail_is_cut_and_still_proves_itself(database):
    for n in range(10):
        at_ms = NOW - (400 - 20 * n) * DAY_MS
        await database.write(lambda conn, at_ms=at_ms: audit.record(conn, "siti", "x", "y", now_ms=at_ms))
    before = await database.read(audit.head)
    assert (await retention(database).look())["audit"] == 5
    assert await count(database, trail_rows) == 6
    assert await database.read(audit.first_fault) is None
    assert await database.read(lambda conn: audit.first_fault(conn, anchor=before)) is None
    assert (await retention(database).look())["audit"] == 0


async def test_a_beginning_that_somebody_else_cut_off_is_found(database):
    for _ in range(10):
        await database.write(lambda conn: audit.record(conn, "siti", "x", "y", now_ms=NOW))
    await database.write(lambda conn: conn.execute(trail_rows.delete().where(trail_rows.c.n <= 4)))
    assert await database.read(audit.first_fault) == "row 1 is missing"


async def test_a_trail_that_was_tampered_with_is_not_cut(database):
    for _ in range(4):
        await database.write(lambda conn: audit.record(conn, "siti", "x", "y", now_ms=NOW - 400 * DAY_MS))
    await database.write(
        lambda conn: conn.execute(trail_rows.update().where(trail_rows.c.n == 2).values(actor="z"))
    )
    assert (await retention(database).look())["audit"] == 0
    assert await count(database, trail_rows) == 4


async def erase(db, person, *, now_ms=NOW):
    swept = await erasure.sweep(db, {person.subject: now_ms})
    await db.write(
        lambda conn: erasure.record(
            conn, person, swept.scans, actor="cli", reason="permintaan", now_ms=now_ms
        )
    )
    return swept.scans


async def test_a_person_is_erased_and_nobody_else(database):
    await put(database, *(scan(n, SITI if n % 2 else BUDI, age_days=1) for n in range(1, 2501)))
    assert (await erasure.sweep(database, {SITI.subject: NOW}, dry=True)).scans == 1250
    assert await count(database, events) == 2500, "a dry run changes nothing"
    assert await erase(database, SITI) == 1250
    assert await erase(database, Person("2025z", BUDI.who)) == 0, "another key's pseudonym is another person"
    assert await count(database, events) == 1250
    (row,) = [row for row in await database.read(audit.listed) if row["detail"]["scans"] == 1250]
    assert SITI.who not in json.dumps(row)


async def test_what_a_gateway_or_a_backup_brings_back_is_erased_again(database):
    """The same scan again, as a gateway sends it whose hub was restored; and a scan after the erasure, which stays."""
    await erase(database, SITI)
    await put(database, scan(1, SITI, age_days=1), scan(2, SITI, age_days=-1), scan(3, BUDI, age_days=1))
    worker = retention(database, now_ms=NOW + 2 * DAY_MS)
    assert (await worker.look())["erased"] == 1
    assert await database.read(
        lambda conn: conn.execute(select(events.c.seq).order_by(events.c.seq)).scalars().all()
    ) == [2, 3]
    await put(database, scan(4, SITI, age_days=2))
    assert (await worker.look())["erased"] == 1, "only what is new is read, and that is"


async def test_an_erasure_that_was_cut_off_is_ended(database):
    """The command died after it had put the erasure on record, long after these rows were looked at."""
    await put(database, scan(1, SITI, age_days=1))
    await erase(database, BUDI)
    worker = retention(database, now_ms=NOW + 1)
    assert (await worker.look())["erased"] == 0
    await database.write(
        lambda conn: erasure.record(conn, SITI, 0, actor="cli", reason="permintaan", now_ms=NOW)
    )
    assert (await worker.look())["erased"] == 1
    assert await numbers(database) == []


async def test_an_erasure_that_a_restored_backup_forgot_is_remembered_by_the_file_elsewhere(
    database, tmp_path
):
    noted = tmp_path / "jejak.jsonl"
    noted.write_text(json.dumps({"erased": SITI.subject, "at_ms": NOW}) + "\nhalf a li")
    await put(database, scan(1, SITI, age_days=1), scan(2, SITI, age_days=-1))
    worker = retention(database, now_ms=NOW + 3 * DAY_MS, noted=noted)
    assert (await worker.look())["erased"] == 1
    assert await database.read(erasure.on_record) == {SITI.subject: NOW}
    assert await numbers(database) == [2]


async def test_nothing_of_an_erased_person_can_be_read_from_the_file(tmp_path):
    from hub.db import Database

    path = tmp_path / "hub.sqlite"
    db = Database(f"sqlite:///{path}")
    db.open()
    await put(db, *(scan(n, SITI if n % 2 else BUDI, age_days=1) for n in range(1, 400)))
    await erase(db, SITI)
    db.close()
    bytes_of_all = await asyncio.to_thread(
        lambda: b"".join(one.read_bytes() for one in tmp_path.glob("hub.sqlite*"))
    )
    assert BUDI.who.encode() in bytes_of_all, "the search finds who is there"
    assert SITI.who.encode() not in bytes_of_all
    assert sqlite3.connect(path).execute("SELECT count(*) FROM events").fetchone() == (199,)


class Asked:
    """An InfluxDB that notes what it is asked."""

    config = InfluxConfig(url="http://127.0.0.1:1", database="siaga")

    def __init__(self):
        self.queries = []

    async def query(self, query):
        self.queries.append(query)
        return [{"name": "autogen", "duration": "0s", "default": True}]


@pytest.mark.parametrize(("days", "altered"), [(None, 0), (0, 0), (77, 1)])
async def test_how_long_samples_are_kept_is_changed_only_where_it_is_configured(database, days, altered):
    series = {name: Asked() for name in SERIES}
    periods = Periods({**DAYS, "telemetry": 77, "minute": days, "long": None})
    await Retention(periods, database, At(NOW), series=series, noted=None).look()
    asked = {
        name: len([query for query in influx.queries if query.startswith("ALTER")])
        for name, influx in series.items()
    }
    assert asked == {"telemetry": 1, "minute": altered, "long": 0}


@pytest.mark.parametrize("name", [*SERIES, *CLASSES])
def test_every_class_can_be_configured(name):
    from hub.config import RetentionSection

    assert RetentionSection(**{f"{name}_days": 77}).by_class == {**dict.fromkeys(SERIES), **CLASSES, name: 77}
