"""Trust in the rehearsal city as in a real one: an authority, its enrolment service, and gateways that enrol by claims.

The root's passphrase is forgotten at once, as a real root would lie in a safe. Each gateway's key is made by the
gateway's own code, and its certificate comes over HTTPS from the service, which runs as a process of its own.
"""

from __future__ import annotations

import asyncio
import secrets
import sys
import time
from pathlib import Path

from contract.whole_file import write_text
from edge.clock import SystemClock
from edge.config import load
from edge.enrolment import enrol
from edge.errors import EnrolmentError
from provisioning.ca import MOST_NAME, Authority, Identity, Root
from provisioning.claim_commands import new_claim, now_ms
from provisioning.claims import Site
from provisioning.door import Door
from provisioning.register import opened
from provisioning.revocation import revoke
from provisioning.settings import load_city
from simulator.city import GatewayPlan, toml_lines
from simulator.processes import Child, ServerFailed, free_port
from simulator.servers import Mosquitto

READY_S = 30.0
PAUSE_S = 1.0
TRIES = 30
"""A fleet behind one address is made to wait by the service, and tries again as a person would."""


class Registrar:
    """The city's authority, and the service at which its gateways enrol.

    Args:
        folder: where both are kept; only its owner may look into it.
        log: level of the service.
    """

    def __init__(self, folder: Path, *, log: str) -> None:
        self._folder = folder
        self._city = folder / "city"
        self._port = free_port()
        self.trust = folder / "trust.json"
        """What the hub is told."""
        command = [sys.executable, "-m", "provisioning.cli", "serve", str(self._city), "--log", log]
        self.child = Child("enrolment", command, folder / "enrolment.log")

    @property
    def url(self) -> str:
        """Where gateways enrol and renew."""
        return f"https://127.0.0.1:{self._port}"

    def found(self, name: str) -> Authority:
        """Make root and issuing authority of the city of that name."""
        root = Root.create(
            self._folder / "root", name=name[:MOST_NAME], passphrase=secrets.token_urlsafe(24).encode()
        )
        return root.issuing(self._city)

    def start(self, authority: Authority, broker: Mosquitto) -> None:
        """Start the service for that broker; it is ready later. Broker and hub know from now on that nobody is in."""
        authority.server("enrolment", ["127.0.0.1"])
        text = [
            "[enrolment]",
            *toml_lines(url=self.url, listen="127.0.0.1", port=self._port),
            "[broker]",
            *toml_lines(folder=str(broker.folder), trust=str(self.trust), reload=broker.reload),
            *toml_lines(listen=broker.host, port=broker.port),
        ]
        write_text(self._city / "city.toml", "\n".join(text) + "\n", mode=0o600)
        with opened(self._city) as register:
            Door(self._city, load_city(self._city), register).write(now_ms=now_ms())
        self.child.start()

    async def ready(self) -> None:
        """Wait until the service says that it is.

        Raises:
            ServerFailed: it died or did not in time.
        """
        end_s = time.monotonic() + READY_S
        while '"ready": true' not in self.child.last_words():
            if not self.child.alive or time.monotonic() > end_s:
                raise ServerFailed("the enrolment service is not ready", self.child.last_words())
            await asyncio.sleep(0.05)

    def place(self, gateway: str) -> Identity:
        """Where a gateway keeps what it gets: key and certificate in one file."""
        folder = self._folder.parent / "gateways" / "tls" / gateway
        return Identity(folder / "gateway.pem", folder / "gateway.pem", folder / "ca.pem")

    def revoke(self, gateway: str) -> None:
        """Take a gateway's trust away, as ``siaga-provision revoke`` does; blocks for as long.

        Raises:
            OSError: the broker could not be told; it reads it at its next start, and the hub knows it already.
        """
        with opened(self._city) as register:
            with register.transaction() as conn:
                revoke(conn, gateway, "rehearsal", now_ms=now_ms(), actor="demo")
            Door(self._city, load_city(self._city), register).tell(now_ms=now_ms(), cut_off=[gateway])

    async def enrol(self, plan: GatewayPlan, config: Path) -> None:
        """Let a gateway enrol: a claim at the desk, then what ``siaga-edge enrol`` does.

        Raises:
            EnrolmentError: the service will not.
        """
        claim = await asyncio.to_thread(new_claim, self._city, Site(plan.id, plan.cell, plan.site), hours=1)
        for left in reversed(range(TRIES)):
            try:
                await asyncio.to_thread(enrol, load(config), claim, SystemClock())
            except EnrolmentError as error:
                if not left or not error.retryable:
                    raise
                await asyncio.sleep(PAUSE_S)
            else:
                return
