"""A claim lets one gateway in, once, within a day; the register keeps no word that would let anybody in."""

import sqlite3
import threading
import xml.etree.ElementTree as ET
from concurrent.futures import ThreadPoolExecutor

import pytest
import segno

from contract.claim import parse
from hub.api import audit
from provisioning import claims, qr
from provisioning.ca import Authority
from provisioning.certificates import fingerprint
from provisioning.claims import HOUR_MS, Site
from provisioning.cli import main
from provisioning.errors import AuthorityError, ClaimRefused, NameRefused
from provisioning.register import FILE, VERSION, Register

NOW_MS = 1_795_000_000_000
POST = Site("pos-duga-01", 7, "bendung-hulu")


@pytest.fixture
def register(tmp_path):
    one = Register(tmp_path)
    one.open()
    yield one
    one.close()


def added(register, at=POST, **how):
    with register.transaction() as conn:
        return claims.add(conn, at, **({"hours": 24, "now_ms": NOW_MS, "actor": "uji"} | how))


def taken(register, token, gateway="pos-duga-01", key="k", now_ms=NOW_MS + 1):
    with register.transaction() as conn:
        return claims.take(conn, token, gateway, key, now_ms=now_ms)


def states(register, now_ms=NOW_MS + 1):
    with register.transaction() as conn:
        return [one.state for one in claims.listed(conn, now_ms=now_ms)]


def test_a_claim_is_used_once(register):
    token = added(register)
    assert states(register) == ["open"]
    assert taken(register, token)
    assert not taken(register, token)
    assert states(register) == ["used"]


def test_of_a_hundred_at_once_one_is_let_in(register):
    token = added(register)
    together = threading.Barrier(20)

    def one(number):
        if number < 20:
            together.wait()
        return taken(register, token, key=f"key {number}")

    with ThreadPoolExecutor(20) as pool:
        assert sum(pool.map(one, range(100))) == 1


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ({"gateway": "pos-duga-02"}, False),
        ({"now_ms": NOW_MS + 24 * HOUR_MS}, False),
        ({"token": "a" * 26}, False),
        ({}, True),
        ({"now_ms": NOW_MS + 24 * HOUR_MS - 1}, True),
    ],
)
def test_only_the_right_gateway_in_time_with_the_right_word(register, what, says):
    token = added(register)
    assert taken(register, **({"token": token} | what)) is says


def test_a_new_claim_ends_the_open_ones_of_its_gateway_and_no_other(register):
    first, other = added(register), added(register, Site("rs-kota-01", 3, "rs-kota"))
    second = added(register)
    assert not taken(register, first)
    assert taken(register, second)
    assert taken(register, other, "rs-kota-01")
    assert sorted(states(register)) == ["revoked", "used", "used"]


def test_a_claim_that_was_revoked_lets_nobody_in(register):
    token = added(register)
    with register.transaction() as conn:
        assert claims.revoke(conn, "pos-duga-01", now_ms=NOW_MS, actor="uji") == 1
        assert claims.revoke(conn, "pos-duga-01", now_ms=NOW_MS, actor="uji") == 0
    assert not taken(register, token)


def test_the_same_key_may_ask_again_for_a_lost_answer_and_no_other(register):
    token = added(register)
    taken(register, token, key="mine")
    with register.transaction() as conn:
        again = {"gateway": "pos-duga-01", "key_hash": "mine", "now_ms": NOW_MS + 5}
        assert claims.taken_by(conn, token, **again)
        assert not claims.taken_by(conn, token, **again | {"key_hash": "another"})
        assert not claims.taken_by(conn, token, **again | {"now_ms": NOW_MS + 24 * HOUR_MS})


@pytest.mark.parametrize("hours", [0, -1, 24.1, float("nan")])
def test_no_claim_lives_longer_than_a_day(register, hours):
    with pytest.raises(ClaimRefused, match="hours"):
        added(register, hours=hours)
    assert states(register) == []


@pytest.mark.parametrize("at", [Site("pos-duga-01", 8, POST.site), Site("pos-duga-01", 7, "pasar")])
def test_a_gateway_keeps_its_cell_and_site(register, at):
    added(register)
    with pytest.raises(ClaimRefused, match="cell 7"):
        added(register, at)
    assert states(register) == ["open"], "a refusal changes nothing"


def test_a_name_of_the_hub_or_a_cell_that_is_none_gets_no_claim():
    with pytest.raises(NameRefused):
        Site("hub", 1, "balai")
    with pytest.raises(ValueError, match="cell"):
        Site("pos-duga-01", 64, "balai")
    with pytest.raises(ClaimRefused):
        Site("pos-duga-01", 1, "")


