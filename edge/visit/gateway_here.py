"""The gateway of this box, whether it runs or not."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from random import SystemRandom

from contract.readiness import Readiness
from edge.app import EdgeApp
from edge.clock import SystemClock
from edge.config import Config
from edge.errors import OrderError
from edge.local_door import ask
from edge.orders import Answer, Orders, Scalar

START_S = 3.0
"""How long a device may need until it is watched for the first time."""

AGAIN_S = 0.2


def order(config: Config, name: str, arguments: Mapping[str, Scalar] | None = None) -> tuple[Answer, bool]:
    """Ask the gateway that runs; where none runs, open what the order needs for this moment.

    Returns:
        The answer, and whether a running gateway gave it.

    Raises:
        OrderError: it cannot be done.
        EdgeError: nothing runs, and here it cannot be opened.
    """
    found = ask(config.spool.path.parent, name, arguments)
    if found is not None:
        return found, True
    _check_account(config)
    return asyncio.run(_by_itself(config, name, arguments or {})), False


def _check_account(config: Config) -> None:
    """Refuse to make files beside the spool that the gateway's own account could not open afterwards."""
    folder = config.spool.path.parent
    if folder.exists() and folder.stat().st_uid != os.geteuid():
        raise OrderError(
            "account",
            f"tidak ada gerbang yang berjalan, dan {folder} milik akun lain / no gateway runs, and {folder} is "
            "another account's",
            "start the service, or: sudo -u siaga siaga-edge …",
        )


async def _by_itself(config: Config, name: str, arguments: Mapping[str, Scalar]) -> Answer:
    """As in a gateway that runs, without its link: devices are polled, nothing is stored."""
    app = EdgeApp(config, clock=SystemClock(), random=SystemRandom(), readiness=Readiness({}))
    async with app.opened():
        end_s = asyncio.get_running_loop().time() + START_S
        while True:
            try:
                return await Orders(app).do(name, arguments)
            except OrderError as error:
                if error.reason != "not_started" or asyncio.get_running_loop().time() > end_s:
                    raise
            await asyncio.sleep(AGAIN_S)


def lines(rows: Sequence[Sequence[str]]) -> str:
    """Rows as columns that stand under each other."""
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))] if rows else []
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
