"""What a lamp at a button may say: only what is proven.

A press goes through PROVEN in order. With several presses of a button, its lamp shows the one that is proven
least, so that a lamp never says of one press what holds only for another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum

from edge.clock import Clock

ANSWER_MS = 10_000
"""A press without a receipt for this long sounds the buzzer; the contract's limit before the second path."""

SHOWN_MS = 600_000
"""How long a received press is shown; one that is only stored is shown for ever."""

SIREN_MS = 180_000
"""How long a siren sounds for a press that nobody acknowledges: long enough to be found, not a night's noise."""

REMEMBERED = 64
"""Presses that a button remembers; older ones leave, settled ones first."""


class Proven(IntEnum):
    """What is known of a press, least first."""

    STORED = 1
    """It is on the card."""
    RECEIVED = 2
    """The hub has committed it."""
    ACKNOWLEDGED = 3
    """A person has answered."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What a button's lamps show.

    Attributes:
        proven: of its presses the least proven one; None when there is nothing to show.
        fault: a press could not be stored, or the button cannot be watched.
        buzzer: a press waits for its receipt for longer than ANSWER_MS.
        siren: somebody has pressed, and nobody has acknowledged it.
    """

    proven: Proven | None = None
    fault: bool = False
    buzzer: bool = False
    siren: bool = False


@dataclass(slots=True)
class _Press:
    event_id: str
    mono_ms: int
    proven: Proven = Proven.STORED


class Outputs:
    """The state of every button's lamps; ``show`` is told when one changes.

    Args:
        devices: the buttons.
        show: what drives lamps; called with the button and what to show, only on change.
    """

    def __init__(
        self, devices: Iterable[str], *, clock: Clock, show: Callable[[str, Shown], None] | None = None
    ) -> None:
        self._presses: dict[str, list[_Press]] = {device: [] for device in devices}
        self._faults: set[str] = set()
        self._broken: set[str] = set()
        self._clock = clock
        self._show = show
        self._showing: dict[str, Shown] = {}

    def stored(self, device: str, event_id: str, mono_ms: int) -> None:
        """The press is committed to the card."""
        presses = self._presses.setdefault(device, [])
        presses.append(_Press(event_id, mono_ms))
        self._faults.discard(device)
        if len(presses) > REMEMBERED:
            presses.remove(max(presses, key=lambda press: (press.proven, -press.mono_ms)))
        self.refresh()

    def received(self, event_ids: Sequence[str]) -> None:
        """The hub has given its receipt for these presses."""
        self._prove(event_ids, Proven.RECEIVED)

    def acknowledged(self, event_ids: Sequence[str]) -> None:
        """A person has answered these presses."""
        self._prove(event_ids, Proven.ACKNOWLEDGED)

    def unstorable(self, device: str) -> None:
        """A press of the button could not be stored, or the button cannot be watched."""
        self._faults.add(device)
        self.refresh()

    def line(self, device: str, *, broken: bool) -> None:
        """The button's line is broken, or whole again."""
        (self._broken.add if broken else self._broken.discard)(device)
        self._presses.setdefault(device, [])
        self.refresh()

    def shown(self, device: str) -> Shown:
        """What the button's lamps show now."""
        now_ms = self._clock.mono_ms()
        presses = self._presses.get(device, [])
        proven = min((press.proven for press in presses), default=None)
        late = any(p.proven is Proven.STORED and now_ms - p.mono_ms > ANSWER_MS for p in presses)
        siren = any(p.proven < Proven.ACKNOWLEDGED and now_ms - p.mono_ms <= SIREN_MS for p in presses)
        return Shown(proven, device in self._faults | self._broken, late, siren)

    def refresh(self) -> None:
        """Forget what has been shown long enough and tell of changes. Call it about once a second."""
        now_ms = self._clock.mono_ms()
        for device, presses in self._presses.items():
            presses[:] = [
                press
                for press in presses
                if press.proven is Proven.STORED or now_ms - press.mono_ms <= SHOWN_MS
            ]
            shown = self.shown(device)
            if self._showing.get(device, Shown()) != shown:
                self._showing[device] = shown
                if self._show:
                    self._show(device, shown)

    def again(self) -> None:
        """Tell once more what every button's lamps show: something else had them."""
        self._showing.clear()
        for device in self._presses:
            if self._show:
                self._show(device, self.shown(device))
        self.refresh()

    def _prove(self, event_ids: Sequence[str], proven: Proven) -> None:
        wanted = set(event_ids)
        for presses in self._presses.values():
            for press in presses:
                if press.event_id in wanted and press.proven < proven:
                    press.proven = proven
        self.refresh()
