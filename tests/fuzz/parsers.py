"""The parsers of contract, gateway, hub and provisioning that read bytes which somebody else has made."""

from __future__ import annotations

import asyncio
import io
import math
import shutil
import struct
import time
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import msgspec

import edge.config
import hub.config
from contract import claim, codec, messages, press_text, signed, topics, upgrade
from contract.claim import Claim
from contract.errors import ContractError, SiagaError
from contract.messages import (
    Beat,
    Command,
    DesiredConfig,
    Hello,
    Message,
    Receipt,
    Reply,
    State,
    VersionRefusal,
)
from contract.strict_toml import TomlError, loads
from contract.upgrade import UpgradeError
from edge import vitals
from edge.config.modbus import TcpBus
from edge.drivers import http_server, registers, zk_frames, zk_push
from edge.drivers.bed_radar import targets as radar_targets
from edge.drivers.box import signal_pct
from edge.drivers.instruments import Instrument, Library
from edge.drivers.line import BrokenLineError, Line
from edge.drivers.punches import read_attlog, text_of
from edge.drivers.registers import Request
from edge.drivers.ultrasonic import distances_mm
from edge.signing import sign, sign_short
from edge.upgrade.bundle import Here, verified
from hub import inbound
from hub.advisories import earthquakes, nowcast
from hub.advisories.model import FeedError
from hub.agencies.current import look
from hub.agencies.fields import TABLES, FieldError, put
from hub.agencies.reading import NAMES as DIRECTORY
from hub.agencies.reading import read as read_directory
from hub.agencies.reading import texts_of
from hub.api.audit import Head, HeadError
from hub.commissioning import jpeg
from hub.commissioning.errors import PhotoError
from hub.commissioning.strokes import StrokesError, check_strokes
from hub.errors import HubError
from hub.fleet import signatures, trust
from hub.fleet.signatures import UntrustedError
from hub.inbound import UnsignedError
from hub.ingest.accept import accept
from hub.notify import words as texts
from hub.notify.links import Links
from hub.region import Region
from hub.region import load as load_region
from hub.rules import book
from provisioning import requests
from provisioning.ca import Authority
from provisioning.door import public
from provisioning.errors import RequestRefused
from provisioning.network import Network
from tests.docs import pages
from tests.docs.test_docs import gateway_file
from tests.fuzz.campaign import Target
from tests.fuzz.devices import devices
from tests.hub.advisories import feeds
from tests.hub.commissioning import pictures
from tests.hub.ingest import frames
from tests.provisioning.test_requests import request

ROOT = Path(__file__).parents[2]
PATIENCE_S = 0.05
"""A peer that says half an answer and nothing more is not waited for any longer."""

PROFILE = ROOT / "profiles" / "kota-contoh"


def targets(folder: Path) -> Iterator[Target]:
    """Every one; what they write lies in the folder."""
    yield from _contract()
    yield from _devices()
    yield from _modbus()
    yield from _files(folder)
    yield from _advisories()
    yield from _signed(folder)
    yield Target(
        "photo of a technician", jpeg.clean, [pictures.jpeg(), pictures.jpeg(frame=0xC2)], (PhotoError,)
    )
    noted = f"{Head(7, 'a' * 64)}".encode()
    yield Target(
        "noted head of the trail", lambda data: Head.parse(data.decode("latin-1")), [noted], (HeadError,)
    )
    yield Target(
        "receiver's signed word",
        _receivers_word,
        [b"1790000000 n-1 0 {}"],
        (UnsignedError,),
        only_refuses=True,
    )
    yield Target("vitals of a trial", _vitals(folder), [b'{"boot":"b","mono_ms":1}', b"{}"])
    modem = b'{"modem":{"generic":{"signal-quality":{"recent":"yes","value":"67"}}}}'
    yield Target("modem's signal", signal_pct, [modem, modem.replace(b"67", b"--")])
    strokes = [b"1.2-30.40_5.6-7.8", b""]
    yield Target(
        "drawn signature", lambda data: check_strokes(data.decode("latin-1")), strokes, (StrokesError,)
    )
    yield Target("contact's text", lambda data: texts.read(data.decode("latin-1")), [b"YA 4821 regu 2"])
    links = Links("https://siaga.example", b"k" * 32)
    token = links.token("AbCdEfGhIjKl").encode()
    yield Target("answer link", lambda data: links.read(data.decode("latin-1")), [token])
    yield Target(
        "certificate request (EST body)",
        requests.read,
        [request("pos-duga-01"), request("pos-duga-01", "x")],
        (RequestRefused,),
    )


