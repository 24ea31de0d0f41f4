"""Enrolment as a gateway does it, over HTTPS with a real service: who gets a certificate, and who does not."""

import asyncio
import base64
import datetime as dt
import http.client
import ssl
import threading
import time
from types import SimpleNamespace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from contract.claim import Claim
from contract.whole_file import write_bytes
from edge import enrolment as gateway_side
from edge import identity
from edge.clock import Discipline
from edge.enrolment import enrol, renew
from edge.errors import CertificateError, EnrolmentError, EnrolmentRefused
from hub.api import audit
from provisioning import claims, requests
from provisioning.ca import Authority, Root
from provisioning.certificates import CLIENT, LEAF_DAYS, fingerprint, leaf, new_key, pem
from provisioning.claims import HOUR_MS, Site
from provisioning.enrolment import DAY_MS, Enrolment, revoke_all, trusted
from provisioning.errors import AuthorityError
from provisioning.register import Register
from provisioning.revocation import revoke
from provisioning.service import EST, Server, Service
from provisioning.throttle import ADDRESSES, REFUSAL_COSTS, ROOM, Throttle
from tests.provisioning.test_requests import request

GATEWAY = "pos-duga-01"
SITE = Site(GATEWAY, 7, "bendung-hulu")


class City:
    """A city with its enrolment service, whose clock the test holds."""

    def __init__(self, folder, *, server_now=None) -> None:
        self.folder = folder
        self.authority = Authority.create(folder, name="Kota Contoh")
        self.register = Register(folder)
        self.register.open()
        self.now_ms = time.time_ns() // 1_000_000
        self.told = []
        self.cut = []
        self.mono_s, self.step_s = 0.0, 5.0  # the throttle is no matter of most tests
        identity = self.authority.server("enrolment", ["127.0.0.1"], now=server_now)
        self.enrolment = Enrolment(folder, self.register, changed=self._changed)
        service = Service(self.enrolment, now_ms=lambda: self.now_ms, mono_s=self._mono)
        files = {"certificate": identity.certificate, "key": identity.key, "root": identity.authority}
        self.server = Server("127.0.0.1", 0, **files)
        self._thread = threading.Thread(target=lambda: asyncio.run(self.server.run(service.app())))
        self._thread.start()

    def _mono(self) -> float:
        self.mono_s += self.step_s
        return self.mono_s

    def _changed(self, cut_off) -> None:
        self.cut += cut_off
        with self.register.transaction() as conn:
            self.told.append([one.gateway for one in trusted(conn)])

    def claim(self, at=SITE) -> Claim:
        with self.register.transaction() as conn:
            token = claims.add(conn, at, hours=24, now_ms=self.now_ms, actor="uji")
        return Claim(self.server.url, token, fingerprint(self.authority.root))

    def trail(self) -> list[str]:
        with self.register.transaction() as conn:
            assert audit.first_fault(conn) is None
            return [row["action"] for row in reversed(audit.listed(conn))]

    def close(self) -> None:
        self.server.stop()
        self._thread.join(10)
        assert not self._thread.is_alive()
        self.server.close()
        self.register.close()


@pytest.fixture
def city(tmp_path):
    one = City(tmp_path / "city")
    yield one
    one.close()


class Clock:
    """A gateway's clock that may be wrong and may not know it."""

    def __init__(self, off_ms: int = 0, *, synced: bool = True) -> None:
        self._off_ms, self._synced = off_ms, synced

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000 + self._off_ms

    def discipline(self) -> Discipline:
        return Discipline(self._synced)


def gateway(folder, url="https://unused.example", name=GATEWAY):
    """As much of a gateway's configuration as enrolment looks at."""
    place = folder / "gateway" / "gateway.pem"
    broker = SimpleNamespace(ca_file=folder / "gateway" / "ca.pem", cert_file=place, key_file=place)
    return SimpleNamespace(
        gateway=SimpleNamespace(id=name), broker=broker, enrolment=SimpleNamespace(url=url)
    )


def certificate(config) -> x509.Certificate:
    return x509.load_pem_x509_certificate(config.broker.cert_file.read_bytes())


