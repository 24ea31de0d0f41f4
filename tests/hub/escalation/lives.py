"""The real hub as a process that is started, told of a press, and ends where a failpoint is."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from hub.agencies.files import Step
from hub.failpoints import VARIABLE
from tests.hub.notify.receiver import Receiver

TOKEN = "t" * 40
CONTACT = """
[[contact]]
id = "{0}-{1}"
agency = "{0}"
name = "{0} {1}"
step = "{1}"
channels = ["piket-webhook"]
"""
DELAYS = """
[[delays]]
id = "semua"
operator_s = {0}
dispatch_s = {0}
agency_s = {0}
second_s = {0}
supervisor_s = {0}
"""

PRESS = {"id": "tekan-0001", "sender": "pasang-1", "lat": -5.94, "lon": 108.94, "error_m": 10}

PATIENCE_S = 60.0
"""How long a life may take to come to its end; a busy machine starts a hub in ten seconds."""


def configured(
    folder: Path, config: Path, receiver: Receiver, *, contacts: Iterable[tuple[str, Step]], wait_s: float
) -> Path:
    """The hub's file with an application, and the receiver as only channel.

    Args:
        contacts: agency and step of each; all that there are.
        wait_s: how long each of them is waited for.
    """
    profile = folder / "profile"
    (profile / "contacts.toml").write_text("".join(CONTACT.format(*one) for one in contacts))
    (profile / "routes.toml").write_text(DELAYS.format(wait_s))
    (profile / "roster.toml").write_text("")
    (folder / "token").write_text(TOKEN)
    text = config.read_text().replace("https://piket.example/", receiver.url)
    text += f'[outbound]\nallow = ["{receiver.place}"]\nprivate = ["{receiver.place}"]\n'
    config.write_text(text + '[applications.warga]\ntoken_file = "token"\n')
    return config


@asynccontextmanager
async def living(config: Path, failpoint: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """A hub and the address of its API; empty where it was killed before it could say that. It ends with the block."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "hub.cli", "run", "--config", str(config)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={**os.environ, VARIABLE: failpoint},
    )
    try:
        assert child.stdout is not None
        said = await child.stdout.readline()
        yield child, json.loads(said)["api"] if said else ""
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()


async def killed(child: asyncio.subprocess.Process, failpoint: str) -> None:
    """Until the failpoint has killed it."""
    async with asyncio.timeout(PATIENCE_S):
        assert await child.wait() == -signal.SIGKILL, failpoint


async def press(api: str) -> str:
    """The application sends its press; the id of its incident."""
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.post(
            f"{api}/api/v1/presses", json=PRESS, headers={"Authorization": f"Bearer {TOKEN}"}
        )
    assert answer.status_code == 200, answer.text
    return str(answer.json()["incident"])


def query(file: Path, sql: str, *values: object) -> list[tuple[object, ...]]:
    """Rows of the hub's store, or a change of it, which is kept."""
    conn = sqlite3.connect(file, timeout=10)
    try:
        with conn:
            return conn.execute(sql, values).fetchall()
    finally:
        conn.close()
