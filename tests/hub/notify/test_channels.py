"""One contract for every channel: webhook, Apprise and MQTT against real sockets, and the recording one."""

import json
import tempfile
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from hub.clock import SystemClock
from hub.errors import ConfigError
from hub.notify.channels.base import Answer, Message
from hub.notify.channels.build import ChannelSpec, build
from hub.notify.channels.by_apprise import AppriseChannel
from hub.notify.channels.by_mqtt import Broker, MqttChannel
from hub.notify.channels.recording import RecordingChannel
from hub.notify.channels.webhook import WebhookChannel, sign, verify
from hub.outbound import Outbound
from provisioning.ca import Authority
from tests.hub.notify.outside_broker import TOPIC, server_tls, talking
from tests.hub.notify.receiver import receiving

SECRET = b"0123456789abcdef"
MESSAGE = Message(
    key="panic/3f/desk-hook",
    channel="desk-hook",
    kind="panic",
    subject="3f",
    desk="bpbd",
    title="BELUM DIVERIFIKASI / UNVERIFIED: Tombol IGD",
    text="Ini pemberitahuan — bukan perintah.\n\nThis is a notice.",
    priority=2,
    data={"incident": "3f", "verified": False},
    created_ms=1_795_000_000_000,
    attempt=1,
)


class Rig:
    """A channel, and what has arrived at its other end."""

    def __init__(self, channel, arrived):
        self.channel = channel
        self.arrived = arrived


def patience_s(script):
    """An answer that comes is waited for as long as a busy machine may take to give it."""
    return 1.0 if "hang" in script else 10.0


@asynccontextmanager
async def webhook(*script):
    async with receiving(*script) as receiver:
        outbound = Outbound([], allow_private=[receiver.place], timeout_s=patience_s(script))
        channel = WebhookChannel(receiver.url, SECRET, outbound, SystemClock())
        yield Rig(channel, lambda: [one.body.decode() for one in receiver.received])
        await outbound.aclose()


@asynccontextmanager
async def by_apprise(*script):
    async with receiving(*script) as receiver:
        channel = AppriseChannel(f"json://{receiver.place}/hook", timeout_s=patience_s(script))
        yield Rig(channel, lambda: [one.body.decode() for one in receiver.received])


@asynccontextmanager
async def recording(*script):
    answers = {"hang": None, 200: Answer("delivered"), 500: Answer("failed"), 503: Answer("failed")}
    channel = RecordingChannel([answers[one] for one in script], timeout_s=0.2)
    yield Rig(channel, lambda: [json.dumps([m.key, m.title, m.text]) for m in channel.attempts])


@asynccontextmanager
async def mqtt(*script):
    said = {200: "take", 500: "cut", 503: 0x83, "hang": "hang"}
    with tempfile.TemporaryDirectory() as folder:
        authority = Authority.create(Path(folder, "ca"), name="an agency")
        async with talking(server_tls(authority), *(said[one] for one in script)) as broker:
            # Short where it is waited for to its end, and long where the machine may be busy.
            timeout_s = 0.3 if "hang" in script else 20.0
            outbound = Outbound([], allow_private=[broker.place], timeout_s=timeout_s)
            its = Broker(url=broker.url, topic=TOPIC, ca=str(authority.certificate))
            yield Rig(
                MqttChannel(its, outbound),
                lambda: [one.decode("utf-8", "replace") for one in broker.payloads],
            )
            await outbound.aclose()


RIGS = pytest.mark.parametrize("rig", [webhook, by_apprise, recording, mqtt])


@RIGS
async def test_a_message_that_was_taken_is_delivered_with_its_key_and_words(rig):
    async with rig(200) as found:
        assert (await found.channel.send(MESSAGE)).outcome == "delivered"
        (body,) = found.arrived()
        assert MESSAGE.key in body
        assert "BELUM DIVERIFIKASI" in body
        await found.channel.aclose()


@RIGS
@pytest.mark.parametrize("status", [500, 503])
async def test_a_receiver_that_fails_is_no_delivery_and_worth_another_attempt(rig, status):
    async with rig(status, 200) as found:
        assert (await found.channel.send(MESSAGE)).outcome == "failed"
        assert (await found.channel.send(MESSAGE)).outcome == "delivered"
        await found.channel.aclose()


@RIGS
async def test_a_receiver_that_hangs_fails_in_bounded_time(rig):
    async with rig("hang") as found:
        assert (await found.channel.send(MESSAGE)).outcome == "failed"
        await found.channel.aclose()


@RIGS
async def test_the_key_is_the_same_at_every_attempt(rig):
    async with rig(500, 200) as found:
        await found.channel.send(MESSAGE)
        await found.channel.send(MESSAGE)
        assert all(MESSAGE.key in body for body in found.arrived())
        await found.channel.aclose()


