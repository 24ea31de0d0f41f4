"""Rows of the spool's tables to values and back. What cannot be right is a damaged card."""

from __future__ import annotations

import msgspec

from contract.messages import ClosedEpoch, Loss, Range
from contract.topics import LANES, Lane
from edge.errors import CorruptCard
from edge.spool.lane import BootRow, LaneState, Piece
from edge.spool.schema import DONE, LOSS_SLOTS, NUMBER
from edge.sqlite import Database, Value

_ranges = msgspec.json.Decoder(tuple[Range, ...])


def load_lanes(db: Database) -> dict[Lane, LaneState]:
    """The lanes as the card has them.

    Raises:
        CorruptCard: a lane is missing or contradicts itself.
    """
    lanes = {}
    for number, epoch, next_row, n_bytes, boot, mono_ms, refused, lost in db.execute(
        "SELECT lane, epoch, next_row, bytes, boot, mono_ms, refused, lost FROM lane ORDER BY lane"
    ):
        lane = LANES[number]
        lanes[lane] = LaneState(lane, epoch, next_row, n_bytes, boot, mono_ms, refused, lost)
    if tuple(lanes) != LANES:
        raise CorruptCard("lanes", f"lanes {list(lanes)}")
    for lane, state in lanes.items():
        load_names(db, lane, state)
        _check(state)
    return lanes


def load_names(db: Database, lane: Lane, state: LaneState) -> None:
    """Pieces, boots and sets of rows of a lane."""
    number = (NUMBER[lane],)
    for first, epoch, seq in db.execute(
        "SELECT first_row, epoch, first_seq FROM piece WHERE lane = ? ORDER BY first_row", number
    ):
        state.pieces.append(Piece(first, epoch, seq))
    for first, boot in db.execute(
        "SELECT first_row, boot FROM boot_row WHERE lane = ? ORDER BY first_row", number
    ):
        state.boots.append(BootRow(first, boot))
    for kind, first, last in db.execute("SELECT kind, first, last FROM rows WHERE lane = ?", number):
        if not 1 <= first <= last:
            raise CorruptCard("rows", f"{lane} has rows {first} to {last}")
        (state.done if kind == DONE else state.gone).add(first, last)


def _check(state: LaneState) -> None:
    lane = state.lane
    if not state.pieces or state.pieces[-1].epoch != state.epoch:
        raise CorruptCard("pieces", f"{lane} has no names for its epoch")
    if state.top > 0 and not state.boots:
        raise CorruptCard("boots", f"{lane} has records of no boot")
    # A log with damage in it ends there for SQLite: of pages that are in the file too, some are then older.
    if state.pieces[-1].first_row > state.next_row or (state.boots and state.boots[-1].first_row > state.top):
        raise CorruptCard("marks", f"{lane} has names or boots of rows from {state.next_row} on")
    if state.done.top > state.top or any(not state.done.covers(*pair) for pair in state.gone):
        raise CorruptCard("rows", f"{lane} has settled what it never had")


def load_losses(db: Database) -> list[Loss | None]:
    """The slots of the loss table."""
    slots: list[Loss | None] = [None] * LOSS_SLOTS
    for slot, lane, epoch, first, last, start, end, reason in db.execute(
        "SELECT slot, lane, epoch, first, last, from_ms, to_ms, reason FROM loss"
    ):
        if reason:
            slots[slot] = Loss(LANES[lane], epoch, first, last, start, end, reason)
    return slots


def save_loss(db: Database, slot: int, loss: Loss | None) -> None:
    """Write one slot, in place."""
    values: tuple[Value, ...] = (0, "", 0, 0, None, None, "")
    if loss is not None:
        values = (NUMBER[loss.lane], loss.epoch, loss.first, loss.last, loss.from_ms, loss.to_ms, loss.reason)
    db.execute(
        "UPDATE loss SET lane = ?, epoch = ?, first = ?, last = ?, from_ms = ?, to_ms = ?, reason = ? WHERE slot = ?",
        (*values, slot),
    )


def load_closed(db: Database) -> dict[tuple[Lane, str], ClosedEpoch]:
    """Closed epochs that the hub has not recorded, oldest first."""
    found = {}
    for number, epoch, following, moved, reason in db.execute(
        "SELECT lane, epoch, next, moved, reason FROM closed ORDER BY rowid"
    ):
        closed = ClosedEpoch(LANES[number], epoch, following, _ranges.decode(moved), reason)
        found[closed.lane, epoch] = closed
    return found


def insert_closed(db: Database, closed: ClosedEpoch) -> None:
    """Enter a closed epoch."""
    db.execute(
        "INSERT OR REPLACE INTO closed VALUES (?, ?, ?, ?, ?)",
        (
            NUMBER[closed.lane],
            closed.epoch,
            closed.next,
            msgspec.json.encode(closed.moved).decode(),
            closed.reason,
        ),
    )
