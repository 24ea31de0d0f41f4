"""What is to be said, as rows: written with what causes them, in one transaction; read by the worker.

A row is one message on one channel. Its key never changes, goes out with every attempt, and lets the receiver see
that two arrivals are one message: delivery is at least once.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from sqlalchemy import Connection, Row, bindparam, insert, select, update

from hub.errors import HubError
from hub.incidents.tables import incidents
from hub.notify import facts, fence, held, links
from hub.notify.policy import TRANSITIONS, UNFINISHED, Priority, State, Step
from hub.notify.tables import deliveries, outbox
from hub.region import Agency

# Built once: to build a statement costs several times what SQLite needs to run it.
_ROW = select(outbox).where(outbox.c.key == bindparam("which"))
_MOVE = update(outbox).where(outbox.c.key == bindparam("which"))
_ADD = insert(outbox)
_DRILL_OF = select(incidents.c.drill).where(incidents.c.id == bindparam("which"))


DOCUMENTS = frozenset({"cap"})
"""Kinds of notices whose text is a document, which says itself that it is one of an exercise."""


class OutboxError(HubError):
    """A step that the row's state does not allow, or a row that is not there."""


class FenceError(OutboxError):
    """A notice of an exercise would reach real people, or one in earnest those of an exercise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something to tell a duty desk, or a contact of an agency.

    Attributes:
        key: unique for all time; the same key enqueued again changes nothing. For example ``panic/<incident>``.
        desk: id of the agency in the region profile.
        channels: ids of its channels in the order in which they are tried: the first is used, a later one when those
            before it have failed three times or for 15 s, or were refused.
        kind: ``panic``, ``level``, … for the receiver to sort by.
        subject: id of the alarm or incident it is about.
        title, text: for people, Bahasa Indonesia first.
        data: plain values for a receiver that is a program.
        incident_id: the incident that shows this notice's deliveries; None where there is none.
        held: why it waits for a person to release it; empty when it goes out at once.
        ask: id of the question that it puts to a contact; None where it puts none.
        phone, email: of the contact, for channels that go by them.
        drill: id of the drill that it belongs to; empty: in earnest.
    """

    key: str
    desk: str
    channels: Sequence[str]
    kind: str
    subject: str
    title: str
    text: str
    priority: Priority
    data: Mapping[str, str | int | float | bool | None] = field(default_factory=dict)
    incident_id: str | None = None
    held: str = ""
    ask: str | None = None
    phone: str = ""
    email: str = ""
    drill: str = ""


def channels_of(desk: Agency) -> tuple[str, ...]:
    """The channels of an agency in the order in which they are tried."""
    return tuple(channel.id for channel in desk.channels)


def enqueue(conn: Connection, notice: Notice, *, now_ms: int) -> bool:
    """Put a notice into the outbox; False where it is already there. Wake the worker after the commit.

    Raises:
        OutboxError: the notice has no channel.
        FenceError: the notice, its incident and its channels are not all of one drill, or all in earnest.
    """
    if not notice.channels:
        raise OutboxError(f"notice {notice.key} has no channel", f"give {notice.desk} one in agencies.toml")
    _judge_side(conn, notice)
    return _insert(conn, notice, notice.channels[0], tuple(notice.channels[1:]), now_ms)


def _judge_side(conn: Connection, notice: Notice) -> None:
    beyond = fence.beyond(notice.channels, notice.drill)
    if beyond:
        raise FenceError(
            f"notice {notice.key} of {notice.drill or 'no drill'} may not go by {', '.join(beyond)}",
            f"only channels {fence.EXERCISE}… are for exercises, and for nothing else",
        )
    if notice.incident_id is not None:
        its = conn.execute(_DRILL_OF, {"which": notice.incident_id}).scalar() or ""
        if its != notice.drill:
            raise FenceError(
                f"notice {notice.key} of {notice.drill or 'no drill'} is about an incident of {its or 'no drill'}"
            )


def _insert(conn: Connection, notice: Notice, channel: str, fallback: tuple[str, ...], now_ms: int) -> bool:
    key = f"{notice.key}/{channel}"
    if conn.execute(_ROW, {"which": key}).first() is not None:
        return False
    state: State = "held" if notice.held else "waiting"
    title, text = notice.title, notice.text
    if notice.kind not in DOCUMENTS:
        title, text = fence.marked(title, text, notice.drill)
    conn.execute(
        _ADD,
        {
            "key": key,
            "notice": notice.key,
            "channel": channel,
            "desk": notice.desk,
            "kind": notice.kind,
            "subject": notice.subject,
            "incident_id": notice.incident_id,
            "priority": int(notice.priority),
            "title": title,
            "text": text,
            "data": json.dumps(dict(notice.data), ensure_ascii=False, sort_keys=True),
            "fallback": json.dumps(fallback),
            "state": state,
            "reason": notice.held,
            "attempts": 0,
            "due_ms": now_ms,
            "created_ms": now_ms,
            "updated_ms": now_ms,
            "ask": notice.ask,
            "link": links.new_name() if notice.ask is not None else None,
            "phone": notice.phone,
            "email": notice.email,
            "drill": notice.drill,
        },
    )
    if notice.held:
        held.judge(conn, now_ms=now_ms, more=True)
    return True


