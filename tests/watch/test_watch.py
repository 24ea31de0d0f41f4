"""The watch beside a real hub and broker: a press that nobody sees, and two people who are told when it fails."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from contract.strict_toml import TomlError
from contract.topics import WATCH
from hub.app import Ready
from tests.hub.ingest.frames import body, event_frame
from tests.hub.notify.receiver import Receiver, receiving
from tests.hub.running import gateway, running, write_config
from tests.hub.test_app import HOSPITAL, epoch, get, now_ms, query
from tests.mqtt import NOT_AUTHORIZED, peer
from watch.app import Watch
from watch.cli import main
from watch.config import Config, load_config
from watch.contacts import Contacts, channels_of

pytestmark = pytest.mark.filterwarnings("ignore:ssl.TLSVersion")

BROKER = '[broker]\nhost = "127.0.0.1"\nport = 1\nca = "a"\ncertificate = "b"\nkey = "c"\n'


def write(folder: Path, receivers: list[Receiver], text: str = BROKER, press: str = "") -> Path:
    """A watch's file in the folder, with a contact behind each receiver."""
    folder.mkdir(exist_ok=True)
    contacts = ""
    for at, receiver in enumerate(receivers):
        (folder / f"contact-{at}").write_text(f"json://127.0.0.1:{receiver.port}/rahasia\n")
        contacts += f'[[contact]]\nname = "orang {at}"\nurl_file = "contact-{at}"\n'
    path = folder / "watch.toml"
    path.write_text(f'name = "Kota Contoh"\nmemory = "told"\n{text}\n[press]\n{press}\n{contacts}')
    return path


def with_broker(broker: Any) -> str:
    identity = broker.authority.hub(WATCH)
    return (
        f'[broker]\nhost = "127.0.0.1"\nport = {broker.port}\nca = "{identity.authority}"\n'
        f'certificate = "{identity.certificate}"\nkey = "{identity.key}"\n'
    )


def heard(receiver: Receiver) -> list[str]:
    """The titles that a contact got."""
    return [json.loads(one.body)["title"] for one in receiver.received]


@asynccontextmanager
async def watching(config: Config, **more: Any) -> AsyncIterator[Watch]:
    contacts = Contacts(channels_of(config.contact), first_pause_s=0.05)
    watch = Watch(config, contacts, **more)
    task = asyncio.create_task(watch.run())
    try:
        yield watch
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(what: Any, timeout_s: float = 20) -> float:
    """How long it took until something was so."""
    began_s = time.monotonic()
    while not what():
        assert time.monotonic() - began_s < timeout_s
        await asyncio.sleep(0.02)
    return time.monotonic() - began_s


QUICK = "every_s = 0.2\nanswer_s = 0.8\ndown_after_s = 1.0"
PATIENT = "every_s = 0.2\nanswer_s = 30.0\ndown_after_s = 30.0"
"""Where presses are answered, on a machine that may have much else to do."""

IMPATIENT = "every_s = 0.2\nanswer_s = 3.0\ndown_after_s = 3.0"
"""Where none is, and later each."""


async def hears(ready: Ready) -> None:
    """Wait until the hub is at the broker."""
    while (await get(f"{ready.api}/api/health")).status_code != 200:  # noqa: ASYNC110 - it is another's state
        await asyncio.sleep(0.05)


@pytest.mark.real
async def test_two_people_are_told_when_the_hub_is_away_and_when_it_is_back(broker, tmp_path):
    hub = tmp_path / "hub"
    hub.mkdir()
    async with receiving() as first, receiving() as second:
        places = tmp_path / "watch", [first, second], with_broker(broker)
        async with running(write_config(hub, broker)) as (_, ready):
            await hears(ready)
            async with watching(load_config(write(*places, PATIENT))):
                await until(lambda: query(hub, "select count(*) from events where seq > 3") == [(1,)])
                assert heard(first) == heard(second) == []
        async with watching(load_config(write(*places, IMPATIENT))):
            await until(lambda: first.received and second.received)
            assert (
                heard(first)
                == heard(second)
                == ["Siaga Kota Contoh: HUB TIDAK MENJAWAB / HUB DOES NOT ANSWER"]
            )
            assert "hub tidak menyimpan tekanan uji" in json.loads(first.received[0].body)["message"]
            async with running(write_config(hub, broker)):
                await until(lambda: len(first.received) + len(second.received) == 4)
            assert heard(first)[1] == heard(second)[1] == "Siaga Kota Contoh: pulih / works again"


@pytest.mark.real
async def test_a_test_press_is_in_the_database_and_nobody_sees_it(broker, tmp_path):
    ep, config = epoch(), write_config(tmp_path, broker)
    async with receiving() as one, receiving() as two:
        watch_config = load_config(write(tmp_path / "watch", [one, two], with_broker(broker)))
        contacts = Contacts(channels_of(watch_config.contact))
        async with running(config) as (_, ready):
            await hears(ready)
            watch = Watch(watch_config, contacts)
            for _ in range(3):
                assert await watch.once() is None
            assert await Watch(watch_config, contacts).once() is None
            assert query(tmp_path, "select gateway, lane, kind from events") == [
                (WATCH, "panic", "panic_test")
            ]
            assert query(tmp_path, "select count(*) from streams") == [(1,)]
            for table in ("incidents", "incident_presses", "outbox", "alarms", "gateways"):
                assert query(tmp_path, f"select count(*) from {table}") == [(0,)], table
            assert not query(tmp_path, "select 1 from dead_letters")
            # It is the name in the certificate that makes it a test, never the word in a message.
            with gateway(broker, HOSPITAL) as other:
                await other.send(
                    "up/panic",
                    event_frame(
                        body(1, kind="panic_test", test=True),
                        epoch=ep,
                        gateway=HOSPITAL,
                        base_ms=now_ms(),
                        age_ms=0,
                    ),
                )
                await other.receipted(ep, 1, 1)
            assert query(tmp_path, "select count(*) from incidents") == [(1,)]
        contacts.close()


