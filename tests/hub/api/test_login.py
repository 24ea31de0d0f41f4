"""Coming in: passwords, sessions that end, guessing that costs, and the first administrator."""

import asyncio

import httpx
import pytest
from sqlalchemy import select

from hub.api import audit
from hub.api.auth import lockout, setup, users
from hub.api.auth.passwords import PasswordError, Passwords, check_new
from hub.api.tables import login_failures, sessions
from hub.api.tables import users as user_rows
from tests.hub.api.conftest import PASSWORD

WRONG = {"name": "siti", "password": "keliru sekali ya"}


async def test_the_cookie_is_out_of_a_page_s_reach(hub):
    await hub.add_user("siti", "operator")
    async with hub.client() as client:
        answer = await client.post("/api/login", json={"name": " SITI ", "password": PASSWORD})
    cookie = answer.headers["set-cookie"]
    for part in ("__Host-siaga=", "HttpOnly", "Secure", "SameSite=lax", "Path=/"):
        assert part in cookie
    assert "Domain" not in cookie


async def test_the_token_is_stored_nowhere(hub):
    async with hub.login("siti", "operator") as person:
        token = person.cookies["__Host-siaga"]
    rows = await hub.read(lambda conn: conn.execute(select(sessions)).all())
    assert len(rows) == 1
    assert token not in str(rows)


async def test_a_login_begins_a_new_session_and_ends_the_one_it_came_with(hub):
    async with hub.login("siti", "operator") as person:
        first = person.cookies["__Host-siaga"]
        await person.post("/api/login", json={"name": "siti", "password": PASSWORD})
        assert person.cookies["__Host-siaga"] != first
    async with hub.client() as thief:
        thief.cookies.set("__Host-siaga", first)
        assert (await thief.get("/api/me")).status_code == 401


async def test_a_session_that_somebody_planted_does_not_become_real(hub):
    await hub.add_user("siti", "operator")
    async with hub.client() as client:
        client.cookies.set("__Host-siaga", "planted", domain="siaga.example")
        await client.post("/api/login", json={"name": "siti", "password": PASSWORD})
    async with hub.client() as thief:
        thief.cookies.set("__Host-siaga", "planted")
        assert (await thief.get("/api/me")).status_code == 401


async def test_logging_out_ends_the_session_not_only_the_cookie(hub):
    async with hub.login("siti", "operator") as person:
        token = person.cookies["__Host-siaga"]
        assert (await person.get("/api/me")).json()["name"] == "siti"
        await person.post("/api/logout")
    async with hub.client() as thief:
        thief.cookies.set("__Host-siaga", token)
        assert (await thief.get("/api/me")).status_code == 401


async def test_a_session_that_is_not_used_ends_and_one_that_is_goes_on(hub):
    async with hub.login("siti", "operator") as idle, hub.login("budi", "operator") as busy:
        for _ in range(4):
            hub.clock.at_ms += 20 * 60_000
            assert (await busy.get("/api/me")).status_code == 200
        assert (await idle.get("/api/me")).status_code == 401


async def test_even_a_busy_session_ends_after_a_shift(hub):
    async with hub.login("siti", "operator") as person:
        for _ in range(24):
            hub.clock.at_ms += 30 * 60_000
            assert (await person.get("/api/me")).status_code == 200
        hub.clock.at_ms += 1000
        assert (await person.get("/api/me")).status_code == 401


async def test_who_is_no_longer_active_is_out_at_once(hub):
    async with hub.login("root", "admin") as admin, hub.login("siti", "operator") as person:
        assert (await admin.post("/api/users/siti", json={"active": False})).status_code == 200
        assert (await person.get("/api/me")).status_code == 401
        answer = await person.post("/api/login", json={"name": "siti", "password": PASSWORD})
        assert answer.json()["error"]["code"] == "wrong_login"


async def test_who_loses_a_role_loses_it_at_once(hub):
    async with hub.login("root", "admin") as admin, hub.login("siti", "operator", "auditor") as person:
        assert (await person.get("/api/audit")).status_code == 200
        await admin.post("/api/users/siti", json={"roles": ["operator"]})
        assert (await person.get("/api/audit")).status_code == 401