def test_a_gateway_makes_its_key_and_gets_its_certificate_by_a_claim(city, tmp_path):
    config = gateway(tmp_path)
    got = enrol(config, city.claim(), Clock())
    text = config.broker.cert_file.read_bytes()
    found = x509.load_pem_x509_certificates(text)
    assert load_pem_private_key(text, None).public_key() == found[0].public_key()
    assert found[0].subject.rfc4514_string() == f"CN={GATEWAY}"
    assert found[1] == city.authority.signer.certificate
    assert config.broker.ca_file.read_bytes() == city.authority.certificate.read_bytes()
    assert [path.stat().st_mode & 0o777 for path in sorted(config.broker.cert_file.parent.iterdir())] == [
        0o644,
        0o600,
    ]
    assert abs(got.ends_ms - (city.now_ms + LEAF_DAYS * DAY_MS)) < 2000
    private = text[: text.index(b"-----END PRIVATE KEY")]
    assert not [path for path in city.folder.rglob("*") if path.is_file() and private in path.read_bytes()]
    assert city.told == [[GATEWAY]], "the broker lets it speak"
    assert city.trail() == ["claim-add", "enrol"]


def test_a_claim_serves_once(city, tmp_path):
    claim = city.claim()
    enrol(gateway(tmp_path / "a"), claim, Clock())
    with pytest.raises(EnrolmentRefused):
        enrol(gateway(tmp_path / "b"), claim, Clock())
    assert not gateway(tmp_path / "b").broker.cert_file.exists()
    assert city.trail() == ["claim-add", "enrol"]


def test_an_authority_that_has_ended_costs_no_claim(city, tmp_path, monkeypatch, caplog):
    config, claim = gateway(tmp_path), city.claim()

    def ended(*_, **__):
        raise AuthorityError("it has ended", "siaga-provision ca renew")

    with monkeypatch.context() as patched:
        patched.setattr("provisioning.enrolment.made.leaf", ended)
        with pytest.raises(EnrolmentError, match="503") as raised:
            enrol(config, claim, Clock())
        assert raised.value.retryable
        assert "enrolment.failed what=enrol gateway=pos-duga-01" in caplog.text
    enrol(config, claim, Clock())
    assert city.trail() == ["claim-add", "enrol"]


def test_a_claim_of_another_gateway_is_refused_and_stays_open(city, tmp_path):
    claim = city.claim()
    with pytest.raises(EnrolmentRefused):
        enrol(gateway(tmp_path / "a", name="pos-duga-02"), claim, Clock())
    enrol(gateway(tmp_path / "b"), claim, Clock())


def test_a_lost_answer_is_asked_for_again_with_the_same_key(city, tmp_path):
    config, claim = gateway(tmp_path), city.claim()
    enrol(config, claim, Clock())
    kept, first = config.broker.cert_file.read_bytes(), certificate(config)
    config.broker.cert_file.unlink()
    key = load_pem_private_key(kept, None)
    write_bytes(
        config.broker.cert_file.with_name("gateway.pem.pending"), gateway_side._key_pem(key), mode=0o600
    )
    enrol(config, claim, Clock())
    assert certificate(config) == first
    assert city.trail() == ["claim-add", "enrol"]


def test_somebody_between_gets_nothing_not_even_the_token(city, tmp_path, monkeypatch):
    """Another city's service at that address: the fingerprint does not fit, and the claim stays unsaid."""
    claim = city.claim()
    asked = []
    ask = gateway_side.Service.ask

    def watched(self, what, *more, **named):
        asked.append(what)
        return ask(self, what, *more, **named)

    monkeypatch.setattr(gateway_side.Service, "ask", watched)
    with pytest.raises(EnrolmentRefused, match="not the one"):
        enrol(gateway(tmp_path), Claim(claim.url, claim.token, "0" * 64), Clock())
    assert asked == ["cacerts"]
    enrol(gateway(tmp_path), claim, Clock())
    assert asked == ["cacerts", "cacerts", "simpleenroll"]


def test_a_wrong_clock_does_not_keep_a_gateway_out(tmp_path, caplog):
    """To the gateway the service's certificate has ended long ago, or has not begun."""
    past = dt.datetime.now(dt.UTC) - dt.timedelta(days=500)
    city = City(tmp_path / "city", server_now=past)
    try:
        ten_years = 3650 * DAY_MS
        for number, off_ms in enumerate((ten_years, -56 * 365 * DAY_MS)):
            config = gateway(tmp_path / str(number))
            with pytest.raises(EnrolmentError, match="unreachable"):
                enrol(config, city.claim(), Clock(off_ms, synced=True))
            enrol(config, city.claim(), Clock(off_ms, synced=False))
        assert "enrolment.clock_off" in caplog.text
    finally:
        city.close()


def enrolled(city, folder, *, days_ago):
    """A gateway that got its certificate some days ago."""
    config = gateway(folder, city.server.url)
    city.now_ms -= days_ago * DAY_MS
    enrol(config, city.claim(), Clock())
    city.now_ms += days_ago * DAY_MS
    return config


