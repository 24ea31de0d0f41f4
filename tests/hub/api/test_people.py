"""Users by administrators: set-up codes, resets, sessions that are ended, and what nobody may do."""

import pytest
from sqlalchemy import select, update

from hub.api import audit
from hub.api.auth import invitations, second_factor, users
from hub.api.tables import invitations as invitation_rows
from hub.api.tables import second_factors
from hub.api.tables import users as user_rows
from tests.hub.api.conftest import PASSWORD

NEW = {"name": "budi", "full_name": "Budi S.", "roles": ["operator"]}


@pytest.fixture
async def root(hub):
    """An administrator."""
    async with hub.login("root", "admin") as client:
        yield client


async def made(root, **changes):
    """A new user without a password; their set-up code."""
    answer = await root.post("/api/users", json={**NEW, **changes})
    assert answer.status_code == 200, answer.text
    return answer.json()["setup_code"]


async def activate(hub, code, **changes):
    """Use a code; None where it worked, else the error's code."""
    async with hub.client() as client:
        body = {"name": "budi", "code": code, "password": PASSWORD, **changes}
        answer = await client.post("/api/activate", json=body)
        return None if answer.status_code == 200 else answer.json()["error"]["code"]


async def may_come_in(hub, password=PASSWORD):
    async with hub.client() as client:
        return (
            await client.post("/api/login", json={"name": "budi", "password": password})
        ).status_code == 200


async def test_a_new_user_comes_in_by_a_code_that_works_once(hub, root):
    code = await made(root)
    assert not await may_come_in(hub)
    assert await activate(hub, code) is None
    assert await may_come_in(hub)
    assert await activate(hub, code, password="sandi lain yang panjang") == "setup"
    assert await may_come_in(hub)


@pytest.mark.parametrize("password", ["!", "", "nobody's password", "$argon2id$"])
async def test_who_has_no_password_yet_comes_in_by_none(hub, root, password):
    await made(root)
    assert not await may_come_in(hub, password or " ")


@pytest.mark.parametrize("spoil", ["wrong", "late", "replaced", "another's", "short"])
async def test_no_other_code_works(hub, root, spoil):
    code, given = await made(root), {}
    if spoil == "wrong":
        code = code[:-1] + ("a" if code[-1] != "a" else "b")
    if spoil == "late":
        hub.clock.at_ms += invitations.VALID_MS
        await hub.login("root").__aenter__()
    if spoil == "replaced":
        await root.post("/api/users/budi/reset", json={})
    if spoil == "another's":
        code = await made(root, name="wati")
    if spoil == "short":
        given = {"password": "pendek"}
    assert await activate(hub, code, **given) in ("setup", "invalid")
    assert not await may_come_in(hub)
    if spoil == "short":
        assert await activate(hub, code) is None, "a bad password does not use the code up"


async def test_guessing_a_code_costs_time(hub, root):
    await made(root)
    said = [await activate(hub, f"guess-{n}") for n in range(6)]
    assert said == ["setup"] * 5 + ["too_many_tries"]


async def test_the_code_is_stored_as_a_hash_and_is_in_no_trail(hub, root):
    code = await made(root)
    await activate(hub, code)
    await root.post("/api/users/budi/reset", json={"factor": True})
    trail = str(await hub.read(audit.listed))
    stored = str(await hub.read(lambda conn: conn.execute(select(invitation_rows)).all()))
    for text in (code, code.replace("-", "")):
        assert text not in trail + stored
    actions = [row["action"] for row in reversed(await hub.read(audit.listed))]
    assert actions[-4:] == ["user.change", "user.activate", "user.change", "user.reset"]


async def test_a_reset_ends_password_sessions_and_where_asked_the_second_factor(hub, root):
    async with hub.login("budi", "dispatcher") as budi:
        await hub.write(lambda conn: second_factor.begin(conn, "budi", now_ms=hub.clock.at_ms))
        await hub.write(lambda conn: conn.execute(update(second_factors).values(secret="A" * 32)))
        kept = await root.post("/api/users/budi/reset", json={})
        assert (await budi.get("/api/me")).status_code == 401
    assert not await may_come_in(hub)
    assert await hub.read(lambda conn: second_factor.find(conn, "budi")) is not None
    assert await activate(hub, kept.json()["setup_code"]) is None
    await root.post("/api/users/budi/reset", json={"factor": True})
    assert await hub.read(lambda conn: second_factor.find(conn, "budi")) is None


async def test_nobody_resets_their_own_login(hub, root):
    answer = await root.post("/api/users/root/reset", json={"factor": True})
    assert answer.json()["error"]["code"] == "not_possible"
    assert (await root.get("/api/me")).status_code == 200


