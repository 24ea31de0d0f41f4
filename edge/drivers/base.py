"""What every driver offers and what it gives: readings when polled, edges when they happen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from contract.kinds import Quality
from edge.config import Role
from edge.errors import DeviceError

Value = float | int | None


class MissedPollError(DeviceError):
    """A poll gave no reading. Retryable: the next poll may.

    Its reason is one of ``no_answer``, ``exception``, ``garbage``, ``bus_down``, ``identity``, ``not_started``, and
    ``resting``: the unit is left alone until its next trial, so nothing was asked and nothing was missed.
    """


@dataclass(frozen=True, slots=True)
class Reading:
    """What a device said in one poll.

    Attributes:
        device: its name.
        values: by quantity, in the quantity's unit; None is no value. Every quantity of the driver is there.
        mono_ms: boot clock when the answer was complete.
        quality: why a value is not simply good; a quantity that is not named is good.
    """

    device: str
    values: Mapping[str, Value]
    mono_ms: int
    quality: Mapping[str, Quality] = field(default_factory=dict)


class Driver(Protocol):
    """A device that answers when it is asked. The sampler owns the rhythm."""

    @property
    def device(self) -> str:
        """Name of the device."""

    @property
    def kind(self) -> str:
        """Its kind, as in contract.kinds."""

    @property
    def quantities(self) -> tuple[str, ...]:
        """What each of its readings carries, in this order."""

    async def poll(self) -> Reading:
        """Ask the device now.

        Raises:
            MissedPollError: it gave nothing. Never a reading of zeros.
        """


@dataclass(frozen=True, slots=True)
class Edge:
    """A debounced change of a contact.

    Attributes:
        device: name of the contact.
        role: what the contact is for.
        active: pressed, occupied or open.
        mono_ms: boot clock of the change itself, not of the end of the debounce.
        initial: the contact was active when the gateway began to watch it.
    """

    device: str
    role: Role
    active: bool
    mono_ms: int
    initial: bool = False


@dataclass(frozen=True, slots=True)
class LineFault:
    """A supervised line is broken, or is whole again.

    Attributes:
        state: ``open``, ``short`` or ``fault``; empty: it is whole.
    """

    device: str
    state: str
    mono_ms: int


class EventStore(Protocol):
    """The event lane, for drivers that promise a device that its events are stored. All calls are synchronous."""

    def append_events(self, events: Sequence[tuple[int, bytes]]) -> object:
        """Commit (boot clock, body) each as an event, in one transaction.

        Raises:
            EdgeError: the card does not take them; none is stored.
        """

    def event_room(self) -> int:
        """How many more events may come from devices that can wait and tell them again."""

    def next_event_row(self) -> int:
        """Row that the next event will have. Rows are numbered once and for all, and without gaps."""

    def event_body(self, row: int) -> bytes | None:
        """The event of that row; None when it is not on the card any more."""


OnEdge = Callable[[Edge], None]
"""Called in the event loop, never in another thread; must not block."""

OnPast = Callable[[Reading], None]
"""Told of what a device has measured earlier. As OnEdge."""

OnFault = Callable[[LineFault], None]
"""As OnEdge."""
