"""The feeds over HTTP: the public one without a login, the whole one with it, none where the hub has no name."""

from dataclasses import replace

import feedparser

from hub.cap.issue import Sender, settle
from hub.cap.worker import CapWorker
from hub.notify.tables import outbox
from tests.hub.agencies.profile import directory, region
from tests.hub.cap.messages import faults, read
from tests.hub.cap.test_issue import become, river
from tests.hub.city import NOW
from tests.hub.notify.asking import put_incident

SENDER = Sender("siaga@kota.example", ("cap-provinsi",))


def both(conn):
    """A verified incident, and a river at Siaga 2."""
    put_incident(conn)
    become(conn, "verified")
    river(conn, next(iter(region().stations)), 2)
    return settle(conn, SENDER, region(), directory(), now_ms=NOW).issued


def named(hub):
    hub.app.state.services = replace(hub.services, cap_sender=SENDER.name)


async def test_what_is_public_is_read_by_anybody_and_the_rest_after_a_login(hub):
    await hub.write(both)
    named(hub)
    async with hub.client() as stranger:
        public = await stranger.get("/cap/feed.atom")
        assert public.headers["content-type"].startswith("application/atom+xml")
        (entry,) = feedparser.parse(public.content).entries
        message = await stranger.get(entry.links[0].href)
        assert message.headers["content-type"].startswith("application/cap+xml")
        assert faults(message.content) == []
        assert read(message.content).scope.value == "Public"
        assert (await stranger.get("/api/cap/feed.atom")).status_code == 401
    async with hub.login("damkar", "agency") as agency:
        found = feedparser.parse((await agency.get("/api/cap/feed.atom")).content)
        assert not found.bozo
        paths = [entry.links[0].href for entry in found.entries]
        scopes = {read((await agency.get(path)).content).scope.value for path in paths}
        assert scopes == {"Public", "Restricted"}
    async with hub.client() as stranger:
        for path in paths:
            hidden = path.replace("/api/cap/", "/cap/")
            public = read(await agency_document(hub, path)).scope.value == "Public"
            assert (await stranger.get(hidden)).status_code == (200 if public else 404)


async def agency_document(hub, path):
    async with hub.login("damkar") as agency:
        return (await agency.get(path)).content


async def test_a_hub_without_a_name_has_no_feed(hub):
    async with hub.client() as stranger:
        assert (await stranger.get("/cap/feed.atom")).status_code == 404


async def test_the_worker_says_what_is_new_and_wakes_whom_it_pushes_to(hub):
    woken = []
    worker = CapWorker(
        SENDER,
        region(),
        hub.services.db,
        hub.clock,
        hub.services.bus,
        directory=directory,
        wake=lambda: woken.append(1),
    )
    await worker.settle_once()
    assert woken == []

    def verified(conn):
        put_incident(conn)
        become(conn, "verified")

    await hub.write(verified)
    await worker.settle_once()
    await worker.settle_once()
    assert woken == [1]
    assert await hub.read(lambda conn: conn.execute(outbox.select()).one().channel) == "cap-provinsi"