def hold_older_than(conn: Connection, before_ms: int, *, now_ms: int, reason: str) -> int:
    """Hold every unfinished row made before a time, as after a restore: it may have gone out already.

    Returns:
        how many rows are newly held.
    """
    rows = conn.execute(
        select(outbox.c.key).where(outbox.c.state.in_(UNFINISHED), outbox.c.created_ms < before_ms)
    ).all()
    for row in rows:
        step(conn, row.key, "hold", now_ms=now_ms, reason=reason)
    if rows:
        held.judge(conn, now_ms=now_ms, more=True)
    return len(rows)


def release(conn: Connection, keys: Iterable[str], *, now_ms: int) -> int:
    """Let held rows go out; how many did. A row that is not held is left as it is."""
    return _step_where(conn, keys, "held", "release", now_ms)


def discard(conn: Connection, keys: Iterable[str], *, now_ms: int) -> int:
    """Decide that held rows never go out; how many that were."""
    return _step_where(conn, keys, "held", "discard", now_ms)


def retry(conn: Connection, keys: Iterable[str], *, now_ms: int) -> int:
    """Try rows again that were given up; how many that are."""
    return _step_where(conn, keys, "given_up", "retry", now_ms)


def _step_where(conn: Connection, keys: Iterable[str], state: State, name: Step, now_ms: int) -> int:
    found = 0
    for key in keys:
        if conn.execute(select(outbox.c.key).where(outbox.c.key == key, outbox.c.state == state)).first():
            step(conn, key, name, now_ms=now_ms, due_ms=now_ms)
            found += 1
    if found and state == "held":
        held.judge(conn, now_ms=now_ms)
    return found


def held_of(conn: Connection, incident_id: str) -> list[str]:
    """Keys of the incident's rows that wait for a person."""
    found = select(outbox.c.key).where(outbox.c.incident_id == incident_id, outbox.c.state == "held")
    return list(conn.execute(found.order_by(outbox.c.key)).scalars())


def step(
    conn: Connection, key: str, name: Step, *, now_ms: int, reason: str = "", due_ms: int | None = None
) -> State:
    """Take a row one step on and return its new state.

    Raises:
        OutboxError: there is no such row, or its state has no such step.
    """
    row = conn.execute(_ROW, {"which": key}).one_or_none()
    if row is None:
        raise OutboxError(f"no notice {key!r} in the outbox")
    state = TRANSITIONS[cast(State, row.state)].get(name)
    if state is None:
        raise OutboxError(f"notice {key!r} is {row.state} and cannot {name}")
    finished = now_ms if state in ("sent", "given_up", "discarded") else None
    conn.execute(
        _MOVE,
        {
            "which": key,
            "state": state,
            "reason": reason,
            "due_ms": row.due_ms if due_ms is None else due_ms,
            "updated_ms": now_ms,
            "finished_ms": finished,
        },
    )
    return state


def rows_of(conn: Connection, incident_id: str) -> list[dict[str, Any]]:
    """The notices of an incident with every attempt to deliver them, oldest first."""
    rows = conn.execute(
        select(outbox).where(outbox.c.incident_id == incident_id).order_by(outbox.c.created_ms, outbox.c.key)
    ).all()
    return [_shown(conn, row) for row in rows]


def listed(conn: Connection, *, state: State | None = None, limit: int = 100) -> list[dict[str, Any]]:
    """Notices in a state, or in any, with every attempt to deliver them; the newest first."""
    query = select(outbox).order_by(outbox.c.created_ms.desc(), outbox.c.key).limit(limit)
    if state is not None:
        query = query.where(outbox.c.state == state)
    return [_shown(conn, row) for row in conn.execute(query).all()]


def _shown(conn: Connection, row: Row[Any]) -> dict[str, Any]:
    attempts = conn.execute(
        select(
            deliveries.c.attempt,
            deliveries.c.channel,
            deliveries.c.started_ms,
            deliveries.c.finished_ms,
            deliveries.c.outcome,
            deliveries.c.status,
            deliveries.c.detail,
        )
        .where(deliveries.c.outbox_key == row.key)
        .order_by(deliveries.c.attempt)
    )
    return {
        "key": row.key,
        "channel": row.channel,
        "desk": row.desk,
        "kind": row.kind,
        "subject": row.subject,
        "title": row.title,
        "text": row.text,
        "priority": row.priority,
        "state": row.state,
        "reason": row.reason,
        "created_ms": row.created_ms,
        "due_ms": row.due_ms,
        "finished_ms": row.finished_ms,
        "ask": row.ask,
        "drill": row.drill,
        "facts": facts.of_notice(conn, row.key),
        "deliveries": [dict(attempt._mapping) for attempt in attempts],
    }
