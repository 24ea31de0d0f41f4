"""Every change of trust is in the authority's trail, and the trail's head is noted elsewhere."""

import asyncio
import json
import re

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from hub.api import audit
from hub.api.tables import audit as rows
from provisioning import claims, requests
from provisioning.ca import Authority
from provisioning.certificates import new_key
from provisioning.cli import main
from provisioning.enrolment import Enrolment
from provisioning.errors import NotAllowed
from provisioning.register import opened
from provisioning.revocation import revoke
from provisioning.settings import AuditSection
from provisioning.trail import anchoring

NOW = 1_795_000_000_000
DAY = 86_400_000
GATEWAY = "pos-duga-01"
SITE = claims.Site(GATEWAY, 7, "bendung-hulu")


@pytest.fixture
def city(tmp_path):
    Authority.create(tmp_path, name="Kota Uji")
    with opened(tmp_path) as register:
        yield tmp_path, register


def request():
    return requests.Request(GATEWAY, new_key().public_key())


def told(register):
    with register.transaction() as conn:
        return [
            (row["action"], row["actor"]) for row in reversed(audit.listed(conn)) if row["subject"] == GATEWAY
        ]


def whole(register):
    with register.transaction() as conn:
        return audit.first_fault(conn)


def claim(register, at_ms):
    with register.transaction() as conn:
        return claims.add(conn, SITE, hours=24, now_ms=at_ms, actor="desk")


def test_each_change_of_trust_is_a_row(city):
    folder, register = city
    office = Enrolment(folder, register, changed=lambda *_: None)
    token = claim(register, NOW)
    chain = office.enrol(request(), token, address="::1", now_ms=NOW)
    office.renew(request(), first(chain), address="::1", now_ms=NOW + 61 * DAY)
    claim(register, NOW + 62 * DAY)
    with register.transaction() as conn:
        claims.revoke(conn, GATEWAY, now_ms=NOW + 62 * DAY, actor="desk")
        revoke(conn, GATEWAY, "dicuri", now_ms=NOW + 63 * DAY, actor="desk")
    actions = [action for action, _ in told(register)]
    assert actions == ["claim-add", "enrol", "renew", "claim-add", "claim-revoke", "revoke"]
    assert whole(register) is None


def first(chain):
    return x509.load_pem_x509_certificate(chain).public_bytes(Encoding.DER)


def test_what_was_refused_changed_no_trust(city):
    folder, register = city
    office = Enrolment(folder, register, changed=lambda *_: None)
    with pytest.raises(NotAllowed):
        office.enrol(request(), "a" * 26, address="::1", now_ms=NOW)
    assert told(register) == []


def test_the_command_names_the_row_that_was_changed(city, capsys):
    folder, register = city
    for n in range(3):
        claim(register, NOW + n)
    assert main(["audit", str(folder)]) == 0
    with register.transaction() as conn:
        conn.execute(rows.update().where(rows.c.n == 2).values(actor="somebody"))
    capsys.readouterr()
    assert main(["audit", str(folder)]) == 1
    assert re.search(r"row 2\b", capsys.readouterr().err)


async def test_its_head_is_noted_and_a_trail_without_its_end_is_told(city, tmp_path, caplog):
    _, register = city
    file = tmp_path / "jejak.jsonl"
    one = anchoring(AuditSection(file=file), register)
    claim(register, NOW)
    claim(register, NOW + 1)
    assert await one.look()
    line = json.loads(await asyncio.to_thread(file.read_text))
    assert (line["trail"], line["n"]) == ("authority", 3)
    with register.transaction() as conn:
        conn.execute(rows.update().where(rows.c.n == 3).values(actor="somebody"))
    for _ in range(24):
        await one.look()
    assert "audit.tampered trail=authority fault=row 3" in caplog.text
