"""``siaga-provision claim add|list|revoke``."""

from __future__ import annotations

import argparse
import datetime as dt
import sys
import time
from pathlib import Path

from contract.claim import Claim
from contract.whole_file import write_text
from provisioning import claims, qr
from provisioning.ca import Authority
from provisioning.certificates import fingerprint
from provisioning.register import opened
from provisioning.settings import load_city

CITY = "the issuing authority's folder"
ACTOR = "cli"

Commands = argparse._SubParsersAction  # argparse has no public name for it


def add_to(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add the commands to the program's."""
    steps = commands.add_parser("claim", help="let a gateway enrol, once").add_subparsers(
        required=True, metavar="STEP"
    )
    add = steps.add_parser("add", help="a new claim; it is shown once")
    add.add_argument("city", type=Path, help=CITY)
    add.add_argument("gateway", help="gateway id, as in region.toml")
    add.add_argument("--cell", type=int, required=True, help="0 to 63, as in region.toml")
    add.add_argument("--site", required=True, help="site id, as in region.toml")
    add.add_argument("--hours", type=float, default=claims.LONGEST_H, help="its life, at most 24")
    add.add_argument("--qr", type=Path, metavar="FILE", help="write it as a QR code too (SVG)")
    add.set_defaults(run=_add)
    listed = steps.add_parser("list", help="every claim and its state")
    listed.add_argument("city", type=Path, help=CITY)
    listed.set_defaults(run=_list)
    revoke = steps.add_parser("revoke", help="end a gateway's open claims")
    revoke.add_argument("city", type=Path, help=CITY)
    revoke.add_argument("gateway")
    revoke.set_defaults(run=_revoke)


def new_claim(city: Path, at: claims.Site, *, hours: float) -> Claim:
    """A claim for a gateway, on record in the city's register.

    Raises:
        ClaimRefused, AuthorityError, NameRefused: it cannot be made.
    """
    root = Authority.load(city).root
    url = load_city(city).enrolment.url
    with opened(city) as register, register.transaction() as conn:
        token = claims.add(conn, at, hours=hours, now_ms=now_ms(), actor=ACTOR)
    return Claim(url, token, fingerprint(root))


def now_ms() -> int:
    """Wall clock in UTC."""
    return time.time_ns() // 1_000_000


def _add(chosen: argparse.Namespace) -> None:
    at = claims.Site(chosen.gateway, chosen.cell, chosen.site)
    claim = new_claim(chosen.city, at, hours=chosen.hours)
    print(claim.text())
    if chosen.qr is not None:
        write_text(chosen.qr, qr.svg(claim.text()), mode=0o600)
    print(
        f"sekali pakai, {chosen.hours:g} jam / once, within {chosen.hours:g} h: {at.gateway}", file=sys.stderr
    )


def _list(chosen: argparse.Namespace) -> None:
    with opened(chosen.city) as register, register.transaction() as conn:
        for one in claims.listed(conn, now_ms=now_ms()):
            until = dt.datetime.fromtimestamp(one.expires_ms / 1000, dt.UTC)
            print(f"{one.id} {one.state:8} {until:%Y-%m-%d %H:%M}Z {one.gateway} {one.site}")


def _revoke(chosen: argparse.Namespace) -> None:
    with opened(chosen.city) as register, register.transaction() as conn:
        ended = claims.revoke(conn, chosen.gateway, now_ms=now_ms(), actor=ACTOR)
    print(f"{ended} klaim diakhiri / claims ended")
