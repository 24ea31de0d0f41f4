"""gammu-smsd by its database (``service = sql``, schema 17 of gammu 1.38 and later): SQLite or PostgreSQL.

The daemon is another program with a licence of its own; nothing but tables is shared with it. A text to send is a row
of ``outbox``, further parts of a long one are rows of ``outbox_multipart``; when the modem has sent it, the daemon
moves it to ``sentitems`` under the same ID and notes there what the network reports. What came in is in ``inbox``, a
row for each part. One database is one modem.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, Row, column, create_engine, insert, select, table, update
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from hub.notify.sms.gateway import Fate, SmsUnavailableError, Text, checked_number
from hub.notify.sms.parts import Place, place, split

T = TypeVar("T")

BUSY_S = 5
"""Longest wait for the daemon's own transactions, and for a server's answer."""

PARTS_S = 60.0
"""How long the parts of a text that lacks one are waited for; the daemon itself has waited before."""

USSD = 127
"""Class of what is no text: the network's answers to its codes."""

_DELIVERED = "DeliveryOK"
_FAILED = frozenset({"DeliveryFailed", "SendingError", "Error"})

_inbox = table(
    "inbox",
    *map(column, ("ID", "ReceivingDateTime", "SenderNumber", "TextDecoded", "UDH", "Class", "Processed")),
)
_outbox = table(
    "outbox",
    *map(column, ("ID", "DestinationNumber", "Coding", "UDH", "TextDecoded")),
    *map(column, ("MultiPart", "DeliveryReport", "CreatorID")),
)
_multipart = table(
    "outbox_multipart", *map(column, ("ID", "SequencePosition", "Coding", "UDH", "TextDecoded"))
)
_sent = table("sentitems", *map(column, ("ID", "SequencePosition", "Status", "CreatorID")))