def test_the_register_does_not_know_the_token_and_is_its_owners_only(register, tmp_path):
    token = added(register)
    taken(register, token)
    files = list(tmp_path.glob(FILE + "*"))
    assert files
    assert not [path for path in files if token.encode() in path.read_bytes()]
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    assert any(claims.token_hash(token).encode() in path.read_bytes() for path in files)


def test_all_of_it_is_on_record_and_a_changed_byte_shows(register, tmp_path):
    token = added(register)
    added(register)
    with register.transaction() as conn:
        rows = [(row["actor"], row["action"], row["subject"]) for row in audit.listed(conn)]
        assert rows == [
            ("uji", action, "pos-duga-01") for action in ("claim-add", "claim-revoke", "claim-add")
        ]
        assert not [row for row in audit.listed(conn) if token in str(row)]
        assert audit.first_fault(conn) is None
    with sqlite3.connect(tmp_path / FILE) as raw:
        raw.execute("UPDATE audit SET detail = replace(detail, '7', '8') WHERE n = 3")
    with register.transaction() as conn:
        assert audit.first_fault(conn) == "row 3 was changed, or those before it were written anew"


def test_a_register_of_a_newer_siaga_is_left_alone(register, tmp_path):
    with sqlite3.connect(tmp_path / FILE) as raw:
        raw.execute(f"PRAGMA user_version = {VERSION + 1}")
    with pytest.raises(AuthorityError, match="newer"):
        Register(tmp_path).open()


@pytest.fixture
def city(tmp_path):
    Authority.create(tmp_path, name="Kota Contoh")
    (tmp_path / "city.toml").write_text(
        '[enrolment]\nurl = "https://hub.kota.example:8443"\n[broker]\nfolder = "broker"\n'
    )
    return tmp_path


def test_the_desk_adds_lists_and_revokes_claims(city, capsys):
    at = ["--cell", "7", "--site", "bendung-hulu"]
    assert main(["claim", "add", str(city), "pos-duga-01", *at, "--qr", str(city / "claim.svg")]) == 0
    claim = parse(capsys.readouterr().out)
    assert claim.url == "https://hub.kota.example:8443"
    assert claim.fingerprint == fingerprint(Authority.load(city).root)
    assert (city / "claim.svg").stat().st_mode & 0o777 == 0o600

    assert main(["claim", "list", str(city)]) == 0
    said = capsys.readouterr().out
    assert " open " in said
    assert claim.token not in said
    assert main(["claim", "revoke", str(city), "pos-duga-01"]) == 0
    assert main(["claim", "list", str(city)]) == 0
    assert " revoked " in capsys.readouterr().out
    assert main(["claim", "add", str(city), "pos-duga-01", *at, "--hours", "25"]) == 1
    assert "at most 24" in capsys.readouterr().err


def test_the_trail_is_shown_and_a_change_is_named(city, capsys):
    assert main(["claim", "add", str(city), "pos-duga-01", "--cell", "7", "--site", "x"]) == 0
    capsys.readouterr()
    assert main(["audit", str(city)]) == 0
    said = capsys.readouterr().out.splitlines()
    assert "claim-add pos-duga-01" in said[0]
    head = said[-1].rpartition(" ")[2]
    assert main(["audit", str(city), "--head", head]) == 0
    assert main(["audit", str(city), "--head", "1:" + "0" * 64]) == 1
    assert main(["audit", str(city), "--head", "x"]) == 1
    with sqlite3.connect(city / FILE) as raw:
        raw.execute("UPDATE audit SET actor = 'orang lain' WHERE n = 1")
    capsys.readouterr()
    assert main(["audit", str(city)]) == 1
    assert "row 1" in capsys.readouterr().err


def test_a_city_without_its_settings_says_what_is_missing(city, capsys):
    (city / "city.toml").write_text('[enrolment]\nurl = "http://hub.kota.example"\n')
    call = ["claim", "add", str(city), "pos-duga-01", "--cell", "7", "--site", "x"]
    assert main(call) == 1
    assert "city.toml" in capsys.readouterr().err
    (city / "city.toml").unlink()
    assert main(call) == 1
    assert "city.toml" in capsys.readouterr().err


def test_the_qr_code_is_of_the_text():
    image = ET.fromstring(qr.svg("https://hub.kota.example:8443/#t=abc"))
    assert image.tag.endswith("svg")
    modules = segno.make("https://hub.kota.example:8443/#t=abc", error="m", micro=False)
    assert image.attrib["width"] == str(modules.symbol_size(scale=4.0, border=4)[0])
    assert qr.svg("a") != qr.svg("b")
