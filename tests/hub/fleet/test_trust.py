"""What the authority tells the hub: whom it refuses from then on, and what it warns of, at every date of a life."""

import datetime as dt
import sqlite3
from uuid import uuid4

import pytest
from sqlalchemy import select

from contract.errors import DecodeError
from contract.messages import Hello
from contract.whole_file import write_bytes
from hub.alarms.tables import alarms
from hub.db import Database
from hub.fleet import trust
from hub.fleet.trust import DAY_MS, Ending, Trust
from hub.fleet.trust_watch import JUDGE_MS, TrustWatch
from hub.ingest.accept import Registered
from provisioning.ca import Authority
from tests.hub.ingest.frames import body, event_frame
from tests.hub.running import gateway, running, write_config
from tests.hub.test_app import until

NOW_MS = 1_790_000_000_000
GATEWAYS = {name: Registered(name, 1, "uji") for name in ("pos-01", "pos-02")}
FAR_MS = NOW_MS + 400 * DAY_MS


def told(**changes) -> Trust:
    given = {"written_ms": NOW_MS, "list_ends_ms": NOW_MS + 30 * DAY_MS}
    return Trust(**(given | changes))


def severities(said: Trust, at_ms: int = NOW_MS) -> dict[tuple[str, str], int | None]:
    return {(one.name, one.condition): one.severity for one in trust.judge(said, (), now_ms=at_ms)}


@pytest.mark.parametrize(
    ("days_later", "severity"),
    [(0, None), (2, None), (2.01, 1), (22.9, 1), (23, 2), (29.9, 2), (30, 3), (3650, 3)],
)
def test_the_age_of_the_list_is_told_and_louder_near_its_end(days_later, severity):
    at_ms = NOW_MS + round(days_later * DAY_MS)
    assert severities(told(), at_ms)["broker", "revocation_list"] == severity


@pytest.mark.parametrize(
    ("kind", "days_left", "severity"),
    [
        ("gateway", 90, None),
        ("gateway", 30, None),
        ("gateway", 15, None),
        ("gateway", 14, 1),
        ("gateway", 3, 2),
        ("gateway", -1, 2),
        ("service", 31, None),
        ("service", 30, 1),
        ("service", 7, 2),
        ("authority", 121, None),
        ("authority", 120, 1),
        ("authority", -400, 2),
        ("root", 365, 1),
        ("root", 366, None),
    ],
)
def test_a_certificate_near_its_end_is_told(kind, days_left, severity):
    one = Ending("pos-01", kind, NOW_MS + days_left * DAY_MS)
    assert trust.judge_certificate(one, now_ms=NOW_MS).severity == severity


@pytest.mark.parametrize(
    ("off_ms", "severity"), [(0, None), (60_000, None), (301_000, 2), (56 * 365 * DAY_MS, 2)]
)
def test_a_clock_behind_the_authoritys_is_told(off_ms, severity):
    """A hub whose machine woke up in 1970."""
    assert severities(told(), NOW_MS - off_ms)["hub", "clock_behind"] == severity


def test_a_clock_ten_years_ahead_shows_as_a_list_and_certificates_that_have_ended():
    said = told(endings=(Ending("pos-01", "gateway", NOW_MS + 90 * DAY_MS),))
    found = severities(said, NOW_MS + 3650 * DAY_MS)
    assert found["broker", "revocation_list"] == 3
    assert found["pos-01", "certificate"] == 2
    assert found["hub", "clock_behind"] is None


def test_the_file_is_read_as_it_was_written_and_nothing_else_is():
    said = told(revoked=("pos-01",), endings=(Ending("root", "root", FAR_MS),))
    assert trust.decode(trust.encode(said)) == said
    for text in (b"", b"{}", b'{"version":2,"written_ms":1,"list_ends_ms":2}', b"\xff", b"[" * 100_000):
        with pytest.raises(DecodeError):
            trust.decode(text)


class Time:
    """A clock that tests set."""

    at_ms = NOW_MS

    def now_ms(self) -> int:
        return self.at_ms

    def mono_ms(self) -> int:
        return self.at_ms - NOW_MS


class Watched:
    """A watch with its file, its store and its clock."""

    def __init__(self, folder) -> None:
        self.file = folder / "trust.json"
        self.db = Database(f"sqlite:///{folder}/hub.sqlite")
        self.db.open()
        self.clock = Time()
        self.changed = []
        made = dt.datetime.fromtimestamp(NOW_MS / 1000, dt.UTC)
        own = Authority.create(folder / "city", name="Kota", now=made).hub("hub", now=made)
        self.own = {"hub": own.certificate, "pages": folder / "none.pem"}
        self.watch = self.new()

    def new(self, file=...) -> TrustWatch:
        file = self.file if file is ... else file
        given = {"own": self.own, "gateways": GATEWAYS, "db": self.db, "clock": self.clock}
        return TrustWatch(file, **given, changed=self.changed.append)

    def write(self, said: Trust) -> None:
        self.file.write_bytes(trust.encode(said))

    async def alarms(self) -> dict[tuple[str, str], tuple[str, int]]:
        await self.watch.judge()
        query = select(alarms.c.device, alarms.c.condition, alarms.c.state, alarms.c.severity)
        rows = await self.db.read(lambda conn: conn.execute(query).all())
        return {(row.device, row.condition): (row.state, row.severity) for row in rows}