class GammuSql:
    """The database of a gammu-smsd.

    Args:
        url: ``sqlite:///…`` or ``postgresql://…``, with its password.
        monotonic: seconds that pass.
    """

    def __init__(self, url: str, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._url = url
        self._monotonic = monotonic
        self._opened: Engine | None = None
        self._first_seen: dict[tuple[str, Place], float] = {}

    async def send(self, number: str, text: str, *, key: str) -> str:
        """A row in the outbox that asks for the network's report. A second attempt with the key adds none."""
        to = checked_number(number)
        creator = f"siaga-{hashlib.sha256(key.encode()).hexdigest()[:16]}"
        return await self._run(lambda conn: self._put(conn, to, text, creator))

    async def received(self) -> Sequence[Text]:
        """The texts of the inbox that are not processed, long ones joined."""
        return await self._run(self._read)

    async def let_go(self, ref: str) -> None:
        """Mark its rows as processed; they stay for whoever reads the database otherwise."""
        ids = [int(one) for one in ref.partition("@")[0].split(",")]
        done = update(_inbox).where(_inbox.c.ID.in_(ids))
        await self._run(lambda conn: conn.execute(done.values(Processed=_flag(conn, True))))

    async def fates(self, refs: Collection[str]) -> Mapping[str, Fate]:
        """What the network has reported of texts that were sent."""
        return await self._run(lambda conn: _fates(conn, refs))

    def _put(self, conn: Connection, number: str, text: str, creator: str) -> str:
        coding, parts = split(text, reference=int(creator[-2:], 16))
        # In this order: the daemon writes into sentitems before it takes a text out of the outbox.
        for rows in (_outbox, _sent):
            known = conn.execute(select(rows.c.ID).where(rows.c.CreatorID == creator).limit(1)).scalar()
            if known is not None:
                return _ref(known, len(parts), creator)
        (udh, first), *rest = parts
        row = {
            "DestinationNumber": number,
            "Coding": coding,
            "UDH": udh,
            "TextDecoded": first,
            "MultiPart": _flag(conn, bool(rest)),
            "DeliveryReport": "yes",
            "CreatorID": creator,
        }
        new = conn.execute(insert(_outbox).values(**row).returning(_outbox.c.ID)).scalar_one()
        for position, (udh, content) in enumerate(rest, start=2):
            more = {"ID": new, "SequencePosition": position, "Coding": coding, "UDH": udh}
            conn.execute(insert(_multipart).values(**more, TextDecoded=content))
        return _ref(new, len(parts), creator)

    def _read(self, conn: Connection) -> list[Text]:
        open_ones = select(_inbox).where(_inbox.c.Processed == _flag(conn, False), _inbox.c["Class"] != USSD)
        whole: dict[tuple[str, Place], dict[int, Row[Any]]] = {}
        for row in conn.execute(open_ones.order_by(_inbox.c.ID)):
            its, position = place(row.UDH, alone=row.ID)
            whole.setdefault((row.SenderNumber, its), {}).setdefault(position, row)
        now = self._monotonic()
        self._first_seen = {one: self._first_seen.get(one, now) for one in whole}
        return [
            _text([parts[position] for position in sorted(parts)])
            for (sender, its), parts in whole.items()
            if len(parts) >= its.parts or now - self._first_seen[sender, its] >= PARTS_S
        ]

    async def _run(self, fn: Callable[[Connection], T]) -> T:
        return await asyncio.to_thread(self._transact, fn)

    def _transact(self, fn: Callable[[Connection], T]) -> T:
        try:
            with self._engine().begin() as conn:
                return fn(conn)
        except SQLAlchemyError as error:
            # Its words may have numbers and texts of people in them.
            raise SmsUnavailableError(f"gammu-smsd's database: {type(error).__name__}") from error

    def _engine(self) -> Engine:
        if self._opened is None:
            url = make_url(self._url)
            if url.get_backend_name() == "sqlite":
                # A file that is not there is a mistake, and never made.
                url = url.set(database=f"file:{url.database}", query={"mode": "rw", "uri": "true"})
            else:
                url = url.set(drivername="postgresql+pg8000")
            # A connection for each look: none stands between, so none is stale after the server was away.
            self._opened = create_engine(
                url, connect_args={"timeout": BUSY_S}, hide_parameters=True, poolclass=NullPool
            )
        return self._opened


def _fates(conn: Connection, refs: Collection[str]) -> dict[str, Fate]:
    wanted = {one: _parsed(one) for one in refs}
    ids = [its[0] for its in wanted.values() if its is not None]
    statuses: dict[tuple[int, str], list[str]] = {}
    for row in conn.execute(select(_sent).where(_sent.c.ID.in_(ids))):
        statuses.setdefault((row.ID, row.CreatorID), []).append(row.Status)
    found: dict[str, Fate] = {}
    for ref, its in wanted.items():
        if its is None:
            continue
        number, parts, creator = its
        of_parts = statuses.get((number, creator), [])
        failed = sorted(_FAILED.intersection(of_parts))
        if failed:
            found[ref] = Fate("failed", failed[0])
        elif len(of_parts) >= parts and set(of_parts) == {_DELIVERED}:
            found[ref] = Fate("delivered", _DELIVERED)
    return found


def _text(parts: Sequence[Row[Any]]) -> Text:
    ids = ",".join(str(row.ID) for row in parts)
    # With the time, because a new database counts from one again.
    ref = f"{ids}@{parts[0].ReceivingDateTime}"
    return Text(ref, parts[0].SenderNumber, "".join(row.TextDecoded for row in parts).strip())


def _ref(row_id: int, parts: int, creator: str) -> str:
    return f"{row_id}/{parts}/{creator}"


def _parsed(ref: str) -> tuple[int, int, str] | None:
    row_id, _, rest = ref.partition("/")
    parts, _, creator = rest.partition("/")
    return (int(row_id), int(parts), creator) if row_id.isdecimal() and parts.isdecimal() else None


def _flag(conn: Connection, value: bool) -> bool | str:
    """A truth value as the schema has it: SQLite's is a word."""
    return value if conn.dialect.name == "postgresql" else str(value).lower()