def test_a_renewal_has_a_fresh_key_and_the_old_one_still_serves(city, tmp_path):
    config = enrolled(city, tmp_path, days_ago=60)
    old = certificate(config)
    renew(config, Clock())
    new = certificate(config)
    assert new.public_key() != old.public_key()
    assert identity.validity(config.broker.cert_file).ends_ms > city.now_ms + 89 * DAY_MS
    assert not config.broker.cert_file.with_name("gateway.pem.pending").exists()
    assert city.trail() == ["claim-add", "enrol", "renew"]
    ssl.create_default_context().load_cert_chain(config.broker.cert_file)
    with city.register.transaction() as conn:
        assert revoke_all(conn, GATEWAY, "uji", now_ms=city.now_ms) == 2, "both were in use until now"


def test_a_key_that_has_had_its_certificate_keeps_no_gateway_from_the_next_one(city, tmp_path):
    """Its file came back with a power cut, or its answer and then the line were lost."""
    config = enrolled(city, tmp_path, days_ago=60)
    used = load_pem_private_key(config.broker.cert_file.read_bytes(), None)
    pending = config.broker.cert_file.with_name("gateway.pem.pending")
    write_bytes(pending, gateway_side._key_pem(used), mode=0o600)
    with pytest.raises(EnrolmentRefused):
        renew(config, Clock())
    assert certificate(config).public_key() == used.public_key()
    renew(config, Clock())
    assert certificate(config).public_key() != used.public_key()


@pytest.mark.parametrize(("days", "renewed"), [(29, False), (31, True), (119, True), (121, False)])
def test_not_too_early_and_not_more_than_thirty_days_after_the_end(city, tmp_path, days, renewed):
    config = enrolled(city, tmp_path, days_ago=days)
    before = certificate(config)
    if renewed:
        renew(config, Clock())
    else:
        with pytest.raises(EnrolmentRefused):
            renew(config, Clock())
    assert (certificate(config) != before) is renewed


def test_a_revoked_gateway_gets_no_next_certificate_until_a_new_claim(city, tmp_path):
    config, open_claim = enrolled(city, tmp_path, days_ago=60), city.claim()
    with city.register.transaction() as conn:
        assert revoke(conn, GATEWAY, "stolen", now_ms=city.now_ms, actor="uji") == 1
        assert trusted(conn) == []
    for refused in (
        lambda: renew(config, Clock()),
        lambda: enrol(gateway(tmp_path / "b"), open_claim, Clock()),
    ):
        with pytest.raises(EnrolmentRefused):
            refused()
    assert city.trail()[-2:] == ["claim-revoke", "revoke"]
    enrol(gateway(tmp_path / "c"), city.claim(), Clock())
    assert city.told[-1] == [GATEWAY]


def test_a_board_in_the_place_of_another_ends_the_other(city, tmp_path):
    stolen = enrolled(city, tmp_path / "a", days_ago=60)
    enrol(gateway(tmp_path / "b"), city.claim(), Clock())
    with pytest.raises(EnrolmentRefused):
        renew(stolen, Clock())
    assert city.trail()[-1] == "enrol"


def test_a_certificate_that_the_city_did_not_register_renews_nothing(city, tmp_path):
    """Another city's is stopped by TLS; one of our authority that is not on record by the register."""
    config = enrolled(city, tmp_path, days_ago=60)
    other = Authority.create(tmp_path / "other", name="Kota Contoh")
    now = dt.datetime.now(dt.UTC)
    for authority, refusal in ((other, EnrolmentError), (city.authority, EnrolmentRefused)):
        key = new_key()
        lasts = dt.timedelta(days=LEAF_DAYS)
        made = leaf(authority.signer, GATEWAY, key.public_key(), CLIENT, now=now, lasts=lasts)
        chain = pem(made, authority.signer.certificate)
        write_bytes(config.broker.cert_file, gateway_side._key_pem(key) + chain, mode=0o600)
        with pytest.raises(refusal):
            renew(config, Clock())


def test_one_gateway_renews_no_other(city, tmp_path):
    """A thief of one gateway's key would else have the key to all."""
    config = enrolled(city, tmp_path, days_ago=60)
    enrol(gateway(tmp_path / "b", name="rs-kota-01"), city.claim(Site("rs-kota-01", 3, "rs-kota")), Clock())
    config.gateway.id = "rs-kota-01"
    with pytest.raises(EnrolmentRefused):
        renew(config, Clock())
    config.gateway.id = GATEWAY
    renew(config, Clock())


