"""``siaga-provision``: makes an authority, certificates, claims, and the broker's files."""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Sequence
from pathlib import Path

from contract.errors import ContractError
from provisioning import audit_commands, broker, claim_commands
from provisioning.acl import Enrolled
from provisioning.ca import Authority, Identity, Root
from provisioning.certificates import fingerprint
from provisioning.claim_commands import CITY, Commands
from provisioning.errors import AuthorityError, NameRefused, ProvisioningError
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

    _add_ca(commands)
    claim_commands.add_to(commands)
    audit_commands.add_to(commands)
    server = commands.add_parser("server", help="certificate of the broker, of the hub's pages, of Grafana")
    server.add_argument("city", type=Path, help=CITY)
    server.add_argument("name", help="for example broker")
    server.add_argument("hosts", nargs="+", help="names and addresses under which clients reach it")
    server.set_defaults(
        run=lambda chosen: _show(Authority.load(chosen.city).server(chosen.name, chosen.hosts))
    )

    gateway = commands.add_parser("gateway", help="certificates of gateways that are not enrolled by claim")
    gateway.add_argument("city", type=Path, help=CITY)
    gateway.add_argument("gateways", nargs="+", metavar="id", help="gateway id, for example pos-duga-01")
    gateway.set_defaults(run=_gateways)

    hub = commands.add_parser("hub", help="certificates of the hub's two connections")
    hub.add_argument("city", type=Path, help=CITY)
    hub.set_defaults(run=_hub)

    conf = commands.add_parser("broker", help="mosquitto.conf and the ACL")
    conf.add_argument("folder", type=Path, help="where to write them")
    conf.add_argument("--host", default="0.0.0.0", help="address to listen on")  # noqa: S104 - for the fleet
    conf.add_argument("--port", type=int, default=8883)
    conf.add_argument("--certificate", type=Path, required=True)
    conf.add_argument("--key", type=Path, required=True)
    conf.add_argument("--ca", type=Path, required=True, help="root.pem of the authority")
    conf.add_argument(
        "--gateway", action="append", default=[], metavar="ID:CELL", help="once for each gateway"
    )
    conf.set_defaults(run=_broker)
    return parser


def _add_ca(commands: Commands[argparse.ArgumentParser]) -> None:
    steps = commands.add_parser("ca", help="the authority of a city").add_subparsers(
        required=True, metavar="STEP"
    )
    init = steps.add_parser("init", help="make its root and the first issuing authority")
    init.add_argument("--name", required=True, help='for example "Siaga Kota Contoh"')
    init.set_defaults(run=_ca_init)
    renew = steps.add_parser("renew", help="a new issuing authority below the same root")
    renew.set_defaults(run=_ca_renew)
    for step in (init, renew):
        step.add_argument("root", type=Path, help="folder of the root: a stick that lies in a safe")
        step.add_argument("city", type=Path, help=CITY)
        step.add_argument(
            "--passphrase-file", type=Path, metavar="FILE", help="else it is asked for; never an argument"
        )


def _ca_init(chosen: argparse.Namespace) -> None:
    if chosen.root.resolve() == chosen.city.resolve():
        raise AuthorityError("root and city are one folder", "the root goes offline, the city's folder stays")
    if (chosen.city / "issuing.key").exists():
        raise AuthorityError(f"{chosen.city} holds an authority already", "choose another folder")
    passphrase = _passphrase(chosen.passphrase_file, twice=True)
    root = Root.create(chosen.root, name=chosen.name, passphrase=passphrase)
    _tell(root.issuing(chosen.city))


def _ca_renew(chosen: argparse.Namespace) -> None:
    root = Root.load(chosen.root, passphrase=_passphrase(chosen.passphrase_file, twice=False))
    _tell(root.issuing(chosen.city))


def _passphrase(file: Path | None, *, twice: bool) -> bytes:
    if file is not None:
        return file.read_bytes().strip()
    said = getpass.getpass("Frasa sandi akar / passphrase of the root: ")
    if twice and getpass.getpass("Sekali lagi / once more: ") != said:
        raise AuthorityError("the two differ", "call again")
    return said.encode()


def _tell(authority: Authority) -> None:
    _say(authority.certificate)
    ends = authority.signer.certificate.not_valid_after_utc
    print(f"sidik jari akar / root's fingerprint: {fingerprint(authority.root)}", file=sys.stderr)
    print(f"berlaku sampai / issuing authority until: {ends:%Y-%m-%d}", file=sys.stderr)


def _gateways(chosen: argparse.Namespace) -> None:
    authority = Authority.load(chosen.city)
    for gateway in chosen.gateways:
        _show(authority.gateway(gateway))


def _hub(chosen: argparse.Namespace) -> None:
    authority = Authority.load(chosen.city)
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