# What gateways and hub send each other


def _contract() -> Iterator[Target]:
    telemetry = frames.telemetry_frame((0, 0, 1.0, 2))
    events = frames.event_frame(frames.body(1), frames.body(2, kind="bed_edge", bed="a"))
    yield Target(
        "telemetry frame", lambda data: codec.decode_frame("telemetry", data), [telemetry], (ContractError,)
    )
    yield Target("event frame", lambda data: codec.decode_frame("event", data), [events], (ContractError,))
    yield Target("event body", codec.decode_body, [frames.body(1, note="x", n=1.5)], (ContractError,))
    for cls in (Beat, State, Hello):
        yield Target(f"message {cls.__name__}", _message(cls), _examples(cls), (ContractError,))
    for message in (
        Reply(gateway="rsud-01", nonce="0" * 32, data={"a": 1.5}),
        Command(nonce="0" * 32, name="reboot", actor="sari", expires_ms=1, args={"a": None}),
        DesiredConfig(config_version=1, hash="0" * 64, toml="[gateway]"),
    ):
        kind: type[Message] = type(message)
        yield Target(f"message {kind.__name__}", _message(kind), [codec.encode(message)], (ContractError,))
    refusal = codec.encode(VersionRefusal(refused_version="2"))
    yield Target("receipt", codec.decode_receipt, [*_examples(Receipt), refusal], (ContractError,))
    yield Target(
        "topic",
        lambda data: topics.parse(data.decode("latin-1")),
        [b"siaga/1/03/rsud-01/up/panic"],
        (ContractError,),
    )
    yield Target(
        "hub's judgement of a message",
        _accept,
        [b"up/telemetry " + telemetry, b"up/panic " + events, b"state {}"],
    )
    line = Claim("https://hub.contoh.example:8443", claim.new_token(), "a" * 64).text().encode()
    yield Target(
        "claim", lambda data: claim.parse(data.decode("latin-1")), [line], (ContractError, SiagaError)
    )
    yield Target("upgrade manifest", upgrade.decode, [_manifest()], (SiagaError,))
    yield Target("trust list", trust.decode, [trust.encode(_trust())], (SiagaError,))


def _message(cls: type[Message]) -> Callable[[bytes], object]:
    return lambda data: codec.decode(cls, data)


def _examples(cls: type[Message]) -> list[bytes]:
    """Messages of that kind, as the integrator's guide shows them."""
    found = [block.text.encode() for block in pages.marked(f"json {cls.__name__}", "integrator.md")]
    return [*found, *(msgspec.json.encode(msgspec.json.decode(one)) for one in found)]


def _accept(data: bytes) -> None:
    """A leaf, a space and a payload; a topic of our gateway, or whatever stands there."""
    leaf, _, payload = data.partition(b" ")
    for topic in (f"siaga/1/03/{frames.GATEWAY}/{leaf.decode('latin-1')}", leaf.decode("latin-1")):
        accept(topic, payload, retained=False, received_ms=frames.NOW_MS, gateways=frames.GATEWAYS)


def _manifest() -> bytes:
    wheel = {"name": "siaga-0.2.0-py3-none-any.whl", "sha256": "0" * 64, "size": 1}
    said = {"format": 1, "version": "0.2.0", "from_version": "0.1.0", "machine": "aarch64", "python": "3.11"}
    return msgspec.json.encode({**said, "made_ms": 1, "expires_ms": 2, "wheels": [wheel]})


def _trust() -> trust.Trust:
    ending = trust.Ending("rsud-01", "gateway", 2)
    return trust.Trust(written_ms=1, list_ends_ms=2, revoked=("pos-07",), endings=(ending,))


# What devices say


