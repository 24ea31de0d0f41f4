"""How much may be on its way to the broker at once: about as much as the link carries in a second. Pure.

The rate is measured by PUBACKs, as TCP's BBR does it: what was acknowledged between the sending of a frame and its
own acknowledgement, over that time. So a few acknowledgements arriving together do not look like a fast link.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

FIRST_RATE = 8_000
"""Bytes a second before anything was measured: 64 kbit/s."""

KEEP_MS = 10_000
"""The best rate of the last so many milliseconds counts."""

SHORTEST_MS, LONGEST_MS = 500, 1_000
"""The window is what the link carries in its own round trip, but at least and at most in this time."""

LEAST_WINDOW = 4_096
"""Bytes. A link slower than this carries one small frame at a time."""

FRAME_SHARE = 4
"""So many frames make a window: small enough that a press is soon behind the last of them."""

LEAST_FRAME, LARGEST_FRAME = 2_048, 60_000


class _Sent(NamedTuple):
    n_bytes: int
    at_ms: int
    delivered: int
    full: bool


class Pace:
    """The link's measured rate and what is on its way on it, by token."""

    def __init__(self) -> None:
        self._sent: dict[int, _Sent] = {}
        self._delivered = 0
        self._rates = _Best()
        self._rate: float = FIRST_RATE
        self._trips = _Best()  # of negative times: the shortest is the largest
        self._trip_ms: float = SHORTEST_MS
        self.bytes_in_flight = 0

    @property
    def in_flight(self) -> int:
        """Publishes without a PUBACK."""
        return len(self._sent)

    @property
    def bytes_per_s(self) -> float:
        """The link's rate as measured last."""
        return self._rate

    @property
    def window(self) -> int:
        """Most bytes to have on the way."""
        return max(LEAST_WINDOW, int(self._rate * min(LONGEST_MS, max(SHORTEST_MS, self._trip_ms)) / 1000))

    @property
    def frame_bytes(self) -> int:
        """Size to make a frame of."""
        return min(LARGEST_FRAME, max(LEAST_FRAME, self.window // FRAME_SHARE))

    @property
    def has_room(self) -> bool:
        """Whether one more frame may go on its way. The last one may reach over the window: so its size can grow."""
        return self.bytes_in_flight < self.window

    def clear(self) -> None:
        """The connection is gone, and what was on its way with it; the rate stays as a first guess."""
        self._sent.clear()
        self.bytes_in_flight = 0

    def on_sent(self, token: int, n_bytes: int, now_ms: int) -> None:
        """A publish was handed to the connection."""
        self.bytes_in_flight += n_bytes
        full = self.bytes_in_flight * 2 >= self.window
        self._sent[token] = _Sent(n_bytes, now_ms, self._delivered, full)

    def on_puback(self, token: int, now_ms: int) -> bool:
        """The broker has it. False for a token that is not on its way."""
        sent = self._sent.pop(token, None)
        if sent is None:
            return False
        self.bytes_in_flight -= sent.n_bytes
        self._delivered += sent.n_bytes
        took_ms = max(1, now_ms - sent.at_ms)
        self._trip_ms = -self._trips.add(now_ms, -took_ms)
        rate = (self._delivered - sent.delivered) * 1000 / took_ms
        if sent.full or rate > self._rate:  # an idle link says nothing of how much it would carry
            self._rate = self._rates.add(now_ms, rate)
        return True


class _Best:
    """The largest value of the last KEEP_MS, by a queue in which only candidates stay."""

    def __init__(self) -> None:
        self._values: deque[tuple[int, float]] = deque()

    def add(self, now_ms: int, value: float) -> float:
        """Enter a value; return the largest."""
        while self._values and self._values[-1][1] <= value:
            self._values.pop()
        self._values.append((now_ms, value))
        while self._values[0][0] < now_ms - KEEP_MS:
            self._values.popleft()
        return self._values[0][1]
