"""The audit trail: every change is in it, and whoever touches it is found out."""

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlalchemy import StaticPool, create_engine, select

import hub.tables  # noqa: F401
from hub.api import audit
from hub.api.audit import Head
from hub.api.tables import audit as rows
from hub.api.tables import audit_head
from hub.chain import START, digest, first_break
from hub.db import metadata
from hub.incidents.service import Incidents
from hub.notify import outbox
from hub.notify.policy import Priority
from tests.hub.api.conftest import PASSWORD
from tests.hub.city import NOW, REGION, press

SOME = 6


@pytest.fixture(scope="module")
def engine():
    made = create_engine("sqlite://", poolclass=StaticPool)
    metadata.create_all(made)
    return made


@pytest.fixture
def conn(engine):
    """A trail with some rows."""
    with engine.connect() as connection:
        for n in range(SOME):
            audit.record(connection, "siti", "incident.verify", f"i{n}", {"note": "ya"}, now_ms=NOW + n)
        yield connection
        connection.rollback()


def test_a_trail_that_nobody_touched_holds(conn):
    assert audit.first_fault(conn) is None
    assert audit.first_fault(conn, anchor=audit.head(conn)) is None
    assert [row["n"] for row in audit.listed(conn)] == list(range(SOME, 0, -1))
    assert [row["n"] for row in audit.listed(conn, before=3)] == [2, 1]


def test_an_empty_trail_holds(engine):
    with engine.connect() as connection:
        assert audit.head(connection) == Head(0, START)
        assert audit.first_fault(connection) is None


COLUMNS = ["n", "at_ms", "actor", "action", "subject", "detail", "digest"]


def tamper(conn, place, at, flip):
    """Change one byte of a value, as whoever edits the file can: to whatever, also to bytes that are no text."""
    table, column, where = place
    old = conn.exec_driver_sql(f"SELECT {column} FROM {table} WHERE {where}").scalar_one()
    if isinstance(old, int):
        conn.exec_driver_sql(
            f"UPDATE {table} SET {column} = ? WHERE {where}", (old ^ (flip << (8 * (1 + at % 5))),)
        )
        return
    data = bytearray(old.encode())
    data[at % len(data)] ^= flip
    conn.exec_driver_sql(f"UPDATE {table} SET {column} = CAST(? AS TEXT) WHERE {where}", (bytes(data),))


@settings(max_examples=400, deadline=None)
@given(
    n=st.integers(1, SOME),
    column=st.sampled_from(COLUMNS),
    at=st.integers(0, 100),
    flip=st.integers(1, 255),
)
@example(n=2, column="actor", at=0, flip=0x80)
@example(n=SOME, column="digest", at=63, flip=1)
def test_the_row_of_any_byte_that_was_changed_is_named(engine, n, column, at, flip):
    with engine.connect() as connection:
        for m in range(SOME):
            audit.record(connection, "siti", "incident.verify", f"i{m}", {"note": "ya"}, now_ms=NOW + m)
        tamper(connection, ("audit", column, f"n = {n}"), at, flip)
        fault = audit.first_fault(connection)
        after = f"rows after {n - 1} are missing" if n == SOME and column == "n" else ""
        assert re.match(rf"row {n}\b", fault) or fault == after, (fault, n, column)
        connection.rollback()


@settings(max_examples=60, deadline=None)
@given(column=st.sampled_from(["n", "digest"]), at=st.integers(0, 63), flip=st.integers(1, 255))
def test_any_byte_of_the_head_row_that_was_changed_is_found(engine, column, at, flip):
    with engine.connect() as connection:
        for m in range(SOME):
            audit.record(connection, "siti", "incident.verify", f"i{m}", {"note": "ya"}, now_ms=NOW + m)
        tamper(connection, ("audit_head", column, "id = 1"), at, flip)
        assert audit.first_fault(connection) is not None
        connection.rollback()


@pytest.mark.parametrize("n", range(1, SOME + 1))
def test_a_row_that_was_removed_is_found(conn, n):
    conn.execute(rows.delete().where(rows.c.n == n))
    assert audit.first_fault(conn) is not None


def test_rows_that_changed_places_are_found(conn):
    conn.execute(rows.update().where(rows.c.n == 2).values(n=99))
    conn.execute(rows.update().where(rows.c.n == 3).values(n=2))
    conn.execute(rows.update().where(rows.c.n == 99).values(n=3))
    assert audit.first_fault(conn) is not None


