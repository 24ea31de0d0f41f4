"""A press as a text from a gateway's modem: through the hub's modem into the store, once; what does not fit never."""

import base64
from typing import Any

import pytest
from sqlalchemy import select

from contract import press_text
from contract.codec import encode_body
from contract.messages import EventBody
from edge.second_path import Press
from edge.ways import HubText
from hub.bus import Bus
from hub.clock import SystemClock
from hub.fleet.signatures import UntrustedError
from hub.fleet.trust import Key, Trust, encode
from hub.ingest.pipeline import Pipeline
from hub.ingest.second_path import TEXT_MS, SecondPath
from hub.notify.sms.gateway import Text
from hub.notify.sms.reader import SmsReader
from hub.notify.tables import texts_received
from hub.region import load
from provisioning.door import public
from tests.hub.ingest.frames import GATEWAY, GATEWAYS, NOW_MS, event_frame, event_id
from tests.hub.ingest.test_second_path import (  # noqa: F401 - fixtures
    Clock,
    by_broker,
    city,
    gateway,
    other_city,
    seen,
    stored,
)
from tests.hub.running import PROFILE, running, write_config
from tests.hub.test_app import query, until

HOUR_MS = 3_600_000
BUTTONS = {GATEWAY: ["tombol-1", "tombol-2"], "pos-07": ["tombol-1"]}


def raw(number, *, device="tombol-1"):
    data = {"initial": False}
    return encode_body(EventBody(id=event_id(number), kind="panic_press", device=device, data=data))


class Air:
    """Modems: what a gateway's sends, the hub's has."""

    def __init__(self):
        self.texts: list[Text] = []
        self.let_gone: list[str] = []

    async def send(self, number, text):
        self.texts.append(Text(f"sms/{len(self.texts)}", "+628999", text))

    async def received(self):
        return [text for text in self.texts if text.ref not in self.let_gone]

    async def let_go(self, ref):
        self.let_gone.append(ref)


class Room:
    """A hub with a modem, in a city that knows whose keys are whose."""

    def __init__(self, db, seen, keys):  # noqa: F811
        self.db, self.air, self.clock, self.keys = db, Air(), Clock(), keys
        self.pipeline = Pipeline(self.clock)
        self.path = SecondPath(
            authority=None,
            db=db,
            clock=self.clock,
            gateways=GATEWAYS,
            revoked=set,
            consequences=seen,
            stored=lambda new: None,
            pipeline=self.pipeline,
            keys=lambda name, now_ms: self.keys.get(name, ()),
            buttons=lambda name: BUTTONS[name],
        )
        modems: dict[str, Any] = {"sms": self.air}
        self.reader = SmsReader(modems, db, self.clock, Bus(), answered=None, wake=lambda: None)
        self.reader.presses = self.path.take_text

    async def text(self, identity, body, *, name=GATEWAY, t_ms=NOW_MS - 20_000):
        """What the gateway's own code sends for a press."""
        frame = event_frame(body, gateway=name)
        press = Press(event_id(1), "tombol-1", t_ms, frame)
        await HubText(self.air, "+628111", name, identity.key).tell(press)
        return self.air.texts[-1].text

    async def reads(self):
        await self.reader.look()
        rows = await self.db.read(lambda conn: conn.execute(select(texts_received.c.outcome)).scalars().all())
        return list(rows)


@pytest.fixture
def room(database, seen, gateway):  # noqa: F811
    return Room(database, seen, {GATEWAY: [public(gateway.certificate.read_bytes())]})


@pytest.mark.parametrize("first", ["text", "broker"])
async def test_a_press_by_text_and_by_the_broker_rings_once_whichever_comes_first(
    room,
    seen,  # noqa: F811
    gateway,  # noqa: F811
    first,
):
    await room.text(gateway, raw(1))
    if first == "text":
        assert await room.reads() == ["press"]
        await by_broker(room.db, seen, event_frame(raw(1), first=7))
    else:
        await by_broker(room.db, seen, event_frame(raw(1), first=7))
        assert await room.reads() == ["press"]
    assert [(one.event_id, one.device) for one in seen.panics] == [(event_id(1), "tombol-1")]
    assert not any(row.conflict for row in await stored(room.db))