@RIGS
async def test_closing_twice_is_harmless(rig):
    async with rig() as found:
        await found.channel.aclose()
        await found.channel.aclose()


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, "delivered"),
        (204, "delivered"),
        (301, "failed"),
        (400, "refused"),
        (401, "refused"),
        (404, "refused"),
        (408, "failed"),
        (410, "refused"),
        (429, "failed"),
        (500, "failed"),
        (502, "failed"),
        (503, "failed"),
        ("huge", "delivered"),
        ("cut", "failed"),
    ],
)
async def test_what_each_answer_to_a_webhook_means(status, outcome):
    async with webhook(status) as found:
        answer = await found.channel.send(MESSAGE)
        assert answer.outcome == outcome


async def test_a_webhook_waits_as_long_as_it_was_asked():
    async with webhook((503, {"retry-after": "17"}), (503, {"retry-after": "soon"})) as found:
        assert (await found.channel.send(MESSAGE)).retry_after_s == 17
        assert (await found.channel.send(MESSAGE)).retry_after_s is None


async def test_a_webhook_s_receiver_can_verify_what_it_gets():
    async with receiving() as receiver:
        outbound = Outbound([], allow_private=[receiver.place])
        clock = SystemClock()
        await WebhookChannel(receiver.url, SECRET, outbound, clock).send(MESSAGE)
        await outbound.aclose()
        (got,) = receiver.received
        now_s = clock.now_ms() / 1000
        timestamp, signature = got.headers["x-siaga-timestamp"], got.headers["x-siaga-signature"]
        assert verify(SECRET, timestamp, got.body, signature, now_s=now_s)
        assert got.headers["idempotency-key"] == MESSAGE.key
        assert json.loads(got.body)["text"] == MESSAGE.text
        # And what was changed on the way, is of another, or is old, is not taken.
        assert not verify(SECRET, timestamp, got.body + b" ", signature, now_s=now_s)
        assert not verify(SECRET, str(int(timestamp) + 1), got.body, signature, now_s=now_s)
        assert not verify(b"another secret..", timestamp, got.body, signature, now_s=now_s)
        assert not verify(SECRET, timestamp, got.body, signature, now_s=now_s + 301)
        assert not verify(SECRET, timestamp, got.body, signature, now_s=now_s - 301)
        assert not verify(SECRET, "١٢", got.body, "v1=é", now_s=now_s)


def test_the_signature_is_plain_hmac():
    """A vector for receivers in other languages: printf '1795000000.{"a":1}' | openssl dgst -sha256 -hmac secret."""
    expected = "v1=f9e0bd0d1a561fbfdabec6356500586e2c72d7d797314b41b8380761868d6c25"
    assert sign(b"secret", "1795000000", b'{"a":1}') == expected


async def test_a_forbidden_webhook_is_refused_for_good():
    async with receiving() as receiver:
        outbound = Outbound([receiver.place])
        answer = await WebhookChannel(receiver.url, SECRET, outbound, SystemClock()).send(MESSAGE)
        assert answer.outcome == "refused"
        assert receiver.received == []


async def test_apprise_follows_no_redirect():
    async with receiving() as inner, receiving((302, {"location": inner.url})) as outer:
        channel = AppriseChannel(f"json://{outer.place}/hook", timeout_s=10)
        assert (await channel.send(MESSAGE)).outcome == "failed"
        assert inner.received == []


async def test_apprise_does_not_take_a_hang_for_ever_into_its_threads():
    """Attempts that have not begun when their time is over are never made."""
    async with receiving(*["hang"] * 10) as receiver:
        channel = AppriseChannel(f"json://{receiver.place}/hook?rto=0.5&cto=0.5", timeout_s=0.2)
        for _ in range(6):
            assert (await channel.send(MESSAGE)).outcome == "failed"
        await channel.aclose()
        assert len(receiver.received) <= 6


def specs(**changes):
    return [ChannelSpec(**{"id": "a", "kind": "webhook", "url": "https://x.example/", **changes})]


@pytest.mark.parametrize(
    "found",
    [
        specs(secret="short"),
        specs(secret=""),
        specs(url="", secret="0123456789abcdef"),
        specs(kind="pigeon"),
        specs(kind="apprise", url="nonsense://///"),
        specs(secret="0123456789abcdef") * 2,
    ],
)
def test_a_channel_that_cannot_work_is_a_mistake_of_the_configuration(found):
    with pytest.raises(ConfigError) as caught:
        build(found, Outbound([]), SystemClock())
    assert "0123456789abcdef" not in str(caught.value)


def test_channels_are_built_by_kind_and_do_not_show_their_secrets():
    found = build(
        [*specs(secret="0123456789abcdef"), ChannelSpec("b", "recording")], Outbound([]), SystemClock()
    )
    assert set(found) == {"a", "b"}
    assert "0123456789abcdef" not in repr(specs(secret="0123456789abcdef"))


@pytest.mark.parametrize("rig", [webhook, by_apprise, mqtt])
async def test_where_something_is_asked_the_link_goes_out_with_it(rig):
    asked = replace(MESSAGE, answer_url="https://siaga.example/j/abc")
    async with rig(200, 200) as found:
        await found.channel.send(asked)
        await found.channel.send(MESSAGE)
        first, second = found.arrived()
        assert "https://siaga.example/j/abc" in first
        assert "/j/" not in second
