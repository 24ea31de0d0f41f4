"""Whether the gateway's rooms get on, so that a watchdog is fed by work and not by a timer."""

from __future__ import annotations

from edge.clock import Clock


class Progress:
    """When each room last got on with its work. A room that may rest for long says how long."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rooms: dict[str, tuple[int, int]] = {}

    def made(self, room: str, *, again_ms: int) -> None:
        """The room has got on, and will again within so long."""
        self._rooms[room] = (self._clock.mono_ms(), again_ms)

    def stuck(self) -> str | None:
        """A room that has not got on for longer than it said; None where all have."""
        now_ms = self._clock.mono_ms()
        return next(
            (room for room, (at_ms, again_ms) in self._rooms.items() if now_ms - at_ms > again_ms), None
        )
