"""The record of a commissioning is added to, signed, and shows whoever changes it; on both databases."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from hub.commissioning import record
from hub.commissioning.errors import CommissioningError
from hub.commissioning.jpeg import Photo
from hub.commissioning.tables import entries, photos

NOW = 1_795_000_000_000


def said(n=0):
    return {"actor": "tono", "now_ms": NOW + n}


async def test_one_is_open_at_a_time_and_what_is_signed_is_closed(database):
    def run(conn):
        first = record.begin(conn, "gw-1", "pos", **said())
        assert record.begin(conn, "gw-1", "pos", actor="lain", now_ms=NOW + 1) == first, "it is gone on with"
        assert record.begin(conn, "gw-2", "pos", **said()) != first
        record.enter(conn, "gw-1", "device:a", "bad", note="kabel", **said(2))
        record.enter(conn, "gw-1", "device:a", "good", data={"values": {"level_m": 1.5}}, **said(3))
        n, digest = record.keep_photo(conn, "gw-1", Photo(b"jpeg", 4, 3), **said(4))
        assert (n, len(digest)) == (3, 64)
        record.sign(conn, "gw-1", data={"signer": "Tono"}, **said(5))
        found = record.newest(conn, "gw-1")
        assert found.outcomes == {"device:a": "good", "photo": "good", "signature": "signed"}
        assert found.signed_by == "tono"
        assert record.photo(conn, "gw-1", found.photos[0].data["photo"]) == b"jpeg"
        assert record.photo(conn, "gw-2", found.photos[0].data["photo"]) is None, "another gateway's"
        for late in (
            lambda: record.enter(conn, "gw-1", "device:a", "bad", **said(6)),
            lambda: record.sign(conn, "gw-1", data={}, **said(6)),
            lambda: record.keep_photo(conn, "gw-1", Photo(b"x", 1, 1), **said(6)),
        ):
            with pytest.raises(CommissioningError):
                late()
        assert record.begin(conn, "gw-1", "pos", **said(7)) > first
        assert record.newest(conn, "gw-1").entries == ()
        return first

    first = await database.write(run)
    assert await database.read(lambda conn: record.broken_at(conn, first)) is None


@pytest.mark.parametrize(
    ("table", "values", "place"),
    [
        (entries, {"outcome": "good"}, 1),
        (entries, {"actor": "lain"}, 1),
        (entries, {"data": "{}"}, 1),
        (entries, {"at_ms": 1}, 1),
        (photos, {"jpeg": b"other"}, 2),
    ],
)
async def test_what_was_changed_afterwards_is_found(database, table, values, place):
    def write(conn):
        number = record.begin(conn, "gw-1", "pos", **said())
        record.enter(conn, "gw-1", "ruler:hulu", "bad", data={"difference_mm": 90}, note="x", **said())
        record.keep_photo(conn, "gw-1", Photo(b"jpeg", 4, 3), **said())
        return number

    number = await database.write(write)
    assert await database.read(lambda conn: record.broken_at(conn, number)) is None
    where = entries.c.n == 1 if table is entries else photos.c.id > 0
    await database.write(lambda conn: conn.execute(update(table).where(where).values(values)))
    assert await database.read(lambda conn: record.broken_at(conn, number)) == place


async def test_photos_and_entries_have_an_end(database):
    def fill(conn):
        record.begin(conn, "gw-1", "pos", **said())
        for _ in range(record.MOST_PHOTOS):
            record.keep_photo(conn, "gw-1", Photo(b"jpeg", 4, 3), **said())
        with pytest.raises(CommissioningError):
            record.keep_photo(conn, "gw-1", Photo(b"jpeg", 4, 3), **said())

    await database.write(fill)
