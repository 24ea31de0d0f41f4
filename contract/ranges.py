"""Sets of sequence numbers as sorted, disjoint, closed ranges: what is settled, committed or lost."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator


class Ranges:
    """A mutable set of integers that costs a pair for each gap, not a slot for each number.

    Adjacent ranges are merged, so equal sets have equal pairs.
    """

    __slots__ = ("_firsts", "_lasts")

    def __init__(self, pairs: Iterable[tuple[int, int]] = ()) -> None:
        self._firsts: list[int] = []
        self._lasts: list[int] = []
        for first, last in pairs:
            self.add(first, last)

    def add(self, first: int, last: int) -> int:
        """Add a closed range; return how many numbers were not there before.

        Raises:
            ValueError: the range runs backwards.
        """
        if first > last:
            raise ValueError(f"range {first} to {last} runs backwards")
        left = bisect_left(self._lasts, first - 1)
        right = bisect_right(self._firsts, last + 1)
        new = last - first + 1
        for at in range(left, right):
            new -= max(0, min(last, self._lasts[at]) - max(first, self._firsts[at]) + 1)
        if left < right:
            first = min(first, self._firsts[left])
            last = max(last, self._lasts[right - 1])
        self._firsts[left:right] = [first]
        self._lasts[left:right] = [last]
        return new

    def remove(self, first: int, last: int) -> None:
        """Take a closed range out, whether or not it was there."""
        left = bisect_left(self._lasts, first)
        right = bisect_right(self._firsts, last)
        if left >= right:
            return
        firsts, lasts = [], []
        if self._firsts[left] < first:
            firsts.append(self._firsts[left])
            lasts.append(first - 1)
        if self._lasts[right - 1] > last:
            firsts.append(last + 1)
            lasts.append(self._lasts[right - 1])
        self._firsts[left:right] = firsts
        self._lasts[left:right] = lasts

    def update(self, other: Iterable[tuple[int, int]]) -> int:
        """Add every range of another set; return how many numbers are new."""
        return sum(self.add(first, last) for first, last in other)

    def covers(self, first: int, last: int) -> bool:
        """Whether every number of the closed range is in the set."""
        at = bisect_left(self._lasts, first)
        return at < len(self._firsts) and self._firsts[at] <= first and last <= self._lasts[at]

    def missing(self, first: int, last: int) -> list[tuple[int, int]]:
        """The ranges within the closed range that are not in the set, in order; none if it runs backwards."""
        gaps = []
        at = bisect_left(self._lasts, first)
        while first <= last and at < len(self._firsts) and self._firsts[at] <= last:
            if first < self._firsts[at]:
                gaps.append((first, self._firsts[at] - 1))
            first = self._lasts[at] + 1
            at += 1
        if first <= last:
            gaps.append((first, last))
        return gaps

    def overlap(self, first: int, last: int) -> list[tuple[int, int]]:
        """The ranges within the closed range that are in the set, in order."""
        left = bisect_left(self._lasts, first)
        right = bisect_right(self._firsts, last)
        return [(max(first, self._firsts[at]), min(last, self._lasts[at])) for at in range(left, right)]

    def first_gap(self, first: int, last: int) -> tuple[int, int] | None:
        """The lowest range within the closed range that is not in the set; costs a search, whatever the set holds."""
        at = bisect_left(self._lasts, first)
        if at < len(self._firsts) and self._firsts[at] <= first:
            first = self._lasts[at] + 1
            at += 1
        if first > last:
            return None
        return first, min(last, self._firsts[at] - 1) if at < len(self._firsts) else last

    def first_overlap(self, first: int, last: int) -> tuple[int, int] | None:
        """The lowest range within the closed range that is in the set; costs a search, whatever the set holds."""
        at = bisect_left(self._lasts, first)
        if at == len(self._firsts) or self._firsts[at] > last or first > last:
            return None
        return max(first, self._firsts[at]), min(last, self._lasts[at])

    def pair_at(self, number: int) -> tuple[int, int] | None:
        """The whole range of the set that holds the number; None if none does."""
        at = bisect_left(self._lasts, number)
        if at == len(self._firsts) or self._firsts[at] > number:
            return None
        return self._firsts[at], self._lasts[at]

    def floor(self, start: int = 1) -> int:
        """The lowest number at or above start that is not in the set."""
        at = bisect_left(self._lasts, start)
        if at < len(self._firsts) and self._firsts[at] <= start:
            return self._lasts[at] + 1
        return start

    @property
    def count(self) -> int:
        """How many numbers the set holds."""
        return sum(self._lasts) - sum(self._firsts) + len(self._firsts)

    @property
    def top(self) -> int:
        """The highest number, 0 for the empty set."""
        return self._lasts[-1] if self._lasts else 0

    def pairs(self) -> tuple[tuple[int, int], ...]:
        """The ranges, in order."""
        return tuple(zip(self._firsts, self._lasts, strict=True))

    def copy(self) -> Ranges:
        """An independent copy."""
        twin = Ranges()
        twin._firsts = self._firsts.copy()
        twin._lasts = self._lasts.copy()
        return twin

    def __contains__(self, number: int) -> bool:
        return self.covers(number, number)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return iter(self.pairs())

    def __bool__(self) -> bool:
        return bool(self._firsts)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Ranges):
            return NotImplemented
        return self._firsts == other._firsts and self._lasts == other._lasts

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Ranges({list(self.pairs())!r})"