@pytest.mark.real
def test_the_watch_may_press_and_hear_its_answers_and_nothing_else(broker):
    broker.enrol("gw-korban", 3)
    with peer(broker, broker.authority.hub(WATCH)) as one:
        assert one.publish(f"siaga/1/00/{WATCH}/up/panic") != NOT_AUTHORIZED
        for leaf in (f"siaga/1/00/{WATCH}/up/event", f"siaga/1/00/{WATCH}/state", f"siaga/1/01/{WATCH}/up/panic",
                     "siaga/1/03/gw-korban/up/panic", "siaga/1/03/gw-korban/down/command",
                     f"siaga/1/00/{WATCH}/down/receipt"):  # fmt: skip
            assert one.publish(leaf) == NOT_AUTHORIZED, leaf


@contextmanager
def told_log(caplog):
    with caplog.at_level("INFO", logger="watch"):
        yield lambda: [one.getMessage().split()[0] for one in caplog.records]


async def test_who_cannot_be_told_is_tried_again_and_holds_nobody_up(tmp_path, caplog):
    async with receiving(500, "cut", 200) as stubborn, receiving() as other:
        config = load_config(write(tmp_path / "watch", [stubborn, other], press=QUICK))
        with told_log(caplog) as names:
            async with watching(config):
                await until(lambda: len(stubborn.received) == 3 and len(other.received) == 1)
                await until(lambda: names().count("contact.told") == 2)
        assert names().count("contact.failed") == 2
        assert len(set(heard(stubborn))) == 1


async def test_without_a_broker_or_certificate_it_says_so_and_goes_on(tmp_path):
    async with receiving() as one, receiving() as two:
        config = load_config(write(tmp_path / "watch", [one, two], press=QUICK))
        async with watching(config):
            await until(lambda: one.received and two.received)
        assert "sertifikat siaga-watch tidak terbaca" in json.loads(one.received[0].body)["message"]


async def test_a_restart_tells_the_end_and_not_the_beginning_twice(tmp_path):
    answers: list[Any] = ["hub"]

    async def send(_: Any) -> Any:
        return answers[0]

    async with receiving() as one, receiving() as two:
        config = load_config(
            write(tmp_path / "watch", [one, two], press="every_s = 0.05\nanswer_s = 0.1\ndown_after_s = 0.2")
        )
        async with watching(config, send_press=send):
            await until(lambda: one.received and two.received)
        since = json.loads((tmp_path / "watch" / "told").read_text())["since_ms"]
        async with watching(config, send_press=send):
            await asyncio.sleep(0.5)
            assert len(one.received) == 1
            answers[0] = None
            await until(lambda: len(one.received) == len(two.received) == 2)
        assert not (tmp_path / "watch" / "told").exists()
        assert "pulih" in heard(one)[1]
        assert (
            time.strftime("%d-%m-%Y", time.gmtime(since / 1000 + 7 * 3600))
            in json.loads(one.received[1].body)["message"]
        )
        (tmp_path / "watch" / "told").write_text("not json")
        async with watching(config, send_press=send):
            await asyncio.sleep(0.2)
        assert len(one.received) == 2


async def test_the_trial_tells_everybody_and_says_who_was_not_told(tmp_path, capsys):
    async with receiving() as one, receiving(500) as two:
        path = write(tmp_path / "watch", [one, two])
        assert await asyncio.to_thread(main, ["test", "--config", str(path)]) == 1
    told = capsys.readouterr().out
    assert "orang 0: terkirim / sent" in told
    assert "orang 1: GAGAL / FAILED" in told
    assert heard(one) == ["Siaga Kota Contoh: uji pesan / test message"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[[contact]]\nname = "a"\nurl_file = "x"\n', "2 different contacts"),
        (
            '[[contact]]\nname = "a"\nurl_file = "x"\n[[contact]]\nname = "a"\nurl_file = "y"\n',
            "2 different contacts",
        ),
        ("zone = 'Mars'\n", "no time zone"),
        ("[press]\nanswer_s = 90.0\n", "longer than the patience"),
        ("[pres]\n", "pres"),
    ],
)
def test_a_mistake_says_its_line_and_what_to_write(tmp_path, text, told):
    path = tmp_path / "watch.toml"
    path.write_text(
        f'name = "x"\n{text if text.startswith("zone") else ""}{BROKER}{"" if text.startswith("zone") else text}'
    )
    with pytest.raises(TomlError, match=told):
        load_config(path)


def test_no_secret_is_in_an_error(tmp_path, capsys):
    path = write(tmp_path / "watch", [])
    path.write_text(
        path.read_text()
        + '[[contact]]\nname = "a"\nurl_file = "u"\n[[contact]]\nname = "b"\nurl_file = "u"\n'
    )
    (path.parent / "u").write_text("nosuchscheme://kata-sandi@x")
    assert main(["test", "--config", str(path)]) == 2
    told = capsys.readouterr()
    assert "kata-sandi" not in told.out + told.err
    assert "URL of a" in told.err
