"""A press by the second path: believed by its signature alone, rung once, and known again by its event id."""

from __future__ import annotations

import datetime as dt
from functools import cache
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import select

from contract import signed
from contract.signed import PRESS, Signed, to_sign
from edge.signing import sign
from hub.fleet.signatures import UntrustedError
from hub.ingest import ledger
from hub.ingest.commit import commit_events
from hub.ingest.ledger import StreamKey
from hub.ingest.pipeline import Pipeline
from hub.ingest.second_path import SecondPath
from hub.ingest.tables import dead_letters, events, streams
from provisioning.ca import Authority
from tests.hub.ingest.frames import GATEWAY, GATEWAYS, NOW_MS, Recorder, body, event_frame, event_id, judged

NOW = dt.datetime.fromtimestamp(NOW_MS / 1000, dt.UTC)


class Clock:
    """The hub's, at the moment of the frames."""

    at_ms = NOW_MS

    def now_ms(self):
        return self.at_ms

    def mono_ms(self):
        return 0


@pytest.fixture(scope="module")
def city(tmp_path_factory):
    return Authority.create(tmp_path_factory.mktemp("ca"), name="Kota Uji", now=NOW)


@pytest.fixture(scope="module")
def gateway(city):
    return city.gateway(GATEWAY, now=NOW)


def press(identity, frame, *, purpose=PRESS, name=GATEWAY):
    return sign(purpose, name, frame, certificate=identity.certificate, key=identity.key)


def post(identity, frame, **more):
    return signed.encode(press(identity, frame, **more))


@pytest.fixture
def seen():
    return Recorder()


@pytest.fixture
def hub(database, city, seen):
    return SecondPath(
        authority=city.certificate.parent / "root.pem",
        db=database,
        clock=Clock(),
        gateways=GATEWAYS,
        revoked=set,
        consequences=seen,
        stored=lambda new: None,
        pipeline=Pipeline(Clock()),
    )


async def by_broker(database, seen, frame):
    """The same press by the usual way."""
    accepted = judged(frame, "panic")
    return await database.write(lambda conn: commit_events(conn, accepted, now_ms=NOW_MS, consequences=seen))


async def stored(database, table=events):
    return list(await database.read(lambda conn: conn.execute(select(table)).all()))


@pytest.mark.parametrize("first", ["second path", "broker"])
async def test_a_press_by_both_ways_rings_once_whichever_comes_first(database, hub, seen, gateway, first):
    frame = event_frame(body(1), first=7)
    if first == "broker":
        done = await by_broker(database, seen, frame)
        assert await hub.take(post(gateway, frame)) == (event_id(1),)
    else:
        assert await hub.take(post(gateway, frame)) == (event_id(1),)
        done = await by_broker(database, seen, frame)
    assert [one.event_id for one in seen.panics] == [event_id(1)]
    assert not any(row.conflict for row in await stored(database))
    # The broker's way has its receipt, and the copy is in nobody's ledger.
    assert done.ranges == ((7, 7),)
    assert [row.epoch for row in await stored(database, streams)] == [done_epoch(frame)]


def done_epoch(frame):
    return judged(frame, "panic").epoch


async def test_the_copy_alone_settles_nothing(database, hub, seen, gateway):
    frame = event_frame(body(1), first=7)
    await hub.take(post(gateway, frame))
    assert len(seen.panics) == 1
    assert await stored(database, streams) == []
    account = await database.read(
        lambda conn: ledger.read(conn, StreamKey(GATEWAY, done_epoch(frame), "panic"))
    )
    assert not account.committed


async def test_posted_again_and_again_it_is_one_press(database, hub, seen, gateway):
    message = post(gateway, event_frame(body(1)))
    for _ in range(3):
        assert await hub.take(message) == (event_id(1),)
    assert len(seen.panics) == 1
    assert len(await stored(database)) == 1


async def test_two_presses_are_two(database, hub, seen, gateway):
    await hub.take(post(gateway, event_frame(body(1), body(2))))
    await hub.take(post(gateway, event_frame(body(3), first=3)))
    assert [one.event_id for one in seen.panics] == [event_id(1), event_id(2), event_id(3)]


