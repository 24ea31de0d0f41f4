"""Keeps one line that is logged again and again from filling the journal and wearing the card."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

MOST = 60
"""Lines of one sort…"""
WINDOW_S = 60.0
"""… in so long. What happens once a second may still be told each time."""

SORTS = 500
"""Sorts that are told apart. Ours are fewer; a library may put values into a line, and each is then one of its own."""

log = logging.getLogger(__name__)


class LogLimit(logging.Filter):
    """Lets MOST lines of a sort through in each window; then says once how many were left out."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._now_s = now_s
        self._sorts: dict[tuple[str, str], list[float]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is to be written. A sort is what the line says apart from its values."""
        sort = (record.name, str(record.msg))
        now_s = self._now_s()
        if sort not in self._sorts and len(self._sorts) >= SORTS:
            self._sorts = {one: of for one, of in self._sorts.items() if now_s - of[0] < WINDOW_S}
            if len(self._sorts) >= SORTS:
                sort = ("", "")
        began_s, lines = self._sorts.setdefault(sort, [now_s, 0.0])
        if now_s - began_s >= WINDOW_S:
            dropped = int(lines) - MOST
            self._sorts[sort] = [now_s, 1.0]
            if dropped > 0:
                log.warning("log.dropped sort=%s lines=%d", str(record.msg).split(" ")[0], dropped)
            return True
        self._sorts[sort][1] += 1
        return lines < MOST
