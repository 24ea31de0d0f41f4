"""One lane in memory: which of its rows are settled, gone or wanted again, and by which seq each row goes. Pure.

Rows of a lane are numbered from 1, once and for all. Pieces of that line carry the names under which the hub knows
the rows: (epoch, seq). All unsettled rows belong to the lane's current epoch, so a receipt or a resend is a few
searches in sorted ranges, however long the backlog.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from contract.messages import Range
from contract.ranges import Ranges
from contract.topics import Lane


class Piece(NamedTuple):
    """From this row to the next piece, rows go by this epoch and by consecutive seq."""

    first_row: int
    epoch: str
    first_seq: int


class BootRow(NamedTuple):
    """From this row to the next such mark, rows are of this boot."""

    first_row: int
    boot: int


class Name(NamedTuple):
    """What the hub calls a row."""

    epoch: str
    seq: int


@dataclass(slots=True)
class LaneState:
    """What the spool knows of a lane without reading the card.

    Attributes:
        next_row: the next row to be given.
        bytes: what its rows take on the card.
        boot, mono_ms: highest boot clock reading of a record in the newest boot that has any.
        done: rows that are not to be sent any more, settled or lost.
        gone: rows that are not on the card any more; always done too.
        again: done rows that the hub lacks, to be sent again from the ring.
    """

    lane: Lane
    epoch: str
    next_row: int
    bytes: int = 0
    boot: int = 0
    mono_ms: int = 0
    refused: int = 0
    lost: int = 0
    pieces: list[Piece] = field(default_factory=list)
    boots: list[BootRow] = field(default_factory=list)
    done: Ranges = field(default_factory=Ranges)
    gone: Ranges = field(default_factory=Ranges)
    again: Ranges = field(default_factory=Ranges)

    @property
    def top(self) -> int:
        """The highest row that was ever given."""
        return self.next_row - 1

    @property
    def next_seq(self) -> int:
        """The next seq of the current epoch."""
        return self.name(self.next_row).seq

    @property
    def unsettled(self) -> int:
        """How many records are still to be settled."""
        return self.top - self.done.count

    def name(self, row: int) -> Name:
        """What the hub calls a row."""
        piece = self.pieces[self._piece_at(row)]
        return Name(piece.epoch, piece.first_seq + row - piece.first_row)

    def boot_of(self, row: int) -> int:
        """Number of the boot that a row is of."""
        return self.boots[bisect_right(self.boots, row, key=lambda mark: mark.first_row) - 1].boot

    def run_end(self, row: int) -> int:
        """The last row of a row's piece and boot: a frame goes no further."""
        end = self.top
        piece = self._piece_at(row) + 1
        if piece < len(self.pieces):
            end = min(end, self.pieces[piece].first_row - 1)
        boot = bisect_right(self.boots, row, key=lambda mark: mark.first_row)
        if boot < len(self.boots):
            end = min(end, self.boots[boot].first_row - 1)
        return end

    def rows_of(self, epoch: str, first: int, last: int) -> list[Range]:
        """The rows that go by seqs of an epoch, as far as they were ever given."""
        found = []
        for piece, end in self._pieces_of(epoch):
            shift = piece.first_row - piece.first_seq
            low, high = max(piece.first_row, first + shift), min(end, last + shift)
            if low <= high:
                found.append((low, high))
        return found

    def names_of(self, first: int, last: int) -> Iterator[tuple[str, int, int]]:
        """(epoch, first seq, last seq) of the pieces of a range of rows, in order."""
        at = self._piece_at(first)
        while first <= last:
            piece = self.pieces[at]
            end = min(last, self.pieces[at + 1].first_row - 1) if at + 1 < len(self.pieces) else last
            shift = piece.first_seq - piece.first_row
            yield piece.epoch, first + shift, end + shift
            first = end + 1
            at += 1

    def pending(self, low: int, high: int) -> Range | None:
        """The lowest run of rows in low..high to be sent: unsettled, or wanted again (one kind only)."""
        high = min(high, self.top)
        fresh = self.done.first_gap(low, high)
        again = self.again.first_overlap(low, high)
        if fresh is None or again is None:
            return fresh or again
        if fresh < again:
            return fresh[0], min(fresh[1], again[0] - 1)
        return again

    def stored(self, low: int, high: int, *, settled: bool) -> Range | None:
        """The lowest run of rows in low..high that are on the card and settled, or on the card and not."""
        while (there := self.gone.first_gap(low, high)) is not None:
            found = self.done.first_overlap(*there) if settled else self.done.first_gap(*there)
            if found is not None:
                return found
            low = there[1] + 1
        return None

    def ring(self) -> Iterator[Range]:
        """The runs of settled rows that are still on the card, in order."""
        low = 1
        while (found := self.stored(low, self.top, settled=True)) is not None:
            yield found
            low = found[1] + 1

    def floor(self, epoch: str) -> int:
        """The lowest seq of an epoch that is neither settled nor lost; the next one if there is none."""
        seq = 1
        for piece, end in self._pieces_of(epoch):
            found = self.pending(piece.first_row, end)
            if found is not None:
                return piece.first_seq + found[0] - piece.first_row
            seq = piece.first_seq + end - piece.first_row + 1
        return seq

    def settled_above(self, floor: int, most: int) -> tuple[Range, ...]:
        """Ranges of seqs of the current epoch above its floor that are settled; the lowest so many."""
        found = Ranges()
        for piece, end in self._pieces_of(self.epoch):
            shift = piece.first_seq - piece.first_row
            for first, last in self.done.overlap(max(piece.first_row, floor - shift), end):
                for low, high in _without(self.again, first, last):
                    found.add(low + shift, high + shift)
        return found.pairs()[:most]

    def recall(self, have: dict[str, Ranges]) -> None:
        """Want again what is in the ring and not in have, by epoch; what was wanted before is forgotten."""
        self.again = Ranges()
        for first, last in self.ring():
            row = first
            for epoch, low, high in self.names_of(first, last):
                for a, b in have.get(epoch, Ranges()).missing(low, high):
                    self.again.add(row + a - low, row + b - low)
                row += high - low + 1

    def moved_to(self, epoch: str) -> tuple[list[Piece], list[Range]]:
        """The pieces after a move of all unsettled rows to a new epoch, and the seqs that moved, merged."""
        pieces, moved = list(self.pieces), Ranges()
        seq, low = 1, 1
        while (found := self.done.first_gap(low, self.top)) is not None:
            for _, first, last in self.names_of(*found):
                moved.add(first, last)
            pieces = _cut(pieces, found[0], found[1], Piece(found[0], epoch, seq))
            seq += found[1] - found[0] + 1
            low = found[1] + 1
        return _cut(pieces, self.next_row, None, Piece(self.next_row, epoch, seq)), list(moved)

    def forget_pieces(self) -> None:
        """Drop names of older epochs and boots whose rows are all gone."""
        first = next(self.ring(), (self.next_row, 0))[0]
        pending = self.done.first_gap(1, self.top)
        first = min(first, pending[0]) if pending else first
        own = next(at for at, piece in enumerate(self.pieces) if piece.epoch == self.epoch)
        del self.pieces[: min(self._piece_at(first), own)]
        keep = bisect_right(self.boots, first, key=lambda mark: mark.first_row) - 1
        del self.boots[: max(0, keep)]

    def _piece_at(self, row: int) -> int:
        return max(0, bisect_right(self.pieces, row, key=lambda piece: piece.first_row) - 1)

    def _pieces_of(self, epoch: str) -> Iterator[tuple[Piece, int]]:
        """(piece, last row given in it) of an epoch; the last row may lie before the first: none yet."""
        for at, piece in enumerate(self.pieces):
            if piece.epoch == epoch:
                end = self.pieces[at + 1].first_row - 1 if at + 1 < len(self.pieces) else self.top
                yield piece, end


def _cut(pieces: list[Piece], first: int, last: int | None, new: Piece) -> list[Piece]:
    """Put a new piece over rows first..last (None: to the end); what stood behind goes on by its own names."""
    before = [piece for piece in pieces if piece.first_row < first]
    if last is None:
        return [*before, new]
    under = [piece for piece in pieces if piece.first_row <= last + 1][-1]
    rest = under._replace(first_row=last + 1, first_seq=under.first_seq + last + 1 - under.first_row)
    after = [piece for piece in pieces if piece.first_row > last + 1]
    return [*before, new, rest, *after]


def _without(taken: Ranges, first: int, last: int) -> Iterable[Range]:
    return taken.missing(first, last)


def coarser(ranges: list[Range], most: int) -> tuple[Range, ...]:
    """At most so many ranges that cover all of these, by closing the smallest gaps."""
    if len(ranges) <= most:
        return tuple(ranges)
    gaps = sorted(range(1, len(ranges)), key=lambda at: ranges[at][0] - ranges[at - 1][1])
    kept = sorted(gaps[len(ranges) - most :])
    starts, ends = [0, *kept], [*kept, len(ranges)]
    return tuple((ranges[a][0], ranges[b - 1][1]) for a, b in zip(starts, ends, strict=True))
