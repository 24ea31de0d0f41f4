"""What people do to the watch: take it over, join it, say that they hear the alarms, leave a note and items.

Every function is part of the caller's transaction. One shift is the present one, or none is: before the first.
"""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Connection, insert, select, update

from hub.db import upsert
from hub.errors import HubError
from hub.shifts.left import left_open
from hub.shifts.tables import shift_items, shift_people, shifts


class ShiftError(HubError):
    """The watch is not such that this can be done."""


def take(
    conn: Connection, user: str, *, expected: int | None, name: str, heard: bool = False, now_ms: int
) -> int:
    """Take the watch over: the present shift ends with what is open written down, and a new one begins.

    Args:
        expected: the shift that the person saw; None where none was.
        name: what the roster calls the new one.
        heard: they have just heard the sound of an alarm.

    Returns:
        The number of the new shift.

    Raises:
        ShiftError: somebody else has taken it meanwhile.
    """
    present = _present(conn)
    if present != expected:
        raise ShiftError("somebody else has taken the watch meanwhile", "join it instead")
    if present is not None:
        _everybody_leaves(conn, present, now_ms)
        left = json.dumps(left_open(conn), ensure_ascii=False)
        conn.execute(update(shifts).where(shifts.c.id == present).values(ended_ms=now_ms, left=left))
    values = {"name": name, "began_ms": now_ms, "began_by": user, "note": "", "left": ""}
    key = conn.execute(insert(shifts).values(**values)).inserted_primary_key
    assert key is not None
    number: int = key[0]
    join(conn, user, now_ms=now_ms)
    if heard:
        hear(conn, user, now_ms=now_ms)
    return number


def join(conn: Connection, user: str, *, now_ms: int) -> None:
    """Be on watch beside those who are. Idempotent; who has left comes back, and has to hear the sound again.

    Raises:
        ShiftError: nobody has taken the watch yet.
    """
    number = _must(conn)
    if _is_on(conn, number, user):
        return
    values = {"shift_id": number, "user": user, "joined_ms": now_ms, "sound_ms": None, "left_ms": None}
    upsert(
        conn,
        shift_people,
        values,
        key=["shift_id", "user"],
        update=["joined_ms", "sound_ms", "left_ms"],
    )


def leave(conn: Connection, user: str, *, now_ms: int) -> None:
    """Be on watch no longer; the shift goes on, with the others or with nobody.

    Raises:
        ShiftError: they are not on watch.
    """
    _change(conn, user, left_ms=now_ms)


def hear(conn: Connection, user: str, *, now_ms: int) -> None:
    """They have heard the sound of an alarm where they sit.

    Raises:
        ShiftError: they are not on watch.
    """
    _change(conn, user, sound_ms=now_ms)


def note(conn: Connection, user: str, line: str) -> None:
    """Add a line to what the shift leaves to the next. Nothing of it is taken away again.

    Raises:
        ShiftError: nobody has the watch, or the line is empty.
    """
    number = _must(conn)
    if not line.strip():
        raise ShiftError("the note is empty", "write what the next shift must know")
    before = conn.execute(select(shifts.c.note).where(shifts.c.id == number)).scalar_one()
    whole = f"{before}\n{line.strip()}" if before else line.strip()
    conn.execute(update(shifts).where(shifts.c.id == number).values(note=whole, noted_by=user))


def add_item(conn: Connection, user: str, text: str, *, now_ms: int) -> None:
    """Write down something that is to be done, by this shift or another.

    Raises:
        ShiftError: it is empty.
    """
    if not text.strip():
        raise ShiftError("the item is empty", "write what is to be done")
    conn.execute(insert(shift_items).values(text=text.strip(), at_ms=now_ms, actor=user))


def finish_item(conn: Connection, user: str, item: int, *, now_ms: int) -> bool:
    """It is done; False where it was already. Idempotent.

    Raises:
        ShiftError: there is no such item.
    """
    if conn.execute(select(shift_items.c.id).where(shift_items.c.id == item)).first() is None:
        raise ShiftError(f"there is no item {item}")
    open_one = (shift_items.c.id == item, shift_items.c.done_ms.is_(None))
    return bool(
        conn.execute(update(shift_items).where(*open_one).values(done_ms=now_ms, done_by=user)).rowcount
    )


def _present(conn: Connection) -> int | None:
    found = select(shifts.c.id).where(shifts.c.ended_ms.is_(None)).order_by(shifts.c.id.desc()).limit(1)
    number: int | None = conn.execute(found.with_for_update()).scalar_one_or_none()
    return number


def _must(conn: Connection) -> int:
    number = _present(conn)
    if number is None:
        raise ShiftError("nobody has taken the watch yet", "take it over")
    return number


def _is_on(conn: Connection, number: int, user: str) -> bool:
    found = select(shift_people.c.user).where(
        shift_people.c.shift_id == number, shift_people.c.user == user, shift_people.c.left_ms.is_(None)
    )
    return conn.execute(found).first() is not None


def _everybody_leaves(conn: Connection, number: int, now_ms: int) -> None:
    there = (shift_people.c.shift_id == number, shift_people.c.left_ms.is_(None))
    conn.execute(update(shift_people).where(*there).values(left_ms=now_ms))


def _change(conn: Connection, user: str, **values: Any) -> None:
    number = _must(conn)
    if not _is_on(conn, number, user):
        raise ShiftError(f"{user} is not on watch", "take the watch over, or join it")
    theirs = (shift_people.c.shift_id == number, shift_people.c.user == user)
    conn.execute(update(shift_people).where(*theirs).values(**values))