async def test_a_wrong_password_and_an_unknown_user_are_answered_alike(hub):
    await hub.add_user("siti", "operator")
    async with hub.client() as client:
        wrong = await client.post("/api/login", json=WRONG)
        unknown = await client.post("/api/login", json={**WRONG, "name": "tidak-ada"})
    assert (wrong.status_code, wrong.json()) == (unknown.status_code, unknown.json())
    assert wrong.json()["error"]["code"] == "wrong_login"
    assert "set-cookie" not in wrong.headers


async def test_guessing_is_locked_out_longer_each_time(hub):
    await hub.add_user("siti", "operator")
    waits = []
    async with hub.client() as client:
        for _ in range(8):
            answer = await client.post("/api/login", json=WRONG)
            while answer.status_code == 429:
                waits.append(int(answer.headers["retry-after"]))
                hub.clock.at_ms += waits[-1] * 1000
                answer = await client.post("/api/login", json=WRONG)
            assert answer.status_code == 401
    assert waits == [30, 60, 120]


async def test_while_locked_out_even_the_right_password_waits_and_afterwards_it_clears(hub):
    await hub.add_user("siti", "operator")
    right = {"name": "siti", "password": PASSWORD}
    async with hub.client() as client:
        for _ in range(5):
            await client.post("/api/login", json=WRONG)
        assert (await client.post("/api/login", json=right)).status_code == 429
        hub.clock.at_ms += 30_001
        assert (await client.post("/api/login", json=right)).status_code == 200
        for _ in range(4):
            assert (await client.post("/api/login", json=WRONG)).status_code == 401
        assert (await client.post("/api/login", json=right)).status_code == 200


async def test_a_stranger_elsewhere_does_not_lock_a_person_out(hub):
    await hub.add_user("siti", "operator")
    async with hub.client("203.0.113.9") as stranger:
        for _ in range(10):
            await stranger.post("/api/login", json=WRONG)
    async with hub.login("siti"):
        pass


async def test_no_stranger_s_login_stands_in_line_with_the_presses(hub, monkeypatch):
    await hub.add_user("siti", "operator")
    whole, urgencies = hub.services.db.write, []

    async def write(fn, *, urgent=False):
        urgencies.append(urgent)
        return await whole(fn, urgent=urgent)

    monkeypatch.setattr(hub.services.db, "write", write)
    async with hub.client() as client:
        await client.post("/api/login", json=WRONG)
        await client.post("/api/login", json={**WRONG, "password": PASSWORD})
    assert len(urgencies) >= 4
    assert not any(urgencies)


async def test_guessing_from_many_places_is_slowed_too(hub):
    await hub.add_user("siti", "operator")
    codes = []
    for n in range(25):
        async with hub.client(f"203.0.113.{n}") as stranger:
            codes.append((await stranger.post("/api/login", json=WRONG)).status_code)
    assert codes[:20] == [401] * 20
    assert 429 in codes[20:]


async def test_guessing_many_names_from_one_place_is_slowed_too(hub):
    async with hub.client() as stranger:
        codes = [
            (await stranger.post("/api/login", json={**WRONG, "name": f"nama{n}"})).status_code
            for n in range(55)
        ]
    assert codes[:50] == [401] * 50
    assert 429 in codes[50:]


async def test_guesses_at_the_same_time_count_as_well(hub):
    await hub.add_user("siti", "operator")
    async with hub.client() as client:
        answers = await asyncio.gather(*(client.post("/api/login", json=WRONG) for _ in range(20)))
    assert sum(answer.status_code == 401 for answer in answers) == 5


def test_waits_are_bounded():
    assert lockout.PAIR.wait_ms(4) == 0
    assert lockout.PAIR.wait_ms(5) == 30_000
    assert lockout.PAIR.wait_ms(10_000) == 3600_000


