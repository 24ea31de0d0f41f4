"""The life of the database: by its name gateways know whether the hub still is the one that they talked to."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection, delete, insert, select, update

from contract.messages import Incarnation
from hub.api.tables import sessions
from hub.escalation import register as escalation
from hub.ingest.tables import life
from hub.notify import outbox

EVER_MS = 2**62

RANDOM_BITS = 52
"""As many as every JSON reader keeps exactly."""


def incarnation(conn: Connection, *, now_ms: int, random: Callable[[int], int]) -> Incarnation:
    """Generation and random of this database; made where it is new.

    Args:
        random: gives that many random bits, as ``secrets.randbits``.
    """
    row = conn.execute(select(life.c.generation, life.c.random)).one_or_none()
    if row is not None:
        return row.generation, row.random
    made = (1, random(RANDOM_BITS))
    conn.execute(insert(life).values(id=1, generation=made[0], random=made[1], since_ms=now_ms))
    return made


def mark_restored(
    conn: Connection, *, now_ms: int, random: Callable[[int], int], above: int = 0
) -> tuple[Incarnation, int]:
    """Begin a new life after a backup was restored: gateways send again what this database lacks.

    What the outbox of the backup still had to say may have been said since, so it waits for a person; whom escalations
    were still to ask may have answered since, so nobody is asked, and an alarm says so. Sessions end: one that a person
    has ended since would be good again.

    Args:
        above: the generation is made higher than this too, for a backup older than an earlier restore.

    Returns:
        the new incarnation, and how many notices now wait.
    """
    generation, _ = incarnation(conn, now_ms=now_ms, random=random)
    made = (max(generation, above) + 1, random(RANDOM_BITS))
    conn.execute(update(life).values(generation=made[0], random=made[1], since_ms=now_ms))
    # Every row is of the backup, whatever the clock of the machine says that it was restored on.
    held = outbox.hold_older_than(conn, EVER_MS, now_ms=now_ms, reason="restored from a backup")
    escalation.hold_all(conn, now_ms=now_ms, reason="restored from a backup")
    conn.execute(delete(sessions))
    return made, held
