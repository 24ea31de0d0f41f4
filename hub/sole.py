"""One hub at a PostgreSQL database, by an advisory lock that the writing connection itself holds.

Two hubs at one database would judge each sample twice and send each notice twice. A lock of the session ends with the
connection, so it can neither outlive its hub for long nor be lost while that hub still writes.
"""

from __future__ import annotations

from typing import Any

from pg8000.exceptions import DatabaseError
from sqlalchemy import Engine, event

from hub.errors import AlreadyRunningError

KEY = 0x5349_4147_41
"""The lock's number: "SIAGA" in ASCII. Advisory locks are of one database, so cities on one server do not meet."""

KEEPALIVE = {"tcp_keepalives_idle": 10, "tcp_keepalives_interval": 5, "tcp_keepalives_count": 3}
"""Seconds, seconds, times: a hub whose machine died is let go after 25 s, not after the two hours of the system's
default, in which no other hub could start."""

PATIENCE = "3s"
"""How long for a hub that is just ending: the server lets go of the lock a moment after the connection is closed."""

_NOT_IN_TIME = "55P03"
"""PostgreSQL's code for a lock that was not to be had within ``lock_timeout``."""

_HOLDERS = """
SELECT a.pid, a.application_name FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.granted AND a.datname = current_database()
AND l.objsubid = 1 AND (l.classid::bigint << 32 | l.objid::bigint) = %s
"""


def hold(engine: Engine, name: str) -> None:
    """Let each new connection of a writing engine take the lock before it is used.

    Args:
        engine: of PostgreSQL, with one connection at a time.
        name: of this hub's life, unlike any other's. A connection of this name that still has the lock is our own
            from before the network broke, and is ended.
    """

    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        try:
            cursor.execute("SELECT set_config('application_name', %s, false)", (name,))
            for setting, value in KEEPALIVE.items():
                cursor.execute("SELECT set_config(%s, %s, false)", (setting, str(value)))
            taken = _take(cursor) or (_end_our_own(cursor, name) and _take(cursor)) or _wait(cursor)
            if taken:
                connection.commit()
            else:
                connection.rollback()  # the wait that timed out has failed the transaction
        finally:
            cursor.close()
        if not taken:
            connection.close()
            raise AlreadyRunningError(
                "another hub works at this PostgreSQL database",
                "one hub to a database; stop the other one first",
            )


def _take(cursor: Any) -> bool:
    cursor.execute("SELECT pg_try_advisory_lock(%s)", (KEY,))
    return bool(cursor.fetchone()[0])


def _wait(cursor: Any) -> bool:
    cursor.execute("SELECT set_config('lock_timeout', %s, true)", (PATIENCE,))
    try:
        cursor.execute("SELECT pg_advisory_lock(%s)", (KEY,))
    except DatabaseError as error:
        if error.args[0].get("C") != _NOT_IN_TIME:
            raise
        return False
    return True


def _end_our_own(cursor: Any, name: str) -> bool:
    """End our own connection of before; whether there was one. Waits until it has let go."""
    cursor.execute(_HOLDERS, (KEY,))
    ours = [pid for pid, application in cursor.fetchall() if application == name]
    for pid in ours:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
    return bool(ours)
