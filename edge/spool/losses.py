"""Lost ranges: few slots whose room is reserved, so ranges are merged and a loss always finds its place. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise

from contract.messages import Loss, Range
from contract.topics import Lane

MergeAllowed = Callable[[Lane, str, int, int], bool]
"""Whether no record of these seqs is still to be sent, so that they may be told as lost with their neighbours."""


class Losses:
    """The slots of the loss table. Each change says which slots to write."""

    def __init__(self, slots: list[Loss | None]) -> None:
        self._slots = slots

    def __iter__(self) -> Iterator[Loss]:
        return (loss for loss in self._slots if loss is not None)

    def slot(self, at: int) -> Loss | None:
        """What stands in a slot."""
        return self._slots[at]

    def declare(self, loss: Loss, may_merge: MergeAllowed) -> set[int]:
        """Enter a lost range: with its neighbour, in a free slot, or by merging the two nearest ranges.

        Returns:
            The slots that changed.

        Raises:
            OverflowError: every slot is taken and no two ranges may be merged.
        """
        for at, other in enumerate(self._slots):
            if other is not None and _adjacent(other, loss):
                self._slots[at] = _union(other, loss)
                return {at}
        changed = set()
        free = self._free()
        if free is None:
            first, second = self._nearest(may_merge)
            one, two = self._slots[first], self._slots[second]
            assert one is not None
            assert two is not None
            self._slots[first], self._slots[second] = _union(one, two), None
            changed, free = {first}, second
        self._slots[free] = loss
        return changed | {free}

    def note(self, lane: Lane, epoch: str, ranges: Iterable[Range]) -> set[int]:
        """Forget what the hub has recorded; a range that has grown since keeps its new end.

        Returns:
            The slots that changed.
        """
        changed = set()
        for first, last in ranges:
            for at, loss in enumerate(self._slots):
                if (
                    loss is None
                    or (loss.lane, loss.epoch) != (lane, epoch)
                    or last < loss.first
                    or first > loss.last
                ):
                    continue
                rest = _rest(loss, first, last)
                if rest != loss:
                    self._slots[at] = rest
                    changed.add(at)
        return changed

    def _free(self) -> int | None:
        return next((at for at, loss in enumerate(self._slots) if loss is None), None)

    def _nearest(self, may_merge: MergeAllowed) -> tuple[int, int]:
        order = sorted(
            (loss.lane, loss.epoch, loss.first, loss.last, at) for at, loss in enumerate(self._slots) if loss
        )
        best: tuple[int, int, int] | None = None
        for one, two in pairwise(order):
            if one[:2] != two[:2] or not may_merge(one[0], one[1], one[3] + 1, two[2] - 1):
                continue
            if best is None or two[2] - one[3] < best[0]:
                best = (two[2] - one[3], one[4], two[4])
        if best is None:
            raise OverflowError("no two lost ranges can be merged")
        return best[1], best[2]


def _adjacent(one: Loss, two: Loss) -> bool:
    same = (one.lane, one.epoch, one.reason) == (two.lane, two.epoch, two.reason)
    return same and one.first <= two.last + 1 and two.first <= one.last + 1


def _union(one: Loss, two: Loss) -> Loss:
    starts = [t for t in (one.from_ms, two.from_ms) if t is not None]
    ends = [t for t in (one.to_ms, two.to_ms) if t is not None]
    return Loss(
        one.lane,
        one.epoch,
        min(one.first, two.first),
        max(one.last, two.last),
        min(starts, default=None),
        max(ends, default=None),
        one.reason,
    )


def _rest(loss: Loss, first: int, last: int) -> Loss | None:
    """What is left of a range when first..last has been noted; a hole in its middle is not worth a slot."""
    if first <= loss.first:
        if last >= loss.last:
            return None
        return Loss(loss.lane, loss.epoch, last + 1, loss.last, loss.from_ms, loss.to_ms, loss.reason)
    if last >= loss.last:
        return Loss(loss.lane, loss.epoch, loss.first, first - 1, loss.from_ms, loss.to_ms, loss.reason)
    return loss
