"""What rules have to outlive a hub, in SQL. Every function is part of the caller's transaction."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict

from sqlalchemy import Connection, delete, insert, select

from hub.db import upsert
from hub.rules.book import Book
from hub.rules.tables import rule_marks, rule_states, rule_versions
from hub.rules.verdict import Mark, Standing, Subject

_MOVING = ["epoch", "seq", "t_ms", "at_ms"]


def save(conn: Connection, standings: Iterable[Standing], marks: Iterable[Mark]) -> None:
    """Store how rules stand; a normal one needs no row."""
    for standing in standings:
        if standing.state == "normal":
            conn.execute(
                delete(rule_states).where(
                    rule_states.c.rule == standing.rule, rule_states.c.subject == str(standing.subject)
                )
            )
            continue
        values = {**asdict(standing), "subject": str(standing.subject)}
        moving = ["kind", "state", "since_ms", "last_ms"]
        upsert(conn, rule_states, values, key=["rule", "subject"], update=moving)
    for mark in marks:
        upsert(conn, rule_marks, asdict(mark), key=["gateway", "device"], update=_MOVING)


def restore(conn: Connection) -> tuple[list[Standing], list[Mark]]:
    """What was stored."""
    standings = [
        Standing(row.rule, row.kind, Subject(*row.subject.split("/")), row.state, row.since_ms, row.last_ms)
        for row in conn.execute(select(rule_states).order_by(rule_states.c.rule, rule_states.c.subject))
    ]
    marks = [Mark(**row._mapping) for row in conn.execute(select(rule_marks))]
    return standings, marks


def note_version(conn: Connection, book: Book, now_ms: int) -> bool:
    """Put on record that these rules are in force from now on; False where they were already."""
    newest = select(rule_versions.c.version).order_by(rule_versions.c.id.desc()).limit(1)
    if conn.execute(newest).scalar_one_or_none() == book.version:
        return False
    conn.execute(insert(rule_versions).values(version=book.version, at_ms=now_ms, text=book.text))
    return True


def last_text(conn: Connection) -> str | None:
    """rules.toml as it was last in force; None where none ever was."""
    newest = select(rule_versions.c.text).order_by(rule_versions.c.id.desc()).limit(1)
    return conn.execute(newest).scalar_one_or_none()
