"""``siaga-provision serve``, ``broker``, ``crl`` and ``revoke``: what runs, and what broker and hub are told."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import signal
import time
from pathlib import Path

from contract.readiness import Readiness
from contract.whole_file import write_bytes
from hub.clock import SystemClock
from provisioning import broker, trail
from provisioning.ca import Identity
from provisioning.claim_commands import ACTOR, CITY, Commands, now_ms
from provisioning.door import Door
from provisioning.enrolment import Enrolment
from provisioning.keeping import Keeping
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
    lists = commands.add_parser(
        "crl", help="issue the lists of revoked certificates anew; serve does it daily"
    )
    lists.add_argument("city", type=Path, help=CITY)
    lists.set_defaults(run=_crl)
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
    keeping = Keeping(Door(folder, city, register), now_ms=now_ms, mono_ms=SystemClock().mono_ms)

    enrolment = city.enrolment
    certificate = {"certificate": enrolment.certificate, "key": enrolment.key, "root": folder / "root.pem"}
    server = Server(enrolment.listen, enrolment.port, **certificate)
    readiness = Readiness()
    tasks = [
        asyncio.create_task(readiness.watchdog(), name="watchdog"),
        asyncio.create_task(keeping.run(), name="keeping"),
        asyncio.create_task(trail.anchoring(city.audit, register).run(), name="audit"),
    ]
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.stop)
    try:
        service = Service(Enrolment(folder, register, changed=keeping.tell), now_ms=now_ms)
        print(json.dumps({"ready": True, "url": server.url}), flush=True)
        log.info("enrolment.ready url=%s", server.url)
        readiness.ready()
        await server.run(service.app())
    finally:
        readiness.stopping()
        for task in tasks:
            task.cancel()
        server.close()


def _crl(chosen: argparse.Namespace) -> None:
    with opened(chosen.city) as register:
        door_of(chosen.city, register).tell(now_ms=now_ms())


def _revoke(chosen: argparse.Namespace) -> None:
    began_s = time.monotonic()
    with opened(chosen.city) as register:
        door = door_of(chosen.city, register)
        with register.transaction() as conn:
            revoked = revoke(conn, chosen.gateway, chosen.reason, now_ms=now_ms(), actor=ACTOR)
        door.tell(now_ms=now_ms(), cut_off=[chosen.gateway])
    print(
        f"{chosen.gateway}: {revoked} sertifikat dicabut, sambungan diputus / certificates revoked, connection cut "
        f"({time.monotonic() - began_s:.1f} s)"
    )


def door_of(folder: Path, register: Register) -> Door:
    """The door of the city in that folder.

    Raises:
        AuthorityError, TomlError: its settings are missing or wrong.
    """
    return Door(folder.resolve(), load_city(folder), register)


def _broker(chosen: argparse.Namespace) -> None:
    """All that Mosquitto reads lies in its own folder: its account cannot look into the authority's."""
    settings, root = load_city(chosen.city).broker, chosen.city.resolve() / "root.pem"
    folder = settings.folder
    identity = Identity(folder / broker.CERTIFICATE, folder / "broker.key", folder / "root.pem")
    write_bytes(identity.authority, root.read_bytes(), mode=0o644)
    write_bytes(identity.certificate, settings.certificate.read_bytes(), mode=0o644)
    write_bytes(identity.key, settings.key.read_bytes(), mode=0o600)
    listener = broker.Listener(settings.listen, settings.port, identity)
    with opened(chosen.city) as register:
        door_of(chosen.city, register).write(now_ms=now_ms())
    print(broker.write_config(folder, listener))
