"""Questions that everybody was asked and nobody has answered are an alarm, until none is left."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from hub.alarms.register import clear_alarm, raise_alarm
from hub.alarms.steps import Fingerprint
from hub.escalation.tables import escalations

SEVERITY = 3
NOBODY = Fingerprint("", "", "escalation", "", "escalation_exhausted")


def judge(conn: Connection, *, now_ms: int, before: str, after: str) -> None:
    """Raise or clear the alarm, after an escalation has gone from one state to another."""
    if "exhausted" not in (before, after) or before == after:
        return
    count = conn.execute(
        select(func.count()).select_from(escalations).where(escalations.c.state == "exhausted")
    ).scalar_one()
    if count:
        more = after == "exhausted"
        raise_alarm(conn, NOBODY, severity=SEVERITY, now_ms=now_ms, rearm=more, detail={"escalations": count})
    else:
        clear_alarm(conn, NOBODY, now_ms=now_ms)
