"""One contract for every SMS gateway, each with the other side that it speaks to, and what fits into one text."""

import json
import os
import stat
import time
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.notify.channels.by_sms import SmsChannel
from hub.notify.sms.compose import MOST_CHARS, compose, gsm
from hub.notify.sms.gammu_files import GammuFiles
from hub.notify.sms.gammu_sql import GammuSql
from hub.notify.sms.gateway import SmsError, SmsUnavailableError
from hub.notify.sms.http_provider import HttpProvider
from hub.notify.sms.modem_manager import ModemManager
from hub.outbound import Outbound
from tests.hub.notify.receiver import receiving
from tests.hub.notify.smsd_tables import Smsd
from tests.hub.notify.test_channels import MESSAGE

TO = replace(MESSAGE, phone="+6281210000001")

MMCLI = """#!/usr/bin/env python3
# Stands in for mmcli: the same options, a folder for a modem.
import json, pathlib, re, sys
box = pathlib.Path(sys.argv[0]).parent / "modem"
said = " ".join(sys.argv[1:])
if not box.exists():
    sys.exit("error: couldn't find modem")
if made := re.search(r"--messaging-create-sms=text='(.*)',number='([^']*)'", said, re.S):
    path = f"/org/freedesktop/ModemManager1/SMS/{len(list(box.iterdir()))}"
    (box / path.rsplit("/", 1)[1]).write_text(json.dumps({"state": "unknown", "number": made[2], "text": made[1]}))
    print("Successfully created new SMS:", path)
elif "--messaging-list-sms" in said:
    base = "/org/freedesktop/ModemManager1/SMS/"
    print(json.dumps({"modem.messaging.sms": [base + one.name for one in sorted(box.iterdir())]}))
elif gone := re.search(r"--messaging-delete-sms=\\S*/(\\d+)", said):
    (box / gone[1]).unlink(missing_ok=True)
elif one := re.search(r"-s \\S*/(\\d+)", said):
    file = box / one[1]
    sms = json.loads(file.read_text())
    if "--send" in said:
        sms["state"] = "sent"
        file.write_text(json.dumps(sms))
    else:
        content = {"number": sms["number"], "text": sms["text"]}
        print(json.dumps({"sms": {"content": content, "properties": {"state": sms["state"]}}}))
"""


class Rig:
    """A gateway; what has gone out at its other side, how a text comes in there, and how it goes away."""

    def __init__(self, gateway, sent, arrive, go_away, smsd=None):
        self.gateway, self.sent, self.arrive, self.go_away = gateway, sent, arrive, go_away
        self.smsd = smsd


@asynccontextmanager
async def gammu(folder):
    for name in ("inbox", "outbox", "sent", "error"):
        (folder / name).mkdir()

    def sent():
        files = sorted((folder / "outbox").iterdir())
        return [(file.name.split("_")[3], file.read_text()) for file in files]

    def arrive(sender, text):
        (folder / "inbox" / f"IN20261122_140322_00_{sender}_00.txt").write_text(text)

    yield Rig(
        GammuFiles(folder), sent, arrive, lambda: [path.rename(f"{path}-") for path in list(folder.iterdir())]
    )


@asynccontextmanager
async def provider(folder):
    inbox = {}

    async with receiving() as receiver:

        def respond(asked):
            said = json.loads(asked.body or b"{}")
            inbox.pop(said.get("received"), None)
            messages = [{"id": ref, "from": sender, "text": text} for ref, (sender, text) in inbox.items()]
            return 200, json.dumps({"id": said.get("id", ""), "messages": messages}).encode()

        def sent():
            bodies = [json.loads(one.body) for one in receiver.received if one.body]
            return [(one["to"], one["text"]) for one in bodies if "to" in one]

        def arrive(sender, text):
            inbox[f"m{len(inbox)}"] = (sender, text)

        receiver.respond = respond
        outbound = Outbound([], allow_private=[receiver.place])
        gateway = HttpProvider(receiver.url, "t" * 16, outbound)
        yield Rig(gateway, sent, arrive, lambda: receiver.script.extend([503] * 9))
        await outbound.aclose()


@asynccontextmanager
async def modem(folder):
    command = folder / "mmcli"
    command.write_text(MMCLI)
    command.chmod(command.stat().st_mode | stat.S_IXUSR)
    box = folder / "modem"
    box.mkdir()

    def sent():
        all_of_them = [json.loads(file.read_text()) for file in sorted(box.iterdir())]
        return [(one["number"], one["text"]) for one in all_of_them if one["state"] == "sent"]

    def arrive(sender, text):
        name = str(len(list(box.iterdir())))
        (box / name).write_text(json.dumps({"state": "received", "number": sender, "text": text}))

    yield Rig(ModemManager(command=str(command)), sent, arrive, lambda: box.rename(folder / "gone"))


@asynccontextmanager
async def gammu_sql(folder):
    url = f"sqlite:///{folder}/smsd.db"
    smsd = Smsd(url)

    def sent():
        return [(number, text) for number, _, text in smsd.parts()]

    yield Rig(GammuSql(url), sent, smsd.arrives, lambda: (folder / "smsd.db").rename(folder / "gone"), smsd)
    smsd.engine.dispose()


RIGS = pytest.mark.parametrize("rig", [gammu, gammu_sql, provider, modem])


