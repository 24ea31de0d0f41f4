"""A certificate is renewed when two thirds of its life are over, and the link goes on with the new one."""

import logging
from random import Random
from types import SimpleNamespace

import pytest

from contract.whole_file import write_bytes
from edge import identity
from edge.clock import SystemClock
from edge.config import load
from edge.errors import CertificateError, EnrolmentError
from edge.link import Credentials
from edge.renewal import Renewal
from provisioning.ca import Authority

DAY_MS = 86_400_000


class Clock:
    def __init__(self, now_ms):
        self._now_ms = now_ms

    def now_ms(self):
        return self._now_ms


@pytest.fixture
def enrolled(tmp_path):
    """A gateway's configuration with key and certificate in one file, as after an enrolment."""
    made = Authority.create(tmp_path / "ca", name="Uji").gateway("pos-duga-01")
    place = tmp_path / "gateway.pem"
    write_bytes(place, made.key.read_bytes() + made.certificate.read_bytes(), mode=0o600)
    return SimpleNamespace(
        gateway=SimpleNamespace(id="pos-duga-01"),
        broker=SimpleNamespace(ca_file=made.authority, cert_file=place, key_file=place),
        enrolment=SimpleNamespace(url="https://hub.kota.example"),
    )


async def looked(config, now_ms, renew):
    told = []
    renewal = Renewal(
        config, clock=Clock(now_ms), random=Random(1), renewed=lambda: told.append("renewed"), renew=renew
    )
    await renewal.look()
    return told


@pytest.mark.parametrize(("after_due_ms", "renews"), [(-1, False), (0, True), (400 * DAY_MS, True)])
async def test_it_renews_at_two_thirds_and_not_before(enrolled, after_due_ms, renews):
    dates = identity.validity(enrolled.broker.cert_file)
    assert dates.due_ms - dates.begins_ms == pytest.approx((dates.ends_ms - dates.begins_ms) * 2 / 3, abs=1)
    asked = []

    def renew(config, clock):
        asked.append(config)
        return dates

    told = await looked(enrolled, dates.due_ms + after_due_ms, renew)
    assert bool(asked) == bool(told) == renews


@pytest.mark.parametrize(
    ("days_left", "level"), [(25, logging.WARNING), (15, logging.ERROR), (-3, logging.ERROR)]
)
async def test_a_renewal_that_fails_is_told_louder_near_the_end_and_stops_nothing(
    enrolled, caplog, days_left, level
):
    def renew(config, clock):
        raise EnrolmentError("unreachable", "nobody there")

    ends_ms = identity.validity(enrolled.broker.cert_file).ends_ms
    assert await looked(enrolled, ends_ms - days_left * DAY_MS, renew) == []
    (line,) = [one for one in caplog.records if one.msg.startswith("certificate.renewal_failed")]
    assert line.levelno == level


async def test_a_gateway_without_a_service_renews_nothing(enrolled):
    enrolled.enrolment = None
    renewal = Renewal(enrolled, clock=SystemClock(), random=Random(1), renewed=lambda: None)
    await renewal.run()


def test_new_files_are_taken_at_the_next_connection_and_broken_ones_are_not(enrolled, tmp_path, caplog):
    credentials = Credentials(enrolled.broker)
    first = credentials.read()
    assert credentials.newest() is first
    other = Authority.create(tmp_path / "other", name="Uji").gateway("pos-duga-01")
    write_bytes(
        enrolled.broker.cert_file, other.key.read_bytes() + other.certificate.read_bytes(), mode=0o600
    )
    second = credentials.newest()
    assert second is not first
    write_bytes(enrolled.broker.cert_file, b"torn", mode=0o600)
    assert credentials.newest() is second
    assert "link.certificate_unusable" in caplog.text
    with pytest.raises(CertificateError):
        credentials.read()


@pytest.mark.parametrize(("key_file", "good"), [("tls/gateway.pem", True), ("tls/gateway.key", False)])
def test_a_gateway_that_renews_has_key_and_certificate_in_one_file(tmp_path, key_file, good):
    (tmp_path / "gateway.toml").write_text(f"""
[gateway]
id = "gw-uji"
cell = 1
site = "uji"
[broker]
host = "hub.kota.example"
ca_file = "ca.pem"
cert_file = "tls/gateway.pem"
key_file = "{key_file}"
[enrolment]
url = "https://hub.kota.example:8443"
""")
    if good:
        assert load(tmp_path / "gateway.toml").enrolment.url == "https://hub.kota.example:8443"
    else:
        with pytest.raises(ValueError, match="one file"):
            load(tmp_path / "gateway.toml")
