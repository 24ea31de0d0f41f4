"""A chat with buttons, against a server that speaks the Bot API: what goes out, and what a press does."""

import json
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from sqlalchemy import select

from hub.bus import Bus
from hub.clock import SystemClock
from hub.db import Database
from hub.notify import answers, asks
from hub.notify.channels.telegram import ChatError, TelegramChannel
from hub.notify.chat import ChatReader
from hub.notify.tables import outbox
from hub.notify.words import WORDS
from hub.outbound import Outbound
from tests.hub.notify.asking import LINKS, Assignments, contact, put_incident, question
from tests.hub.notify.receiver import receiving
from tests.hub.notify.test_channels import MESSAGE

TOKEN = "123:abc"
CHAT = "-1007"


class Service:
    """The other end: keeps what was sent, and what was pressed."""

    def __init__(self, receiver):
        self.receiver = receiver
        self.pressed = []
        receiver.respond = self.respond

    def respond(self, asked):
        said = json.loads(asked.body)
        result: object = {"message_id": 77}
        if asked.path.endswith("/getUpdates"):
            result = [one for one in self.pressed if one["update_id"] >= said["offset"]]
        return 200, json.dumps({"ok": True, "result": result}).encode()

    def calls(self, method):
        return [json.loads(one.body) for one in self.receiver.received if one.path.endswith(method)]

    def press(self, data, chat=CHAT):
        n = len(self.pressed)
        query = {"id": f"q{n}", "data": data, "message": {"chat": {"id": int(chat)}}}
        self.pressed.append({"update_id": n, "callback_query": query})


@asynccontextmanager
async def chats(*numbers):
    async with receiving() as receiver:
        outbound = Outbound([], allow_private=[receiver.place])
        address = f"http://{receiver.place}"
        yield Service(receiver), [TelegramChannel(TOKEN, one, outbound, address=address) for one in numbers]
        await outbound.aclose()


async def test_a_question_has_a_button_for_each_word_and_a_notice_none():
    async with chats(CHAT) as (service, (channel,)):
        answer = await channel.send(replace(MESSAGE, answer_url=LINKS.url("AbCdEfGhIjKl")))
        assert (answer.outcome, answer.proves, answer.ref) == ("delivered", "sent", "77")
        await channel.send(MESSAGE)
        asked, told = service.calls("/sendMessage")
        assert (asked["chat_id"], MESSAGE.key in asked["text"]) == (CHAT, True)
        data = [row[0]["callback_data"] for row in asked["reply_markup"]["inline_keyboard"]]
        assert data == [f"{LINKS.token('AbCdEfGhIjKl')}:{word}" for word in WORDS]
        assert all(len(one.encode()) <= 64 for one in data)
        assert "reply_markup" not in told


@pytest.mark.parametrize(
    ("script", "outcome"),
    [
        (500, "failed"),
        (429, "failed"),
        (403, "refused"),
        ("cut", "failed"),
        ("huge", "failed"),
        (302, "failed"),
    ],
)
async def test_what_the_service_does_not_take_is_no_delivery_and_shows_no_token(script, outcome):
    async with chats(CHAT) as (service, (channel,)):
        service.receiver.script.append(script)
        answer = await channel.send(MESSAGE)
        assert answer.outcome == outcome
        assert TOKEN not in answer.detail
        service.receiver.script.append(500)
        with pytest.raises(ChatError):
            await channel.presses(-1)


@pytest.mark.parametrize(
    "update",
    [
        None,
        7,
        {},
        {"update_id": "x"},
        {"update_id": 1, "callback_query": {"id": "q"}},
        {"update_id": 1, "message": {}},
    ],
)
async def test_any_other_update_is_no_press(update):
    async with chats(CHAT) as (service, (channel,)):
        service.receiver.respond = lambda asked: (200, json.dumps({"ok": True, "result": [update]}).encode())
        assert await channel.presses(-1) == []


@pytest.fixture
def db(tmp_path):
    database = Database(f"sqlite:///{tmp_path}/hub.sqlite")
    database.open()
    yield database
    database.close()


def ask(conn):
    put_incident(conn)
    asks.ask(conn, contact(channels=("chat",)), question(), now_ms=SystemClock().now_ms())
    return LINKS.token(conn.execute(select(outbox.c.link)).scalar_one())


def reader(db, channels, there):
    return ChatReader(channels, LINKS, db, SystemClock(), Bus(), answered=there, wake=lambda: None)


async def test_a_press_answers_once_and_who_pressed_is_told(db):
    token = await db.write(ask)
    there = Assignments()
    async with chats(CHAT, "-1008") as (service, (channel, other)):
        reading = reader(db, {"chat": channel, "other": other}, there)
        service.press(f"{token}:received")
        service.press(f"{token}:received")
        await reading.look()
        await reading.look()
        # A hub that begins anew hears it again.
        await reader(db, {"chat": channel}, there).look()
        assert [(one["word"], one["source"]) for one in there.said] == [("received", "chat")]
        texts = [one["text"] for one in service.calls("/answerCallbackQuery")]
        assert texts[:2] == ["Diterima dicatat.", "Diterima sudah dicatat."]
    (shown,) = await db.read(lambda conn: answers.of_incident(conn, "i1"))
    assert [one["word"] for one in shown["answers"]] == ["received"]


async def test_a_button_that_the_hub_has_not_made_or_elsewhere_does_nothing(db):
    token = await db.write(ask)
    there = Assignments()
    async with chats(CHAT) as (service, (channel,)):
        for data in ("{token}:run", "{token}x:received", "x:received", "", ":", "{token}"):
            service.press(data.format(token=token))
        # Another chat, and then a channel on the other side of the fence.
        service.press(f"{token}:received", "-9")
        await reader(db, {"chat": channel}, there).look()
        service.press(f"{token}:received")
        await reader(db, {"latihan-chat": channel}, there).look()
        assert there.said == []
        await reader(db, {"chat": channel}, there).look()
        assert len(there.said) == 1


async def test_a_press_that_cannot_be_taken_keeps_no_other_from_it(db):
    token = await db.write(ask)

    class Broken(Assignments):
        def __call__(self, conn, **what):
            if what["word"] == "on_scene":
                raise RuntimeError("a mistake")
            return super().__call__(conn, **what)

    there = Broken()
    async with chats(CHAT) as (service, (channel,)):
        reading = reader(db, {"chat": channel}, there)
        service.press(f"{token}:on_scene")
        service.press(f"{token}:received")
        await reading.look()
        await reading.look()
        assert [one["word"] for one in there.said] == ["received"]
