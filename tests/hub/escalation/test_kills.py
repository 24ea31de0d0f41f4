"""The real hub is killed by -9 at every place of an escalation: each step happens, and nobody gets one twice.

A receiver drops what it has had under the same key, as docs/integrator.md asks of it.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import sys
from collections import Counter
from pathlib import Path

import httpx
import pytest

from hub.failpoints import VARIABLE
from tests.hub.notify.receiver import Receiver, receiving
from tests.hub.running import write_config

pytestmark = pytest.mark.real

TOKEN = "t" * 40
CONTACT = """
[[contact]]
id = "{0}"
agency = "piket"
name = "{0}"
step = "{0}"
channels = ["piket-webhook"]
"""
DELAYS = '[[delays]]\nid = "semua"\noperator_s = 1\nsupervisor_s = 1\n'

PRESS = {"id": "tekan-0001", "sender": "pasang-1", "lat": -5.94, "lon": 108.94, "error_m": 10}

LIVES = (
    "escalation.begun",
    "escalation.due",
    "escalation.stepped",
    "escalation.committed",
    "notify.taken",
    "notify.sent",
    "notify.finished",
    "",
)
"""Where each life of the hub ends. Nobody is at the desk: the supervisor is asked at once, the head a second later."""


def configured(folder: Path, config: Path, receiver: Receiver) -> Path:
    """The hub's file with an application, the receiver as only channel, and contacts who are asked after a second."""
    profile = folder / "profile"
    (profile / "contacts.toml").write_text("".join(map(CONTACT.format, ("supervisor", "head"))))
    (profile / "routes.toml").write_text(DELAYS)
    (profile / "roster.toml").write_text("")
    (folder / "token").write_text(TOKEN)
    text = config.read_text().replace("https://piket.example/", receiver.url)
    text += f'[outbound]\nallow = ["{receiver.place}"]\nprivate = ["{receiver.place}"]\n'
    config.write_text(text + '[applications.warga]\ntoken_file = "token"\n')
    return config


async def start(config: Path, failpoint: str) -> tuple[asyncio.subprocess.Process, str]:
    """A hub, and the address of its API; empty where it was killed before it could say that."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "hub.cli", "run", "--config", str(config)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={**os.environ, VARIABLE: failpoint},
    )
    assert child.stdout is not None
    said = await child.stdout.readline()
    return child, json.loads(said)["api"] if said else ""


async def press(api: str) -> None:
    """The application sends its press until it gets an answer."""
    async with httpx.AsyncClient() as client:
        answer = await client.post(
            f"{api}/api/v1/presses", json=PRESS, headers={"Authorization": f"Bearer {TOKEN}"}
        )
    assert answer.status_code == 200, answer.text


async def until_asked(file: Path, level: str) -> None:
    """Until the notice to somebody has arrived."""
    async with asyncio.timeout(30):
        while not query(file, f"SELECT 1 FROM outbox WHERE key LIKE 'ask/%{level}/%' AND state = 'sent'"):  # noqa: ASYNC110
            await asyncio.sleep(0.05)


def query(file: Path, sql: str) -> list[tuple[object, ...]]:
    """Rows of the hub's store."""
    conn = sqlite3.connect(file)
    try:
        return conn.execute(sql).fetchall()
    finally:
        conn.close()


async def test_a_hub_killed_at_every_place_asks_everybody_once(broker, tmp_path):
    async with receiving() as receiver:
        config = configured(tmp_path, write_config(tmp_path, broker), receiver)
        pressed = False
        for failpoint in LIVES:
            child, api = await start(config, failpoint)
            try:
                if not pressed and api:
                    try:
                        await press(api)
                        pressed = True
                    except httpx.HTTPError:
                        assert failpoint == "escalation.begun", "only then is the press itself not kept"
                if failpoint:
                    async with asyncio.timeout(30):
                        assert await child.wait() == -signal.SIGKILL, failpoint
                else:
                    await until_asked(tmp_path / "hub.sqlite", "head")
            finally:
                if child.returncode is None:
                    child.kill()
                    await child.wait()
        keys = Counter(one.headers["idempotency-key"] for one in receiver.received)
        about = Counter(key.split("/")[-3] for key in keys if key.startswith("ask/"))
        assert about == {"supervisor": 1, "head": 1}, "each was asked, under one key"
        assert max(keys.values()) >= 2, "what a kill left open was sent again, under its key"
    store = tmp_path / "hub.sqlite"
    assert query(store, "SELECT count(*) FROM incidents") == [(1,)]
    steps = query(store, "SELECT level, outcome FROM escalation_steps WHERE outcome <> '' ORDER BY n")
    assert steps[:3] == [("operator", "unheard"), ("supervisor", "told"), ("head", "told")]