async def test_a_text_says_when_it_was_pressed_and_of_which_button(room, seen, gateway):  # noqa: F811
    await room.text(gateway, raw(1, device="tombol-2"))
    await room.reads()
    (one,) = seen.panics
    assert (one.device, one.site, one.t_ms, one.age_ms) == ("tombol-2", "rsud", NOW_MS - 20_000, 20_000)


async def test_a_gateway_without_a_clock_texts_all_the_same(room, seen, gateway):  # noqa: F811
    await room.text(gateway, raw(1), t_ms=None)
    assert await room.reads() == ["press"]
    assert [one.t_ms for one in seen.panics] == [None]


async def test_a_text_that_was_kept_and_sent_again_is_no_second_press(room, seen, gateway):  # noqa: F811
    text = await room.text(gateway, raw(1))
    await room.air.send("", text)
    assert await room.reads() == ["press", "press"]
    assert len(seen.panics) == 1
    room.clock.at_ms = NOW_MS + TEXT_MS
    with pytest.raises(UntrustedError, match="old"):
        await room.path.take_text(text)


def changed(text, at, by=1):
    data = bytearray(base64.urlsafe_b64decode(text.removeprefix(press_text.HEAD) + "=="))
    data[at] ^= by
    return press_text.encode(bytes(data), b"")


async def test_no_byte_of_it_can_be_changed_and_nothing_else_rings(room, seen, gateway, city, caplog):  # noqa: F811
    text = await room.text(gateway, raw(1))
    room.air.texts.clear()
    for at in range(press_text.SAID_BYTES + press_text.SIGNATURE_BYTES):
        await room.air.send("", changed(text, at))
    await room.air.send("", press_text.HEAD + "tolong")
    await room.text(other_city(city.certificate.parent / "other").gateway(GATEWAY), raw(2))
    await room.text(city.gateway("pos-07"), raw(3), name="pos-07")
    outcomes = await room.reads()
    assert set(outcomes) == {"untrusted"}
    assert len(outcomes) == len(room.air.texts) == len(room.air.let_gone)
    assert seen.panics == []
    assert await stored(room.db) == []
    assert caplog.text.count("second_path_refused") == len(outcomes)


async def test_who_is_revoked_has_no_key_any_more(room, seen, gateway):  # noqa: F811
    await room.text(gateway, raw(1))
    room.keys.clear()
    assert await room.reads() == ["untrusted"]
    assert seen.panics == []


@pytest.mark.real
async def test_a_whole_hub_hears_a_text_from_its_modem(broker, tmp_path):
    """Files of a modem's daemon, the authority's file, and a store: in between is the hub as it is installed."""
    button = next(one for one in load(PROFILE).buttons.values())
    identity = broker.enrol(button.gateway, load(PROFILE).gateways[button.gateway].cell)
    config, now_ms = write_config(tmp_path, broker), SystemClock().now_ms()
    with config.open("a") as file:
        file.write('[trust]\nfile = "trust.json"\n')
        file.write('[channels.sms-kota]\nkind = "sms"\nby = "gammu_files"\nfolder = "gammu"\n')
    key = Key(button.gateway, public(identity.certificate.read_bytes()), now_ms + HOUR_MS)
    told = Trust(written_ms=now_ms, list_ends_ms=now_ms + HOUR_MS, keys=(key,))
    (tmp_path / "trust.json").write_bytes(encode(told))
    for name in ("inbox", "outbox", "sent", "error"):
        (tmp_path / "gammu" / name).mkdir(parents=True)
    air, frame = Air(), event_frame(raw(1, device=button.device), gateway=button.gateway)
    press = Press(event_id(1), button.device, now_ms - 10_000, frame)
    await HubText(air, "+628111", button.gateway, identity.key).tell(press)
    for at, text in enumerate((changed(air.texts[0].text, 20), air.texts[0].text)):
        (tmp_path / "gammu" / "inbox" / f"IN20261122_14032{at}_00_+628999_00.txt").write_text(text)
    async with running(config):
        await until(lambda: query(tmp_path, "select count(*) from texts_received") == [(2,)], 30)
    assert query(tmp_path, "select outcome from texts_received order by id") == [("untrusted",), ("press",)]
    assert query(tmp_path, "select event_id from incident_presses") == [(event_id(1),)]
    assert query(tmp_path, "select gateway, device from events") == [(button.gateway, button.device)]
