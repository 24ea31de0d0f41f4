import asyncio
import contextlib
import time

import pytest

from hub.clock import SystemClock
from hub.notify.channels.base import Message
from hub.notify.channels.by_apprise import AppriseChannel
from hub.notify.channels.webhook import WebhookChannel
from hub.outbound import Outbound
from simulator.receiver import Receiver

SECRET = b"a secret of sixteen bytes or more"


def message(key="k1", attempt=1):
    return Message(
        key=key,
        channel="piket-webhook",
        kind="panic",
        subject="rsud",
        desk="piket",
        title="Tombol darurat",
        text="BELUM DIVERIFIKASI",
        priority=1,
        data={},
        created_ms=0,
        attempt=attempt,
    )


@contextlib.asynccontextmanager
async def agency(secret=SECRET, timeout_s=5.0):
    async with Receiver({"piket-webhook": SECRET}) as receiver:
        outbound = Outbound((), allow_private=(f"127.0.0.1:{receiver.port}",), timeout_s=timeout_s)
        yield receiver, WebhookChannel(receiver.url("piket-webhook"), secret, outbound, SystemClock())
        await outbound.aclose()


async def test_a_chat_of_apprise_is_taken_by_its_password_and_its_repetition_known():
    async with Receiver({}, {"piket-apprise": b"hush"}) as receiver:
        url = receiver.chat_url("piket-apprise")
        right, wrong = AppriseChannel(url), AppriseChannel(url.replace("hush", "hash"))
        assert (await right.send(message())).outcome == "delivered"
        assert (await right.send(message(attempt=2))).outcome == "delivered"
        assert (await wrong.send(message("k2"))).outcome == "failed"
        assert [(notice.key, notice.again) for notice in receiver.notices] == [("k1", False), ("k1", True)]
        assert receiver.refused == {"signature": 1}
        content = receiver.notices[0].content
        assert (content["title"], content["text"]) == ("Tombol darurat", "BELUM DIVERIFIKASI")


async def test_a_signed_message_is_taken_once_and_known_when_it_comes_again():
    async with agency() as (receiver, channel):
        before = time.time_ns() // 1_000_000
        assert (await channel.send(message())).outcome == "delivered"
        assert (await channel.send(message(attempt=2))).outcome == "delivered"
        assert (await channel.send(message("k2"))).outcome == "delivered"
        await receiver.until(2, timeout_s=10)
        assert [notice.again for notice in receiver.notices] == [False, True, False]
        assert [notice.key for notice in receiver.taken] == ["k1", "k2"]
        assert before <= receiver.notices[0].received_ms <= time.time_ns() // 1_000_000


async def test_a_wrong_signature_or_path_is_refused():
    async with agency(secret=b"another secret, long enough too") as (receiver, channel):
        assert (await channel.send(message())).status == 403
        outbound = Outbound((), allow_private=(f"127.0.0.1:{receiver.port}",))
        elsewhere = WebhookChannel(receiver.url("nobody"), SECRET, outbound, SystemClock())
        assert (await elsewhere.send(message())).status == 404
        assert receiver.refused == {"signature": 1, "path": 1}
        with pytest.raises(TimeoutError):
            await receiver.until(1, timeout_s=0.05)


async def test_it_fails_and_hangs_as_it_is_told():
    async with agency(timeout_s=1.0) as (receiver, channel):
        receiver.mood = "fail"
        assert (await channel.send(message())).status == 500
        receiver.mood = "hang"
        assert (await channel.send(message())).outcome == "failed"
        receiver.mood = "take"
        assert (await channel.send(message())).outcome == "delivered"
        assert len(receiver.taken) == 1


async def test_rubbish_ends_only_its_own_connection():
    async with agency() as (receiver, channel):
        reader, writer = await asyncio.open_connection("127.0.0.1", receiver.port)
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        assert b"400" in await reader.read()
        writer.close()
        assert (await channel.send(message())).outcome == "delivered"