def _devices() -> Iterator[Target]:
    frame = bytes([0xFF, 0x07, 0xA1, 0xA7])
    yield Target("ultrasonic bytes", distances_mm, [frame * 6, b"\0" + frame])
    basic = bytes.fromhex("f4f3f2f10d0002aa0351001e3c00325500f8f7f6f5")
    yield Target("LD2410 bytes", _radar, [basic * 3, b"\xf4\xf3" + basic])
    packet = zk_frames.Packet(2000, 4711, 3, struct.pack("<bI", 1, 40) + bytes(40))
    yield Target(
        "ZKTeco packet", zk_frames.decode, [packet.encoded(), packet.framed()], (zk_frames.PacketError,)
    )
    yield Target("ZKTeco answers", _zk_answers, [packet.framed()], (zk_frames.PacketError,))
    log = struct.pack("<I", 80) + b"".join(
        struct.pack("<H24sBIB8s", n, str(n).encode(), 1, 800_000_000, 0, b"") for n in (1, 2)
    )
    short = struct.pack("<I", 16) + struct.pack("<IIBB6x", 1001, 800_000_000, 1, 0)
    yield Target("ZKTeco log", _zk_log, [b"\x02" + log, b"\x01" + short], (zk_frames.PacketError,))
    line = b"1001\t2026-11-22 07:31:02\t0\t15\t0\t0\t0\n"
    yield Target(
        "ZKTeco scans (PUSH)", read_attlog, [line * 3, b"PIN=7\tDateTime=2026-11-22 07:31:02\tStatus=0\n"]
    )
    yield Target(
        "ZKTeco results (PUSH)", lambda data: zk_push.results(text_of(data)), [b"ID=1&Return=0&CMD=LOG\n"]
    )
    yield from devices()
    head = (
        b"POST /iclock/cdata?SN=A1&table=ATTLOG&Stamp=1 HTTP/1.1\r\nHost: x\r\nContent-Length: 38\r\n\r\n"
        + line
    )
    chunks = b"POST /iclock/cdata?SN=A1 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n"
    packed = b"POST /x HTTP/1.0\nContent-Encoding: gzip\nContent-Length: 4\n\n\x1f\x8b\x08\x00"
    loop = asyncio.new_event_loop()
    yield Target(
        "gateway's HTTP server",
        lambda data: loop.run_until_complete(_http(data)),
        [head, chunks, packed, b"GET /iclock/getrequest?SN=A1 HTTP/1.1\r\n\r\n"],
        # What _serve takes for the end of a connection.
        (OSError, asyncio.IncompleteReadError, TimeoutError),
        loop.close,
    )


def _radar(data: bytes) -> None:
    for target in radar_targets(data):
        target.within(2.0)


def _zk_answers(data: bytes) -> None:
    length = zk_frames.length_of(data[:8].ljust(8, b"\0"))
    packet = zk_frames.decode(data[8 : 8 + length])
    zk_frames.size_told(packet.data)
    zk_frames.records_told(packet.data)


def _zk_log(data: bytes) -> None:
    """A count of records, and the log."""
    zk_frames.read_log(data[1:], data[0] if data else 0)


class _Writer:
    """Where the server's answers go."""

    def write(self, data: bytes) -> None:
        assert data.startswith(b"HTTP/1.1 ")

    async def drain(self) -> None:
        return


async def _http(data: bytes) -> None:
    async def handle(head: http_server.Head, body: bytes) -> http_server.Answer:
        zk_push.dialect_of(head.query)
        zk_push.endpoint(head.path)
        read_attlog(body)
        return http_server.Answer(200)

    server = http_server.HttpServer("127.0.0.1", 0, handle, lambda _: "keep", lambda: 1_790_000_000_000)
    reader = asyncio.StreamReader(limit=http_server.LINE_MAX)
    reader.feed_data(data)
    reader.feed_eof()
    while await server._one(reader, _Writer()):
        pass


# Modbus: pymodbus behind our line, against a server that answers with the bytes; and registers behind each instrument


def _modbus() -> Iterator[Target]:
    answering = _Answering()
    answer = bytes.fromhex("000100000007010304")
    yield Target(
        "Modbus TCP answer",
        answering.ask,
        [
            answer + struct.pack(">HH", 1234, 5),
            bytes.fromhex("000100000003018302"),
            answer[:7] + b"\x01\x01\xff",
        ],
        (OSError, BrokenLineError, TimeoutError),
        answering.close,
        cost=10,
    )
    library = Library()
    for name in library.names():
        decoder = _Registers(library.load(name))
        yield Target(
            f"registers of {name}",
            decoder.decode,
            [bytes(2 * decoder.words), b"\xff" * 2 * decoder.words, b"\x7f\xc0" * decoder.words],
        )


