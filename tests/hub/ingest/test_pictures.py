"""Pictures of presses: asked for, believed by their signature, kept once with the press's incident."""

from __future__ import annotations

import datetime as dt

import pytest
from sqlalchemy import insert, select

from contract import pictures
from contract.pictures import PICTURE
from contract.signed import PRESS
from edge.signing import sign
from hub.fleet.signatures import UntrustedError
from hub.incidents import attachments, by_hand
from hub.incidents.by_hand import Report
from hub.incidents.pictures import WANTED_MS
from hub.incidents.tables import presses, timeline
from hub.incidents.timeline import Actor
from hub.ingest.pictures import Pictures
from provisioning.ca import Authority
from tests.hub.city import REGION
from tests.hub.ingest.frames import GATEWAY, GATEWAYS, NOW_MS

EVENT = "ab" * 16
FILE = f"{EVENT}-cctv-lobi.jpg"
JPEG = b"\xff\xd8\xff\xe0" + bytes(2000) + b"\xff\xd9"
SITI = Actor("siti", "console")
OTHER = "pos-07"


class City:
    """The city's keys, its hub's clock, and a store of one connection."""

    def __init__(self, folder):
        now = dt.datetime.fromtimestamp(NOW_MS / 1000, dt.UTC)
        self.authority = Authority.create(folder, name="Kota Uji", now=now)
        self.root = self.authority.certificate.parent / "root.pem"
        self.gateway = self.authority.gateway(GATEWAY, now=now)


@pytest.fixture(scope="module")
def city(tmp_path_factory):
    return City(tmp_path_factory.mktemp("ca"))


class Hub:
    def __init__(self, city, conn):
        self.city, self.conn, self.at_ms, self.revoked = city, conn, NOW_MS, set()
        report = Report(kind="fire", origin="call", caller="0812-000-111", place="Jl. Contoh 5")
        self.incident = by_hand.open_incident(conn, REGION, report, key="k-0001", actor=SITI, now_ms=NOW_MS)
        told = {
            "gateway": GATEWAY,
            "event_id": EVENT,
            "incident_id": self.incident,
            "row_id": 1,
            "site": "rs-1",
        }
        times = {"device": "tombol", "error_ms": 0, "received_ms": NOW_MS, "again": False}
        conn.execute(insert(presses).values({**told, **times}))
        self.pictures = Pictures(
            authority=city.root, db=self, clock=self, gateways=GATEWAYS, revoked=lambda: self.revoked
        )

    def now_ms(self):
        return self.at_ms

    async def write(self, act):
        return act(self.conn)

    async def take(self, *, picture=JPEG, file=FILE, purpose=PICTURE, name=GATEWAY, sent=None):
        note = pictures.note_of(file, picture)
        keys = self.city.gateway
        line = sign(purpose, name, note, certificate=keys.certificate, key=keys.key)
        return await self.pictures.take(pictures.packed(line, picture if sent is None else sent))


@pytest.fixture
def hub(city, conn):
    return Hub(city, conn)


async def test_a_picture_that_was_asked_for_is_kept_once_with_its_incident(hub):
    hub.pictures.want(GATEWAY, FILE)
    number = await hub.take()
    assert attachments.content(hub.conn, hub.incident, number) == (FILE, "image/jpeg", JPEG)
    query = select(timeline.c.actor).where(timeline.c.action == "attach")
    assert hub.conn.execute(query).scalars().all() == [f"gateway:{GATEWAY}"]
    hub.pictures.want(GATEWAY, FILE)
    assert await hub.take() == number


async def test_what_nobody_asked_for_is_not_taken(hub, caplog):
    for wish in (None, (GATEWAY, FILE.replace("lobi", "lain")), (OTHER, FILE)):
        if wish:
            hub.pictures.want(*wish)
        with pytest.raises(UntrustedError, match="unasked"):
            await hub.take()
    hub.pictures.want(GATEWAY, FILE)
    hub.at_ms = NOW_MS + WANTED_MS + 1
    with pytest.raises(UntrustedError, match="unasked"):
        await hub.take()
    assert "picture_refused reason=unasked" in caplog.text


@pytest.mark.parametrize(
    ("reason", "how"),
    [
        ("purpose", {"purpose": PRESS}),
        ("name", {"name": OTHER}),
        ("hash", {"sent": JPEG + b"x"}),
        ("kept", {"picture": b"<html>"}),
        ("press", {"file": f"{'cd' * 16}-cctv-lobi.jpg"}),
        ("unknown", {"name": "gw-lain"}),
    ],
)
async def test_what_is_not_to_be_believed_is_refused_with_its_reason_in_our_log(hub, caplog, reason, how):
    hub.pictures.want(how.get("name", GATEWAY), how.get("file", FILE))
    with pytest.raises(UntrustedError):
        await hub.take(**how)
    assert f"picture_refused reason={reason}" in caplog.text
    assert attachments.listed(hub.conn, hub.incident) == []


async def test_a_revoked_gateways_picture_is_not_taken(hub):
    hub.revoked = {GATEWAY}
    hub.pictures.want(GATEWAY, FILE)
    with pytest.raises(UntrustedError, match="not enrolled"):
        await hub.take()
