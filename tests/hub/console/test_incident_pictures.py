"""A picture of a press on the incident's page: kept, asked for, come, or not come and what to do."""

from dataclasses import replace
from functools import partial

import pytest
from sqlalchemy import insert, select

from contract.codec import encode_body
from contract.messages import EventBody, Reply
from hub.fleet.commands import Commands
from hub.incidents import attachments, pictures
from hub.incidents.pictures import LATEST_MS, WANTED_MS
from hub.incidents.service import Incidents
from hub.incidents.tables import incidents
from hub.incidents.timeline import Actor
from hub.ingest.accept import AcceptedReply
from hub.ingest.tables import events
from hub.region import Camera
from tests.hub.city import NOW, REGION, press
from tests.hub.console.reading import text

GATEWAY = "gw-rs-1"
JPEG = b"\xff\xd8\xff\xe0" + bytes(200)


class Wanted:
    """Stands where pictures are taken."""

    def __init__(self):
        self.files = []

    def want(self, gateway, file):
        self.files.append((gateway, file))


def told(file, number, *, gateway=GATEWAY, received_ms=NOW + 900, body=None):
    """The row of an event by which a gateway tells that it keeps a picture."""
    data = EventBody(id=f"{number:032x}", kind="camera_snapshot", device="kamera-1", data={"file": file})
    return {
        "gateway": gateway,
        "cell": 1,
        "site": "rs-1",
        "epoch": "0" * 16,
        "lane": "event",
        "seq": number,
        "hash": f"{number:064x}",
        "body": encode_body(data) if body is None else body,
        "event_id": f"{number:032x}",
        "kind": "camera_snapshot",
        "device": "kamera-1",
        "boot": "b",
        "error_ms": 0,
        "received_ms": received_ms,
        "again": False,
        "conflict": False,
        "malformed": False,
    }


class Site:
    """An incident of a press of which a gateway keeps a picture, and that gateway."""

    def __init__(self, hub, incident, file):
        self.hub, self.incident, self.file = hub, incident, file
        self.page = f"/incidents/{incident}"
        self.answers: str | None = ""
        """Its error; None where it says nothing."""
        self.asked = []
        self.wanted = Wanted()
        self.commands = Commands(hub.clock, say=self.say, patience_s=0.05)

    def say(self, gateway, command):
        self.asked.append((gateway, command.name, command.args["file"]))
        if self.answers is not None:
            reply = Reply(gateway=gateway, nonce=command.nonce, ok=not self.answers, error=self.answers)
            self.commands.replied(AcceptedReply(gateway, 0, reply))

    async def ask(self, person):
        return await person.post(f"{self.page}/pictures", data={"gateway": GATEWAY, "file": self.file})


@pytest.fixture
async def site(hub):
    event = press()
    await hub.write(partial(Incidents(REGION).panic, event=event))
    file = f"{event.event_id}-kamera-1.jpg"

    def tell(conn):
        conn.execute(insert(events), [told(file, 1)])
        return conn.execute(select(incidents.c.id)).scalar_one()

    found = Site(hub, await hub.write(tell), file)
    camera = Camera("lobi", "Kamera lobi", -7.3, 108.2, "pintu masuk", gateway=GATEWAY, device="kamera-1")
    known = replace(REGION, cameras={"lobi": camera})
    hub.app.state.services = replace(
        hub.services, region=known, commands=found.commands, pictures=found.wanted
    )
    return found


