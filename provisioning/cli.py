"""``siaga-provision``: makes an authority, certificates, and the broker's files."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from contract.errors import ContractError
from provisioning import broker
from provisioning.acl import Enrolled
from provisioning.ca import Authority, Identity
from provisioning.errors import NameRefused, ProvisioningError
from provisioning.names import HUB_NAMES


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code is 0, 1 for a refusal with its reason, 2 for a wrong call."""
    chosen = _parser().parse_args(arguments)
    try:
        chosen.run(chosen)
    except (ProvisioningError, ContractError, OSError) as error:
        print(f"siaga-provision: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="siaga-provision", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    ca = commands.add_parser("ca", help="make the authority of a city")
    ca.add_argument("folder", type=Path, help="new folder; keep it off the broker and the hub")
    ca.add_argument("--name", required=True, help='for example "Siaga Kota Contoh"')
    ca.set_defaults(run=lambda chosen: _say(Authority.create(chosen.folder, name=chosen.name).certificate))

    server = commands.add_parser("server", help="certificate of the broker")
    server.add_argument("folder", type=Path, help="the authority's folder")
    server.add_argument("name")
    server.add_argument("hosts", nargs="+", help="names and addresses under which clients reach it")
    server.set_defaults(
        run=lambda chosen: _show(Authority.load(chosen.folder).server(chosen.name, chosen.hosts))
    )

    gateway = commands.add_parser("gateway", help="certificates of gateways")
    gateway.add_argument("folder", type=Path, help="the authority's folder")
    gateway.add_argument("gateways", nargs="+", metavar="id", help="gateway id, for example pos-duga-01")
    gateway.set_defaults(run=_gateways)

    hub = commands.add_parser("hub", help="certificates of the hub's two connections")
    hub.add_argument("folder", type=Path, help="the authority's folder")
    hub.set_defaults(run=_hub)

    conf = commands.add_parser("broker", help="mosquitto.conf and the ACL")
    conf.add_argument("folder", type=Path, help="where to write them")
    conf.add_argument("--host", default="0.0.0.0", help="address to listen on")  # noqa: S104 - for the fleet
    conf.add_argument("--port", type=int, default=8883)
    conf.add_argument("--certificate", type=Path, required=True)
    conf.add_argument("--key", type=Path, required=True)
    conf.add_argument("--ca", type=Path, required=True, help="the authority's certificate")
    conf.add_argument(
        "--gateway", action="append", default=[], metavar="ID:CELL", help="once for each gateway"
    )
    conf.set_defaults(run=_broker)
    return parser


def _gateways(chosen: argparse.Namespace) -> None:
    authority = Authority.load(chosen.folder)
    for gateway in chosen.gateways:
        _show(authority.gateway(gateway))


def _hub(chosen: argparse.Namespace) -> None:
    authority = Authority.load(chosen.folder)
    for name in HUB_NAMES:
        _show(authority.hub(name))


def _broker(chosen: argparse.Namespace) -> None:
    identity = Identity(chosen.certificate.resolve(), chosen.key.resolve(), chosen.ca.resolve())
    listener = broker.Listener(chosen.host, chosen.port, identity)
    _say(broker.write(chosen.folder.resolve(), listener, [_enrolled(text) for text in chosen.gateway]))


def _enrolled(text: str) -> Enrolled:
    gateway, colon, cell = text.partition(":")
    if not colon or not cell.isdecimal():
        raise NameRefused(f"{text!r} is no gateway with its cell", "write it as pos-duga-01:07")
    return Enrolled(gateway, int(cell))


def _show(identity: Identity) -> None:
    _say(identity.certificate)
    _say(identity.key)


def _say(path: Path) -> None:
    print(path)


if __name__ == "__main__":
    sys.exit(main())
