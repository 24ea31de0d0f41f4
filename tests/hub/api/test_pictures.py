"""Asking for a picture of a press: by who works on incidents, of its own presses, on the trail before it goes out."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import insert

from contract.messages import Reply
from hub.api import audit
from hub.fleet.commands import Commands
from hub.fleet.signatures import UntrustedError
from hub.incidents import by_hand
from hub.incidents.by_hand import Report
from hub.incidents.tables import presses
from hub.incidents.timeline import Actor
from hub.ingest.accept import AcceptedReply

EVENT = "ab" * 16
FILE = f"{EVENT}-cctv-lobi.jpg"
GATEWAY = "gw-uji"


class Pictures:
    """Stands where pictures are taken."""

    def __init__(self):
        self.wanted, self.trusted = [], True

    def want(self, gateway, file):
        self.wanted.append((gateway, file))

    async def take(self, body):
        if not self.trusted:
            raise UntrustedError("unasked", "nobody asked")
        return 7


@pytest.fixture
async def site(hub):
    """An incident with a press, and a gateway that answers commands."""
    given = []

    def say(gateway, command):
        given.append((gateway, command.name, dict(command.args)))
        commands.replied(AcceptedReply(gateway, 0, Reply(gateway=gateway, nonce=command.nonce)))

    commands = Commands(hub.clock, say=say, patience_s=0.05)
    hub.app.state.services = replace(hub.services, commands=commands, pictures=Pictures())
    hub.given, hub.pictures = given, hub.app.state.services.pictures
    report = Report(kind="fire", origin="call", caller="0812-000-111", place="Jl. Contoh 5")

    def opened(conn):
        one = by_hand.open_incident(
            conn, hub.services.region, report, key="k-0001", actor=Actor("siti", "api"), now_ms=1
        )
        told = {"gateway": GATEWAY, "event_id": EVENT, "incident_id": one, "row_id": 1, "site": "x"}
        times = {"device": "tombol", "error_ms": 0, "received_ms": 1, "again": False}
        conn.execute(insert(presses).values({**told, **times}))
        return one

    hub.incident = await hub.services.db.write(opened)
    return hub


async def test_an_operator_asks_for_a_picture_of_a_press(site):
    async with site.login("siti", "operator") as person:
        wish = {"gateway": GATEWAY, "file": FILE}
        answer = await person.post(f"/api/incidents/{site.incident}/pictures", json=wish)
    assert answer.status_code == 200
    assert answer.json() == {"ok": True, "error": ""}
    assert site.given == [(GATEWAY, "snapshot", {"file": FILE})]
    assert site.pictures.wanted == [(GATEWAY, FILE)]
    entries = await site.services.db.read(audit.listed)
    [entry] = [one for one in entries if one["action"] == "command"]
    assert (entry["actor"], entry["subject"], entry["detail"]["file"]) == ("siti", GATEWAY, FILE)


@pytest.mark.parametrize(
    ("wish", "status"),
    [
        ({"gateway": "gw-lain", "file": FILE}, 404),
        ({"gateway": GATEWAY, "file": f"{'cd' * 16}-cctv-lobi.jpg"}, 404),
        ({"gateway": GATEWAY, "file": "../spool.sqlite"}, 422),
        ({"gateway": GATEWAY}, 422),
    ],
)
async def test_of_another_press_nobody_gets_one(site, wish, status):
    async with site.login("siti", "operator") as person:
        answer = await person.post(f"/api/incidents/{site.incident}/pictures", json=wish)
        assert answer.status_code == status
        unknown = await person.post(
            "/api/incidents/tidak-ada/pictures", json={"gateway": GATEWAY, "file": FILE}
        )
        assert unknown.status_code == 404
    assert site.given == site.pictures.wanted == []


async def test_what_a_gateway_posts_is_believed_or_not_and_nothing_more_is_said(site):
    async with site.login("siti", "operator") as person:
        assert (await person.post("/api/pictures", content=b"x")).json() == {"attachment": 7}
        site.pictures.trusted = False
        refused = await person.post("/api/pictures", content=b"x")
    assert refused.status_code == 403
    assert "asked" not in refused.text
