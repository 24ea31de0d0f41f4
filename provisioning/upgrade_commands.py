"""``siaga-provision upgrade key|sign``: for the desk that gives gateways new software."""

from __future__ import annotations

import argparse
from pathlib import Path

from provisioning.ca import Root
from provisioning.claim_commands import Commands, now_ms
from provisioning.passphrase import passphrase
from provisioning.upgrades import SoftwareKey, cosign, sign


def add_to(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add the commands to the program's."""
    steps = commands.add_parser("upgrade", help="signed upgrades of gateways").add_subparsers(
        required=True, metavar="STEP"
    )
    key = steps.add_parser("key", help="make the key that signs upgrades, with a certificate of the root")
    key.add_argument("root", type=Path, help="folder of the root: a stick that lies in a safe")
    key.add_argument("key", type=Path, metavar="KEY", help="the new key's file")
    key.add_argument("--root-passphrase-file", type=Path, metavar="FILE", help="else it is asked for")
    key.add_argument(
        "--signers",
        type=int,
        default=1,
        metavar="K",
        help="it counts only where K desks have signed; default 1",
    )
    key.set_defaults(run=_key)
    one = steps.add_parser("sign", help="write a signed upgrade with these wheels")
    one.add_argument("key", type=Path, metavar="KEY", help="as upgrade key has made it")
    one.add_argument("wheels", type=Path, nargs="+", metavar="WHEEL", help="Siaga's own, and what it needs")
    one.add_argument("--out", type=Path, required=True, metavar="FILE", help="the upgrade")
    one.add_argument("--from-version", required=True, metavar="VERSION", help="the lowest that may take it")
    one.add_argument("--machine", default="aarch64", help="as uname -m says; default aarch64")
    one.add_argument("--python", default="3.11", help="of the gateways; default 3.11")
    one.add_argument("--days", type=int, default=180, help="how long it may be taken, and run without a word")
    one.set_defaults(run=_sign)
    other = steps.add_parser(
        "cosign", help="sign an upgrade of another desk too, where its keys ask for several"
    )
    other.add_argument("key", type=Path, metavar="KEY", help="of this desk")
    other.add_argument("upgrade", type=Path, metavar="FILE", help="as upgrade sign has written it")
    other.add_argument("wheels", type=Path, nargs="+", metavar="WHEEL", help="built or fetched at this desk")
    other.set_defaults(run=_cosign)
    for step in (key, one, other):
        step.add_argument(
            "--passphrase-file", type=Path, metavar="FILE", help="of the key; else it is asked for"
        )


def _key(chosen: argparse.Namespace) -> None:
    root = Root.load(
        chosen.root, passphrase=passphrase(chosen.root_passphrase_file, "akar / passphrase of the root")
    )
    secret = passphrase(chosen.passphrase_file, "kunci / passphrase of the new key", twice=True)
    made = SoftwareKey.create(root, chosen.key, passphrase=secret, signers=chosen.signers)
    print(chosen.key)
    print(f"berlaku sampai / until {made.certificate.not_valid_after_utc:%Y-%m-%d}")


def _sign(chosen: argparse.Namespace) -> None:
    key = SoftwareKey.load(
        chosen.key, passphrase=passphrase(chosen.passphrase_file, "kunci / passphrase of the key")
    )
    manifest = sign(
        key,
        chosen.wheels,
        chosen.out,
        from_version=chosen.from_version,
        machine=chosen.machine,
        python=chosen.python,
        days=chosen.days,
        now_ms=now_ms(),
    )
    print(f"{chosen.out}: {manifest.version}, {len(manifest.wheels)} wheel, {chosen.days} hari / days")


def _cosign(chosen: argparse.Namespace) -> None:
    key = SoftwareKey.load(
        chosen.key, passphrase=passphrase(chosen.passphrase_file, "kunci / passphrase of the key")
    )
    manifest = cosign(key, chosen.upgrade, chosen.wheels)
    print(f"{chosen.upgrade}: {manifest.version} ditandatangani / signed")
