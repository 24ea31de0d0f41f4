"""Trust taken away: who is thrown out, how soon, and that nobody else is; and what the lists say, and for how long."""

import datetime as dt
import socket
import ssl
import time

import pytest
from cryptography import x509

from contract.topics import topic
from hub.api import audit
from hub.fleet import trust
from provisioning import crl
from provisioning.ca import Root
from provisioning.certificates import CLIENT, LIST_DAYS, leaf, new_key, pem
from provisioning.claim_commands import now_ms
from provisioning.cli import main
from provisioning.door import public
from provisioning.enrolment import DAY_MS, record, revoke_all
from provisioning.errors import NameRefused
from provisioning.keeping import AGAIN_MS, Keeping
from provisioning.register import opened
from simulator.servers import client_context
from tests.mqtt import NO_SUBSCRIBERS, peer, wire
from tests.provisioning.test_broker import tls
from tests.provisioning.town import Town

CUT_S = 5.0
TRIES = 20
STANDING = "pos-duga-99"


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    one = Town(tmp_path_factory.mktemp("town"))
    yield one
    one.close()


def lets_in(town, identity, *, session=None) -> bool:
    """Whether the broker takes a new connection with that certificate."""
    try:
        return tls(town.broker, client_context(identity))[:1] == b"\x20"
    except (ssl.SSLError, ConnectionError):
        return False


def trail(town) -> list[tuple[str, str]]:
    with town.register.transaction() as conn:
        assert audit.first_fault(conn) is None
        return [(row["action"], row["subject"]) for row in audit.listed(conn)]


@pytest.mark.real
def test_a_revoked_gateway_is_cut_off_within_five_seconds_and_stays_out(town, measured, capsys):
    took_s = []
    with peer(town.broker, town.enrol(STANDING)) as standing:
        for number in range(TRIES):
            name = f"pos-duga-{number:02d}"
            identity = town.enrol(name)
            with wire(town.broker, identity) as gateway:
                assert gateway.publish(topic(1, name, "up/event"), b"x")[:1] == b"\x40"
                began_s = time.monotonic()
                assert main(["revoke", str(town.folder), name, "--reason", "dicuri"]) == 0
                while gateway.answer():
                    pass
                took_s.append(time.monotonic() - began_s)
                assert not lets_in(town, identity)
            assert trail(town)[0] == ("revoke", name)
        assert standing.publish(topic(1, STANDING, "up/event")) == NO_SUBSCRIBERS
        assert standing.ended.empty(), "somebody else was thrown out"
    assert "sambungan diputus" in capsys.readouterr().out
    assert max(took_s) < CUT_S
    took_s.sort()
    measured(
        f"revoke: live session cut, {TRIES} tries: median {took_s[TRIES // 2] * 1000:.0f} ms, "
        f"longest {took_s[-1] * 1000:.0f} ms"
    )


@pytest.mark.real
def test_a_session_of_tls_that_was_kept_opens_no_door(town):
    """A client may take up TLS where it was, without showing its certificate anew."""
    name = "pos-duga-30"
    context = client_context(town.enrol(name))

    def connect(kept: ssl.SSLSession | None) -> tuple[ssl.SSLSession | None, bool]:
        with (
            socket.create_connection((town.broker.host, town.broker.port), timeout=5) as plain,
            context.wrap_socket(plain, server_hostname="127.0.0.1", session=kept) as secure,
        ):
            secure.sendall(bytes.fromhex("101000044d5154540502003c000003") + b"uji")
            assert secure.recv(100)[:1] == b"\x20"
            return secure.session, bool(secure.session_reused)

    until_s = time.monotonic() + 10
    kept, again = connect(None)
    while (
        not again
    ):  # the broker forgets all sessions when it reads its files anew, as it does after an enrolment
        assert time.monotonic() < until_s, "nothing was kept, so nothing is shown by what follows"
        kept, again = connect(kept)
    assert main(["revoke", str(town.folder), name, "--reason", "dicuri"]) == 0
    with pytest.raises((ssl.SSLError, ConnectionError)):
        connect(kept)


