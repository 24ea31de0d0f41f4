"""``siaga-provision audit``: the trail of trust, and whether it is whole."""

from __future__ import annotations

import argparse
import datetime as dt
from pathlib import Path

from hub.api import audit
from provisioning.claim_commands import CITY, Commands
from provisioning.errors import AuthorityError
from provisioning.register import opened


def add_to(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add the command to the program's."""
    trail = commands.add_parser("audit", help="who did what, and whether the trail is whole")
    trail.add_argument("city", type=Path, help=CITY)
    trail.add_argument("--head", metavar="N:DIGEST", help="a head that was noted elsewhere before")
    trail.set_defaults(run=_audit)


def _audit(chosen: argparse.Namespace) -> None:
    noted = None if chosen.head is None else audit.Head.parse(chosen.head)
    with opened(chosen.city) as register, register.transaction() as conn:
        for row in reversed(audit.listed(conn, limit=audit.MOST)):
            at = dt.datetime.fromtimestamp(row["at_ms"] / 1000, dt.UTC)
            print(
                f"{row['n']} {at:%Y-%m-%d %H:%M:%S}Z {row['actor']} {row['action']} {row['subject']} {row['detail']}"
            )
        fault = audit.first_fault(conn, anchor=noted)
        last = audit.head(conn)
    if fault is not None:
        raise AuthorityError(f"the trail was tampered with: {fault}", "compare with a backup of the register")
    print(f"utuh / whole: {last}")
