"""What rules have to outlive a hub, in SQL. Every function is part of the caller's transaction."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass

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


@dataclass(frozen=True, slots=True)
class Version:
    """Rules that came into force.

    Attributes:
        n: counts up with each.
        text: rules.toml as it was read.
    """

    n: int
    version: str
    at_ms: int
    text: str


def versions(conn: Connection, limit: int) -> list[Version]:
    """The newest versions, newest first."""
    rows = conn.execute(select(rule_versions).order_by(rule_versions.c.id.desc()).limit(limit))
    return [Version(row.id, row.version, row.at_ms, row.text) for row in rows]


def version(conn: Connection, n: int) -> tuple[Version, Version | None] | None:
    """A version, and the one before it; None where there is no such version."""
    rows = conn.execute(
        select(rule_versions).where(rule_versions.c.id <= n).order_by(rule_versions.c.id.desc()).limit(2)
    )
    found = [Version(row.id, row.version, row.at_ms, row.text) for row in rows]
    if not found or found[0].n != n:
        return None
    return found[0], found[1] if len(found) > 1 else None


def last_text(conn: Connection) -> str | None:
    """rules.toml as it was last in force; None where none ever was."""
    newest = select(rule_versions.c.text).order_by(rule_versions.c.id.desc()).limit(1)
    return conn.execute(newest).scalar_one_or_none()
