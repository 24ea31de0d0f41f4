"""The route of commands: for technicians, audited before anything goes out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from contract.messages import Reply
from hub.api import audit
from hub.fleet.commands import Commands
from hub.ingest.accept import AcceptedReply


@pytest.fixture
def told(hub):
    """Commands that were given; a gateway answers each with what the trail said by then."""
    given = []

    def say(gateway, command):
        given.append((gateway, command))
        commands.replied(
            AcceptedReply(gateway, 0, Reply(gateway=gateway, nonce=command.nonce, data={"a": 1}))
        )

    commands = Commands(hub.clock, say=say, patience_s=0.05)
    hub.app.state.services = replace(hub.services, commands=commands)
    return given


async def some_gateway(hub):
    return (await hub.services.db.read(hub.services.gateways))[0]["gateway"]


async def test_a_technician_gives_a_command_and_it_is_on_the_trail(hub, told):
    gateway = await some_gateway(hub)
    async with hub.login("tono", "technician") as person:
        answer = await person.post(
            f"/api/gateways/{gateway}/commands", json={"name": "read", "args": {"point": "pos.level_m"}}
        )
    assert answer.status_code == 200
    assert (answer.json()["ok"], answer.json()["data"]) == (True, {"a": 1})
    [(name, command)] = told
    assert (name, command.name, command.actor, command.args) == (
        gateway,
        "read",
        "tono",
        {"point": "pos.level_m"},
    )
    entries = await hub.services.db.read(audit.listed)
    [entry] = [one for one in entries if one["action"] == "command"]
    assert (entry["actor"], entry["subject"], entry["detail"]["nonce"]) == ("tono", gateway, command.nonce)


@pytest.mark.parametrize(
    "body",
    [
        {"name": "shell"},
        {"name": "read", "args": {"point": "x" * 200}},
        {"name": "read", "args": {str(at): "" for at in range(9)}},
        {},
    ],
)
async def test_nothing_else_goes_out(hub, told, body):
    gateway = await some_gateway(hub)
    async with hub.login("tono", "technician") as person:
        assert (await person.post(f"/api/gateways/{gateway}/commands", json=body)).status_code == 422
        unknown = await person.post("/api/gateways/gw-tak-ada/commands", json={"name": "identify"})
        assert unknown.status_code == 404
    assert told == []