@pytest.fixture
def watched(tmp_path):
    one = Watched(tmp_path)
    yield one
    one.db.close()


def test_who_is_revoked_is_known_at_the_next_look_and_no_longer_when_trusted_again(watched, caplog):
    watched.write(told())
    assert watched.watch.look()
    assert not watched.watch.look(), "nothing has changed"
    assert watched.watch.revoked == frozenset()
    watched.write(told(revoked=("pos-01", "asing-01")))
    assert watched.watch.look()
    assert watched.watch.revoked == {"pos-01", "asing-01"}
    assert "trust gateway=pos-01 revoked=True" in caplog.text
    watched.write(told(revoked=("asing-01",)))
    assert watched.watch.look()
    assert watched.watch.revoked == {"asing-01"}
    assert watched.changed == ["asing-01", "pos-01", "pos-01"]


async def test_a_file_that_is_gone_or_damaged_changes_nobodys_trust_and_is_told(watched):
    watched.write(told(revoked=("pos-01",)))
    watched.watch.look()
    assert await watched.alarms() == {}
    watched.file.write_bytes(b"{")
    assert watched.watch.look()
    assert not watched.watch.look(), "said once"
    assert watched.watch.revoked == {"pos-01"}
    assert await watched.alarms() == {("hub", "trust_unread"): ("unacknowledged", 1)}
    watched.file.unlink()
    assert watched.watch.look()
    assert watched.watch.revoked == {"pos-01"}
    watched.write(told())
    watched.watch.look()
    assert (await watched.alarms())["hub", "trust_unread"][0] == "returned"


async def test_alarms_come_and_go_with_what_they_are_about(watched):
    near = Ending("pos-01", "gateway", NOW_MS + 10 * DAY_MS)
    watched.write(told(endings=(near, Ending("pos-02", "gateway", FAR_MS))))
    watched.watch.look()
    assert await watched.alarms() == {("pos-01", "certificate"): ("unacknowledged", 1)}
    watched.clock.at_ms += 8 * DAY_MS
    later = await watched.alarms()
    assert later["pos-01", "certificate"] == ("unacknowledged", 2)
    assert later["broker", "revocation_list"] == ("unacknowledged", 1)
    # It has renewed, and the hub was started anew meanwhile.
    renewed = Ending("pos-01", "gateway", FAR_MS)
    watched.write(told(written_ms=watched.clock.at_ms, list_ends_ms=FAR_MS, endings=(renewed,)))
    watched.watch = watched.new()
    watched.watch.look()
    assert {state for state, _ in (await watched.alarms()).values()} == {"returned"}


async def test_the_hubs_own_certificates_are_watched_without_any_file(watched):
    watched.watch = watched.new(None)
    assert not watched.watch.look()
    assert await watched.alarms() == {}
    watched.clock.at_ms += 380 * DAY_MS  # of 397
    assert await watched.alarms() == {("hub", "certificate"): ("unacknowledged", 1)}
    assert JUDGE_MS <= 60_000


@pytest.mark.real
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
async def test_a_revoked_gateway_is_refused_by_the_hub_though_the_broker_lets_it_speak(
    broker, tmp_path, caplog
):
    config, ep = write_config(tmp_path, broker), uuid4().hex[:16]
    config.write_text(config.read_text() + '[trust]\nfile = "trust.json"\n')

    def tell(*revoked: str) -> None:
        write_bytes(tmp_path / "trust.json", trust.encode(told(revoked=revoked)), mode=0o600)

    def rows(query: str) -> int:
        with sqlite3.connect(f"file:{tmp_path}/hub.sqlite?mode=ro", uri=True) as connection:
            return int(connection.execute(query).fetchone()[0])

    tell()
    with gateway(broker, "gw-rsud-contoh") as one:
        async with running(config):

            async def press(number: int) -> None:
                frame = event_frame(body(number), first=number, epoch=ep, gateway=one.name, base_ms=NOW_MS)
                await one.send("up/panic", frame)

            await one.hears(lambda message: isinstance(message, Hello))
            await press(1)
            await one.receipted(ep, 1, 1)
            tell(one.name)
            await until(lambda: f"trust gateway={one.name} revoked=True" in caplog.text)
            await press(2)
            await until(lambda: rows("select count(*) from dead_letters where reason = 'revoked'"))
            assert rows("select count(*) from events") == rows("select count(*) from incidents") == 1
            assert await one.silence(0.2) == [], "what is refused so has no receipt: the gateway keeps it"
            tell()
            await until(lambda: f"trust gateway={one.name} revoked=False" in caplog.text)
            await press(2)
            await one.receipted(ep, 2, 2)
            assert rows("select count(*) from events") == 2
