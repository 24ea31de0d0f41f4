"""What a Modbus line offers to its bus: one request at a time, and what came back."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from edge.drivers.registers import Request


class Answer(NamedTuple):
    """What a unit answered.

    Attributes:
        function: of the answer, without the bit that marks a refusal.
        values: registers, or bits; these in whole bytes, so more than were asked for.
        exception: the code by which it refuses; 0 for none.
    """

    function: int
    values: tuple[int, ...]
    exception: int = 0


class BrokenLineError(Exception):
    """The line is gone, or what came over it can be no answer: it is to be closed and opened anew."""


class Line(Protocol):
    """One open line. It repeats nothing and reconnects never: the bus decides both."""

    heard: bool
    """Whether any byte came since the last request went."""

    @property
    def connected(self) -> bool:
        """Whether it is open now."""

    async def connect(self) -> None:
        """Open it, once.

        Raises:
            OSError, BrokenLineError: it cannot be opened.
        """

    async def ask(self, unit: int, request: Request) -> Answer:
        """Send a request and wait for its answer; an answer to an earlier one is passed over.

        Waits for ever: the caller has the time-out, and cancels.

        Raises:
            OSError, BrokenLineError: the line broke.
        """

    def close(self) -> None:
        """Close it. Idempotent."""