@pytest.mark.real
def test_a_board_in_the_place_of_another_ends_the_others_connection_and_keeps_its_own(town):
    name = "pos-duga-31"
    old = town.enrol(name)
    with peer(town.broker, old) as gone:
        new = town.enrol(name)
        gone.ended.get(timeout=CUT_S)
        assert not lets_in(town, old)
        with peer(town.broker, new) as here:
            assert here.publish(topic(1, name, "up/event")) == NO_SUBSCRIBERS
            # A claim of another gateway throws nobody out.
            town.enrol("pos-duga-32")
            assert here.publish(topic(1, name, "up/event")) == NO_SUBSCRIBERS
            assert here.ended.empty()


@pytest.mark.real
def test_a_revoked_gateway_comes_back_by_a_new_claim(town):
    name = "pos-duga-33"
    old = town.enrol(name)
    assert main(["revoke", str(town.folder), name, "--reason", "dicuri"]) == 0
    assert name in trust.decode(town.trust.read_bytes()).revoked
    new = town.enrol(name)
    assert not lets_in(town, old)
    assert lets_in(town, new)
    assert name not in trust.decode(town.trust.read_bytes()).revoked


@pytest.mark.real
def test_an_ended_list_lets_nobody_in_and_a_new_one_everybody_again(town):
    """As measured of Mosquitto: those who are there stay, also when the list ends meanwhile."""
    name = "pos-duga-34"
    other = town.enrol("pos-duga-35")
    with peer(town.broker, town.enrol(name)) as gateway:
        town.broker.revoke(now=dt.datetime.now(dt.UTC) - dt.timedelta(days=LIST_DAYS, hours=1))
        until_s = time.monotonic() + 10
        while lets_in(town, town.broker.hub_control()):
            assert time.monotonic() < until_s, "the list has ended and nobody cares"
        assert not lets_in(town, other)
        assert gateway.publish(topic(1, name, "up/panic")) == NO_SUBSCRIBERS
        assert main(["crl", str(town.folder)]) == 0
        until_s = time.monotonic() + 10
        while not lets_in(town, other):
            assert time.monotonic() < until_s, "a new list changes nothing"
        assert gateway.ended.empty()


@pytest.mark.real
def test_where_the_broker_is_away_the_hub_is_told_and_the_person_too(tmp_path, capsys):
    town = Town(tmp_path)
    try:
        identity = town.enrol("pos-duga-01")
        told = trust.decode(town.trust.read_bytes())
        assert told.revoked == ()
        assert [(one.gateway, one.public) for one in told.keys] == [
            ("pos-duga-01", public(identity.certificate.read_bytes()))
        ]
        town.broker.kill()
        assert main(["revoke", str(town.folder), "pos-duga-01", "--reason", "dicuri"]) == 1
        assert "the broker was not told" in capsys.readouterr().err
        told = trust.decode(town.trust.read_bytes())
        assert (told.revoked, told.keys) == (("pos-duga-01",), ())
        town.broker.start()
        assert not lets_in(town, identity), "it has read the list at its start"
        assert lets_in(town, town.broker.hub_control())
    finally:
        town.close()


# What the lists say, without a broker


@pytest.fixture
def city(tmp_path):
    """A city with a root that is at hand, its register, and a way to put certificates on record."""
    root = Root.create(tmp_path / "root", name="Kota Contoh", passphrase=b"frasa sandi panjang")
    folder = tmp_path / "city"
    root.issuing(folder)
    with opened(folder) as register:
        yield root, folder, register


