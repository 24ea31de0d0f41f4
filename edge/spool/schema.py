"""The tables of the spool's file, and how the file is made: with all its space taken from the first moment.

A full disk must not stop a panic. So nothing ever grows: the file is made at its full size, whose free pages are
used again and again; the write-ahead log is as long from the start as it will ever be; and a few blocks of ballast
are kept to be given up if the account of the lanes should ever be wrong.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

from contract.topics import LANES, Lane
from edge.spool.records import Quotas
from edge.sqlite import Card, Database

log = logging.getLogger(__name__)

FORMAT = 1
"""Version of these tables."""

PAGE_BYTES = 4096
FILL_BYTES = 64 * 1024
BALLAST_BYTES = 32 * 1024
LOSS_SLOTS = 256
"""Lost ranges that the table has room for, and that a beat can tell."""

DONE, GONE = 0, 1
"""Sets of rows of a lane: no longer to be sent (settled or lost); no longer on the card."""

NUMBER: dict[Lane, int] = {lane: number for number, lane in enumerate(LANES)}

_TABLES = (
    # The file itself: format, last life of the hub, and the age of the spool in powered-on time.
    """CREATE TABLE card (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        format INTEGER NOT NULL,
        generation INTEGER, random INTEGER,
        age_ms INTEGER NOT NULL, age_boot TEXT NOT NULL, age_mono_ms INTEGER NOT NULL,
        ring_from_ms INTEGER NOT NULL
    )""",
    # One row a lane. next_row is the durable counter: allocated in the transaction of the record, never derived.
    """CREATE TABLE lane (
        lane INTEGER PRIMARY KEY,
        epoch TEXT NOT NULL,
        next_row INTEGER NOT NULL,
        bytes INTEGER NOT NULL,
        boot INTEGER NOT NULL, mono_ms INTEGER NOT NULL,
        refused INTEGER NOT NULL, lost INTEGER NOT NULL
    )""",
    # Rows of a lane are numbered once and for all; a piece says which (epoch, seq) its rows go by, up to the next
    # piece. Moving to a new epoch is thus a few new pieces, however long the backlog.
    """CREATE TABLE piece (
        lane INTEGER NOT NULL, first_row INTEGER NOT NULL,
        epoch TEXT NOT NULL, first_seq INTEGER NOT NULL,
        PRIMARY KEY (lane, first_row)
    ) WITHOUT ROWID""",
    """CREATE TABLE boot_row (
        lane INTEGER NOT NULL, first_row INTEGER NOT NULL, boot INTEGER NOT NULL,
        PRIMARY KEY (lane, first_row)
    ) WITHOUT ROWID""",
    """CREATE TABLE rows (
        lane INTEGER NOT NULL, kind INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
        PRIMARY KEY (lane, kind, first)
    ) WITHOUT ROWID""",
    """CREATE TABLE boot (
        number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,
        first_mono_ms INTEGER NOT NULL, last_mono_ms INTEGER
    )""",
    """CREATE TABLE sync (
        boot INTEGER NOT NULL, mono_ms INTEGER NOT NULL, wall_ms INTEGER NOT NULL,
        error_ms INTEGER NOT NULL, source TEXT NOT NULL, base_ms INTEGER NOT NULL,
        PRIMARY KEY (boot, mono_ms)
    ) WITHOUT ROWID""",
    """CREATE TABLE device_column (
        id INTEGER PRIMARY KEY, device TEXT NOT NULL, kind TEXT NOT NULL, quantities TEXT NOT NULL
    )""",
    """CREATE TABLE loss (
        slot INTEGER PRIMARY KEY, lane INTEGER NOT NULL, epoch TEXT NOT NULL,
        first INTEGER NOT NULL, last INTEGER NOT NULL, from_ms INTEGER, to_ms INTEGER, reason TEXT NOT NULL
    )""",
    """CREATE TABLE closed (
        lane INTEGER NOT NULL, epoch TEXT NOT NULL, next INTEGER NOT NULL, moved TEXT NOT NULL, reason TEXT NOT NULL,
        PRIMARY KEY (lane, epoch)
    )""",
    # At that age of the spool all rows below this one were settled: from when the 72 h of the ring count.
    """CREATE TABLE mark (
        lane INTEGER NOT NULL, age_ms INTEGER NOT NULL, row INTEGER NOT NULL,
        PRIMARY KEY (lane, age_ms)
    ) WITHOUT ROWID""",
    "CREATE TABLE ballast (id INTEGER PRIMARY KEY, space BLOB NOT NULL)",
    *(
        f"CREATE TABLE {lane} (row INTEGER PRIMARY KEY, mono_ms INTEGER NOT NULL,"
        " device INTEGER NOT NULL, crc INTEGER NOT NULL, body BLOB NOT NULL)"
        for lane in LANES
    ),
)

TABLES = (
    "card",
    "lane",
    "piece",
    "boot_row",
    "rows",
    "boot",
    "sync",
    "device_column",
    "loss",
    "closed",
    "mark",
    "panic",
    "event",
)
"""What is checked at each opening whatever the size; telemetry, the bulk, is checked record by record."""


@dataclass(frozen=True, slots=True)
class Statements:
    """What is said about the records of one lane, each of which has its table."""

    insert: str
    read: str
    one_mono: str
    sizes: str
    delete: str
    ends: str


# The lanes' names are a constant of ours; nothing from outside enters these texts.
RECORDS: dict[Lane, Statements] = {
    lane: Statements(
        insert=f"INSERT INTO {lane} VALUES (?, ?, ?, ?, ?)",  # noqa: S608
        read=f"SELECT row, mono_ms, device, crc, body FROM {lane} WHERE row BETWEEN ? AND ? ORDER BY row",  # noqa: S608
        one_mono=f"SELECT mono_ms FROM {lane} WHERE row = ?",  # noqa: S608
        sizes=f"SELECT row, LENGTH(body) FROM {lane} WHERE row BETWEEN ? AND ? ORDER BY row",  # noqa: S608
        delete=f"DELETE FROM {lane} WHERE row BETWEEN ? AND ?",  # noqa: S608
        # Two questions: one for both ends would read the whole table.
        ends=f"SELECT (SELECT MIN(row) FROM {lane}), (SELECT MAX(row) FROM {lane})",  # noqa: S608
    )
    for lane in LANES
}

RECORD_OVERHEAD = 28
"""Bytes that a record takes beside its body: row header, number, clock, device, checksum, place in the page."""


def cost(body_bytes: int) -> int:
    """Bytes of the file that a record takes: never less than it really does."""
    if body_bytes > 900:  # it may spill to pages of its own, or leave the rest of its page unused
        return -(-(body_bytes + RECORD_OVERHEAD) // PAGE_BYTES) * PAGE_BYTES + 1024
    return body_bytes + RECORD_OVERHEAD


def capacity_pages(quotas: Quotas) -> int:
    """Pages of the whole file: the lanes with a tenth for half-filled pages, ballast, and the small tables."""
    lanes = sum(quotas.of(lane) for lane in LANES)
    return -(-(lanes + lanes // 8) // PAGE_BYTES) + _ballast_blocks(quotas) * 9 + 256


def make(
    card: Card, name: str, quotas: Quotas, *, epochs: dict[Lane, str], boot: str, mono_ms: int
) -> Database:
    """Make the file at its full size, without a log of its own yet; the caller renames it when it is whole."""
    db = card.open(name)
    try:
        for pragma in (f"page_size={PAGE_BYTES}", "locking_mode=EXCLUSIVE", "journal_mode=OFF"):
            db.execute(f"PRAGMA {pragma}")
        # No journal: a file that was not finished is thrown away. Commits still reach the disk.
        db.execute("PRAGMA synchronous=FULL")
        db.execute("BEGIN IMMEDIATE")
        for table in _TABLES:
            db.execute(table)
        _first_rows(db, quotas, epochs, boot, mono_ms)
        db.execute("COMMIT")
        _fill(db, capacity_pages(quotas))
    except BaseException:
        db.close()
        raise
    return db


def _first_rows(db: Database, quotas: Quotas, epochs: dict[Lane, str], boot: str, mono_ms: int) -> None:
    db.execute("INSERT INTO card VALUES (1, ?, NULL, NULL, 0, ?, ?, 0)", (FORMAT, boot, mono_ms))
    for lane, number in NUMBER.items():
        db.execute("INSERT INTO lane VALUES (?, ?, 1, 0, 0, 0, 0, 0)", (number, epochs[lane]))
        db.execute("INSERT INTO piece VALUES (?, 1, ?, 1)", (number, epochs[lane]))
    # Written once at their full width, so that an update in place always finds its room.
    widest = (0, "0" * 16, 2**53, 2**53, 2**53, 2**53, "x" * 64)
    db.execute_many(
        "INSERT INTO loss VALUES (?,?,?,?,?,?,?,?)", ((slot, *widest) for slot in range(LOSS_SLOTS))
    )
    db.execute("UPDATE loss SET epoch = '', first = 0, last = 0, from_ms = NULL, to_ms = NULL, reason = ''")
    for _ in range(_ballast_blocks(quotas)):
        db.execute("INSERT INTO ballast (space) VALUES (zeroblob(?))", (BALLAST_BYTES,))


def _fill(db: Database, pages: int) -> None:
    """Grow the file to so many pages and free them, in steps that need little memory."""
    kept: int = db.execute("SELECT MAX(id) FROM ballast")[0][0]
    while (missing := pages - db.execute("PRAGMA page_count")[0][0]) > 0:
        blocks = min(64, -(-missing * PAGE_BYTES // FILL_BYTES))
        db.execute("BEGIN IMMEDIATE")
        for _ in range(blocks):
            db.execute("INSERT INTO ballast (space) VALUES (zeroblob(?))", (FILL_BYTES,))
        db.execute("COMMIT")
    db.execute("DELETE FROM ballast WHERE id > ?", (kept,))


def configure(db: Database, quotas: Quotas) -> None:
    """Settings of a connection; the first statement that touches the file, so that it may raise CorruptCard."""
    # Exclusive: one process only, and no shared-memory file, which a full disk could refuse.
    db.execute("PRAGMA locking_mode=EXCLUSIVE")
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=FULL")
    db.execute(f"PRAGMA wal_autocheckpoint={max(16, quotas.wal_bytes // PAGE_BYTES // 4)}")
    # In KiB. Room for the largest group and the pages around it; what is more only fills up with what was written.
    db.execute("PRAGMA cache_size=-512")
    pages = db.execute("PRAGMA page_count")[0][0]
    db.execute(f"PRAGMA max_page_count={pages}")


def fitting(quotas: Quotas, pages: int) -> Quotas:
    """The quotas that a file of so many pages has room for: it never grows, so samples get what it was made with."""
    missing = capacity_pages(quotas) - pages
    if missing <= 0:
        return quotas
    telemetry = max(0, quotas.telemetry_bytes - (missing + 1) * PAGE_BYTES * 8 // 9)
    log.warning(
        "spool.quota_larger_than_file telemetry_bytes=%d fitting=%d", quotas.telemetry_bytes, telemetry
    )
    return replace(quotas, telemetry_bytes=telemetry)


def _ballast_blocks(quotas: Quotas) -> int:
    return max(4, quotas.panic_bytes // 4 // BALLAST_BYTES)
