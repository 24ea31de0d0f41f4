"""Messages in SQL: what is so now against what was said, so that each change is one message that refers rightly.

A subject begins with an Alert; each later message takes the place of all that are still in force, an Update while it
goes on and a Cancel at its end. After a Cancel the next is an Alert again. A message is never changed and its name is
never used twice, after a restore either: the name follows from what it says and when.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Row, func, insert, select

from hub.agencies.directory import Directory
from hub.alarms.tables import station_states
from hub.cap.feed import Entry
from hub.cap.model import Alert, MsgType, Reference
from hub.cap.sayings import VALID, Saying, of_incident, of_station
from hub.cap.tables import cap_messages
from hub.cap.write import write
from hub.errors import HubError
from hub.incidents.machine import OPEN
from hub.incidents.tables import incidents
from hub.notify.outbox import Notice, enqueue
from hub.notify.policy import Priority
from hub.region import Region, Station

AGAIN_MS = 3_600_000
"""What still stands is said again when it would expire within this time."""


FORGOTTEN_MS = 30 * 24 * 3_600_000
"""Nobody holds a message any more that expired longer ago than this, as when the hub was away; it is not cancelled."""


class Settled(NamedTuple):
    """The identifiers of the new messages; and of what nothing could be said, with why, until the next pass."""

    issued: Sequence[str]
    unsaid: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends, and to which channels messages are pushed.

    Attributes:
        name: among all senders of CAP.
    """

    name: str
    push: tuple[str, ...] = ()
    exercise_push: tuple[str, ...] = ()


def settle(
    conn: Connection,
    sender: Sender,
    region: Region,
    directory: Directory,
    *,
    now_ms: int,
) -> Settled:
    """Say what is new of every incident and river, and push it. Idempotent.

    Wake the notify worker after the commit where there are new messages.
    """
    now = _moment(now_ms, region)
    live = {row.subject for row in _newest(conn, now_ms - FORGOTTEN_MS) if row.msg_type != "Cancel"}
    said = [name.removeprefix("incident/") for name in live if name.startswith("incident/")]
    found = select(incidents).where(incidents.c.state.in_(OPEN) | incidents.c.id.in_(said))
    sayings = [of_incident(row, region, now) for row in conn.execute(found.order_by(incidents.c.number))]
    for row in conn.execute(select(station_states).order_by(station_states.c.station)):
        station = region.stations.get(row.station)
        if station is not None:
            sayings.append(of_station(row, station, region, _reached(station, region, directory), now))
    issued: list[str] = []
    unsaid: dict[str, str] = {}
    for saying in sayings:
        if saying.over and saying.subject not in live:
            continue
        try:
            # What cannot be said of one must not keep the others from being said.
            with conn.begin_nested():
                identifier = say(conn, sender, region, saying, now_ms=now_ms)
        except HubError as error:
            unsaid[saying.subject] = str(error)
        else:
            issued += [identifier] if identifier is not None else []
    return Settled(issued, unsaid)


def say(conn: Connection, sender: Sender, region: Region, saying: Saying, *, now_ms: int) -> str | None:
    """Say one thing where it is new; the identifier of its message, None where nothing is.

    Raises:
        CapError: receivers would not read the message as it is meant.
    """
    rows = conn.execute(
        select(cap_messages).where(cap_messages.c.subject == saying.subject).order_by(cap_messages.c.n)
    ).all()
    live = _in_force(rows)
    if saying.over and not live:
        return None
    msg_type: MsgType = "Cancel" if saying.over else "Update" if live else "Alert"
    if live and msg_type == "Update":
        same = live[-1].said == _digest(saying.key)
        if same and live[-1].expires_ms > now_ms + AGAIN_MS:
            return None
    sent = _moment(now_ms, region)
    # Not how many there are: old ones are let go of, and a river goes on for years.
    n = rows[-1].n + 1 if rows else 1
    name = saying.subject.replace("/", ".")
    mark = _digest(f"{saying.key}/{msg_type}/{n}/{sent.isoformat()}")[:10]
    alert = Alert(
        identifier=f"{region.id}.{name}.{n}.{mark}",
        sender=sender.name,
        sent=sent,
        status=saying.status,
        msg_type=msg_type,
        scope=saying.scope,
        restriction=saying.restriction,
        references=tuple(_reference(row, region) for row in live),
        incidents=(saying.incident_id,) if saying.incident_id else (),
        infos=saying.infos,
    )
    document = write(alert).decode()
    conn.execute(
        insert(cap_messages).values(
            identifier=alert.identifier,
            subject=saying.subject,
            n=n,
            sender=sender.name,
            status=alert.status,
            msg_type=msg_type,
            scope=alert.scope,
            sent_ms=now_ms // 1000 * 1000,
            expires_ms=now_ms // 1000 * 1000 + round(VALID.total_seconds() * 1000),
            said=_digest(saying.key),
            title=saying.infos[0].headline,
            summary=saying.infos[0].description,
            document=document,
        )
    )
    _push(conn, sender, saying, alert, document=document, now_ms=now_ms)
    return alert.identifier


