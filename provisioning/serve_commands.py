"""``siaga-provision serve``, ``broker`` and ``revoke``: what runs, and what the broker is told."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import signal
from pathlib import Path

from contract.whole_file import write_bytes
from hub.readiness import Readiness
from provisioning import broker
from provisioning.ca import Identity
from provisioning.claim_commands import ACTOR, CITY, Commands, now_ms
from provisioning.door import Door
from provisioning.enrolment import Enrolment, trusted
from provisioning.register import Register, opened
from provisioning.revocation import revoke
from provisioning.service import Server, Service
from provisioning.settings import City, load_city

log = logging.getLogger(__name__)


def add_to(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add the commands to the program's."""
    serve = commands.add_parser("serve", help="let gateways enrol and renew until stopped")
    serve.add_argument("city", type=Path, help=CITY)
    serve.add_argument("--log", default="info", choices=["debug", "info", "warning", "error"])
    serve.set_defaults(run=_serve)
    conf = commands.add_parser("broker", help="write mosquitto.conf and the access list")
    conf.add_argument("city", type=Path, help=CITY)
    conf.set_defaults(run=_broker)
    gone = commands.add_parser("revoke", help="trust a gateway no more, at once")
    gone.add_argument("city", type=Path, help=CITY)
    gone.add_argument("gateway")
    gone.add_argument("--reason", required=True, help="for the trail: stolen, replaced, taken down")
    gone.set_defaults(run=_revoke)


def _serve(chosen: argparse.Namespace) -> None:
    logging.basicConfig(level=chosen.log.upper(), format="%(levelname)s %(name)s %(message)s")
    city = load_city(chosen.city)
    with opened(chosen.city) as register:
        asyncio.run(_run(chosen.city.resolve(), city, register))


async def _run(folder: Path, city: City, register: Register) -> None:
    door = Door(city.broker)

    def changed() -> None:
        """A gateway came: it has its certificate either way, and the broker is told again at the next change."""
        try:
            tell_broker(register, door)
        except OSError as error:
            log.error("broker.untold error=%s", error)

    enrolment = city.enrolment
    certificate = {"certificate": enrolment.certificate, "key": enrolment.key, "root": folder / "root.pem"}
    server = Server(enrolment.listen, enrolment.port, **certificate)
    readiness = Readiness()
    watchdog = asyncio.create_task(readiness.watchdog(), name="watchdog")
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.stop)
    try:
        service = Service(Enrolment(folder, register, changed=changed), now_ms=now_ms)
        print(json.dumps({"ready": True, "url": server.url}), flush=True)
        log.info("enrolment.ready url=%s", server.url)
        readiness.ready()
        await server.run(service.app())
    finally:
        readiness.stopping()
        watchdog.cancel()
        server.close()


def tell_broker(register: Register, door: Door) -> None:
    """Let the broker know who may speak now.

    Raises:
        OSError: its files cannot be written, or it cannot be told.
    """
    with register.transaction() as conn:
        # Within the transaction, so that of two at once the later one also writes later.
        door.write(trusted(conn))


def _revoke(chosen: argparse.Namespace) -> None:
    door = Door(load_city(chosen.city).broker)
    with opened(chosen.city) as register:
        with register.transaction() as conn:
            revoked = revoke(conn, chosen.gateway, chosen.reason, now_ms=now_ms(), actor=ACTOR)
        tell_broker(register, door)
    print(f"{chosen.gateway}: {revoked} sertifikat dicabut / certificates revoked")


def _broker(chosen: argparse.Namespace) -> None:
    """All that Mosquitto reads lies in its own folder: its account cannot look into the authority's."""
    settings, root = load_city(chosen.city).broker, chosen.city.resolve() / "root.pem"
    folder = settings.folder
    identity = Identity(folder / "broker.pem", folder / "broker.key", folder / "root.pem")
    write_bytes(identity.authority, root.read_bytes(), mode=0o644)
    write_bytes(identity.certificate, settings.certificate.read_bytes(), mode=0o644)
    write_bytes(identity.key, settings.key.read_bytes(), mode=0o600)
    listener = broker.Listener(settings.listen, settings.port, identity)
    with opened(chosen.city) as register, register.transaction() as conn:
        print(broker.write(folder, listener, trusted(conn)))