@RIGS
async def test_a_text_goes_out_to_its_number_as_it_is(rig, tmp_path):
    async with rig(tmp_path) as found:
        assert await found.gateway.send("+6281210000001", "Insiden 12: Jum'at YA 4821", key="k")
        ((number, text),) = found.sent()
        assert (number, text.replace("’", "'")) == ("+6281210000001", "Insiden 12: Jum'at YA 4821")


@RIGS
async def test_what_came_in_is_listed_until_it_is_let_go_of(rig, tmp_path):
    async with rig(tmp_path) as found:
        assert await found.gateway.received() == []
        found.arrive("+6281210000001", "YA 4821")
        (text,) = await found.gateway.received()
        assert (text.sender, text.text) == ("+6281210000001", "YA 4821")
        assert [one.ref for one in await found.gateway.received()] == [text.ref]
        await found.gateway.let_go(text.ref)
        assert await found.gateway.received() == []
        await found.gateway.let_go(text.ref)


async def test_two_texts_have_two_names_though_the_modem_began_to_count_anew(tmp_path):
    async with modem(tmp_path) as found:
        names = []
        for said in ("YA 4821", "TIDAK 4821"):
            found.arrive("+6281210000001", said)
            (text,) = await found.gateway.received()
            names.append(text.ref)
            await found.gateway.let_go(text.ref)
        assert len(set(names)) == 2


@RIGS
async def test_a_gateway_that_is_away_says_so_and_may_be_asked_again(rig, tmp_path):
    async with rig(tmp_path) as found:
        found.go_away()
        for call in (found.gateway.send("+6281210000001", "x", key="k"), found.gateway.received()):
            with pytest.raises(SmsUnavailableError):
                await call


@pytest.mark.parametrize("number", ["", "INFO", "+62812; rm -rf", "../../x", "'"])
@pytest.mark.parametrize("rig", [gammu, gammu_sql, modem])
async def test_what_is_no_number_reaches_no_file_and_no_command(rig, tmp_path, number):
    async with rig(tmp_path) as found:
        with pytest.raises(SmsError) as caught:
            await found.gateway.send(number, "x", key="k")
        assert not caught.value.retryable
        assert found.sent() == []


async def test_a_second_attempt_with_the_same_key_adds_no_text_for_the_daemon(tmp_path):
    async with gammu(tmp_path) as found:
        await found.gateway.send("+6281210000001", "x", key="k")
        await found.gateway.send("+6281210000001", "x", key="k")
        assert len(found.sent()) == 1
        for file in (tmp_path / "outbox").iterdir():
            file.rename(tmp_path / "sent" / file.name)
        await found.gateway.send("+6281210000001", "x", key="k")
        assert found.sent() == []
        await found.gateway.send("+6281210000001", "x", key="other")
        assert len(found.sent()) == 1


async def test_the_parts_of_a_long_text_are_joined_when_all_are_there(tmp_path):
    async with gammu(tmp_path) as found:
        for part, text in (("01", "regu 2"), ("00", "YA 4821 ")):
            (tmp_path / "inbox" / f"IN20261122_140322_00_+62812_{part}.txt").write_text(text)
        assert await found.gateway.received() == []
        for file in (tmp_path / "inbox").iterdir():
            os.utime(file, (time.time() - 60,) * 2)
        (text,) = await found.gateway.received()
        assert text.text == "YA 4821 regu 2"
        await found.gateway.let_go(text.ref)
        assert list((tmp_path / "inbox").iterdir()) == []


async def test_the_channel_sends_to_the_contact_and_proves_no_more_than_sent(tmp_path):
    async with gammu(tmp_path) as found:
        channel = SmsChannel(found.gateway)
        answer = await channel.send(TO)
        assert (answer.outcome, answer.proves, bool(answer.ref)) == ("delivered", "sent", True)
        assert (await channel.send(MESSAGE)).outcome == "refused"
        found.go_away()
        assert (await channel.send(replace(TO, key="other"))).outcome == "failed"


async def test_a_channel_for_some_numbers_sends_to_no_other(tmp_path):
    async with gammu(tmp_path) as found:
        assert (await SmsChannel(found.gateway, only=["+62899"]).send(TO)).outcome == "refused"
        assert found.sent() == []
        assert (await SmsChannel(found.gateway, only=[TO.phone]).send(TO)).outcome == "delivered"


def test_a_text_has_the_title_the_link_and_how_to_answer():
    asked = replace(
        TO, title="Insiden 12: Tombol IGD", answer_url="https://siaga.example/j/" + "x" * 28, code="4821"
    )
    assert compose(asked) == (
        f"Insiden 12: Tombol IGD https://siaga.example/j/{'x' * 28} Balas: YA 4821 / TIDAK 4821"
    )
    assert compose(TO).startswith("BELUM DIVERIFIKASI")
    assert compose(replace(TO, title="LATIHAN / EXERCISE: x", drill="d")) == "LATIHAN: x"


@given(st.text(max_size=300), st.booleans())
def test_whatever_the_title_it_fits_and_the_way_to_answer_is_whole(title, asked):
    url = "https://siaga.kota-contoh.example/j/" + "x" * 28 if asked else ""
    text = compose(replace(TO, title=title, answer_url=url, code="4821" if asked else ""))
    assert len(text) <= MOST_CHARS
    assert gsm(text) == text
    assert url in text
    assert ("YA 4821" in text) is asked


def test_foreign_letters_become_what_looks_like_them():
    assert gsm("Déjà – “sungai” …") == 'Déjà - "sungai" ...'
    assert gsm("Ngāti 川 [x]") == "Ngati ? ?x?"