async def test_old_failures_are_forgotten(hub):
    await hub.add_user("siti", "operator")
    async with hub.client() as client:
        for _ in range(4):
            await client.post("/api/login", json=WRONG)
        hub.clock.at_ms += 25 * 3600_000
        for _ in range(4):
            assert (await client.post("/api/login", json=WRONG)).status_code == 401
    async with hub.login("siti"):
        rows = await hub.read(lambda conn: conn.execute(select(login_failures.c.key)).scalars().all())
        assert all(key.startswith("address") for key in rows)


async def test_changing_the_password_ends_every_other_session(hub):
    new = "sandi baru yang panjang"
    async with hub.login("siti", "operator") as one, hub.login("siti") as other:
        answer = await one.post("/api/me/password", json={"old": PASSWORD, "new": new})
        assert answer.status_code == 200
        assert (await one.get("/api/me")).status_code == 200
        assert (await other.get("/api/me")).status_code == 401
        assert (
            await other.post("/api/login", json={"name": "siti", "password": PASSWORD})
        ).status_code == 401
        assert (await other.post("/api/login", json={"name": "siti", "password": new})).status_code == 200


@pytest.mark.parametrize(
    "body", [{"old": "keliru", "new": "sandi baru panjang"}, {"old": PASSWORD, "new": "pendek"}]
)
async def test_a_password_is_not_changed_without_the_old_one_or_to_a_bad_one(hub, body):
    async with hub.login("siti", "operator") as person:
        assert (await person.post("/api/me/password", json=body)).status_code in (401, 422)
        assert (await person.get("/api/me")).status_code == 200
    async with hub.login("siti"):
        pass


@pytest.mark.parametrize("bad", ["", "pendek", "x" * 129, "aaaaaaaaaaaaaaaa", "nama siti di dalam"])
def test_bad_passwords(bad):
    with pytest.raises(PasswordError):
        check_new(bad, name="siti")


def test_good_passwords():
    check_new(PASSWORD, name="siti")


async def test_passwords_are_argon2id_and_each_hash_is_its_own():
    passwords = Passwords(memory_kib=64, passes=1)
    one, two = passwords.hash(PASSWORD), passwords.hash(PASSWORD)
    assert one.startswith("$argon2id$")
    assert one != two
    assert await passwords.fits(PASSWORD, one)
    assert not await passwords.fits(PASSWORD + "x", one)
    assert not await passwords.fits("nobody's password", None)
    assert not await passwords.fits(PASSWORD, "no hash at all")


def test_production_takes_64_mib_and_three_passes():
    assert "$m=65536,t=3," in Passwords().hash("x")


# The first administrator

FIRST = {"name": "kepala", "password": PASSWORD}


async def test_there_is_no_default_user(hub):
    assert await hub.read(users.count) == 0
    async with hub.client() as client:
        for name in ("admin", "root", "siaga"):
            for password in ("admin", "siaga", "", "password"):
                answer = await client.post("/api/login", json={"name": name, "password": password})
                assert answer.status_code in (401, 422)
                hub.clock.at_ms += 3600_000


async def test_the_first_administrator_is_made_by_the_code_once(hub):
    code = await hub.write(lambda conn: setup.new_code(conn, now_ms=hub.clock.at_ms))
    async with hub.client() as client:
        assert (await client.post("/api/setup", json={**FIRST, "code": code})).status_code == 200
        again = await client.post("/api/setup", json={**FIRST, "name": "lain", "code": code})
        assert again.json()["error"]["code"] == "setup"
    async with hub.login("kepala") as admin:
        assert (await admin.get("/api/users")).json()["users"][0]["roles"] == ["admin"]
    assert await hub.write(lambda conn: setup.new_code(conn, now_ms=hub.clock.at_ms)) is None


async def test_a_hundred_at_once_make_one_administrator(hub):
    code = await hub.write(lambda conn: setup.new_code(conn, now_ms=hub.clock.at_ms))
    async with hub.client() as client:
        answers = await asyncio.gather(
            *(
                client.post("/api/setup", json={**FIRST, "name": f"kepala{n}", "code": code})
                for n in range(30)
            )
        )
    assert sorted(answer.status_code for answer in answers) == [200] + [403] * 29
    assert await hub.read(users.count) == 1


