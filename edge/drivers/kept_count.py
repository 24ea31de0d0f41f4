"""A number that only grows and survives everything but the loss of the card."""

from __future__ import annotations

import logging
import zlib
from pathlib import Path

from contract.whole_file import write_text
from edge.errors import CardError

log = logging.getLogger(__name__)


class KeptCount:
    """A count in a file of its own, replaced as a whole. `value` is always on the card."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.value = 0

    def load(self) -> None:
        """Read what was kept; 0 where nothing was. A file that is damaged is set aside, and told.

        Raises:
            CardError: the card does not give it.
        """
        try:
            text = self._path.read_text(encoding="ascii", errors="replace")
        except FileNotFoundError:
            return
        except OSError as error:
            raise CardError("count", str(error), "look at the kernel log for errors of the card") from error
        number, _, told = text.strip().partition(" ")
        if number.isdigit() and told == _sum(number):
            self.value = int(number)
            return
        log.error("count_damaged path=%s", self._path)
        try:
            self._path.replace(self._path.with_suffix(".damaged"))
        except OSError as error:
            raise CardError("count", str(error), "look at the kernel log for errors of the card") from error

    def add(self, n: int) -> None:
        """Count some more.

        Raises:
            CardError: the card did not take it; `value` is as before.
        """
        number = str(self.value + n)
        try:
            write_text(self._path, f"{number} {_sum(number)}\n", mode=0o600)
        except OSError as error:
            raise CardError("count", str(error), "look at the kernel log for errors of the card") from error
        self.value += n


def _sum(number: str) -> str:
    return f"{zlib.crc32(number.encode()):08x}"