class _Answering:
    """A Modbus TCP server whose answers are the inputs, and the gateway's line to it."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._data = b""
        self._server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        port = self._server.sockets[0].getsockname()[1]
        self._bus = TcpBus(name="uji", host="127.0.0.1", port=port, timeout_ms=500)
        # The library lets what it cannot read end the connection; asyncio then says so.
        self._loop.set_exception_handler(lambda loop, context: None)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.read(260)
        # The number of the transaction is the asker's, so that more than the first two bytes are looked at.
        writer.write(asked[:2] + self._data[2:])
        writer.close()

    def ask(self, data: bytes) -> None:
        self._data = data
        self._loop.run_until_complete(asyncio.wait_for(self._ask(), PATIENCE_S))

    async def _ask(self) -> None:
        line = Line(self._bus)
        await line.connect()
        try:
            await line.ask(1, Request("holding", 0, 2))
        finally:
            line.close()

    def close(self) -> None:
        self._server.close()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()


class _Registers:
    """All registers of an instrument from bytes."""

    def __init__(self, instrument: Instrument) -> None:
        self._places = [
            (request.table, request.address + at)
            for request in registers.plan(instrument, [])
            for at in range(request.count)
        ]
        self._decoder = registers.Decoder(instrument, settings=instrument.settings({}))
        self.words = len(self._places)

    def decode(self, data: bytes) -> None:
        words = struct.unpack(f">{len(data) // 2}H", data[: len(data) // 2 * 2])
        found = self._decoder.decode(dict(zip(self._places, words, strict=False)))
        for value in found.values.values():
            assert value is None or math.isfinite(value), f"{value} is no value"


def _receivers_word(data: bytes) -> None:
    """Timestamp, nonce and signature, each up to a space, then the body."""
    at, nonce, signature, body = (data.split(b" ", 3) + [b""] * 4)[:4]
    at_s, once, proof = (part.decode("latin-1") for part in (at, nonce, signature))
    inbound.check(inbound.Signed("c", at_s, once, proof, body), {"c": b"k" * 32}, now_ms=frames.NOW_MS)


def _vitals(folder: Path) -> Callable[[bytes], object]:
    place = folder / "vitals.json"

    def feed(data: bytes) -> None:
        place.write_bytes(data)
        vitals.read(place)

    return feed


# What is signed


def _signed(folder: Path) -> Iterator[Target]:
    authority = Authority.create(folder / "authority", name="Kota Uji")
    own = authority.gateway("rsud-01")
    trusted = signatures.roots(own.authority.read_bytes())
    payload = frames.event_frame(frames.body(1))
    press = sign(signed.PRESS, "rsud-01", payload, certificate=own.certificate, key=own.key)
    now_ms = time.time_ns() // 1_000_000

    def judge(data: bytes) -> None:
        signatures.verify(signed.decode(data), signed.PRESS, trusted, now_ms=now_ms)

    def chain(data: bytes) -> None:
        """The gateway's certificate alone is damaged."""
        texts = (data.decode("latin-1"), *press.chain[1:])
        signatures.verify(msgspec.structs.replace(press, chain=texts), signed.PRESS, trusted, now_ms=now_ms)

    refusals = (ContractError, UntrustedError)
    yield Target("signed press", judge, [signed.encode(press)], refusals)
    yield Target("certificate of a signed press", chain, [press.chain[0].encode()], refusals)
    said, device = press_text.say("rsud-01", _press(), now_ms)
    text = press_text.encode(said.said, sign_short(said.to_sign("rsud-01", device), key=own.key))
    keys = [public(own.certificate.read_bytes())]

    def texted(data: bytes) -> None:
        found = press_text.decode(data.decode("latin-1"))
        signatures.verify_short(found.to_sign("rsud-01", device), found.signature, keys)

    yield Target("press as a text", texted, [text.encode()], refusals)
    place = folder / "software.upgrade"
    small = _bundle()

    def upgrade_file(data: bytes) -> None:
        place.write_bytes(data)
        here = Here(version="0.1.0", highest="0.1.0", machine="aarch64", python="3.11", now_ms=now_ms)
        verified(place, own.authority.read_bytes(), here)

    # A sound one is tests/edge/upgrade's; here all are refused, and by that alone.
    yield Target("upgrade file", upgrade_file, [small], (UpgradeError,), only_refuses=True)