def test_a_new_issuing_authority_is_no_matter_to_who_renews(tmp_path):
    root = Root.create(tmp_path / "root", name="Uji", passphrase=b"kunci akar di brankas")
    city = City(tmp_path / "city")
    try:
        city.authority.certificate.unlink()
        (city.folder / "issuing.key").unlink()
        root.issuing(city.folder)
        chain = city.enrolment.chain()
        root.issuing(city.folder)
        assert city.enrolment.chain()[0] == chain[0]
        assert city.enrolment.chain()[1] != chain[1]
    finally:
        city.close()


def post(city, path, body=b"", headers=None):
    """Status and body of an answer, as anybody may ask."""
    context = ssl.create_default_context(cafile=city.authority.certificate)
    host, port = city.server.url.removeprefix("https://").split(":")
    connection = http.client.HTTPSConnection(host, int(port), context=context, timeout=10)
    try:
        connection.request("POST" if body else "GET", EST + path, body or None, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def basic(token):
    return {"Authorization": "Basic " + base64.b64encode(f"x:{token}".encode()).decode()}


def test_a_guess_learns_nothing_from_the_answer(city):
    body = base64.encodebytes(request(GATEWAY))
    claim = city.claim()
    used = city.claim(Site("pos-duga-09", 1, "pasar"))
    city.enrolment.enrol(
        requests.read(request("pos-duga-09")),
        used.token,
        address="x",
        now_ms=city.now_ms,
    )
    city.now_ms += 24 * HOUR_MS
    answers = {
        post(city, "/simpleenroll", body, headers)
        for headers in (
            {},
            basic("a" * 26),
            basic(claim.token),
            basic(used.token),
            {"Authorization": "Bearer x"},
        )
    }
    assert len(answers) == 1
    assert answers.pop()[0] == 401
    city.now_ms -= 24 * HOUR_MS
    assert post(city, "/simpleenroll", body, basic(claim.token))[0] == 200


@pytest.mark.parametrize("body", [b"%%%", b"AAAA", base64.b64encode(b"x" * 5000), b"A" * 20_000])
def test_a_body_that_is_no_request_is_refused_and_uses_up_nothing(city, body):
    claim = city.claim()
    assert post(city, "/simpleenroll", body, basic(claim.token))[0] == 400
    assert post(city, "/simpleenroll", base64.encodebytes(request(GATEWAY)), basic(claim.token))[0] == 200


def test_without_the_certificate_before_there_is_no_renewal(city):
    assert post(city, "/simplereenroll", base64.encodebytes(request(GATEWAY)))[0] == 401


def test_anybody_may_ask_whom_to_trust(city):
    status, body = post(city, "/cacerts")
    assert status == 200
    found = gateway_side._read(body)
    assert {one.public_bytes(Encoding.DER) for one in found} == {
        one.public_bytes(Encoding.DER) for one in (city.authority.root, city.authority.signer.certificate)
    }


def test_a_guesser_is_made_to_wait(city):
    city.step_s = 0.0
    body = base64.encodebytes(request(GATEWAY))
    said = [post(city, "/simpleenroll", body, basic("b" * 26))[0] for _ in range(10)]
    assert said.count(401) == int(ROOM / (REFUSAL_COSTS + 1)) + 1
    assert said[-1] == 429


def test_each_address_has_its_own_patience_and_gets_it_back():
    throttle = Throttle()
    for _ in range(int(ROOM)):
        assert throttle.wait_s("10.0.0.1", 0.0) == 0
    wait_s = throttle.wait_s("10.0.0.1", 0.0)
    assert wait_s == pytest.approx(1.0)
    assert throttle.wait_s("10.0.0.2", 0.0) == 0
    assert throttle.wait_s("10.0.0.1", 1.0) == 0
    assert throttle.wait_s("10.0.0.1", 1.0) > 0
    for number in range(3 * ADDRESSES):
        throttle.wait_s(str(number), 2.0)
    assert len(throttle._buckets) == ADDRESSES


def test_dates_are_read_as_the_library_reads_them(city, tmp_path):
    config = gateway(tmp_path)
    enrol(config, city.claim(), Clock())
    shown, read = certificate(config), identity.validity(config.broker.cert_file)
    assert read.begins_ms == shown.not_valid_before_utc.timestamp() * 1000
    assert read.ends_ms == shown.not_valid_after_utc.timestamp() * 1000
    assert read.begins_ms < read.due_ms < read.ends_ms
    for damage in (b"", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"):
        config.broker.cert_file.write_bytes(damage)
        with pytest.raises(CertificateError):
            identity.validity(config.broker.cert_file)
