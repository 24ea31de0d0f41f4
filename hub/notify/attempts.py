"""Attempts to deliver, in SQL: an attempt is a row before it is made, and its outcome is written after.

So a crash between the two leaves a row that says ``started``: the message may have arrived. It is sent again under
the same key, and the row then says ``interrupted``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from hub.alarms.register import clear_alarm, raise_alarm
from hub.alarms.steps import Fingerprint
from hub.notify import outbox
from hub.notify.channels.base import Answer, Message
from hub.notify.policy import Priority, Retry, State, Step, judge
from hub.notify.tables import deliveries
from hub.notify.tables import outbox as rows

DETAIL_CHARS = 300
"""Most of an answer's text that is kept."""

GIVEN_UP_SEVERITY = 2
"""Severity (0..3) of the alarm of a channel that has not taken a notice."""

Lane = tuple[str, bool]
"""A channel, and whether for first attempts; these have places of their own, so that no backlog of failing ones is
ahead of a new notice."""


@dataclass(frozen=True, slots=True)
class Taken:
    """Messages whose attempts are on record now and must be made, and when the next row is due."""

    messages: tuple[Message, ...]
    next_due_ms: int | None


def recover(conn: Connection, *, now_ms: int) -> int:
    """At start: attempts that a crash interrupted are marked so, and their rows are due at once; how many."""
    started = deliveries.c.outcome == "started"
    found = len(conn.execute(select(deliveries.c.outbox_key).where(started)).all())
    conn.execute(update(deliveries).where(started).values(outcome="interrupted", finished_ms=now_ms))
    for key in conn.execute(select(rows.c.key).where(rows.c.state == "sending")).scalars().all():
        outbox.step(conn, key, "interrupt", now_ms=now_ms, reason="interrupted", due_ms=now_ms)
    return found


def take(conn: Connection, free: Callable[[Lane], int], *, now_ms: int) -> Taken:
    """Take what is due, the most urgent first, as far as its lane has free places."""
    due = (rows.c.state.in_(("waiting", "retrying")), rows.c.due_ms <= now_ms)
    lanes = conn.execute(select(rows.c.channel, rows.c.state).where(*due).distinct()).all()
    messages: list[Message] = []
    for channel, state in sorted((lane.channel, lane.state) for lane in lanes):
        places = free((channel, state == "waiting"))
        if places <= 0:
            continue
        found = conn.execute(
            select(rows)
            .where(rows.c.channel == channel, rows.c.state == state, rows.c.due_ms <= now_ms)
            .order_by(rows.c.priority, rows.c.due_ms, rows.c.key)
            .limit(places)
        ).all()
        messages += [_start(conn, row, now_ms) for row in found]
    later = select(func.min(rows.c.due_ms)).where(
        rows.c.state.in_(("waiting", "retrying")), rows.c.due_ms > now_ms
    )
    return Taken(tuple(messages), conn.execute(later).scalar())


def _start(conn: Connection, row: Row[Any], now_ms: int) -> Message:
    outbox.step(conn, row.key, "take", now_ms=now_ms, reason=row.reason)
    attempt = row.attempts + 1
    conn.execute(update(rows).where(rows.c.key == row.key).values(attempts=attempt))
    conn.execute(
        insert(deliveries).values(
            outbox_key=row.key, attempt=attempt, channel=row.channel, started_ms=now_ms, outcome="started"
        )
    )
    return Message(
        key=row.key,
        channel=row.channel,
        kind=row.kind,
        subject=row.subject,
        desk=row.desk,
        title=row.title,
        text=row.text,
        priority=row.priority,
        data=json.loads(row.data),
        created_ms=row.created_ms,
        attempt=attempt,
        first=row.state == "waiting",
    )


def finish(
    conn: Connection, message: Message, answer: Answer, *, now_ms: int, retry: Retry, random: Random
) -> State:
    """Write what came of an attempt and what follows from it; the row's new state. Idempotent."""
    its = deliveries.c.outbox_key == message.key
    this = (its, deliveries.c.attempt == message.attempt)
    row = conn.execute(select(rows).where(rows.c.key == message.key)).one()
    if conn.execute(select(deliveries.c.outcome).where(*this)).scalar_one() != "started":
        return _state(row)
    conn.execute(
        update(deliveries)
        .where(*this)
        .values(
            outcome=answer.outcome,
            status=answer.status,
            detail=answer.detail[:DETAIL_CHARS],
            finished_ms=now_ms,
        )
    )
    if row.state != "sending":
        # Somebody holds it since the attempt began; the attempt is on record, the row is theirs.
        return _state(row)
    failures = conn.execute(
        select(func.count()).select_from(deliveries).where(its, deliveries.c.outcome == "failed")
    ).scalar_one()
    first_ms = conn.execute(select(func.min(deliveries.c.started_ms)).where(its)).scalar_one()
    verdict = judge(
        answer.outcome,
        failures=failures,
        tried_ms=now_ms - first_ms,
        retry=retry,
        random=random,
        asked_s=answer.retry_after_s,
    )
    if verdict.fallback:
        _tell_fallback(conn, row, now_ms)
    _judge_channel(conn, row, verdict.step, now_ms)
    return outbox.step(
        conn,
        message.key,
        verdict.step,
        now_ms=now_ms,
        reason="" if verdict.step == "deliver" else answer.detail[:DETAIL_CHARS],
        due_ms=None if verdict.pause_ms is None else now_ms + verdict.pause_ms,
    )


def _judge_channel(conn: Connection, row: Row[Any], step: Step, now_ms: int) -> None:
    """A notice that is given up was told to nobody by that channel: an alarm until the channel takes one again."""
    silent = Fingerprint("", "", row.channel, "", "notice_given_up")
    if step == "refuse":
        detail = {"notice": row.key, "subject": row.subject}
        raise_alarm(conn, silent, severity=GIVEN_UP_SEVERITY, now_ms=now_ms, rearm=True, detail=detail)
    elif step == "deliver":
        clear_alarm(conn, silent, now_ms=now_ms)


def _tell_fallback(conn: Connection, row: Row[Any], now_ms: int) -> None:
    channels = json.loads(row.fallback)
    if channels:
        outbox.enqueue(conn, _notice(row, channels), now_ms=now_ms)


def _notice(row: Row[Any], channels: list[str]) -> outbox.Notice:
    data: Mapping[str, str | int | float | bool | None] = json.loads(row.data)
    return outbox.Notice(
        key=row.notice,
        desk=row.desk,
        channels=channels,
        kind=row.kind,
        subject=row.subject,
        title=row.title,
        text=row.text,
        priority=Priority(row.priority),
        data=data,
        incident_id=row.incident_id,
    )


def _state(row: Row[Any]) -> State:
    state: State = row.state
    return state
