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

from sqlalchemy import Connection, Row, bindparam, func, insert, or_, select, update

from hub.alarms.register import clear_alarm, raise_alarm
from hub.alarms.steps import Fingerprint
from hub.notify import facts, outbox
from hub.notify.channels.base import Answer, Message
from hub.notify.fence import is_exercise
from hub.notify.policy import Priority, Retry, State, Step, judge
from hub.notify.tables import asks, deliveries
from hub.notify.tables import outbox as rows
from hub.storable import storable

DETAIL_CHARS = 300
"""Most of an answer's text that is kept."""

LONGEST_PAUSE_MS = 600_000
"""No pause before another attempt is as long: ``policy.Retry.most_s``, and some more by chance."""

GIVEN_UP_SEVERITY = 2
"""Severity (0..3) of the alarm of a channel that has not taken a notice."""

# Built once: to build a statement costs several times what SQLite needs to run it.
_WAITING = rows.c.state.in_(("waiting", "retrying"))
_LANES = (
    select(
        rows.c.channel,
        rows.c.state,
        func.min(rows.c.due_ms).label("due_ms"),
        func.max(rows.c.due_ms).label("last_ms"),
    )
    .where(_WAITING)
    .group_by(rows.c.channel, rows.c.state)
    .order_by(rows.c.channel, rows.c.state)
)
_NOW_MS = bindparam("now_ms", type_=rows.c.due_ms.type)
"""With its type: a sum of one without is an INTEGER to PostgreSQL, and too small."""

# A clock that was set back holds no row: what waits for nothing is due, and what is due later than after any pause.
_IS_DUE = or_(
    rows.c.state == "waiting",
    rows.c.due_ms <= _NOW_MS,
    rows.c.due_ms > _NOW_MS + LONGEST_PAUSE_MS,
)
_DUE = (
    select(rows)
    .where(rows.c.channel == bindparam("lane_channel"), rows.c.state == bindparam("lane_state"), _IS_DUE)
    .order_by(rows.c.priority, rows.c.due_ms, rows.c.key)
    .limit(bindparam("places"))
)
_NEXT_DUE = select(func.min(rows.c.due_ms)).where(_WAITING, rows.c.due_ms > _NOW_MS)
_COUNT = update(rows).where(rows.c.key == bindparam("which"))
_BEGIN = insert(deliveries)
_CODE = select(asks.c.code).where(asks.c.id == bindparam("which"))
_ROW = select(rows).where(rows.c.key == bindparam("which"))
_OUTCOME = select(deliveries.c.outcome).where(
    deliveries.c.outbox_key == bindparam("which"), deliveries.c.attempt == bindparam("nth")
)
_END = update(deliveries).where(
    deliveries.c.outbox_key == bindparam("which"), deliveries.c.attempt == bindparam("nth")
)
_SO_FAR = select(
    func.count().filter(deliveries.c.outcome == "failed").label("failures"),
    func.min(deliveries.c.started_ms).label("first_ms"),
).where(deliveries.c.outbox_key == bindparam("which"))

Lane = tuple[str, bool]
"""A channel, and whether for first attempts; these have places of their own, so that no backlog of failing ones is
ahead of a new notice."""


@dataclass(frozen=True, slots=True)
class Taken:
    """Messages whose attempts are on record now and must be made, and when the next row is due."""

    messages: tuple[Message, ...]
    next_due_ms: int | None


def recover(conn: Connection, *, now_ms: int, exercise: bool = False) -> int:
    """At start: attempts that a crash interrupted are marked so, and their rows are due at once; how many.

    Args:
        exercise: those of the channels for exercises, else those of all others.
    """
    found = 0
    for row in conn.execute(select(deliveries).where(deliveries.c.outcome == "started")).all():
        if is_exercise(row.channel) == exercise:
            this = (deliveries.c.outbox_key == row.outbox_key, deliveries.c.attempt == row.attempt)
            conn.execute(update(deliveries).where(*this).values(outcome="interrupted", finished_ms=now_ms))
            found += 1
    for row in conn.execute(select(rows.c.key, rows.c.channel).where(rows.c.state == "sending")).all():
        if is_exercise(row.channel) == exercise:
            outbox.step(conn, row.key, "interrupt", now_ms=now_ms, reason="interrupted", due_ms=now_ms)
    return found


