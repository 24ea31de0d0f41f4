"""Notices that wait for a person are an alarm until none does: nobody goes and looks for what nobody has told."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from hub.alarms.reads import active
from hub.alarms.register import acknowledge, clear_alarm, raise_alarm
from hub.alarms.steps import Fingerprint
from hub.notify.tables import outbox

SEVERITY = 2
WAITING = Fingerprint("", "", "outbox", "", "notice_held")


def judge(conn: Connection, *, now_ms: int, more: bool = False) -> None:
    """Raise or clear the alarm by what waits now.

    Args:
        more: something has begun to wait just now, so a person is to look again.
    """
    count = conn.execute(
        select(func.count()).select_from(outbox).where(outbox.c.state == "held")
    ).scalar_one()
    if count:
        raise_alarm(conn, WAITING, severity=SEVERITY, now_ms=now_ms, rearm=more, detail={"notices": count})
        return
    for alarm in active(conn):
        if alarm["condition"] == WAITING.condition:
            # Who released or discarded the last one has seen it: nobody has to look once more.
            acknowledge(conn, alarm["id"], actor="hub", now_ms=now_ms, note="released or discarded")
    clear_alarm(conn, WAITING, now_ms=now_ms)
