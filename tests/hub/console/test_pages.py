"""What all pages have in common: who may see them, their policy, both languages, faults, assets, login and logout."""

import re

import pytest

from hub.api.auth import setup
from hub.api.auth.roles import Role
from hub.api.errors import CODES
from hub.console.asset_files import FROM_PACKAGES, Assets
from hub.console.page import pages_of
from hub.console.routes.table import ROUTES
from hub.errors import StoreUnavailableError
from tests.hub.api.conftest import PASSWORD
from tests.hub.city import NOW
from tests.hub.console.reading import first

NO_PAGES = ("/live", "/pulse", "/login/oidc", "/login/oidc/done")
"""What the script asks, and the way to another's login and back."""

PAGES = sorted(
    route.path
    for route in ROUTES
    if route.method == "GET" and "{" not in route.path and route.path not in NO_PAGES
)


def nonce(answer):
    return first(r"script-src 'nonce-([\w-]+)'", answer.headers["content-security-policy"])


def english(client):
    client.cookies.set("siaga-lang", "en")


# Policy


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_runs_no_script_but_those_with_its_own_nonce(hub, path):
    async with hub.login("siti", *Role) as siti:
        first, second = [await siti.get(path, follow_redirects=True) for _ in range(2)]
    assert first.status_code == 200
    assert nonce(first) != nonce(second)
    policy = first.headers["content-security-policy"]
    for part in ("default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"):
        assert part in policy
    assert "unsafe" not in policy
    for script in re.findall(r"<script[^>]*>", first.text):
        assert f'nonce="{nonce(first)}"' in script
    assert not re.search(r"<[a-z][^>]*\son[a-z]+\s*=|<style|\sstyle=|javascript:", first.text)


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_is_whole_and_says_its_language(hub, path):
    async with hub.login("siti", *Role) as siti:
        indonesian = (await siti.get(path, follow_redirects=True)).text
        english(siti)
        other = (await siti.get(path, follow_redirects=True)).text
    assert '<html lang="id">' in indonesian
    assert "Keluar" in indonesian
    assert "Log out" not in indonesian
    assert '<html lang="en">' in other
    assert "Log out" in other
    assert "Keluar" not in other


async def test_a_page_shows_only_the_places_that_one_may_open(hub):
    async with hub.login("siti", "viewer") as siti, hub.login("tono", "technician") as tono:
        assert 'href="/events"' not in (await siti.get("/")).text
        assert 'href="/events"' in (await tono.get("/")).text


# Language


