"""The audit trail: one function writes it, for every change, in the transaction of the change.

Rows are numbered without a gap and chained by digests, so that a changed, removed, inserted or reordered row shows.
Cutting off the newest rows shows against the head row, and against a head that was noted elsewhere.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update
from sqlalchemy.exc import DBAPIError

from hub.api.tables import audit, audit_head
from hub.chain import START, Field, digest
from hub.errors import HubError

Scalar = str | int | float | bool | None

MOST = 1000
"""Most rows in one answer."""

CUT = "audit.cut"
"""Action of the row that tells that the oldest rows were deleted when their time was over."""

_HEAD = re.compile(r"(\d{1,18}):([0-9a-f]{64})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Head:
    """The newest row of the trail; noted off the machine, it proves later that nothing was cut off.

    As text it is ``N:DIGEST``.
    """

    n: int
    digest: str

    def __str__(self) -> str:
        return f"{self.n}:{self.digest}"

    @classmethod
    def parse(cls, text: str) -> Head:
        """Read it back.

        Raises:
            HeadError: the text is none.
        """
        found = _HEAD.fullmatch(text.strip())
        if found is None:
            raise HeadError(f"{text!r} is no head of a trail", "as it was printed: N:DIGEST")
        return cls(int(found[1]), found[2])


class HeadError(HubError, ValueError):
    """What was given as a noted head is none."""


def record(
    conn: Connection,
    actor: str,
    action: str,
    subject: str,
    detail: Mapping[str, Scalar] | None = None,
    *,
    now_ms: int,
) -> Head:
    """Write who did what to what. No password, token or secret may be in the detail."""
    last = head(conn, hold=True)
    entry: dict[str, Field] = {
        "n": last.n + 1,
        "at_ms": now_ms,
        "actor": actor,
        "action": action,
        "subject": subject,
        "detail": json.dumps(dict(detail or {}), ensure_ascii=False, sort_keys=True),
    }
    new = Head(last.n + 1, digest(last.digest, entry))
    conn.execute(insert(audit).values(**entry, digest=new.digest))
    values = {"n": new.n, "digest": new.digest}
    if last.n:
        conn.execute(update(audit_head).where(audit_head.c.id == 1).values(values))
    else:
        conn.execute(insert(audit_head).values(id=1, **values))
    return new


def head(conn: Connection, *, hold: bool = False) -> Head:
    """The newest row's number and digest; number 0 while the trail is empty.

    Args:
        hold: keep other writers from adding a row until the transaction ends.
    """
    found = select(audit_head).where(audit_head.c.id == 1)
    row = conn.execute(found.with_for_update() if hold else found).one_or_none()
    return Head(row.n, row.digest) if row is not None else Head(0, START)


def first_fault(
    conn: Connection, *, anchor: Head | None = None, since: Head | None = None, until: int | None = None
) -> str | None:
    """What is wrong with the trail, at its first place; None where all of it holds.

    Args:
        anchor: a head that was noted elsewhere before.
        since: a head up to which the trail is known to hold; what is before it is not read again.
        until: the last row that matters; None: all, and that they end where the head row says.
    """
    if since is not None and since.n and _digest_at(conn, since.n) != since.digest:
        return f"row {since.n} is not the one that was noted"
    last = since or _beginning(conn)
    anchored = anchor is None or anchor.n <= last.n
    query = select(audit).where(audit.c.n > last.n).order_by(audit.c.n)
    rows = conn.execute(query if until is None else query.where(audit.c.n <= until))
    while True:
        try:
            row = rows.fetchone()
        except (DBAPIError, UnicodeDecodeError):
            # Bytes that are no text: SQLite keeps whatever is written into its file.
            return f"row {last.n + 1} cannot be read"
        if row is None:
            break
        if row.n != last.n + 1:
            return f"row {last.n + 1} is missing"
        last = Head(row.n, digest(last.digest, _fields(row)))
        if last.digest != row.digest:
            return f"row {row.n} was changed, or those before it were written anew"
        if anchor is not None and row.n == anchor.n:
            if last.digest != anchor.digest:
                return f"row {row.n} is not the one that was noted"
            anchored = True
    if until is not None:
        return None if last.n == until else f"row {last.n + 1} is missing"
    try:
        said = head(conn)
    except (DBAPIError, UnicodeDecodeError):
        return "the head row cannot be read"
    return _fault_of_head(last, said) or (None if anchored else f"rows after {last.n} are missing")


def _digest_at(conn: Connection, n: int) -> str | None:
    """The digest in a row; None where there is none that can be read."""
    with suppress(DBAPIError, UnicodeDecodeError):
        found = conn.execute(select(audit.c.digest).where(audit.c.n == n)).scalar()
        return None if found is None else str(found)
    return None


def _beginning(conn: Connection) -> Head:
    """What the first row follows on: nothing, or what was cut off when its time was over.

    A later row of the trail tells of the cut, and nobody can put one in without breaking the chain.
    """
    first = conn.execute(select(func.min(audit.c.n))).scalar()
    cuts = select(audit.c.detail).where(audit.c.action == CUT).order_by(audit.c.n.desc())
    if first is not None and first > 1:
        with suppress(DBAPIError, ValueError):  # a row that cannot be read is named when it is its turn
            for detail in conn.execute(cuts).scalars():
                told = json.loads(detail)
                if told["through"] == first - 1:
                    return Head(first - 1, str(told["digest"]))
    return Head(0, START)


def _fault_of_head(last: Head, said: Head) -> str | None:
    """Whether the row that says which row is the newest fits."""
    if said == last:
        return None
    if said.n > last.n:
        return f"rows after {last.n} are missing"
    return f"row {last.n} is not the one that the head row says"


def listed(conn: Connection, *, before: int | None = None, limit: int = 200) -> list[dict[str, Any]]:
    """Rows with their digests, the newest first, from below a number on."""
    query = select(audit).order_by(audit.c.n.desc()).limit(min(limit, MOST))
    if before is not None:
        query = query.where(audit.c.n < before)
    return [{**row._mapping, "detail": json.loads(row.detail)} for row in conn.execute(query)]


def _fields(row: Row[Any]) -> dict[str, Field]:
    return {name: value for name, value in row._mapping.items() if name != "digest"}