def entries(conn: Connection, *, now_ms: int, public: bool) -> list[Entry]:
    """The newest message of each subject that has not expired, the newest first: what stands, and what was cancelled.

    Args:
        public: only what everybody may have; with the addresses for everybody.
    """
    path = "/cap" if public else "/api/cap"
    return [
        Entry(
            identifier=row.identifier,
            sender=row.sender,
            title=("DIBATALKAN / CANCELLED: " if row.msg_type == "Cancel" else "") + row.title,
            summary=row.summary,
            sent_ms=row.sent_ms,
            path=f"{path}/{row.identifier}",
        )
        for row in sorted(_newest(conn, now_ms), key=lambda row: (-row.sent_ms, row.identifier))
        if not public or _is_public(row)
    ]


def document(conn: Connection, identifier: str, *, public: bool) -> bytes | None:
    """A message as it was sent; None where there is none, or none for everybody."""
    row = conn.execute(select(cap_messages).where(cap_messages.c.identifier == identifier)).one_or_none()
    if row is None or (public and not _is_public(row)):
        return None
    return str(row.document).encode()


def _is_public(row: Row[Any]) -> bool:
    return bool(row.scope == "Public" and row.status == "Actual")


def _newest(conn: Connection, after_ms: int) -> Sequence[Row[Any]]:
    """The newest message of each subject, where it expires after a time, without its document. Those of the years
    before are not looked at: a press waits meanwhile."""
    unexpired = cap_messages.c.expires_ms > after_ms
    last = (
        select(cap_messages.c.subject, func.max(cap_messages.c.n).label("n"))
        .where(cap_messages.c.subject.in_(select(cap_messages.c.subject).where(unexpired)))
        .group_by(cap_messages.c.subject)
        .subquery()
    )
    its = (cap_messages.c.subject == last.c.subject) & (cap_messages.c.n == last.c.n)
    shown = [column for column in cap_messages.c if column.name != "document"]
    return conn.execute(select(*shown).join(last, its).where(unexpired)).all()


def _in_force(rows: Sequence[Row[Any]]) -> Sequence[Row[Any]]:
    """The messages since the last Cancel."""
    ends = [at for at, row in enumerate(rows) if row.msg_type == "Cancel"]
    return rows[ends[-1] + 1 :] if ends else rows


def _reached(station: Station, region: Region, directory: Directory) -> list[Any]:
    """The parts of the city with the post, and with those further down that its water comes to."""
    names = [station.site, *(region.stations[below.station].site for below in station.downstream)]
    found = {}
    for site in (region.sites[name] for name in names if name in region.sites):
        found.update({area.id: area for area in directory.areas_at(site.lat, site.lon)})
    return list(found.values())


def _reference(row: Row[Any], region: Region) -> Reference:
    return Reference(row.sender, row.identifier, _moment(row.sent_ms, region))


def _moment(t_ms: int, region: Region) -> datetime:
    return datetime.fromtimestamp(t_ms // 1000, UTC).astimezone(ZoneInfo(region.zone))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _push(
    conn: Connection, sender: Sender, saying: Saying, alert: Alert, *, document: str, now_ms: int
) -> None:
    for channel in sender.exercise_push if saying.drill else sender.push:
        enqueue(
            conn,
            Notice(
                key=f"cap/{alert.identifier}",
                desk="cap",
                channels=(channel,),
                kind="cap",
                subject=saying.subject,
                title=saying.infos[0].headline,
                text=document,
                priority=Priority(saying.priority),
                data={"identifier": alert.identifier, "msg_type": alert.msg_type, "status": alert.status},
                incident_id=saying.incident_id,
                drill=saying.drill,
            ),
            now_ms=now_ms,
        )