async def test_a_press_that_is_no_event_rings_with_its_raw_bytes(database, hub, seen, gateway):
    await hub.take(post(gateway, event_frame(b'{"odd":1}')))
    assert [one.malformed for one in seen.panics] == [True]


def changed(message: Signed, **more) -> bytes:
    return signed.encode(msgspec.structs.replace(message, **more))


@cache
def other_city(folder: Path) -> Authority:
    return Authority.create(folder, name="Kota Lain", now=NOW)


async def refused(hub, message):
    with pytest.raises(UntrustedError) as caught:
        await hub.take(message)
    return caught.value.reason


async def test_whatever_does_not_fit_rings_nowhere(database, hub, seen, gateway, city):
    frame = event_frame(body(1))
    good = press(gateway, frame)
    stranger = other_city(city.certificate.parent / "other").gateway(GATEWAY, now=NOW)
    neighbour = city.gateway("pos-07", now=NOW)
    service = city.hub("hub", now=NOW)
    other_frame = event_frame(body(2))
    told = {
        "another city's certificate": (post(stranger, frame), "certificate"),
        "another gateway's certificate": (post(neighbour, frame), "name"),
        "in the name of another": (post(neighbour, frame, name="pos-07"), "gateway"),
        "the hub's own certificate": (post(service, frame, name=GATEWAY), "name"),
        "an unknown gateway": (post(neighbour, frame, name="gw-tak-dikenal"), "unknown"),
        "another frame": (changed(good, payload=other_frame), "signature"),
        "another gateway": (changed(good, gateway="pos-07"), "name"),
        "signed for something else": (post(gateway, frame, purpose="siaga diagnostics 1"), "purpose"),
        "its purpose changed": (
            changed(press(gateway, frame, purpose="siaga diagnostics 1"), purpose=PRESS),
            "signature",
        ),
        "no signature": (changed(good, signature=b""), "signature"),
        "no certificate": (changed(good, chain=()), "certificate"),
        "its own certificate only": (changed(good, chain=good.chain[:1]), "certificate"),
        "the authority alone": (changed(good, chain=good.chain[1:]), "certificate"),
        "no frame": (post(gateway, b"{}"), None),
        "a beat": (post(gateway, b'{"v":1,"gw":"rsud-01"}'), None),
        "no JSON": (b"\xff\x00", "signed"),
        "nothing": (b"", "signed"),
        "too much": (b"[" * 200_000, "size"),
        "too deep": (b"[" * 100_000, "signed"),
    }
    for what, (message, reason) in told.items():
        found = await refused(hub, message)
        assert reason in (None, found), (what, found)
    assert seen.panics == []
    assert await stored(database) == []
    assert await stored(database, dead_letters) == []
    # The negative twin of them all.
    assert await hub.take(signed.encode(good)) == (event_id(1),)


async def test_a_revoked_gateway_and_one_whose_certificate_has_ended_are_not_heard(
    hub, seen, gateway, monkeypatch
):
    message = post(gateway, event_frame(body(1)))
    monkeypatch.setattr(hub, "_revoked", lambda: {GATEWAY})
    assert await refused(hub, message) == "revoked"
    monkeypatch.setattr(hub, "_revoked", set)
    monkeypatch.setattr(hub._clock, "at_ms", NOW_MS + 91 * 86_400_000)
    assert await refused(hub, message) == "certificate"
    monkeypatch.setattr(hub._clock, "at_ms", NOW_MS)
    assert await hub.take(message)


def test_no_part_of_what_is_signed_can_be_taken_for_another():
    assert to_sign("a", "b", b"") != to_sign("a\nb", "", b"")
    assert to_sign("a", "b", b"c") != to_sign("a", "b", b"d")


async def test_without_roots_nothing_is_believed(hub, gateway, tmp_path):
    hub._authority = tmp_path / "none.pem"
    assert await refused(hub, post(gateway, event_frame(body(1)))) == "authority"