def take(conn: Connection, free: Callable[[Lane], int], *, now_ms: int, exercise: bool = False) -> Taken:
    """Take what is due, the most urgent first, as far as its lane has free places.

    Args:
        exercise: of the channels for exercises, else of all others.
    """
    lanes = [lane for lane in conn.execute(_LANES) if is_exercise(lane.channel) == exercise]
    latest_ms = now_ms + LONGEST_PAUSE_MS
    due = [
        lane for lane in lanes if lane.state == "waiting" or lane.due_ms <= now_ms or lane.last_ms > latest_ms
    ]
    if not due:
        return Taken((), min((lane.due_ms for lane in lanes), default=None))
    messages: list[Message] = []
    for lane in due:
        places = free((lane.channel, lane.state == "waiting"))
        if places <= 0:
            continue
        of_lane = {"lane_channel": lane.channel, "lane_state": lane.state, "now_ms": now_ms, "places": places}
        messages += [_start(conn, row, now_ms) for row in conn.execute(_DUE, of_lane).all()]
    return Taken(tuple(messages), conn.execute(_NEXT_DUE, {"now_ms": now_ms}).scalar())


def _start(conn: Connection, row: Row[Any], now_ms: int) -> Message:
    outbox.step(conn, row.key, "take", now_ms=now_ms, reason=row.reason)
    attempt = row.attempts + 1
    conn.execute(_COUNT, {"which": row.key, "attempts": attempt})
    conn.execute(
        _BEGIN,
        {
            "outbox_key": row.key,
            "attempt": attempt,
            "channel": row.channel,
            "started_ms": now_ms,
            "outcome": "started",
        },
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
        link=row.link,
        code=_code(conn, row.ask),
        phone=row.phone,
        email=row.email,
        drill=row.drill,
    )


def _code(conn: Connection, ask: str | None) -> str:
    if ask is None:
        return ""
    return conn.execute(_CODE, {"which": ask}).scalar() or ""


def finish(
    conn: Connection, message: Message, answer: Answer, *, now_ms: int, retry: Retry, random: Random
) -> State:
    """Write what came of an attempt and what follows from it; the row's new state. Idempotent."""
    this = {"which": message.key, "nth": message.attempt}
    row = conn.execute(_ROW, {"which": message.key}).one()
    if conn.execute(_OUTCOME, this).scalar_one() != "started":
        return _state(row)
    conn.execute(
        _END,
        {
            **this,
            "outcome": answer.outcome,
            "status": answer.status,
            "detail": storable(answer.detail or answer.ref)[:DETAIL_CHARS],
            "finished_ms": now_ms,
        },
    )
    if answer.outcome == "delivered":
        _prove(conn, message, answer, now_ms)
    if row.state != "sending":
        # Somebody holds it since the attempt began; the attempt is on record, the row is theirs.
        return _state(row)
    so_far = conn.execute(_SO_FAR, {"which": message.key}).one()
    verdict = judge(
        answer.outcome,
        failures=so_far.failures,
        tried_ms=now_ms - so_far.first_ms,
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
        reason="" if verdict.step == "deliver" else storable(answer.detail)[:DETAIL_CHARS],
        due_ms=None if verdict.pause_ms is None else now_ms + verdict.pause_ms,
    )


def _prove(conn: Connection, message: Message, answer: Answer, now_ms: int) -> None:
    how = f"{message.channel}: HTTP {answer.status}" if answer.status else f"{message.channel}: taken"
    facts.note(conn, message.key, "sent", how, now_ms=now_ms)
    if answer.proves == "delivered":
        facts.note(conn, message.key, "delivered", how, now_ms=now_ms)


def _judge_channel(conn: Connection, row: Row[Any], step: Step, now_ms: int) -> None:
    """A notice that is given up was told to nobody by that channel: an alarm until the channel takes one again."""
    silent = Fingerprint("", "", row.channel, "", "notice_given_up")
    if step == "refuse":
        detail = {"notice": row.key, "subject": row.subject}
        raise_alarm(conn, silent, severity=GIVEN_UP_SEVERITY, now_ms=now_ms, rearm=True, detail=detail)
    elif step == "deliver":
        clear_alarm(conn, silent, now_ms=now_ms)


def undelivered(conn: Connection, key: str, why: str, *, now_ms: int) -> None:
    """A channel took a notice and says later that it never arrives: the next channel is told, and the channel is an
    alarm, as when it is given up. What was proven stays; the last attempt says why."""
    row = conn.execute(_ROW, {"which": key}).one()
    last = {"which": key, "nth": row.attempts}
    conn.execute(_END, {**last, "detail": f"not delivered: {why}"[:DETAIL_CHARS]})
    _tell_fallback(conn, row, now_ms)
    _judge_channel(conn, row, "refuse", now_ms)


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
        ask=row.ask,
        phone=row.phone,
        email=row.email,
        drill=row.drill,
    )


def _state(row: Row[Any]) -> State:
    state: State = row.state
    return state
