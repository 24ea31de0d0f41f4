"""The directory's versions in SQL. Every function is part of the caller's transaction."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from hub.agencies.reading import NAMES, Texts, version_of
from hub.agencies.tables import directory_versions
from hub.errors import HubError

KEPT = 50
"""Versions that are kept: they hold people's telephone numbers. The audit trail has every change for longer."""


class DirectoryConflictError(HubError):
    """Somebody else changed the directory meanwhile."""


@dataclass(frozen=True, slots=True)
class Version:
    """The directory as it is or was in force.

    Attributes:
        n: counts up.
        profile: version of the profile's files when it came into force.
        actor: a user's name; ``hub`` where the profile's files were taken.
    """

    n: int
    version: str
    profile: str
    at_ms: int
    actor: str
    texts: Texts


def newest(conn: Connection) -> Version | None:
    """What is in force; None before the first start."""
    rows = conn.execute(select(directory_versions).order_by(directory_versions.c.id.desc()).limit(1))
    row = rows.one_or_none()
    return None if row is None else _version(row)


def listed(conn: Connection, limit: int = KEPT) -> list[dict[str, Any]]:
    """The versions without their texts, the newest first."""
    columns = [column for column in directory_versions.c if column.name != "texts"]
    found = select(*columns).order_by(directory_versions.c.id.desc()).limit(limit)
    return [dict(row._mapping) for row in conn.execute(found)]


def put(
    conn: Connection, texts: Texts, *, profile: str, actor: str, expected: str | None, now_ms: int
) -> Version:
    """Put the files of a directory into force.

    Args:
        expected: version that the person saw; None where nothing was in force.

    Raises:
        DirectoryConflictError: another is in force.
    """
    last = newest(conn)
    if (last.version if last else None) != expected:
        raise DirectoryConflictError("the directory was changed meanwhile", "read it again")
    values = {
        "version": version_of(texts),
        "profile": profile,
        "at_ms": now_ms,
        "actor": actor,
        "texts": json.dumps(dict(texts), ensure_ascii=False),
    }
    key = conn.execute(insert(directory_versions).values(**values)).inserted_primary_key
    assert key is not None
    conn.execute(delete(directory_versions).where(directory_versions.c.id <= key[0] - KEPT))
    return Version(key[0], version_of(texts), profile, now_ms, actor, texts)


def exported(conn: Connection, version: Version) -> Version:
    """Note that the profile's files say what is in force."""
    row = directory_versions.c.id == version.n
    conn.execute(update(directory_versions).where(row).values(profile=version.version))
    return replace(version, profile=version.version)


def _version(row: Row[Any]) -> Version:
    held: Mapping[str, str] = json.loads(row.texts)
    texts = {name: held.get(name, "") for name in NAMES}
    return Version(row.id, row.version, row.profile, row.at_ms, row.actor, texts)
