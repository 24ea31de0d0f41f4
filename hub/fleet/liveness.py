"""Who is there and who is silent. Pure: monotonic times come in, verdicts go out.

Silence is three missed beats at the agreed interval; the will of the current connection shortens it to one. After
its own reconnect the hub waits three beats before it judges anyone, for it may have been the hub that was away.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Reason = Literal["beats", "will"]

MISSED_BEATS = 3
MISSED_AFTER_WILL = 1


@dataclass(frozen=True, slots=True)
class Silent:
    """A gateway has fallen silent.

    Attributes:
        last_mono_ms: when it was last heard; None where it never was in the life of this process.
        reason: ``beats`` were missed, or the broker told its ``will``.
    """

    gateway: str
    last_mono_ms: int | None
    reason: Reason


@dataclass(frozen=True, slots=True)
class Back:
    """A silent gateway speaks again."""

    gateway: str


@dataclass(slots=True)
class _Gateway:
    interval_ms: int
    last_ms: int | None = None
    connection: str = ""
    will: bool = False
    silent: Reason | None = None
    expected: bool = False
    """It has spoken at some time, in this life of the hub or an earlier one: its silence means something."""


class Liveness:
    """The state of every gateway of the registry. Lives on the event loop."""

    def __init__(self, intervals_ms: Iterable[tuple[str, int]]) -> None:
        self._gateways = {gateway: _Gateway(interval_ms) for gateway, interval_ms in intervals_ms}
        self._up_ms: int | None = None

    def restore(self, gateway: str, *, interval_ms: int, silent: bool) -> None:
        """What an earlier life of the hub knew of a gateway."""
        known = self._gateways.get(gateway)
        if known is not None:
            known.interval_ms = interval_ms
            known.silent = "beats" if silent else None
            known.expected = True

    def hub_up(self, mono_ms: int) -> None:
        """The hub's connection stands, from now on beats can be heard."""
        self._up_ms = mono_ms

    def hub_down(self) -> None:
        """The hub's connection is gone: nobody is judged."""
        self._up_ms = None

    def born(self, gateway: str, connection: str, interval_ms: int, mono_ms: int) -> Back | None:
        """A gateway has come; its earlier connections mean nothing any more."""
        known = self._gateways[gateway]
        known.connection, known.will = connection, False
        return self._heard(known, gateway, interval_ms, mono_ms)

    def known_connection(self, gateway: str, connection: str) -> None:
        """The broker still holds the birth of that connection; it was not heard just now."""
        self._gateways[gateway].connection = connection
        self._gateways[gateway].expected = True

    def will(self, gateway: str, connection: str) -> None:
        """The broker tells that a connection broke. Only the current one counts."""
        known = self._gateways[gateway]
        if known.connection in (connection, ""):
            known.will = True

    def beat(self, gateway: str, interval_ms: int, mono_ms: int) -> Back | None:
        """A beat was heard."""
        known = self._gateways[gateway]
        known.will = False
        return self._heard(known, gateway, interval_ms, mono_ms)

    def _heard(self, known: _Gateway, gateway: str, interval_ms: int, mono_ms: int) -> Back | None:
        known.interval_ms, known.last_ms, known.expected = interval_ms, mono_ms, True
        if not known.silent:
            return None
        known.silent = None
        return Back(gateway)

    def judge(self, mono_ms: int) -> list[Silent]:
        """Who has fallen silent since the last call."""
        if self._up_ms is None:
            return []
        found = []
        for gateway, known in self._gateways.items():
            if known.silent or not known.expected:
                continue
            if known.last_ms is None or known.last_ms < self._up_ms:
                due_ms = self._up_ms + MISSED_BEATS * known.interval_ms
            else:
                missed = MISSED_AFTER_WILL if known.will else MISSED_BEATS
                due_ms = known.last_ms + missed * known.interval_ms
            if mono_ms > due_ms:
                known.silent = "will" if known.will else "beats"
                found.append(Silent(gateway, known.last_ms, known.silent))
        return found

    def silent(self, gateway: str) -> Reason | None:
        """Why the gateway is called silent now, None where it is not."""
        return self._gateways[gateway].silent

    def age_ms(self, gateway: str, mono_ms: int) -> int | None:
        """How long ago the gateway was last heard, None where it never was in this process."""
        last_ms = self._gateways[gateway].last_ms
        return None if last_ms is None else mono_ms - last_ms