async def test_sessions_are_listed_without_tokens_and_ended(hub, root):
    async with hub.login("budi", "operator", address="10.0.0.7") as one, hub.login("budi") as two:
        listed = (await root.get("/api/users/budi/sessions")).json()
        assert {row["address"] for row in listed["sessions"]} == {"10.0.0.7", "10.0.0.1"}
        assert one.cookies["__Host-siaga"] not in str(listed)
        standing = {row["name"]: row for row in (await root.get("/api/users")).json()["users"]}
        assert standing["budi"]["sessions"] == 2
        assert (await root.post("/api/users/budi/sessions/end", json={})).json() == {"ended": 2}
        assert [(await client.get("/api/me")).status_code for client in (one, two)] == [401, 401]
        assert (await root.get("/api/me")).status_code == 200


@pytest.mark.parametrize("path", ["reset", "sessions/end"])
async def test_of_nobody_nothing_is_changed(hub, root, path):
    before = len(await hub.read(audit.listed))
    assert (await root.post(f"/api/users/hantu/{path}", json={})).status_code == 404
    assert len(await hub.read(audit.listed)) == before


# By pages


async def test_an_administrator_makes_a_user_by_the_page_and_the_code_is_shown_once(hub, root):
    csrf = root.headers.pop("X-CSRF-Token")
    sent = {"csrf": csrf, "name": "budi", "full_name": "<b>Budi</b>", "roles": ["operator", "technician"]}
    shown = await root.post("/people", data=sent)
    code = shown.text.split('<code class="secret">')[1].split("<")[0]
    assert shown.status_code == 200
    listed = (await root.get("/people")).text
    assert "&lt;b&gt;Budi" in listed
    assert "<b>Budi" not in listed
    assert code not in listed
    assert code not in (await root.get("/people/budi")).text
    assert await activate(hub, code) is None
    assert (await hub.read(lambda conn: users.get(conn, "budi"))).roles == {"operator", "technician"}


@pytest.mark.parametrize("change", [{"roles": []}, {"name": "no spaces"}, {"name": "root"}])
async def test_a_page_says_what_is_wrong_and_keeps_what_was_typed(hub, root, change):
    answer = await root.post(
        "/people", data={"name": "budi", "full_name": "Budi S.", "roles": ["operator"], **change}
    )
    assert answer.status_code == 422
    assert 'value="Budi S."' in answer.text
    assert await hub.read(users.count) == 1


async def test_roles_are_changed_by_the_page_and_the_last_administrator_stays(hub, root):
    async with hub.login("budi", "operator") as budi:
        changed = await root.post("/people/budi", data={"roles": ["viewer"], "active": "true"})
        assert (changed.status_code, changed.headers["location"]) == (303, "/people/budi")
        assert (await budi.get("/api/me")).status_code == 401
    assert (await hub.read(lambda conn: users.get(conn, "budi"))).roles == {"viewer"}
    for form in ({"roles": ["viewer"], "active": "true"}, {"roles": ["admin"]}):
        assert (await root.post("/people/root", data=form)).status_code == 422
    assert (await root.post("/people/budi", data={"roles": ["viewer"]})).status_code == 303
    assert not (await hub.read(lambda conn: users.get(conn, "budi"))).active


async def test_a_form_without_the_page_s_token_does_nothing(hub, root):
    token = root.headers.pop("X-CSRF-Token")
    for data in ({}, {"csrf": ""}, {"csrf": token[:-1]}, {"csrf": [token, "x"][1]}):
        answer = await root.post("/people", data={"name": "budi", "roles": "operator", **data})
        assert answer.status_code == 403
    assert await hub.read(users.count) == 1
    assert (
        await root.post("/people", data={"name": "budi", "roles": "operator", "csrf": token})
    ).status_code == 200


async def test_a_login_that_was_reset_is_activated_by_its_page(hub, root):
    code = await made(root)
    async with hub.client() as budi:
        page = await budi.get("/activate")
        token = page.text.split('name="token" value="')[1].split('"')[0]
        form = {"token": token, "name": "budi", "code": code, "password": PASSWORD, "again": PASSWORD}
        for bad in (
            {"token": ""},
            {"again": "lain"},
            {"code": "x"},
            {"name": ""},
            {"password": "a", "again": "a"},
        ):
            answer = await budi.post("/activate", data={**form, **bad})
            assert answer.status_code in (403, 422)
            assert PASSWORD not in answer.text
        assert (await budi.post("/activate", data=form)).headers["location"] == "/login"
    assert await may_come_in(hub)
    assert (await hub.read(lambda conn: conn.execute(select(user_rows.c.password)).scalars().all())) != ["!"]
