"""The real hub is killed by -9 at every place of an escalation: each step happens, and nobody gets one twice.

A receiver drops what it has had under the same key, as docs/integrator.md asks of it. On every rung of every ladder it
is killed in test_every_rung.py.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from tests.hub.escalation.lives import PATIENCE_S, configured, killed, living, press, query
from tests.hub.notify.receiver import receiving
from tests.hub.running import write_config

pytestmark = pytest.mark.real

CONTACTS = (("piket", "supervisor"), ("piket", "head"))

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


async def until_asked(file: Path, level: str) -> None:
    """Until the notice to somebody has arrived."""
    async with asyncio.timeout(PATIENCE_S):
        while not query(file, f"SELECT 1 FROM outbox WHERE key LIKE 'ask/%{level}/%' AND state = 'sent'"):  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_a_hub_killed_at_every_place_asks_everybody_once(broker, tmp_path):
    store = tmp_path / "hub.sqlite"
    async with receiving() as receiver:
        config = configured(tmp_path, write_config(tmp_path, broker), receiver, contacts=CONTACTS, wait_s=1)
        pressed = False
        for failpoint in LIVES:
            async with living(config, failpoint) as (child, api):
                if not pressed and api:
                    # What is killed once the press is kept may not have answered it yet.
                    with suppress(httpx.TransportError):
                        await press(api)
                    pressed = query(store, "SELECT count(*) FROM incidents") == [(1,)]
                    assert pressed == (failpoint != "escalation.begun"), (
                        "only then is the press itself not kept"
                    )
                if failpoint:
                    await killed(child, failpoint)
                else:
                    await until_asked(store, "head")
        keys = Counter(one.headers["idempotency-key"] for one in receiver.received)
        about = Counter(key.split("/")[-3] for key in keys if key.startswith("ask/"))
        assert about == {"supervisor": 1, "head": 1}, "each was asked, under one key"
        assert max(keys.values()) >= 2, "what a kill left open was sent again, under its key"
    assert query(store, "SELECT count(*) FROM incidents") == [(1,)]
    steps = query(store, "SELECT level, outcome FROM escalation_steps WHERE outcome <> '' ORDER BY n")
    assert steps[:3] == [("operator", "unheard"), ("supervisor", "told"), ("head", "told")]