def _press() -> bytes:
    body = messages.EventBody(id="a" * 32, kind="panic_press", device="tombol-1", data={"initial": False})
    return codec.encode_body(body)


def _bundle() -> bytes:
    """A ZIP of the members of an upgrade, signed by nobody."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as file:
        for name in (upgrade.MANIFEST, upgrade.SIGNATURE, upgrade.SIGNER):
            file.writestr(name, _manifest())
    return made.getvalue()


# What other authorities say


def _advisories() -> Iterator[Target]:
    quakes = [feeds.earthquakes(feeds.QUAKE), feeds.earthquakes(feeds.QUAKE, feeds.OLDER)]
    yield Target("BMKG's earthquakes", earthquakes.parse, quakes, (FeedError,))
    yield Target(
        "BMKG's list of warnings", nowcast.items, [feeds.rss("https://b/1", "https://b/2")], (FeedError,)
    )
    alerts = [feeds.cap(), feeds.cap(status="Test")]
    yield Target("CAP of BMKG", lambda data: nowcast.alert(data, "https://b/1"), alerts, (FeedError,))


# Files that people write


def _files(folder: Path) -> Iterator[Target]:
    parts = [
        gateway_file(block.text).encode() for block in pages.marked("toml gateway-part", "technician.md")
    ]
    yield Target("gateway.toml", _toml(edge.config.Config), parts, (TomlError,))
    shown = [block.text.encode() for block in pages.marked("toml hub")]
    yield Target("hub.toml", _toml(hub.config.HubConfig), shown, (TomlError,))
    instruments = [
        path.read_bytes() for path in sorted((ROOT / "firmware_configs" / "instruments").glob("*.toml"))
    ]
    networks = [
        b'[wired]\naddress = "10.0.0.2/24"\nrouter = "10.0.0.1"\ndns = ["10.0.0.1"]\n',
        b"# nothing\n",
    ]
    yield Target("network of a site", _toml(Network), networks, (TomlError,))
    yield Target("instrument file", _toml(Instrument), instruments, (TomlError,))
    region = load_region(PROFILE)
    rules = (PROFILE / "rules.toml").read_bytes()
    yield Target(
        "rules.toml",
        lambda data: book.parse(data.decode("utf-8", "replace"), region, "rules.toml"),
        [rules],
        (TomlError,),
    )
    forms = [
        b"contact\x1eBudi\x1edamkar\x1esecond\x1e0800-1\x1e\x1edamkar-webhook",
        b"area\x1eKota\x1e-5.94, 108.91\n-5.94, 108.96\n-5.90, 108.96",
        b"duty\x1ebpbd\x1efirst\x1ebpbd-kabid\x1emalam\x1elibur\x1e2026-11-02\x1e\x1e0\x1e1",
        b"agency\x1eDamkar\x1eDK\x1edamkar-lain | webhook | Pos",
    ]
    yield Target(
        "form of the directory", partial(_directory_form, region), forms, (TomlError, FieldError), cost=10
    )
    for file in sorted(PROFILE.glob("*.toml")):
        if file.name == "rules.toml":
            continue
        yield Target(
            f"profile's {file.name}",
            _profile(folder, file.name),
            [file.read_bytes()],
            (TomlError, HubError),
            cost=5,
        )


def _toml(cls: type[object]) -> Callable[[bytes], object]:
    return lambda data: loads(data.decode("utf-8", "replace"), cls)


def _profile(folder: Path, name: str) -> Callable[[bytes], object]:
    copy = folder / f"profile-{name}"
    shutil.copytree(PROFILE, copy)

    whole = load_region(PROFILE)

    def feed(data: bytes) -> None:
        (copy / name).write_bytes(data)
        if name not in DIRECTORY or name == "agencies.toml":
            load_region(copy)
            return
        found = look(copy, whole)
        if found.fault:
            raise HubError(found.fault)

    return feed


def _directory_form(region: Region, data: bytes) -> None:
    """What a form of the directory says: a table, and a line a field."""
    first, *lines = data.decode("utf-8", "replace").split("\x1e")
    table = TABLES.get(first, TABLES["route"])
    said = {field.key: [line] for field, line in zip(table.fields, lines, strict=False)}
    texts = texts_of(PROFILE)
    new = put(texts[table.file], table, "baru", said)
    read_directory({**texts, table.file: new}, region)
