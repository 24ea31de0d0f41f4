"""A city with its authority, its register and a running broker, for tests of who is let in and who is thrown out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from contract.whole_file import write_bytes, write_text
from provisioning import claims, requests
from provisioning.ca import Authority, Identity, Root
from provisioning.certificates import key_pem, new_key
from provisioning.claim_commands import now_ms
from provisioning.claims import Site
from provisioning.door import Door
from provisioning.enrolment import Enrolment
from provisioning.register import Register
from provisioning.settings import load_city
from simulator.servers import Mosquitto
from tests.provisioning.test_requests import request

CITY = """
[enrolment]
url = "https://127.0.0.1:8443"
listen = "127.0.0.1"
[broker]
folder = "{folder}"
reload = {reload}
listen = "127.0.0.1"
port = {port}
"""


class Town:
    """The city in that folder. Gateways enrol without the way over HTTPS, which is the same for all."""

    def __init__(self, folder: Path, *, authority: Authority | None = None) -> None:
        self.folder = folder / "city"
        self.authority = authority or Authority.create(self.folder, name="Kota Contoh")
        self.broker = Mosquitto(folder / "broker", authority=self.authority)
        self.broker.start()
        self.authority.server("enrolment", ["127.0.0.1"])
        reload = json.dumps(self.broker.reload)
        text = CITY.format(folder=self.broker.folder, port=self.broker.port, reload=reload)
        write_text(self.folder / "city.toml", text, mode=0o600)
        self.register = Register(self.folder)
        self.register.open()
        self.door = Door(self.folder, load_city(self.folder), self.register)
        self.door.tell(now_ms=now_ms())
        self.enrolment = Enrolment(self.folder, self.register, changed=self._changed)

    @property
    def trust(self) -> Path:
        """What the hub is told."""
        return self.broker.folder / "trust.json"

    def enrol(self, gateway: str, cell: int = 1) -> Identity:
        """Let a gateway in by a claim; its files."""
        key = new_key()
        with self.register.transaction() as conn:
            token = claims.add(conn, Site(gateway, cell, "uji"), hours=1, now_ms=now_ms(), actor="uji")
        asked = requests.read(request(gateway, key=key))
        return self.files(gateway, key, self.enrolment.enrol(asked, token, address="uji", now_ms=now_ms()))

    def files(self, gateway: str, key: EllipticCurvePrivateKey, pem: bytes) -> Identity:
        """Where a gateway keeps them: in one file."""
        place = self.folder.parent / "gateways" / f"{gateway}-{uuid4().hex[:8]}.pem"
        write_bytes(place, key_pem(key) + pem, mode=0o600)
        return Identity(place, place, self.authority.certificate)

    def replace_authority(self, root: Root) -> None:
        """A new issuing authority below that root, and what the broker needs of it."""
        self.authority = self.broker.authority = root.issuing(self.folder)
        self.authority.server("broker", (self.broker.host,))
        self.door.tell(now_ms=now_ms())

    def close(self) -> None:
        """End it all."""
        self.register.close()
        self.broker.stop()

    def _changed(self, cut_off: Sequence[str]) -> None:
        self.door.tell(now_ms=now_ms(), cut_off=cut_off)
