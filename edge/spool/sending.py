"""What is to be sent. Rows are numbers of records in their lane, which stay the same through every change of epoch."""

from __future__ import annotations

import logging

from contract.messages import (
    MAX_RECORDS,
    Range,
)
from contract.topics import Lane
from edge.spool.checksum import sound
from edge.spool.records import (
    Row,
    Run,
)
from edge.spool.room import MakingRoom
from edge.spool.schema import RECORDS
from edge.sqlite import Database

log = logging.getLogger(__name__)

_FRAME_ROW_BYTES = 14
"""What a record takes in a frame beside its body, at most: alias or error, time offset, punctuation."""


class Sending(MakingRoom):
    """Gives the uplink its rows and the frames their records."""

    def pending(self, lane: Lane, low: int, high: int) -> Range | None:
        """The lowest run of rows in low..high to be sent: unsettled or wanted again, and timed where it must be."""
        return self._lane(lane).pending(low, min(high, self.end(lane) - 1))

    def is_again(self, lane: Lane, row: int) -> bool:
        """Whether a row was receipted once and is wanted again."""
        return row in self._lane(lane).again

    def end(self, lane: Lane) -> int:
        """One above the highest row that may be sent: rows of a boot without a time may not, but for panic."""
        state = self._lane(lane)
        end = state.next_row
        if lane != "panic":
            for mark in reversed(state.boots):
                if self._boots.synced(mark.boot):
                    break
                end = mark.first_row
        return end

    def newest(self, above: int) -> list[int]:
        """Rows above a number that are the newest sample of their device and may be sent, ascending."""
        end = self.end("telemetry")
        return sorted(row for row in self._newest.values() if above < row < end)

    def read_run(self, lane: Lane, first: int, last: int, max_bytes: int) -> Run | None:
        """The first run of records in first..last that is to be sent: of one stream and boot, about max_bytes long.

        A record that is damaged on the card is declared lost, and the run ends before it. At least one record
        is returned if there is any.

        Returns:
            None if nothing of the range is to be sent any more.
        """
        db = self._open_db()
        while (found := self.pending(lane, first, last)) is not None:
            state = self._lanes[lane]
            low = found[0]
            high = min(found[1], state.run_end(low), low + min(MAX_RECORDS, max_bytes // 24 + 1) - 1)
            rows = self._read(db, lane, low, high, max_bytes)
            if rows:
                epoch, seq = state.name(low)
                boot = self._boots.get(state.boot_of(low))
                running = boot is self._boots.running
                return Run(
                    lane, epoch, low, seq, boot.id, boot.number, running, low in state.again, tuple(rows)
                )
            self._lose_damaged(lane, low)
        return None

    def _read(self, db: Database, lane: Lane, low: int, high: int, max_bytes: int) -> list[Row]:
        rows: list[Row] = []
        size = 0
        seen: set[int] = set()
        for row, mono_ms, column, crc, body in db.execute(
            RECORDS[lane].read,
            (low, high),
        ):
            if row != low + len(rows) or not sound(row, mono_ms, column, crc, body):
                break
            size += len(body) + _FRAME_ROW_BYTES
            device = self._columns.get(column)
            if lane == "telemetry":
                if device is None:
                    break
                if column not in seen:
                    seen.add(column)
                    size += (
                        len(device.device)
                        + len(device.kind)
                        + sum(len(q) + 3 for q in device.quantities)
                        + 12
                    )
            if rows and size > max_bytes:
                break
            rows.append(Row(mono_ms, body, device))
        return rows

    def _lose_damaged(self, lane: Lane, row: int) -> None:
        log.error("spool.record_damaged lane=%s row=%d", lane, row)
        with self._change() as db:
            state = self._lanes[lane]
            if row not in state.done:
                self._declare_lost(db, state, row, row, "damaged")
            state.again.remove(row, row)
            self._delete(db, state, row, row)

    def next_row(self, lane: Lane) -> int:
        """Row that the next record of a lane will have."""
        return self._lane(lane).next_row

    def unsettled(self, lane: Lane) -> int:
        """How many records of a lane wait for a receipt."""
        return self._lane(lane).unsettled

    def body(self, lane: Lane, row: int) -> bytes | None:
        """The bytes of a record, settled or not; None when it is not on the card."""
        rows = self._read(self._open_db(), lane, row, row, 0)
        return rows[0].body if rows else None

    def time_ms(self, lane: Lane, row: int) -> int | None:
        """When a record happened; None when it is not on the card, or its boot has no time yet."""
        rows = self._read(self._open_db(), lane, row, row, 0)
        if not rows:
            return None
        stamp = self._boots.at(self._lane(lane).boot_of(row), rows[0].mono_ms)
        return None if stamp is None else stamp.t_ms

    def floor(self, lane: Lane, epoch: str) -> int:
        """The lowest seq of a stream that is neither settled nor declared lost."""
        return self._lane(lane).floor(epoch)
