"""Planted bugs: each must be seen by the oracle, or the oracle is no good.

A mutant replaces something of the production code for as long as it is planted. The table says what it breaks and
by which invariants that may show.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from itertools import count
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from contract.codec import decode_body
from contract.messages import Range
from contract.topics import LANES, Lane
from edge import uplink as edge_uplink
from edge.errors import PanicLaneFull
from edge.session import Session
from edge.spool import Appended, schema, tables
from edge.spool.lane import LaneState
from edge.spool.losses import Losses
from edge.spool.store import Spool
from edge.timeline import Stamp, Sync
from edge.uplink import Uplink
from hub import life
from hub.incidents.service import Incidents
from hub.ingest import commit
from hub.ingest.accept import AcceptedTelemetry
from hub.ingest.control import Control, Frame
from hub.ingest.judging import Judging
from hub.ingest.ledger import StreamKey
from hub.ingest.samples import Samples
from hub.notify import outbox

Replace = Callable[[Any, str, Any], None]


@dataclass(frozen=True)
class Mutant:
    """A bug.

    Attributes:
        what: the mistake, in words.
        shows: invariants of which at least one must be seen broken.
        plant: puts it in.
        seen_at: the first seed that showed it when it was last searched from seed 0.
    """

    what: str
    shows: tuple[str, ...]
    plant: Callable[[Replace], None]
    seen_at: int = 0


@contextmanager
def planted(name: str | None) -> Iterator[None]:
    """With that bug in the production code; None plants nothing."""
    with ExitStack() as stack:
        if name is not None:
            MUTANTS[name].plant(
                lambda target, attribute, new: stack.enter_context(patch.object(target, attribute, new))
            )
        yield


# The hub


def _receipt_before_commit(put: Replace) -> None:
    original = Control._commit

    async def early(self: Control, frames: Sequence[Frame], lane: Lane) -> bool:
        for frame in frames:
            accepted = frame.accepted
            key = StreamKey(accepted.gateway, accepted.epoch, accepted.lane)
            self._answers.commit(key, tuple((record.seq, record.seq) for record in accepted.records))
        return await original(self, frames, lane)

    put(Control, "_commit", early)


def _telemetry_receipt_before_influx(put: Replace) -> None:
    original = Samples.take

    def take(self: Samples, accepted: AcceptedTelemetry, received_mono_ms: int) -> None:
        frame = accepted.frame
        key = StreamKey(accepted.gateway, frame.epoch, "telemetry")
        if not frame.live:
            self._answers.commit(key, ((frame.first, frame.last),))
        original(self, accepted, received_mono_ms)

    put(Samples, "take", take)


def _no_dedupe(put: Replace) -> None:
    salt = count()

    def sha256(data: bytes) -> Any:
        return hashlib.sha256(data + str(next(salt)).encode())

    put(commit, "hashlib", SimpleNamespace(sha256=sha256))


def _other_body_is_a_duplicate(put: Replace) -> None:
    original = commit._Rows.at

    class Whatever(set[str]):
        def __contains__(self, _: object) -> bool:
            return len(self) > 0

    put(commit._Rows, "at", lambda self, seq: Whatever(original(self, seq)))


def _recovered_pages(put: Replace) -> None:
    original = Incidents.panic
    put(Incidents, "panic", lambda self, conn, event: original(self, conn, replace(event, again=False)))


def _outbox_not_held(put: Replace) -> None:
    put(outbox, "hold_older_than", lambda *_args, **_named: 0)


def _rules_wait_for_influx(put: Replace) -> None:
    take, written = Samples.take, Samples.written
    judge = Judging.judge

    def later(self: Samples, result: Any) -> None:
        judge(self._judging, result.batch.token.accepted)
        written(self, result)

    put(Judging, "judge", lambda _self, _accepted: None)
    put(Samples, "take", take)
    put(Samples, "written", later)


def _generation_not_raised(put: Replace) -> None:
    """The restored hub says that it is the one it was."""
    original = life.incarnation
    put(
        life,
        "mark_restored",
        lambda conn, *, now_ms, random, above=0: (original(conn, now_ms=now_ms, random=random), above),
    )


# The gateway: what it keeps


def _seq_from_highest_row(put: Replace) -> None:
    """The next number is derived from the rows that are left, of which the settled go at once."""
    load = tables.load_lanes

    def derived(db: Any) -> dict[Lane, LaneState]:
        lanes = load(db)
        for name, lane in lanes.items():
            highest = db.execute(f"SELECT MAX(row) FROM {name}")[0][0] or 0  # noqa: S608
            lane.next_row = highest + 1
            for rows in (lane.done, lane.gone):
                rows.remove(highest + 1, 2**53)
        return lanes

    put(tables, "load_lanes", derived)
    _ring_not_kept(put)


def _ring_not_kept(put: Replace) -> None:
    original = Spool.settle

    def settle(
        self: Spool, lane: Lane, epoch: str, ranges: Iterable[Range], *, refused: bool = False
    ) -> list[Range]:
        settled = original(self, lane, epoch, ranges, refused=refused)
        if settled:
            with self._change() as db:
                for first, last in settled:
                    self._delete(db, self._lanes[lane], first, last)
        return settled

    put(Spool, "settle", settle)


def _epoch_reuse(put: Replace) -> None:
    """The epoch is made from what the board is, not from chance."""
    original = Spool.__init__

    def init(self: Spool, path: str, **named: Any) -> None:
        original(self, path, **named)
        self._random_hex = lambda n_bytes: hashlib.sha256(path.encode()).hexdigest()[: 2 * n_bytes]

    put(Spool, "__init__", init)


def _send_before_fsync(put: Replace) -> None:
    original = schema.configure

    def configure(db: Any, quotas: Any) -> None:
        original(db, quotas)
        db.execute("PRAGMA synchronous=OFF")

    put(schema, "configure", configure)


def _panic_dropped_when_full(put: Replace) -> None:
    original = Spool.append_panic

    def append(self: Spool, mono_ms: int, body: bytes) -> Appended:
        try:
            return original(self, mono_ms, body)
        except PanicLaneFull:
            lane = self._lane("panic")
            return Appended("panic", lane.epoch, lane.next_seq, lane.next_seq)

    put(Spool, "append_panic", append)


def _panic_evicted(put: Replace) -> None:
    original = Spool._evict

    def evict(self: Spool, db: Any, lane: LaneState, need: int, wish: int) -> None:
        before = lane.bytes
        original(self, db, lane, need, wish)
        found = lane.stored(1, lane.top, settled=False)
        missing = need - (before - lane.bytes)
        if lane.lane == "panic" and missing > 0 and found is not None:
            first, last = self._rows_to_free(db, lane, found, missing)
            self._declare_lost(db, lane, first, last, "full")
            self._delete(db, lane, first, last)

    put(Spool, "_evict", evict)


def _gap_not_recorded(put: Replace) -> None:
    put(Losses, "declare", lambda _self, _loss, _may_merge: set())


def _recall_ignored(put: Replace) -> None:
    put(Spool, "recall", lambda _self, _have: [])


# The gateway: what it says and believes


def _settle_on_puback(put: Replace) -> None:
    on_sent, on_puback = Uplink.on_sent, Uplink.on_puback
    sent: dict[tuple[int, int], tuple[Lane, int, int]] = {}

    def note(self: Uplink, send: Any, last_row: int, n_bytes: int, now_ms: int) -> int:
        token = on_sent(self, send, last_row, n_bytes, now_ms)
        sent[id(self), token] = (send.lane, send.first, last_row)
        return token

    def believe(self: Uplink, token: int, now_ms: int) -> None:
        on_puback(self, token, now_ms)
        lane, first, last = sent.pop((id(self), token))
        store: Any = self._store
        for epoch, low, high in list(store._lane(lane).names_of(first, last)):
            self._land(lane, store.settle(lane, epoch, [(low, high)]), now_ms)

    put(Uplink, "on_sent", note)
    put(Uplink, "on_puback", believe)


def _receipt_ignores_epoch(put: Replace) -> None:
    original = Spool.settle

    def settle(
        self: Spool, lane: Lane, _epoch: str, ranges: Iterable[Range], *, refused: bool = False
    ) -> list[Range]:
        return original(self, lane, self._lane(lane).epoch, ranges, refused=refused)

    put(Spool, "settle", settle)
    # The session leaves out what it has not sent, by epoch too; it has to be as blind.
    put(Session, "_of_what_was_sent", lambda _self, receipt: receipt)


def _lanes_in_arrival_order(put: Replace) -> None:
    original = Uplink.next

    def by_age(self: Uplink, now_ms: int) -> Any:
        store: Any = self._store
        ages = {lane: account.oldest_age_ms or 0 for lane, account in store.accounts(now_ms).items()}
        with patch.object(edge_uplink, "LANES", tuple(sorted(LANES, key=lambda lane: -ages[lane]))):
            return original(self, now_ms)

    put(Uplink, "next", by_age)


def _doubts_by_attempts(put: Replace) -> None:
    """Sendings into a dead link speak against the frame."""

    def overdue(self: Uplink, flight: Any, now_ms: int) -> bool:
        if flight.suspect or flight.attempts < edge_uplink.SUSPECT_AFTER or not self._overtaken(flight):
            return False
        flight.suspect = True
        flight.due_ms = max(now_ms + 1, flight.sent_ms + self._again_ms(flight))
        return True

    put(Uplink, "_found_suspect", overdue)


def _never_again(put: Replace) -> None:
    put(Uplink, "_again_ms", lambda _self, _flight: 10**12)


def _time_changed_on_resend(put: Replace) -> None:
    """A record's time is by the newest sync row, whenever it is sent."""
    original = Spool.at

    def at(self: Spool, boot_number: int, mono_ms: int) -> Stamp | None:
        running = self._boots.running
        if boot_number == running.number and running.timeline.last is not None:
            return running.timeline.last.at(mono_ms)
        return original(self, boot_number, mono_ms)

    put(Spool, "at", at)


