"""The record of commissionings: begun, entered into, signed; never changed. Functions in the caller's transaction."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from hub.chain import START, Field, digest, first_break
from hub.commissioning.errors import CommissioningError
from hub.commissioning.jpeg import Photo
from hub.commissioning.tables import commissionings, entries, photos

MOST_PHOTOS = 12
MOST_ENTRIES = 500

SIGNATURE = "signature"


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry as people see it."""

    n: int
    item: str
    at_ms: int
    actor: str
    outcome: str
    note: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Record:
    """A commissioning with all its entries, oldest first."""

    id: int
    gateway: str
    begun_ms: int
    begun_by: str
    signed_ms: int | None
    signed_by: str | None
    entries: tuple[Entry, ...]

    @property
    def latest(self) -> dict[str, Entry]:
        """The entry that counts, by item."""
        return {entry.item: entry for entry in self.entries}

    @property
    def outcomes(self) -> dict[str, str]:
        """What was found of each item at last."""
        return {item: entry.outcome for item, entry in self.latest.items()}

    @property
    def photos(self) -> list[Entry]:
        """Every photo's entry."""
        return [entry for entry in self.entries if "photo" in entry.data]


def begin(conn: Connection, gateway: str, site: str, *, actor: str, now_ms: int) -> int:
    """A new commissioning of a gateway, or the one that is open; its id."""
    found = _open(conn, gateway)
    if found is not None:
        return found
    values = {"gateway": gateway, "site": site, "begun_ms": now_ms, "begun_by": actor}
    key = conn.execute(insert(commissionings).values(values)).inserted_primary_key
    assert key is not None
    return int(key[0])


def enter(
    conn: Connection,
    gateway: str,
    item: str,
    outcome: str,
    *,
    actor: str,
    now_ms: int,
    data: Mapping[str, Any] | None = None,
    note: str = "",
) -> tuple[int, str]:
    """Add an entry to the open commissioning of a gateway; its number and digest.

    Raises:
        CommissioningError: none is open, or it is full.
    """
    number = _open(conn, gateway)
    if number is None:
        raise CommissioningError("no commissioning of this gateway is open", "begin one")
    last = conn.execute(
        select(entries.c.n, entries.c.digest)
        .where(entries.c.commissioning_id == number)
        .order_by(entries.c.n.desc())
        .limit(1)
    ).one_or_none()
    n = last.n + 1 if last else 1
    if n > MOST_ENTRIES:
        raise CommissioningError("this commissioning has too many entries", "sign it, or begin anew")
    entry: dict[str, Field] = {
        "commissioning_id": number,
        "n": n,
        "item": item,
        "at_ms": now_ms,
        "actor": actor,
        "outcome": outcome,
        "note": note,
        "data": json.dumps(dict(data or {}), ensure_ascii=False, sort_keys=True),
    }
    sealed = digest(last.digest if last else START, entry)
    conn.execute(insert(entries), {**entry, "digest": sealed})
    return n, sealed


def keep_photo(conn: Connection, gateway: str, photo: Photo, *, actor: str, now_ms: int) -> tuple[int, str]:
    """Keep a photo with the open commissioning of a gateway; number and digest of its entry.

    Raises:
        CommissioningError: none is open, or it has enough photos.
    """
    number = _open(conn, gateway)
    if number is None:
        raise CommissioningError("no commissioning of this gateway is open", "begin one")
    there = conn.execute(
        select(func.count()).select_from(photos).where(photos.c.commissioning_id == number)
    ).scalar_one()
    if there >= MOST_PHOTOS:
        raise CommissioningError(f"{MOST_PHOTOS} photos are enough")
    values = {"commissioning_id": number, "at_ms": now_ms, "jpeg": photo.data}
    key = conn.execute(insert(photos).values(values)).inserted_primary_key
    assert key is not None
    data = {
        "photo": int(key[0]),
        "sha256": hashlib.sha256(photo.data).hexdigest(),
        "width": photo.width,
        "height": photo.height,
    }
    return enter(conn, gateway, "photo", "good", actor=actor, now_ms=now_ms, data=data)


def sign(
    conn: Connection, gateway: str, *, actor: str, now_ms: int, data: Mapping[str, Any]
) -> tuple[int, str]:
    """Close the open commissioning of a gateway; number and digest of the last entry, which covers all of it.

    Raises:
        CommissioningError: none is open.
    """
    sealed = enter(conn, gateway, SIGNATURE, "signed", actor=actor, now_ms=now_ms, data=data)
    conn.execute(
        update(commissionings)
        .where(commissionings.c.gateway == gateway, commissionings.c.signed_ms.is_(None))
        .values(signed_ms=now_ms, signed_by=actor)
    )
    return sealed


def newest(conn: Connection, gateway: str) -> Record | None:
    """The last commissioning of a gateway, open or signed."""
    row = conn.execute(
        select(commissionings)
        .where(commissionings.c.gateway == gateway)
        .order_by(commissionings.c.id.desc())
        .limit(1)
    ).one_or_none()
    return None if row is None else _record(row, _rows(conn, row.id))


def listed(conn: Connection) -> dict[str, Row[Any]]:
    """The last commissioning of each gateway, without its entries."""
    rows = conn.execute(select(commissionings).order_by(commissionings.c.id))
    return {row.gateway: row for row in rows}


def photo(conn: Connection, gateway: str, number: int) -> bytes | None:
    """A photo of a gateway, None where it has none of that number."""
    found = (
        select(photos.c.jpeg)
        .join_from(photos, commissionings)
        .where(photos.c.id == number, commissionings.c.gateway == gateway)
    )
    row = conn.execute(found).one_or_none()
    return None if row is None else bytes(row.jpeg)


def broken_at(conn: Connection, number: int) -> int | None:
    """Number of the first entry of a commissioning that was tampered with, None where all of it holds."""
    rows = _rows(conn, number)
    at = first_break((_fields(row), row.digest) for row in rows)
    if at is not None:
        return at + 1
    for row in rows:
        data = json.loads(row.data)
        if "photo" in data:
            found = select(photos.c.jpeg).where(photos.c.id == data["photo"])
            jpeg = conn.execute(found).scalar()
            if jpeg is None or hashlib.sha256(jpeg).hexdigest() != data["sha256"]:
                return int(row.n)
    return None


def _open(conn: Connection, gateway: str) -> int | None:
    found = select(commissionings.c.id).where(
        commissionings.c.gateway == gateway, commissionings.c.signed_ms.is_(None)
    )
    return conn.execute(found).scalar()


def _rows(conn: Connection, number: int) -> list[Row[Any]]:
    found = select(entries).where(entries.c.commissioning_id == number).order_by(entries.c.n)
    return list(conn.execute(found))


def _record(row: Row[Any], found: list[Row[Any]]) -> Record:
    said = tuple(
        Entry(one.n, one.item, one.at_ms, one.actor, one.outcome, one.note, json.loads(one.data))
        for one in found
    )
    return Record(row.id, row.gateway, row.begun_ms, row.begun_by, row.signed_ms, row.signed_by, said)


def _fields(row: Row[Any]) -> dict[str, Field]:
    return {name: value for name, value in row._mapping.items() if name != "digest"}
