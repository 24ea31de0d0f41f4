"""Accepting records and measured times. On return they are on the disk."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from contract.messages import (
    DeviceColumn,
)
from contract.topics import Lane
from edge.errors import DiskFull, PanicLaneFull, RecordError
from edge.spool.checksum import checksum
from edge.spool.lane import BootRow
from edge.spool.records import (
    MAX_GROUP,
    MAX_GROUP_BYTES,
    Appended,
    Sample,
    check_event,
    encode_sample,
)
from edge.spool.room import MakingRoom
from edge.spool.schema import NUMBER, RECORDS, cost
from edge.timeline import Source, Sync

_EVICT_MORE_BYTES = (0, 16 * 1024, 128 * 1024)


class Accepting(MakingRoom):
    """Takes records into their lanes."""

    def append_panic(self, mono_ms: int, body: bytes) -> Appended:
        """Accept one press. Takes the reserved ballast if everything else is full.

        Raises:
            PanicLaneFull: even that is used up.
            RecordError: the body is no event.
            CardError: the card did not take it; try again.
        """
        entries = [(mono_ms, 0, check_event(body))]
        while True:
            try:
                return self._append("panic", entries, 0)
            except PanicLaneFull:
                raise
            except DiskFull as error:
                if not self._give_ballast():
                    raise PanicLaneFull("panic", "no space left for panic", error.hint) from error

    def append_events(self, events: Sequence[tuple[int, bytes]]) -> Appended:
        """Accept events, (mono_ms, body) each; all or none.

        Raises:
            RecordError: a body is no event, or there are none, or too many for one call.
            CardError: the card did not take them; DiskFull when there is no room even after evicting.
        """
        return self._append_evicting("event", [(mono_ms, 0, check_event(body)) for mono_ms, body in events])

    def append_samples(self, samples: Sequence[Sample]) -> Appended:
        """Accept samples; all or none.

        Raises:
            RecordError: a value is no number of the contract, or there are none, or too many for one call.
            CardError: the card did not take them; DiskFull when there is no room even after evicting.
        """
        bodies = [encode_sample(sample) for sample in samples]
        self._open_db()
        entries = [
            (sample.mono_ms, self._column(sample), body) for sample, body in zip(samples, bodies, strict=True)
        ]
        appended = self._append_evicting("telemetry", entries)
        first = self._lanes["telemetry"].top - len(entries) + 1
        for row, (_, column, _) in enumerate(entries, first):
            self._newest[column] = row
        return appended

    def _append_evicting(self, lane: Lane, entries: list[tuple[int, int, bytes]]) -> Appended:
        """Append; where the file has no page left although the account says so, evict whole pages, then more."""
        for extra_bytes in _EVICT_MORE_BYTES:
            try:
                return self._append(lane, entries, extra_bytes)
            except DiskFull as error:
                full = error
        raise full

    def _append(self, name: Lane, entries: list[tuple[int, int, bytes]], extra_bytes: int) -> Appended:
        if not 1 <= len(entries) <= MAX_GROUP or sum(len(body) for _, _, body in entries) > MAX_GROUP_BYTES:
            raise RecordError("group", f"{len(entries)} records in one call", f"append 1 to {MAX_GROUP}")
        with self._change() as db:
            lane = self._lanes[name]
            n_bytes = sum(cost(len(body)) for _, _, body in entries)
            self._make_room(db, lane, n_bytes, extra_bytes)
            first, boot = lane.next_row, self._boots.running.number
            if not lane.boots or lane.boots[-1].boot != boot:
                lane.boots.append(BootRow(first, boot))
                db.execute("INSERT INTO boot_row VALUES (?, ?, ?)", (NUMBER[name], first, boot))
            db.execute_many(
                RECORDS[name].insert,
                [
                    (row, mono_ms, column, checksum(row, mono_ms, column, body), body)
                    for row, (mono_ms, column, body) in enumerate(entries, first)
                ],
            )
            lane.next_row += len(entries)
            lane.bytes += n_bytes
            newest = max(mono_ms for mono_ms, _, _ in entries)
            lane.mono_ms = max(lane.mono_ms, newest) if lane.boot == boot else newest
            lane.boot = boot
            self._save_lane(db, lane)
        epoch, seq = lane.name(first)
        return Appended(name, epoch, seq, seq + len(entries) - 1)

    def _column(self, sample: Sample) -> int:
        key = (sample.device, sample.kind, sample.quantities)
        number = self._column_ids.get(key)
        if number is None:
            if not all(0 < len(name) <= 64 for name in (sample.device, sample.kind, *sample.quantities)):
                raise RecordError("name", f"a name of device {sample.device!r} is empty or over 64 letters")
            number = len(self._columns) + 1
            text = msgspec.json.encode(sample.quantities).decode()
            with self._change() as db:
                db.execute(
                    "INSERT INTO device_column VALUES (?, ?, ?, ?)",
                    (number, sample.device, sample.kind, text),
                )
            self._remember_column(number, DeviceColumn(*key))
        return number

    def append_sync(self, mono_ms: int, wall_ms: int, error_ms: int, source: Source) -> Sync:
        """Make a measured time of the running boot durable; earlier boots without a time are laid out with it.

        The row lies behind every record that there is, so no record changes its time once it may have been sent.
        """
        with self._change() as db:
            running = self._boots.running.number
            after = max((lane.mono_ms for lane in self._lanes.values() if lane.boot == running), default=-1)
            return self._boots.add_sync(
                db, mono_ms, wall_ms, max(0, error_ms), source, after_mono_ms=self._after(after)
            )

    def _after(self, newest_mono_ms: int) -> int:
        # A boot without a row yet has sent no record by time: its first row may lie anywhere.
        return newest_mono_ms if self._boots.running.timeline else -1