def _error_not_declared(put: Replace) -> None:
    original = Sync.at
    put(Sync, "at", lambda self, mono_ms: Stamp(original(self, mono_ms).t_ms, 0))


def _lamp_on_puback(put: Replace) -> None:
    original = Session.acknowledged

    def acknowledged(self: Session, token: int, mono_ms: int) -> None:
        original(self, token, mono_ms)
        waiting = self._spool.overdue_panics(mono_ms, after_ms=0)
        self._on_received(tuple(decode_body(panic.body).id for panic in waiting))

    put(Session, "acknowledged", acknowledged)


MUTANTS: dict[str, Mutant] = {
    "receipt-before-commit": Mutant(
        "the receipt of an event goes out before its commit", ("I4", "I1"), _receipt_before_commit
    ),
    "receipt-before-influx": Mutant(
        "the receipt of a sample goes out before InfluxDB has it",
        ("I4", "I1"),
        _telemetry_receipt_before_influx,
    ),
    "settle-on-puback": Mutant("a PUBACK settles", ("I1", "I12"), _settle_on_puback),
    "seq-from-highest-row": Mutant(
        "the next number follows from the rows", ("I3",), _seq_from_highest_row, seen_at=4
    ),
    "epoch-reuse": Mutant("a new spool takes the epoch of the old one", ("I3",), _epoch_reuse, seen_at=3),
    "send-before-fsync": Mutant(
        "what is not synced is promised and sent", ("I1", "I3"), _send_before_fsync, seen_at=27
    ),
    "no-dedupe": Mutant("a record that comes again is stored again", ("I2", "I7"), _no_dedupe, seen_at=3),
    "ring-not-kept": Mutant("settled records leave the card at once", ("I13",), _ring_not_kept, seen_at=22),
    "receipt-ignores-epoch": Mutant(
        "a receipt of another epoch settles", ("I1", "I12"), _receipt_ignores_epoch, seen_at=48
    ),
    "panic-dropped-when-full": Mutant(
        "a press that finds its lane full is dropped", ("I1", "I3"), _panic_dropped_when_full, seen_at=2
    ),
    "panic-evicted": Mutant("a press makes room for the next one", ("I6",), _panic_evicted, seen_at=2),
    "lanes-in-arrival-order": Mutant(
        "the oldest record goes first", ("I9",), _lanes_in_arrival_order, seen_at=38
    ),
    "gap-not-recorded": Mutant("what is evicted is not declared lost", ("I1",), _gap_not_recorded, seen_at=2),
    "time-changed-on-resend": Mutant(
        "a record's time is computed anew at each sending",
        ("time", "I2"),
        _time_changed_on_resend,
        seen_at=26,
    ),
    "error-not-declared": Mutant("a time is said to be exact", ("I10",), _error_not_declared, seen_at=3),
    "recall-ignored": Mutant(
        "a restored hub is not sent what it lacks", ("I13",), _recall_ignored, seen_at=22
    ),
    "generation-not-raised": Mutant(
        "a restored hub says that it is the one it was", ("I13",), _generation_not_raised, seen_at=98
    ),
    "recovered-pages": Mutant(
        "what comes again after a restore pages again", ("I13",), _recovered_pages, seen_at=16
    ),
    "outbox-not-held": Mutant(
        "a restored outbox sends what it may have sent", ("I13",), _outbox_not_held, seen_at=98
    ),
    "other-body-is-duplicate": Mutant(
        "another body under a known key counts as a duplicate",
        ("I4", "I1"),
        _other_body_is_a_duplicate,
        seen_at=18,
    ),
    "rules-wait-for-influx": Mutant("samples are judged when stored", ("I14",), _rules_wait_for_influx),
    "lamp-on-puback": Mutant("the lamp says received at the PUBACK", ("I12",), _lamp_on_puback),
    "doubts-by-attempts": Mutant(
        "a press that went into a dead link is put off as undecodable",
        ("I9",),
        _doubts_by_attempts,
        seen_at=26,
    ),
    "never-again": Mutant(
        "what stays without a receipt is not sent again", ("I8",), _never_again, seen_at=67
    ),
}
"""Every planted bug by its name."""
