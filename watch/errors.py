"""The one error tree of the watch."""

from __future__ import annotations

from contract.errors import SiagaError


class WatchError(SiagaError):
    """The watch cannot work as it is configured."""
