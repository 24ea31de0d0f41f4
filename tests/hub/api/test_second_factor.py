"""The second factor: who needs one, what a code is good for, and what is refused."""

import pyotp
import pytest
from sqlalchemy import select

from hub.api import audit
from hub.api.auth import second_factor
from hub.api.tables import recovery_codes, second_factors
from tests.hub.api.conftest import PASSWORD

RIGHT = {"name": "siti", "password": PASSWORD}


async def enrol(client):
    """Enrol and confirm; the secret and the recovery codes."""
    begun = (await client.post("/api/me/factor", json={"password": PASSWORD})).json()
    done = await client.post("/api/me/factor/confirm", json={"code": at(client.hub, begun["secret"])})
    assert done.status_code == 200, done.text
    client.headers["X-CSRF-Token"] = done.json()["csrf"]
    return begun["secret"], done.json()["recovery_codes"]


def at(hub, secret, steps=0):
    """What the telephone shows, so many half minutes from now."""
    return pyotp.TOTP(secret).at(hub.clock.at_ms // 1000, counter_offset=steps)


@pytest.fixture
async def siti(hub):
    """A dispatcher with a second factor, logged in whole; the clock is then well past the codes used."""
    async with hub.login("siti", "dispatcher", half=True) as client:
        client.hub = hub
        client.secret, client.recovery = await enrol(client)
        hub.clock.at_ms += 300_000
        yield client


async def by_password(hub, client):
    """Give the password; the session lacks its code."""
    answer = await client.post("/api/login", json=RIGHT)
    assert answer.json()["needs"] == "code"
    client.headers["X-CSRF-Token"] = answer.json()["csrf"]


async def give(client, code):
    """Give a code; the answer's error code, None where it was taken."""
    answer = await client.post("/api/login/code", json={"code": code})
    if answer.status_code == 200:
        client.headers["X-CSRF-Token"] = answer.json()["csrf"]
        return None
    return answer.json()["error"]["code"]


@pytest.mark.parametrize(
    ("role", "needs"),
    [
        ("admin", "enrolment"),
        ("dispatcher", "enrolment"),
        ("operator", None),
        ("viewer", None),
        ("auditor", None),
    ],
)
async def test_administrators_and_dispatchers_need_one_and_others_do_not(hub, role, needs):
    await hub.add_user("siti", role)
    async with hub.client() as client:
        assert (await client.post("/api/login", json=RIGHT)).json()["needs"] == needs
        assert (await client.get("/api/stations")).status_code == (403 if needs else 200)


async def test_who_has_none_may_only_enrol_and_is_then_in(hub):
    async with hub.login("siti", "dispatcher", half=True) as client:
        client.hub = hub
        assert (await client.get("/api/incidents")).json()["error"]["code"] == "second_factor"
        half = client.cookies["__Host-siaga"]
        _, codes = await enrol(client)
        assert (await client.get("/api/incidents")).status_code == 200
        assert client.cookies["__Host-siaga"] != half
        assert len(set(codes)) == second_factor.RECOVERY_CODES
    async with hub.client() as thief:
        thief.cookies.set("__Host-siaga", half)
        assert (await thief.get("/api/me")).status_code == 401


async def test_one_that_no_code_has_proved_is_none(hub):
    async with hub.login("siti", "dispatcher", half=True) as client:
        await client.post("/api/me/factor", json={})
        wrong = await client.post("/api/me/factor/confirm", json={"code": "000000"})
        assert wrong.json()["error"]["code"] == "wrong_code"
        assert (await client.post("/api/login", json=RIGHT)).json()["needs"] == "enrolment"


async def test_a_login_with_both_factors(hub, siti):
    async with hub.client() as client:
        await by_password(hub, client)
        assert (await client.get("/api/incidents")).json()["error"]["code"] == "second_factor"
        assert await give(client, at(hub, siti.secret)) is None
        assert (await client.get("/api/incidents")).status_code == 200


@pytest.mark.parametrize("steps", [-1, 0, 1])
async def test_a_telephone_may_be_one_step_off(hub, siti, steps):
    async with hub.client() as client:
        await by_password(hub, client)
        assert await give(client, at(hub, siti.secret, steps)) is None


@pytest.mark.parametrize("steps", [-10, -2, 2, 10])
async def test_and_no_more(hub, siti, steps):
    async with hub.client() as client:
        await by_password(hub, client)
        assert await give(client, at(hub, siti.secret, steps)) == "wrong_code"


async def test_a_code_works_once_and_none_older_after_it(hub, siti):
    code, older = at(hub, siti.secret), at(hub, siti.secret, -1)
    async with hub.client() as one, hub.client() as two:
        await by_password(hub, one)
        await by_password(hub, two)
        assert await give(one, code) is None
        assert await give(two, code) == "wrong_code"
        assert await give(two, older) == "wrong_code"
        assert await give(two, at(hub, siti.secret, 1)) is None


async def test_the_code_of_the_enrolment_is_used_up_by_it(hub):
    async with hub.login("siti", "dispatcher", half=True) as client:
        client.hub = hub
        secret, _ = await enrol(client)
        await by_password(hub, client)
        assert await give(client, at(hub, secret)) == "wrong_code"


@pytest.mark.parametrize("code", ["", " ", "12345", "1234567", "abcdef", "١٢٣٤٥٦", "000000\n", "None", "'--"])
async def test_what_is_no_code(hub, siti, code):
    async with hub.client() as client:
        await by_password(hub, client)
        assert await give(client, code) in ("wrong_code", "invalid")


async def test_each_recovery_code_works_once(hub, siti):
    async with hub.client() as client:
        for code in (siti.recovery[0], siti.recovery[1].upper().replace("-", " ")):
            await by_password(hub, client)
            assert await give(client, code) is None
            await by_password(hub, client)
            assert await give(client, code) == "wrong_code"
    assert (await hub.read(lambda conn: second_factor.find(conn, "siti"))).recovery_left == 8


async def test_recovery_codes_are_stored_as_hashes_and_another_s_does_not_fit(hub, siti):
    stored = str(await hub.read(lambda conn: conn.execute(select(recovery_codes)).all()))
    assert not any(code.replace("-", "") in stored or code in stored for code in siti.recovery)
    async with hub.login("budi", "dispatcher", half=True) as budi:
        budi.hub = hub
        _, foreign = await enrol(budi)
    async with hub.client() as client:
        await by_password(hub, client)
        assert await give(client, foreign[0]) == "wrong_code"


async def test_guessing_codes_is_locked_out_and_the_right_password_does_not_help(hub, siti):
    async with hub.client() as client:
        await by_password(hub, client)
        said = [await give(client, f"{n:06}") for n in range(6)]
        assert said == ["wrong_code"] * 5 + ["too_many_tries"]
        await by_password(hub, client)
        assert await give(client, at(hub, siti.secret)) == "too_many_tries"
        hub.clock.at_ms += 30_001
        await by_password(hub, client)
        assert await give(client, at(hub, siti.secret)) is None


async def test_guessing_codes_from_many_places_is_slowed_too(hub, siti):
    said = []
    for n in range(12):
        async with hub.client(f"203.0.113.{n}") as client:
            await by_password(hub, client)
            said.append(await give(client, "000000"))
    assert said == ["wrong_code"] * 10 + ["too_many_tries"] * 2


async def test_who_has_only_the_password_cannot_enrol_another_telephone(hub, siti):
    async with hub.client() as thief:
        await by_password(hub, thief)
        for path, body in (
            ("/api/me/factor", {"password": PASSWORD}),
            ("/api/me/factor/confirm", {"code": "1"}),
        ):
            assert (await thief.post(path, json=body)).json()["error"]["code"] == "second_factor"
        for path in ("/factor/begin", "/factor/confirm"):
            answer = await thief.post(path, data={"password": PASSWORD, "code": "1"})
            assert answer.status_code == 403
            assert "otpauth" not in answer.text


async def test_who_has_only_the_session_cannot_either(hub, siti):
    refused = await siti.post("/api/me/factor", json={"password": "keliru sekali"})
    assert refused.json()["error"]["code"] == "wrong_login"


async def test_a_new_telephone_takes_over_when_it_is_confirmed_and_not_before(hub, siti):
    begun = (await siti.post("/api/me/factor", json={"password": PASSWORD})).json()
    async with hub.client() as client:
        await by_password(hub, client)
        assert await give(client, at(hub, siti.secret)) is None
        confirmed = await siti.post("/api/me/factor/confirm", json={"code": at(hub, begun["secret"])})
        assert confirmed.status_code == 200
        assert (await client.get("/api/me")).status_code == 401
    hub.clock.at_ms += 300_000
    async with hub.client() as client:
        await by_password(hub, client)
        assert await give(client, at(hub, siti.secret)) == "wrong_code"
        assert await give(client, siti.recovery[3]) == "wrong_code"
        assert await give(client, at(hub, begun["secret"])) is None


async def test_a_session_without_its_code_ends_after_ten_minutes(hub, siti):
    async with hub.client() as client:
        await by_password(hub, client)
        hub.clock.at_ms += 601_000
        assert (await client.get("/api/me")).status_code == 401


async def test_everything_is_audited_and_no_secret_is_in_it(hub, siti):
    async with hub.client() as client:
        await by_password(hub, client)
        await give(client, "000000")
        await give(client, at(hub, siti.secret))
    rows = await hub.read(audit.listed)
    actions = [row["action"] for row in reversed(rows)]
    assert actions == [
        "user.add",
        "login",
        "factor.enrol",
        "login",
        "login.wrong_code",
        "login.second_factor",
    ]
    stored = await hub.read(lambda conn: conn.execute(select(second_factors.c.secret)).scalar_one())
    assert stored == siti.secret
    assert siti.secret not in str(rows)
    assert siti.recovery[0] not in str(rows)


# Limits of how much one may ask


async def test_an_address_that_asks_too_much_waits_and_others_do_not(hub):
    hub.services = hub.tight(address=3, user=100)
    async with hub.client("203.0.113.9") as stranger, hub.client("203.0.113.10") as other:
        assert [(await stranger.get("/nope")).status_code for _ in range(4)] == [404, 404, 404, 429]
        refused = await stranger.get("/api/health")
        assert (refused.status_code, refused.json()["error"]["code"]) == (429, "too_many_requests")
        assert int(refused.headers["retry-after"]) >= 1
        assert "frame-ancestors 'none'" in refused.headers["content-security-policy"]
        assert (await other.get("/api/health")).status_code == 200


async def test_a_user_who_asks_too_much_waits_wherever_they_sit_and_others_do_not(hub):
    async with (
        hub.login("siti", "operator") as one,
        hub.login("siti", address="10.0.0.2") as two,
        hub.login("budi", "operator", address="10.0.0.3") as budi,
    ):
        hub.services = hub.tight(address=100, user=3)
        codes = [(await client.get("/api/me")).status_code for client in (one, two, one, two)]
        assert codes == [200, 200, 200, 429]
        assert (await budi.get("/api/me")).status_code == 200


async def test_a_limit_ends_with_time(hub):
    hub.services = hub.tight(address=2, user=100)
    async with hub.client() as stranger:
        assert [(await stranger.get("/nope")).status_code for _ in range(3)] == [404, 404, 429]
        hub.clock.at_ms += 1000
        assert (await stranger.get("/nope")).status_code == 404


async def test_all_addresses_of_one_house_count_as_one(hub):
    hub.services = hub.tight(address=3, user=100)
    codes = []
    for n in range(5):
        async with hub.client(f"2001:db8:1:2::{n}") as stranger:
            codes.append((await stranger.get("/nope")).status_code)
    async with hub.client("2001:db8:1:3::1") as neighbour:
        codes.append((await neighbour.get("/nope")).status_code)
    assert codes == [404, 404, 404, 429, 429, 404]


# By pages


def hidden(name, html):
    return html.split(f'name="{name}" value="')[1].split('"')[0]


async def log_in_by_page(client, goes_to="/incidents"):
    page = await client.get("/login", params={"next": goes_to})
    form = {**RIGHT, "token": hidden("token", page.text), "next": goes_to}
    return await client.post("/login", data=form)


async def test_the_pages_lead_from_the_password_to_the_code_to_where_one_wanted(hub, siti):
    async with hub.client() as client:
        answer = await log_in_by_page(client)
        assert answer.headers["location"] == "/factor?next=%2Fincidents"
        assert (await client.get("/rivers")).headers["location"] == "/factor?next=%2Frivers"
        page = (await client.get("/factor", params={"next": "/incidents"})).text
        assert 'href="/incidents"' not in page, "no way past it"
        form = {"csrf": hidden("csrf", page), "next": hidden("next", page), "code": "000000"}
        wrong = await client.post("/factor/code", data=form)
        assert (wrong.status_code, "Kode salah" in wrong.text) == (422, True)
        right = await client.post("/factor/code", data={**form, "code": at(hub, siti.secret)})
        assert (right.status_code, right.headers["location"]) == (303, "/incidents")
        assert (await client.get("/incidents")).status_code == 200
        assert (await client.get("/login")).headers["location"] == "/"


async def test_the_pages_enrol_a_telephone_and_show_the_recovery_codes_once(hub):
    await hub.add_user("siti", "dispatcher")
    async with hub.client() as client:
        await log_in_by_page(client)
        page = (await client.get("/factor", params={"next": "/incidents"})).text
        form = {"csrf": hidden("csrf", page), "next": "/incidents"}
        begun = (await client.post("/factor/begin", data=form)).text
        assert 'src="data:image/svg+xml' in begun
        secret = begun.split('<code class="secret">')[1].split("<")[0].replace(" ", "")
        again = await client.post("/factor/confirm", data={**form, "code": "000000"})
        assert again.status_code == 422
        assert secret[:4] in again.text
        done = await client.post("/factor/confirm", data={**form, "code": at(hub, secret)})
        assert done.text.count("<li><code>") == second_factor.RECOVERY_CODES
        assert 'href="/incidents"' in done.text
        assert (await client.get("/incidents")).status_code == 200
        later = (await client.get("/factor")).text
        assert secret[:4] not in later
        assert ">10<" in later


@pytest.mark.parametrize("goes_to", ["//jahat.example", "https://jahat.example", "/\\jahat"])
async def test_the_code_leads_to_no_other_site(hub, siti, goes_to):
    async with hub.client() as client:
        assert (await log_in_by_page(client, goes_to)).headers["location"] == "/factor?next=%2F"
        page = (await client.get("/factor", params={"next": goes_to})).text
        form = {"csrf": hidden("csrf", page), "next": goes_to, "code": at(hub, siti.secret)}
        assert (await client.post("/factor/code", data=form)).headers["location"] == "/"