async def test_a_picture_is_kept_until_who_works_on_it_asks(site):
    async with site.hub.login("siti", "operator") as siti, site.hub.login("layar", "viewer") as layar:
        page = (await siti.get(site.page)).text
        assert "Kamera lobi pintu masuk Tersimpan di gateway; belum diminta. Minta gambarnya" in text(page)
        seen = (await layar.get(site.page)).text
        assert "belum diminta" in seen
        assert "Minta gambarnya" not in seen
        answer = await site.ask(siti)
    assert site.asked == [(GATEWAY, "snapshot", site.file)]
    assert site.wanted.files == [(GATEWAY, site.file)]
    shown = text(answer.text)
    assert "Diminta oleh Siti" in shown or "Diminta oleh siti" in shown
    assert "Tiba dalam hitungan detik" in shown
    assert "Gambar tekanan diminta" in shown, "on the timeline"
    assert "Minta gambarnya" not in shown, "once is enough while it is on its way"


async def test_it_came_and_lies_among_the_files(site):
    def keep(conn):
        actor = Actor(f"gateway:{GATEWAY}", "gateway")
        attachments.add(conn, site.incident, site.file, JPEG, actor=actor, now_ms=NOW + 5000)

    async with site.hub.login("siti", "operator") as siti:
        await site.ask(siti)
        await site.hub.write(keep)
        page = (await siti.get(site.page)).text
        link = f'href="/api/incidents/{site.incident}/attachments/1" download'
        assert "✓ Ambil gambarnya tiba" in text(page)
        assert page.count(link) == 2
        assert (await siti.get(f"/api/incidents/{site.incident}/attachments/1")).content == JPEG


@pytest.mark.parametrize(
    ("answers", "says"),
    [("gambar sudah dihapus / gone", "gambar sudah dihapus / gone"), (None, "tidak ada jawaban / no answer")],
)
async def test_what_does_not_come_says_why_and_what_to_do_and_is_asked_again(site, answers, says):
    site.answers = answers
    async with site.hub.login("siti", "operator") as siti:
        shown = text((await site.ask(siti)).text)
        assert f"◆ Gambarnya tidak tiba: {says}" in shown
        assert "teknisi mengambilnya dari kotaknya" in shown
        assert "Minta lagi" in shown
        site.answers = ""
        again = text((await site.ask(siti)).text)
    assert "Tiba dalam hitungan detik" in again
    assert "tidak tiba:" not in again
    assert len(site.asked) == 2


async def test_one_that_is_long_overdue_is_told_as_missed(site):
    async with site.hub.login("siti", "operator") as siti:
        await site.ask(siti)
        site.hub.clock.at_ms += WANTED_MS - 1
        assert "tidak tiba" not in (await siti.get(site.page)).text
        site.hub.clock.at_ms += 1
        assert "tidak tiba" in (await siti.get(site.page)).text


async def test_a_picture_of_another_press_is_neither_shown_nor_asked_for(site):
    async with site.hub.login("siti", "operator") as siti:
        for gateway, file in ((GATEWAY, f"{'cd' * 16}-kamera-1.jpg"), ("gw-pasar", site.file)):
            sent = await siti.post(f"{site.page}/pictures", data={"gateway": gateway, "file": file})
            assert sent.status_code == 404
        wrong = await siti.post(f"{site.page}/pictures", data={"gateway": GATEWAY, "file": "../spool"})
        assert wrong.status_code in (400, 422)
    assert site.asked == site.wanted.files == []
    other = f"{'cd' * 16}-kamera-1.jpg"
    rows = [
        told(other, 2),
        told(site.file, 3, gateway="gw-pasar"),
        told(site.file.replace("kamera-1", "kamera-2"), 4, received_ms=NOW + LATEST_MS + 60_000),
        told(site.file, 5, body=b"{"),
        told("no name", 6),
    ]
    await site.hub.write(lambda conn: conn.execute(insert(events), rows))
    about = {"pressed": [{"gateway": GATEWAY, "event_id": site.file[:32], "received_ms": NOW}]}
    more = {"attachments": [], "timeline": []}
    found = await site.hub.read(lambda conn: pictures.of(conn, about | more, NOW))
    assert [(one.file, one.state) for one in found] == [(site.file, "kept")]
    assert await site.hub.read(lambda conn: pictures.of(conn, {"pressed": []} | more, NOW)) == []