async def test_the_language_is_chosen_and_kept_by_a_cookie(hub):
    await hub.add_user("siti", "viewer")
    async with hub.client() as stranger:
        assert "Kata sandi" in (await stranger.get("/login")).text
        answer = await stranger.post("/language", data={"to": "en", "back": "/login"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/login")
        assert "Secure" in answer.headers["set-cookie"]
        assert "Password" in (await stranger.get("/login")).text
        assert (await stranger.post("/language", data={"to": "fr"})).status_code == 422


@pytest.mark.parametrize("value", ["fr", "", "id; x", "<b>"])
async def test_a_language_that_there_is_not_is_indonesian(hub, value):
    async with hub.client() as stranger:
        answer = await stranger.get("/setup", headers={"Cookie": f"siaga-lang={value}"})
        assert '<html lang="id">' in answer.text


FOREIGN = [
    "https://jahat.example",
    "//jahat.example",
    "/\\jahat.example",
    "\\jahat",
    "javascript:alert(1)",
    "/\n/x",
    "",
]


@pytest.mark.parametrize("back", FOREIGN)
async def test_nobody_is_sent_to_another_site(hub, back):
    async with hub.login("siti", "viewer") as siti:
        assert (await siti.post("/language", data={"to": "en", "back": back})).headers["location"] == "/"
        assert (await siti.get("/login", params={"next": back})).headers["location"] == "/"


# Login


async def form(client, next_page="/"):
    page = await client.get("/login", params={"next": next_page})
    return dict(re.findall(r'<input type="hidden" name="(token|next)" value="([^"]*)"', page.text))


async def test_a_login_by_the_form_leads_to_where_one_wanted(hub):
    await hub.add_user("siti", "viewer")
    async with hub.client() as client:
        asked = await client.get("/incidents?which=closed")
        assert (asked.status_code, asked.headers["location"]) == (
            303,
            "/login?next=%2Fincidents%3Fwhich%3Dclosed",
        )
        sent = await form(client, "/incidents?which=closed")
        answer = await client.post("/login", data=sent | {"name": "Siti", "password": PASSWORD})
        assert (answer.status_code, answer.headers["location"]) == (303, "/incidents?which=closed")
        assert (await client.get("/incidents")).status_code == 200
        # Who is logged in already is not asked again.
        assert (await client.get("/login")).status_code == 303


async def test_a_wrong_password_is_said_in_words_and_keeps_the_name(hub):
    await hub.add_user("siti", "viewer")
    async with hub.client() as client:
        sent = await form(client)
        answer = await client.post("/login", data=sent | {"name": "siti", "password": "salah"})
        assert answer.status_code == 401
        assert CODES["wrong_login"][1] in answer.text
        assert 'value="siti"' in answer.text
        assert "salah" not in answer.text.replace(CODES["wrong_login"][1], "")
        assert (await client.get("/incidents")).status_code == 303


async def test_too_many_tries_have_to_wait(hub):
    await hub.add_user("siti", "viewer")
    async with hub.client() as client:
        sent = await form(client)
        for _ in range(6):
            answer = await client.post("/login", data=sent | {"name": "siti", "password": "salah"})
        assert answer.status_code == 429
        assert int(answer.headers["retry-after"]) > 0


@pytest.mark.parametrize("token", ["", "0" * 64, "mine", "é"])
async def test_no_login_without_the_form_s_own_token(hub, token):
    """A page of a stranger cannot log a person in as somebody whose password the stranger knows."""
    await hub.add_user("siti", "viewer")
    async with hub.client() as client, hub.client() as other:
        sent = await form(client)
        if token == "mine":
            token = (await form(other))["token"]
        answer = await client.post(
            "/login", data=sent | {"token": token, "name": "siti", "password": PASSWORD}
        )
        assert answer.status_code == 403
        assert (await client.get("/incidents")).status_code == 303


async def test_the_first_administrator_is_made_by_the_page_and_only_once(hub):
    code = await hub.write(lambda conn: setup.new_code(conn, now_ms=NOW))
    async with hub.client() as client:
        assert (await client.get("/login")).headers["location"] == "/setup"
        page = await client.get("/setup")
        token = first(r'name="token" value="(\w+)"', page.text)
        sent = {"code": code, "name": "sari", "password": PASSWORD, "again": PASSWORD, "token": token}
        for changes, words in (
            ({"token": "0" * 64}, CODES["csrf"][1]),
            ({"code": "0" * 40}, CODES["setup"][1]),
            ({"again": PASSWORD + "x"}, "Kedua kata sandi berbeda."),
            ({"password": "pendek", "again": "pendek"}, "paling sedikit 12 karakter"),
            ({"name": "Sari Dewi"}, "huruf kecil"),
            ({"name": ""}, "harus diisi"),
        ):
            answer = await client.post("/setup", data=sent | changes)
            assert answer.status_code >= 400
            assert words in answer.text
            assert PASSWORD not in answer.text
        assert (await client.post("/setup", data=sent)).headers["location"] == "/login"
        assert (await client.get("/setup")).headers["location"] == "/login"
        assert (await client.post("/setup", data=sent)).status_code == 403
        entered = await client.post(
            "/login", data=await form(client) | {"name": "sari", "password": PASSWORD}
        )
        assert entered.status_code == 303


async def test_the_form_s_token_alone_is_not_enough(hub):
    await hub.add_user("siti", "viewer")
    async with hub.client() as client, hub.client() as bare:
        sent = await form(client)
        answer = await bare.post("/login", data=sent | {"name": "siti", "password": PASSWORD})
        assert answer.status_code == 403


async def test_the_cookies_of_the_login_page_are_bound_to_this_host(hub):
    async with hub.client() as client:
        cookie = (await client.get("/setup")).headers["set-cookie"]
    assert cookie.startswith("__Host-")
    for word in ("HttpOnly", "Secure", "SameSite=strict", "Path=/"):
        assert word in cookie


async def test_logging_out_ends_the_session_and_leads_to_the_login(hub):
    async with hub.login("siti", "viewer") as siti:
        page = (await siti.get("/")).text
        token = first(r'"X-CSRF-Token":"(\w+)"', page)
        siti.headers.pop("X-CSRF-Token")
        assert (await siti.post("/logout")).status_code == 403
        answer = await siti.post("/logout", headers={"X-CSRF-Token": token})
        assert answer.headers["hx-redirect"] == "/login"
        assert (await siti.get("/")).status_code == 303


async def test_a_session_that_ended_is_told_to_the_open_page_and_not_with_another_page(hub):
    async with hub.login("siti", "viewer") as siti:
        hub.clock.at_ms += 13 * 3600 * 1000
        for path in ("/incidents?part=list", "/pulse", "/?part=now"):
            answer = await siti.get(path, headers={"HX-Request": "true"})
            assert answer.status_code == 401, path
            assert "<html" not in answer.text


@pytest.mark.parametrize(
    ("path", "accept"), [("/pulse", "*/*"), ("/live", "text/event-stream"), ("/", "*/*")]
)
async def test_a_script_of_a_page_learns_that_the_session_ended_and_is_not_sent_to_the_login(
    hub, path, accept
):
    async with hub.login("siti", "viewer") as siti:
        hub.clock.at_ms += 13 * 3600 * 1000
        answer = await siti.get(path, headers={"Accept": accept})
        assert answer.status_code == 401
        assert (await siti.get("/")).status_code == 303


# Faults


FAULTS = [
    ("/tidak-ada", 404, "not_found"),
    ("/incidents/tidak-ada", 404, "not_found"),
    ("/events", 403, "forbidden"),
]
WAY_ON = {
    "not_found": ("salah ketik", "mistyped"),
    "forbidden": ("Administrator dapat memberi", "An administrator can give"),
}
"""What each says beside what happened."""


@pytest.mark.parametrize("language", ["id", "en"])
@pytest.mark.parametrize(("path", "status", "code"), FAULTS)
async def test_a_fault_is_a_page_in_the_language(hub, path, status, code, language):
    async with hub.login("siti", "viewer") as siti:
        siti.cookies.set("siaga-lang", language)
        answer = await siti.get(path)
    assert answer.status_code == status
    assert CODES[code][1 if language == "id" else 2] in answer.text
    assert f'<html lang="{language}">' in answer.text
    assert f'data-code="{code}"' in answer.text
    assert WAY_ON[code][language == "en"] in answer.text
    assert f'href="{path}"' not in answer.text, "to try again helps nobody"
    assert nonce(answer)


@pytest.mark.parametrize("language", ["id", "en"])
async def test_a_store_that_is_away_is_a_page_too(hub, monkeypatch, language):
    async def gone(fn):
        raise StoreUnavailableError("disk full at /secret/path")

    async with hub.login("siti", "viewer") as siti:
        siti.cookies.set("siaga-lang", language)
        monkeypatch.setattr(hub.services.db, "read", gone)
        answer = await siti.get("/incidents")
        part = await siti.get("/incidents?part=list", headers={"HX-Request": "true"})
    assert (answer.status_code, part.status_code) == (503, 503)
    assert CODES["store"][1 if language == "id" else 2] in answer.text
    assert CODES["store"][1 if language == "id" else 2] in part.text
    assert "/secret" not in answer.text + part.text


@pytest.mark.parametrize("language", ["id", "en"])
async def test_a_mistake_of_ours_is_a_page_that_tells_nothing(hub, monkeypatch, language):
    def broken(conn, **_):
        raise RuntimeError("a secret inside")

    monkeypatch.setattr("hub.incidents.reads.listed", broken)
    async with hub.login("siti", "viewer") as siti:
        siti.cookies.set("siaga-lang", language)
        answer = await siti.get("/incidents")
    assert answer.status_code == 500
    assert CODES["internal"][1 if language == "id" else 2] in answer.text
    assert "secret" not in answer.text


async def test_an_address_is_shown_as_text(hub):
    async with hub.login("siti", "viewer") as siti:
        answer = await siti.get('/"><script>alert(1)</script>')
    assert answer.status_code == 404
    assert "<script>alert" not in answer.text


async def test_who_has_no_page_is_told_so_by_name_and_can_leave(hub):
    async with hub.login("dinas", "agency") as person:
        answer = await person.get("/")
    assert answer.status_code == 403
    assert "Dinas" in answer.text
    assert 'hx-post="/logout"' in answer.text
    assert "data-live" not in answer.text


async def test_faults_of_the_api_stay_json(hub):
    async with hub.login("siti", "viewer") as siti:
        for path in ("/api/nope", "/api/incidents/nope", "/api"):
            assert (await siti.get(path)).headers["content-type"] == "application/json"


# Assets


async def test_assets_are_kept_for_ever_and_are_what_they_say(hub):
    assets = pages_of_app(hub).assets
    async with hub.client() as stranger:
        for name, media in (
            ("siaga.css", "text/css"),
            ("live.js", "text/javascript"),
            ("siaga.svg", "image/svg+xml"),
        ):
            answer = await stranger.get(assets.address(name))
            assert answer.status_code == 200
            assert answer.headers["content-type"].startswith(media)
            assert "immutable" in answer.headers["cache-control"]
            assert answer.headers["x-content-type-options"] == "nosniff"
            plain = await stranger.get(assets.address(name), headers={"Accept-Encoding": "identity"})
            assert plain.content == answer.content
            assert "content-encoding" not in plain.headers


@pytest.mark.parametrize(
    "name", ["live.js", "package.json", "..%2Fpage.py", "%2e%2e%2fpage.py", "built", "stamp", "live.0.js"]
)
async def test_nothing_but_assets_under_their_present_names_is_served(hub, name):
    async with hub.client() as stranger:
        assert (await stranger.get(f"/assets/{name}")).status_code == 404


async def test_every_asset_that_a_page_names_is_there(hub):
    async with hub.login("siti", *Role) as siti:
        for path in PAGES:
            for address in set(
                re.findall(r'"(/assets/[^"]+)"', (await siti.get(path, follow_redirects=True)).text)
            ):
                name = address.removeprefix("/assets/")
                known = name in FROM_PACKAGES or (await siti.get(address)).status_code == 200
                assert known, address


def test_a_changed_asset_has_another_address(tmp_path):
    (tmp_path / "a.js").write_text("1")
    first = Assets(tmp_path).address("a.js")
    (tmp_path / "a.js").write_text("2")
    assert Assets(tmp_path).address("a.js") != first


async def test_without_the_built_assets_a_page_says_what_to_run(hub, tmp_path, monkeypatch):
    assert Assets(tmp_path).missing == FROM_PACKAGES
    async with hub.client() as stranger:
        for env in pages_of_app(hub)._environments.values():
            monkeypatch.setitem(env.globals, "assets_missing", FROM_PACKAGES)
        assert "setup/assets" in (await stranger.get("/setup")).text
        for env in pages_of_app(hub)._environments.values():
            monkeypatch.setitem(env.globals, "assets_missing", ())
        assert "setup/assets" not in (await stranger.get("/setup")).text


def pages_of_app(hub):
    class Request:
        app = hub.app

    return pages_of(Request)
