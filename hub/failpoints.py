"""Named places at which a test kills the hub: what must survive a crash is proved by crashing there.

The variable ``SIAGA_FAILPOINT=name:n`` arms one of them for the process: when it is reached for the n-th time (1 where
it is left out), the process is killed as by a power cut: nothing is flushed, closed or said.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

VARIABLE = "SIAGA_FAILPOINT"

FAILPOINTS: tuple[str, ...] = (
    "escalation.begun",
    "escalation.due",
    "escalation.stepped",
    "escalation.committed",
    "escalation.answered",
    "notify.taken",
    "notify.sent",
    "notify.finished",
)
"""In the order of a step's life: ``begun``, ``stepped`` and ``answered`` are within the transaction that writes it,
``due`` before that transaction, ``committed`` after it; ``taken`` is after an attempt is on record and before it is
made, ``sent`` after it was made and before that is on record, ``finished`` after both."""


def _armed(said: str) -> tuple[str, int]:
    name, _, times = said.partition(":")
    return name, int(times or 1)


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Failpoints:
    """Counts down to the one that is armed.

    Args:
        said: ``name:n``; empty arms none.
        crash: what happens there; tests within one process raise instead.
    """

    def __init__(self, said: str, crash: Callable[[], None] = _kill) -> None:
        self._name, self._left = _armed(said) if said else ("", 0)
        self._crash = crash

    def reach(self, name: str) -> None:
        """This place is reached."""
        if name != self._name:
            return
        self._left -= 1
        if self._left == 0:
            self._crash()


_points = Failpoints(os.environ.get(VARIABLE, ""))


def reach(name: str) -> None:
    """This place is reached; nothing happens unless it is armed."""
    _points.reach(name)
