"""What is proven of a notice: sent, delivered, seen, acted are different facts, each with what proves it.

- ``sent``: a gateway or service has taken it. A modem that took an SMS proves no more.
- ``delivered``: it has arrived at the receiver's system or telephone: its own receiver answered, a network reported
  it, or its link was fetched (chat services fetch links by themselves, so this does not prove a person).
- ``seen``: a person has opened it.
- ``acted``: a person has answered.

A later fact implies that the earlier ones happened; it does not invent when. None is ever taken back.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

from sqlalchemy import Connection, select

from hub.db import upsert
from hub.notify.tables import facts, outbox

Fact = Literal["sent", "delivered", "seen", "acted"]

FACTS: tuple[Fact, ...] = get_args(Fact)


def note(conn: Connection, outbox_key: str, fact: Fact, how: str, *, now_ms: int) -> bool:
    """Put on record that something is proven; False where it was. The first proof stays."""
    row = {"outbox_key": outbox_key, "fact": fact, "at_ms": now_ms, "how": how}
    return upsert(conn, facts, row, key=("outbox_key", "fact"), update=())


def of(conn: Connection, incident_id: str) -> dict[str, dict[str, dict[str, Any] | None]]:
    """For each notice of an incident and each fact: when and by what it was proven, None where it is not."""
    keys = conn.execute(select(outbox.c.key).where(outbox.c.incident_id == incident_id)).scalars().all()
    return {key: dict(of_notice(conn, key)) for key in keys}


def of_notice(conn: Connection, outbox_key: str) -> Mapping[str, dict[str, Any] | None]:
    """The facts of one notice, as ``of`` gives them."""
    found: dict[str, dict[str, Any] | None] = dict.fromkeys(FACTS)
    for row in conn.execute(select(facts).where(facts.c.outbox_key == outbox_key)):
        found[row.fact] = {"at_ms": row.at_ms, "how": row.how}
    return found