def on_record(conn, authority, name, *, now_ms, days=90) -> int:
    """A gateway's certificate on record; its serial number."""
    from sqlalchemy import insert

    from provisioning.register import gateways

    conn.execute(insert(gateways).values(id=name, cell=1, site="uji", trusted=1, since_ms=now_ms))
    now = dt.datetime.fromtimestamp(now_ms // 1000, dt.UTC)
    made = leaf(
        authority.signer, name, new_key().public_key(), CLIENT, now=now, lasts=dt.timedelta(days=days)
    )
    record(conn, made, authority, pem(made), now_ms=now_ms)
    return made.serial_number


def test_the_lists_are_of_every_issuing_authority_in_use_and_last_thirty_days(city):
    root, folder, register = city
    at_ms = now_ms()
    first = _authority(folder)
    with register.transaction() as conn:
        old = on_record(conn, first, "pos-duga-01", now_ms=at_ms)
        second = root.issuing(folder)
        new = on_record(conn, second, "pos-duga-02", now_ms=at_ms)
        good = on_record(conn, second, "pos-duga-03", now_ms=at_ms)
        for name in ("pos-duga-01", "pos-duga-02"):
            assert revoke_all(conn, name, "uji", now_ms=at_ms) == 1
        lists = crl.issue(conn, second, now_ms=at_ms)
    assert abs(lists.ends_ms - at_ms - LIST_DAYS * DAY_MS) < 1000
    said = [x509.load_pem_x509_crl(b"-----BEGIN" + one) for one in lists.pem.split(b"-----BEGIN")[1:]]
    signers = (second.signer.certificate, first.signer.certificate)
    for one, signer, serial in zip(said, signers, (new, old), strict=True):
        assert one.is_signature_valid(signer.public_key())
        assert one.issuer == signer.subject
        assert one.get_revoked_certificate_by_serial_number(serial) is not None
        assert one.get_revoked_certificate_by_serial_number(good) is None
        assert one.last_update_utc < dt.datetime.now(dt.UTC) - dt.timedelta(minutes=59)
    assert said[0].get_revoked_certificate_by_serial_number(old) is None


def test_what_has_ended_anyway_leaves_the_list_and_an_authority_that_has_ended_has_none(city):
    root, folder, register = city
    at_ms = now_ms()
    first = _authority(folder)
    with register.transaction() as conn:
        serial = on_record(conn, first, "pos-duga-01", now_ms=at_ms)
        revoke_all(conn, "pos-duga-01", "uji", now_ms=at_ms)

        def listed(days: float) -> bool:
            lists = crl.issue(conn, first, now_ms=at_ms + round(days * DAY_MS))
            said = x509.load_pem_x509_crl(lists.pem)
            return said.get_revoked_certificate_by_serial_number(serial) is not None

        assert listed(0)
        assert listed(91)
        assert not listed(93)
        second = root.issuing(folder)
        for days, number in ((1000, 2), (1100, 1)):
            lists = crl.issue(conn, second, now_ms=at_ms + days * DAY_MS)
            assert lists.pem.count(b"BEGIN X509 CRL") == number


def _authority(folder):
    from provisioning.ca import Authority

    return Authority.load(folder)


def test_a_gateway_that_nobody_knows_is_not_revoked(city):
    from provisioning.revocation import revoke

    _, _, register = city
    with register.transaction() as conn, pytest.raises(NameRefused):
        revoke(conn, "pos-duga-01", "uji", now_ms=1, actor="uji")


class Told:
    """A door that may be shut."""

    def __init__(self) -> None:
        self.shut = False
        self.cut: list[str] = []
        self.times = 0

    def tell(self, *, now_ms, cut_off) -> None:
        self.times += 1
        if self.shut:
            raise OSError("shut")
        self.cut += cut_off


def test_the_lists_are_issued_each_day_and_what_failed_is_done_again_soon():
    door, at_ms = Told(), 0
    keeping = Keeping(door, now_ms=lambda: at_ms, mono_ms=lambda: at_ms)
    assert keeping.is_due(), "at the start"
    keeping.tell()
    assert not keeping.is_due()
    at_ms = DAY_MS - 1
    assert not keeping.is_due()
    at_ms = DAY_MS
    assert keeping.is_due()
    door.shut = True
    keeping.tell(["pos-duga-01"])
    assert not keeping.is_due()
    at_ms += AGAIN_MS
    assert keeping.is_due()
    door.shut = False
    keeping.tell()
    assert door.cut == ["pos-duga-01"], "it is still there, and still to be thrown out"
    assert not keeping.is_due()
    keeping.tell()
    assert (door.cut, door.times) == (["pos-duga-01"], 4)
