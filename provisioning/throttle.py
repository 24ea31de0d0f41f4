"""How often one address may ask. Pure: time is passed in.

Each address has a bucket that fills slowly; what was refused costs more than what was granted, so that a fleet behind
one address enrols in a minute and a guesser waits. At 128 bits a guess is hopeless anyway; this keeps the guesser from
filling the log and the processor.
"""

from __future__ import annotations

from collections import OrderedDict

ROOM = 60.0
"""Requests that an address may make at once."""

PER_S = 1.0
"""Refilled each second."""

REFUSAL_COSTS = 10.0
ADDRESSES = 4096
"""Addresses remembered; the one that was longest away is forgotten first. About 1 MB."""


class Throttle:
    """The buckets of all addresses."""

    def __init__(self) -> None:
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait_s(self, address: str, now_s: float) -> float:
        """Seconds until this address may ask again; 0 when it may now, and then one request is taken off."""
        left = self._left(address, now_s)
        if left < 1:
            return (1 - left) / PER_S
        self._put(address, left - 1, now_s)
        return 0.0

    def refused(self, address: str, now_s: float) -> None:
        """What it asked was refused."""
        self._put(address, max(0.0, self._left(address, now_s) - REFUSAL_COSTS), now_s)

    def _left(self, address: str, now_s: float) -> float:
        left, then_s = self._buckets.get(address, (ROOM, now_s))
        return min(ROOM, left + max(0.0, now_s - then_s) * PER_S)

    def _put(self, address: str, left: float, now_s: float) -> None:
        self._buckets[address] = (left, now_s)
        self._buckets.move_to_end(address)
        if len(self._buckets) > ADDRESSES:
            self._buckets.popitem(last=False)
