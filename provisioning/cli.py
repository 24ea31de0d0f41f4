"""``siaga-provision``: makes an authority, certificates, claims, and the broker's files."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from contract.errors import SiagaError
from provisioning import audit_commands, card_commands, claim_commands, serve_commands, upgrade_commands
from provisioning.ca import Authority, Identity, Root
from provisioning.certificates import fingerprint
from provisioning.claim_commands import CITY, Commands
from provisioning.errors import AuthorityError
from provisioning.names import HUB_NAMES
from provisioning.passphrase import passphrase

ROOT = "akar / passphrase of the root"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code is 0, 1 for a refusal with its reason, 2 for a wrong call."""
    chosen = _parser().parse_args(arguments)
    try:
        chosen.run(chosen)
    except (SiagaError, OSError) as error:
        print(f"siaga-provision: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="siaga-provision", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    _add_ca(commands)
    claim_commands.add_to(commands)
    card_commands.add_to(commands)
    serve_commands.add_to(commands)
    audit_commands.add_to(commands)
    upgrade_commands.add_to(commands)
    server = commands.add_parser("server", help="certificate of the broker, of the hub's pages, of Grafana")
    server.add_argument("city", type=Path, help=CITY)
    server.add_argument("name", help="for example broker")
    server.add_argument("hosts", nargs="+", help="names and addresses under which clients reach it")
    server.set_defaults(
        run=lambda chosen: _show(Authority.load(chosen.city).server(chosen.name, chosen.hosts))
    )

    hub = commands.add_parser("hub", help="certificates of the hub's two connections")
    hub.add_argument("city", type=Path, help=CITY)
    hub.set_defaults(run=_hub)
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
    secret = passphrase(chosen.passphrase_file, ROOT, twice=True)
    root = Root.create(chosen.root, name=chosen.name, passphrase=secret)
    _tell(root.issuing(chosen.city))


def _ca_renew(chosen: argparse.Namespace) -> None:
    root = Root.load(chosen.root, passphrase=passphrase(chosen.passphrase_file, ROOT))
    _tell(root.issuing(chosen.city))


def _tell(authority: Authority) -> None:
    _say(authority.certificate)
    ends = authority.signer.certificate.not_valid_after_utc
    print(f"sidik jari akar / root's fingerprint: {fingerprint(authority.root)}", file=sys.stderr)
    print(f"berlaku sampai / issuing authority until: {ends:%Y-%m-%d}", file=sys.stderr)


def _hub(chosen: argparse.Namespace) -> None:
    authority = Authority.load(chosen.city)
    for name in HUB_NAMES:
        _show(authority.hub(name))


def _show(identity: Identity) -> None:
    _say(identity.certificate)
    _say(identity.key)


def _say(path: Path) -> None:
    print(path)


if __name__ == "__main__":
    sys.exit(main())
