"""Parsers of what nodes, receivers and cameras say, and of the pictures that gateways post."""

from __future__ import annotations

from collections.abc import Iterator

from contract.errors import DecodeError
from contract.pictures import PICTURE, note_of, packed, unpacked
from contract.signed import Signed
from edge.drivers import gpsd, nmea
from edge.drivers.base import MissedPollError
from edge.drivers.camera import clock_of
from edge.drivers.http_login import Login, authorization
from edge.drivers.local_broker import DIALECTS
from edge.drivers.nodes.said import Dialect, UnreadableError
from edge.drivers.nodes.sparkplug import SparkplugHost
from edge.visit import cameras
from simulator.devices.gps import Vehicle
from simulator.devices.gps import nmea as spoken
from simulator.devices.nodes import (
    FakeChirpStack,
    FakeEspHome,
    FakeNode,
    FakeRtl433,
    FakeShelly,
    FakeTasmota,
    FakeZigbee,
)
from simulator.devices.sparkplug_node import DOUBLE, UINT64, Metric, payload
from tests.fuzz.campaign import Target


def devices() -> Iterator[Target]:
    """All of them."""
    yield from _nodes()
    yield _sparkplug()
    yield from _cameras()
    yield Target("NMEA bytes", nmea.fix_of, [spoken(Vehicle()), spoken(Vehicle(fixed=False))])


def _nodes() -> Iterator[Target]:
    """A topic, a space and a payload, to every dialect of the local broker."""
    fakes: list[FakeNode] = [
        FakeChirpStack(),
        FakeZigbee(),
        FakeTasmota(),
        FakeEspHome(),
        FakeRtl433(),
        FakeShelly(),
    ]
    for (name, make), fake in zip(DIALECTS.items(), fakes, strict=True):
        speaker = make()
        said = [*fake.measures(21.5, 60.0), *fake.press(), *fake.there(False)]

        def read(data: bytes, dialect: Dialect = speaker, node: str = fake.id) -> None:
            topic, _, payload = data.partition(b" ")
            dialect.read(node, topic.decode("latin-1"), payload)

        seeds = [f"{topic} {payload}".encode() for topic, payload, _ in said]
        yield Target(f"{name} nodes", read, seeds, (UnreadableError,))


def _sparkplug() -> Target:
    born = [Metric("bdSeq", None, UINT64, 7), Metric("Level", 3, DOUBLE, 1.5)]
    host = SparkplugHost(frozenset({"g/n"}))

    def take(data: bytes) -> None:
        kind, _, told = data.partition(b" ")
        host.take(f"spBv1.0/g/{kind.decode('latin-1')}/n", told, 0, 0)

    seeds = [b"NBIRTH " + payload(born, 0), b"NDATA " + payload([Metric(None, 3, DOUBLE, 2.0)], 1)]
    return Target(
        "Sparkplug payloads", take, [*seeds, b"NDEATH " + payload(born[:1], None)], (UnreadableError,)
    )


def _cameras() -> Iterator[Target]:
    """What cameras, gpsd and those who post pictures say."""
    time = (
        b"<UTCDateTime><Time><Hour>7</Hour><Minute>5</Minute><Second>9</Second></Time><Date><Year>2026</Year>"
    )
    yield Target("ONVIF clock", clock_of, [time + b"<Month>11</Month><Day>22</Day></Date></UTCDateTime>"])
    found = b"<Scopes>onvif://www.onvif.org/name/K%20L</Scopes><XAddrs>http://1.2.3.4/onvif</XAddrs>"
    yield Target("WS-Discovery", lambda data: list(cameras.found_in(data, "1.2.3.4")), [found])
    login = Login("siaga", "rahasia")
    challenge = b'Digest realm="IP Camera", nonce="7d1c", qop="auth", algorithm=MD5'

    def answer(data: bytes) -> None:
        authorization(login, [data.decode("latin-1")], method="GET", uri="/", cnonce="x")

    yield Target("digest challenges", answer, [challenge, b"Basic realm=x"])
    poll = b'{"class":"POLL","time":"2026-11-22T10:00:00.000Z","tpv":[{"mode":3,"lat":-6.1,"lon":106.8}]}'
    yield Target("gpsd JSON", lambda data: gpsd.fix_of(gpsd._object(data), None), [poll], (MissedPollError,))
    file, jpeg = f"{'ab' * 16}-cctv.jpg", b"\xff\xd8\xff\xe0\xff\xd9"
    line = Signed(
        purpose=PICTURE, gateway="pos-07", chain=("x",), payload=note_of(file, jpeg), signature=b"x"
    )
    yield Target("pictures", unpacked, [packed(line, jpeg)], (DecodeError,))