def test_a_tail_that_was_cut_off_with_its_head_is_found_by_a_noted_head(conn):
    noted = audit.head(conn)
    conn.execute(rows.delete().where(rows.c.n > 3))
    third = conn.execute(select(rows.c.digest).where(rows.c.n == 3)).scalar_one()
    conn.execute(audit_head.update().values(n=3, digest=third))
    assert audit.first_fault(conn) is None
    assert audit.first_fault(conn, anchor=noted) is not None


def test_a_history_that_was_written_anew_is_found_by_a_noted_head(conn):
    noted = audit.head(conn)
    conn.execute(rows.delete())
    conn.execute(audit_head.delete())
    for n in range(SOME + 2):
        audit.record(conn, "budi", "incident.verify", f"i{n}", now_ms=NOW + n)
    assert audit.first_fault(conn) is None
    assert audit.first_fault(conn, anchor=noted) is not None


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=5) | st.integers() | st.none(), max_size=4))
def test_a_digest_depends_on_every_field_and_not_on_their_order(fields):
    one = digest(START, fields)
    assert one == digest(START, dict(reversed(fields.items())))
    assert one != digest("1" * 64, fields)
    assert one != digest(START, {**fields, "another": "1"})
    assert first_break([(fields, one)]) is None
    assert first_break([(fields, one[:-1])]) == 0


async def test_every_kind_of_change_by_the_api_is_in_the_trail_by_the_name_of_who_made_it(hub):
    await hub.write(lambda conn: Incidents(REGION).panic(conn, press()))
    await hub.write(lambda conn: [enqueue(conn, name) for name in ("n1", "n2")])
    async with hub.login("siti", "operator", "dispatcher", "admin") as siti:
        (incident,) = (await siti.get("/api/incidents")).json()["incidents"]
        alarm, *_ = (await siti.get("/api/alarms")).json()["alarms"]
        one = f"/api/incidents/{incident['id']}"
        user = {"name": "budi", "roles": ["viewer"], "password": PASSWORD}
        keys = {"note": "uji", "keys": ["n1/desk-hook"]}
        for path, body, action in (
            (f"{one}/acknowledge", {}, "incident.acknowledge"),
            (f"{one}/notes", {"note": "x"}, "incident.note"),
            (f"{one}/claim", {"version": 1}, "incident.claim"),
            (f"{one}/let-go", {"version": 2}, "incident.let_go"),
            (f"{one}/verify", {"version": 3}, "incident.verify"),
            (f"{one}/assign", {"version": 4, "agency": "damkar"}, "incident.assign"),
            (f"/api/alarms/{alarm['id']}/acknowledge", {}, "alarm.acknowledge"),
            ("/api/notices/release", keys, "notice.release"),
            ("/api/notices/discard", {**keys, "keys": ["n2/desk-hook"]}, "notice.discard"),
            ("/api/users", user, "user.add"),
            ("/api/users/budi", {"active": False}, "user.change"),
            ("/api/logout", {}, "logout"),
        ):
            answer = await siti.post(path, json=body)
            assert answer.status_code == 200, (path, answer.text)
            (newest,) = await hub.read(lambda conn: audit.listed(conn, limit=1))
            assert (newest["actor"], newest["action"]) == ("siti", action)
    assert await hub.read(audit.first_fault) is None


async def test_a_change_that_fails_is_not_in_the_trail(hub):
    await hub.write(lambda conn: Incidents(REGION).panic(conn, press()))
    async with hub.login("siti", "operator") as siti:
        (incident,) = (await siti.get("/api/incidents")).json()["incidents"]
        before = await hub.read(audit.head)
        for step, body in (("verify", {"version": 7}), ("arrive", {"version": 1}), ("notes", {"note": " "})):
            answer = await siti.post(f"/api/incidents/{incident['id']}/{step}", json=body)
            assert answer.status_code == 409
        assert await hub.read(audit.head) == before


async def test_an_auditor_sees_and_checks_the_trail(hub):
    async with hub.login("ani", "auditor") as ani:
        found = (await ani.get("/api/audit/check")).json()
        assert found["fault"] is None
        head = found["head"]
        assert (await ani.get("/api/audit/check", params=head)).json()["fault"] is None
        await hub.write(lambda conn: conn.execute(rows.update().where(rows.c.n == 1).values(actor="x")))
        assert (await ani.get("/api/audit/check")).json()["fault"] is not None
        assert (await ani.get("/api/audit")).json()["rows"][0]["n"] == head["n"]


def enqueue(conn, name):
    notice = outbox.Notice(
        key=name,
        desk="bpbd",
        channels=("desk-hook",),
        kind="panic",
        subject="x",
        title="t",
        text="t",
        priority=Priority.HIGH,
        held="uji",
    )
    outbox.enqueue(conn, notice, now_ms=NOW)
