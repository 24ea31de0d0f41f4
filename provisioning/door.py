"""The broker's side of trust: what it must read anew when a gateway comes or goes."""

from __future__ import annotations

import logging
import subprocess
from collections.abc import Iterable

from provisioning import broker
from provisioning.acl import Enrolled
from provisioning.settings import BrokerSection

log = logging.getLogger(__name__)

RELOAD_S = 20.0


class Door:
    """Writes the access list where the broker reads it, and lets the broker read it."""

    def __init__(self, settings: BrokerSection) -> None:
        self._settings = settings

    def write(self, gateways: Iterable[Enrolled]) -> None:
        """Let these gateways speak and no other, from now on. Idempotent.

        Raises:
            OSError: the files cannot be written, or the broker cannot be told.
        """
        broker.write_acl(self._settings.folder, gateways)
        self._reload()

    def _reload(self) -> None:
        if not self._settings.reload:
            return
        try:
            subprocess.run(self._settings.reload, check=True, timeout=RELOAD_S, capture_output=True)
        except subprocess.SubprocessError as error:
            raise OSError(f"the broker was not told: {error}") from error