@pytest.mark.parametrize("spoil", ["wrong", "late", "replaced", "empty"])
async def test_no_other_code_makes_one(hub, spoil):
    code = await hub.write(lambda conn: setup.new_code(conn, now_ms=hub.clock.at_ms))
    if spoil == "wrong":
        code = "0" * 40
    if spoil == "empty":
        code = ""
    if spoil == "late":
        hub.clock.at_ms += setup.VALID_MS
    if spoil == "replaced":
        await hub.write(lambda conn: setup.new_code(conn, now_ms=hub.clock.at_ms))
    async with hub.client() as client:
        assert (await client.post("/api/setup", json={**FIRST, "code": code})).status_code in (403, 422)
    assert await hub.read(users.count) == 0


async def test_a_bad_name_does_not_use_the_code_up(hub):
    code = await hub.write(lambda conn: setup.new_code(conn, now_ms=hub.clock.at_ms))
    async with hub.client() as client:
        bad = await client.post("/api/setup", json={**FIRST, "name": "no spaces", "code": code})
        assert bad.status_code == 422
        assert (await client.post("/api/setup", json={**FIRST, "code": code})).status_code == 200


# Users by administrators


async def test_an_administrator_makes_and_changes_users(hub):
    async with hub.login("root", "admin") as admin:
        body = {"name": "Budi", "roles": ["operator"], "password": PASSWORD, "full_name": "Budi S."}
        made = await admin.post("/api/users", json=body)
        assert made.json()["name"] == "budi"
        assert (await admin.post("/api/users", json=body)).status_code == 422
        assert "password" not in (await admin.get("/api/users")).text
    async with hub.login("budi") as budi:
        assert (await budi.get("/api/incidents")).status_code == 200
        assert (await budi.get("/api/users")).status_code == 403


@pytest.mark.parametrize(
    "change",
    [
        {"name": "a b"},
        {"name": "../x"},
        {"roles": []},
        {"roles": ["king"]},
        {"password": "short"},
        {"agency": "?"},
    ],
)
async def test_what_a_user_cannot_be(hub, change):
    body = {"name": "budi", "roles": ["operator"], "password": PASSWORD}
    async with hub.login("root", "admin") as admin:
        assert (await admin.post("/api/users", json={**body, **change})).status_code == 422
    assert await hub.read(users.count) == 1


@pytest.mark.parametrize("change", [{"active": False}, {"roles": ["viewer"]}])
async def test_the_last_administrator_stays_one(hub, change):
    async with hub.login("root", "admin") as admin:
        assert (await admin.post("/api/users/root", json=change)).status_code == 422
        await hub.add_user("second", "admin")
        assert (await admin.post("/api/users/root", json=change)).status_code == 200


async def test_no_password_is_in_the_audit_trail_or_in_an_error(hub):
    async with hub.login("root", "admin") as admin:
        body = {"name": "budi", "roles": ["operator"], "password": PASSWORD}
        await admin.post("/api/users", json=body)
        await admin.post("/api/users/budi", json={"password": "sandi lain yang panjang"})
        bad = await admin.post("/api/users", json={**body, "password": ["rahasia besar"], "name": "x" * 99})
    assert "rahasia besar" not in bad.text
    rows = str(await hub.read(audit.listed))
    assert PASSWORD not in rows
    assert "sandi lain" not in rows
    stored = await hub.read(lambda conn: conn.execute(select(user_rows.c.password)).scalars().all())
    assert all(one.startswith("$argon2id$") for one in stored)


async def test_a_login_must_be_json(hub):
    """A form of a foreign page cannot send it."""
    await hub.add_user("siti", "operator")
    async with hub.client() as client:
        for kind in ("application/x-www-form-urlencoded", "text/plain"):
            body = httpx.Request("POST", "https://x/", json={"name": "siti", "password": PASSWORD}).content
            answer = await client.post("/api/login", content=body, headers={"Content-Type": kind})
            assert answer.status_code == 422
