"""Reconnects spread out and never keep a panic waiting; the link stops when told and sends without delay."""

import asyncio
import contextlib
import gc
import socket
from random import Random
from types import SimpleNamespace
from typing import Any

import aiomqtt
import pytest

from edge import mqtt
from edge.clock import SystemClock
from edge.link import (
    LONGEST_DELAY_WITH_PANIC_S,
    Backoff,
    Link,
    Patience,
    _Carrier,
)
from edge.mqtt import _write_only_while_open
from edge.session import Publish


def delays(attempt, *, urgent, n=400):
    random = Random(7)
    return [Backoff().delay_s(attempt, random, urgent=urgent) for _ in range(n)]


def test_the_ceiling_doubles_up_to_its_limit():
    ceilings = [max(delays(attempt, urgent=False)) for attempt in range(12)]
    assert ceilings[0] == pytest.approx(0.5, rel=0.05)
    assert ceilings[3] == pytest.approx(4.0, rel=0.05)
    assert max(ceilings) <= 60
    assert ceilings[-1] == pytest.approx(60, rel=0.05)
    assert max(delays(10**6, urgent=False)) <= 60, "a gateway that is out for months still counts"


def test_a_returning_fleet_is_spread_over_the_whole_interval():
    spread = sorted(delays(8, urgent=False))
    assert spread[0] < 3
    assert spread[len(spread) // 2] == pytest.approx(30, abs=6)


def test_a_waiting_panic_shortens_the_pause():
    assert max(delays(12, urgent=True)) <= LONGEST_DELAY_WITH_PANIC_S
    assert max(delays(12, urgent=False)) > LONGEST_DELAY_WITH_PANIC_S


class Longest:
    """Always the longest pause that is allowed."""

    def uniform(self, low, high):
        return high


class Waiting(SimpleNamespace):
    panic_waits = False


async def test_a_press_while_it_waits_for_the_next_try_ends_the_wait(monkeypatch):
    monkeypatch.setattr("edge.link.LONGEST_DELAY_WITH_PANIC_S", 0.01)
    session = Waiting()
    link = Link(None, session, clock=SystemClock(), random=Longest())
    pausing = asyncio.create_task(link._pause(12))
    await asyncio.sleep(0)
    for _ in range(3):  # samples come all the time, and are no reason to hurry
        link.wake()
        await asyncio.sleep(0.02)
    assert not pausing.done()
    session.panic_waits = True
    link.wake()
    async with asyncio.timeout(10):
        await pausing


async def test_a_try_at_a_broker_that_says_nothing_leaves_no_socket_behind(monkeypatch):
    """Nine of them were open at a gateway whose line was cut, until Python collected them."""
    monkeypatch.setattr(mqtt, "CONNECT_TIMEOUT_S", 0.05)
    session = SimpleNamespace(
        gateway="gw-uji",
        will=lambda _: Publish("siaga/1/00/gw-uji/state", b"{}"),
        disconnected=lambda _: None,
    )
    gc.disable()
    try:
        with socket.create_server(("127.0.0.1", 0)) as mute:
            host, port = mute.getsockname()
            broker = SimpleNamespace(host=host, port=port, keepalive_s=60)
            link = Link(broker, session, clock=SystemClock(), random=Random(1))
            with pytest.raises(aiomqtt.MqttError):
                await link._one(None)
            peer, _ = mute.accept()
            with peer, contextlib.suppress(ConnectionResetError):
                peer.settimeout(5)
                while peer.recv(4096):
                    pass
    finally:
        gc.enable()


async def test_a_publish_into_a_connection_that_is_ending_is_the_connections_error():
    """It ended the gateway once: what a TaskGroup raises by itself is no error of a connection."""

    async def broken():
        raise aiomqtt.MqttError("disconnected")

    async def sending(carrier):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            carrier.publish(Publish("siaga/1/00/uji/up/telemetry", b"{}"))

    async def connection():
        async with asyncio.TaskGroup() as group:
            group.create_task(sending(_Carrier(None, None, None, group, Patience())))
            await asyncio.sleep(0)
            group.create_task(broken())

    with pytest.raises(ExceptionGroup) as ended:
        await connection()
    assert ended.value.split(aiomqtt.MqttError)[1] is None
    assert len(ended.value.exceptions) == 2


class Idle:
    """A session that has nothing to send."""

    def next(self, mono_ms):
        return mono_ms + 5_000


@pytest.mark.parametrize("turns", range(4))
async def test_a_stop_that_comes_with_news_is_a_stop(turns):
    """The sending side may be anywhere between waking up and going on when it is cancelled."""
    link = Link(None, Idle(), clock=SystemClock(), random=Random(1))
    sending = asyncio.create_task(link._send(None))
    for _ in range(3):
        await asyncio.sleep(0)
    link.wake()
    for _ in range(turns):
        await asyncio.sleep(0)
    sending.cancel()
    done, _ = await asyncio.wait({sending}, timeout=10)
    if not done:
        sending.cancel()
    assert done, "it went on"
    assert sending.cancelled()


async def test_a_stop_that_comes_with_the_subscriptions_answer_is_a_stop():
    """aiomqtt waits with wait_for, which swallows such a cancellation before Python 3.12."""

    class Deaf:
        async def subscribe(self, topic, *, qos):
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(10)

    session = SimpleNamespace(gateway="gw-uji", cell=0)  # anything more that was asked of it would fail
    broker = SimpleNamespace(host="127.0.0.1", port=1)
    link = Link(broker, session, clock=SystemClock(), random=Random(1))
    carrying = asyncio.create_task(link._carry(Deaf(), "x"))
    await asyncio.sleep(0)
    carrying.cancel()
    await asyncio.wait({carrying}, timeout=1)
    assert carrying.cancelled()


async def test_frames_do_not_wait_for_the_brokers_delayed_acknowledgement(monkeypatch):
    """Nagle's algorithm would hold what follows an acknowledgement of ours for some 40 ms."""
    options = []

    def client(*_, socket_options=(), **__):
        options.extend(socket_options)
        raise OSError("enough seen")

    monkeypatch.setattr("edge.mqtt._Client", client)
    session = SimpleNamespace(gateway="gw-uji", will=lambda _: SimpleNamespace(topic="t", payload=b""))
    broker = SimpleNamespace(host="127.0.0.1", port=1, keepalive_s=30)
    with pytest.raises(OSError, match="enough seen"):
        await Link(broker, session, clock=SystemClock(), random=Random(1))._connection(None)
    assert (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1) in options


@pytest.mark.parametrize("broken", [True, False])
async def test_a_socket_that_has_closed_meanwhile_is_not_watched(broken):
    """Else its number, which the next connection may have by now, would be."""
    client = aiomqtt.Client("127.0.0.1", 1)
    _write_only_while_open(client)
    inner: Any = client._client
    wrong, written = [], []
    inner.loop_write = lambda: written.append(1)
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: wrong.append(context))
    ours, theirs = socket.socketpair()
    inner.on_socket_register_write(inner, None, ours)
    if broken:
        ours.close()
    await asyncio.sleep(0.02)
    assert bool(written) is not broken
    assert not wrong
    if not broken:
        loop.remove_writer(ours.fileno())
        ours.close()
    theirs.close()
