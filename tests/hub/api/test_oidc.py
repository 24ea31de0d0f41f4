"""Coming in by an issuer of logins: a real small one on a socket, and every answer of it that must let nobody in."""

from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from joserfc.jwk import ECKey

from hub.api import audit
from hub.api.auth import second_factor, users
from hub.api.auth.oidc import Issuer, Oidc
from hub.api.auth.roles import Role
from hub.outbound import Outbound
from tests.hub.api.conftest import HOST, PASSWORD
from tests.hub.api.issuer import CLIENT, SECRET, SmallIssuer

pytestmark = pytest.mark.real

BACK = f"https://{HOST}/login/oidc/done"
ROLES = {"petugas": [Role.OPERATOR], "teknik": [Role.TECHNICIAN], "kendali": [Role.DISPATCHER]}


@pytest.fixture(scope="module")
def small():
    """The issuer's server; its clock is that of the hub in hand."""
    one = SmallIssuer(lambda: 0)
    one.start()
    yield one
    one.stop()


@pytest.fixture
async def issuer(hub, small):
    """The issuer as new, and the hub that trusts it."""
    fresh = SmallIssuer(lambda: hub.clock.at_ms // 1000)
    for name in ("now_s", "key", "published", "person", "spoil", "sign_with", "says_it_is", "codes", "asked"):
        setattr(small, name, getattr(fresh, name))
    outbound = Outbound([], allow_private=[f"127.0.0.1:{small.port}"])
    trusted = Issuer(
        url=small.url,
        client_id=CLIENT,
        client_secret=SECRET,
        redirect=BACK,
        name="SSO Kota",
        roles=ROLES,
        second_factor=("otp",),
    )
    hub.services = hub.app.state.services = replace(hub.services, oidc=Oidc(trusted, outbound))
    yield small
    await outbound.aclose()


async def set_out(client, goes_to="/incidents"):
    """Where the hub sends a browser."""
    answer = await client.get("/login/oidc", params={"next": goes_to})
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


async def through_the_door(address):
    """What the issuer sends the browser back with."""
    async with httpx.AsyncClient() as browser:
        answer = await browser.get(address)
        parts = urlsplit(answer.headers["location"])
        assert f"{parts.scheme}://{parts.netloc}{parts.path}" == BACK
        return {name: values[0] for name, values in parse_qs(parts.query).items()}


async def come_in(client, goes_to="/incidents", **changes):
    """The whole way; the hub's last answer."""
    said = await through_the_door(await set_out(client, goes_to))
    return await client.get("/login/oidc/done", params={**said, **changes})


def said_no(answer, code="not_vouched"):
    statuses = {"not_vouched": 403, "issuer": 503}
    return answer.status_code == statuses[code] and "__Host-siaga=" not in answer.headers.get(
        "set-cookie", ""
    )


async def test_the_login_page_offers_it_only_where_there_is_one(hub, small):
    await hub.add_user("siti", "viewer")
    async with hub.client() as client:
        assert "/login/oidc" not in (await client.get("/login")).text
        for path in ("/login/oidc", "/login/oidc/done"):
            assert (await client.get(path)).status_code == 404


async def test_somebody_whom_the_issuer_vouches_for_comes_in_with_the_roles_of_their_groups(hub, issuer):
    issuer.person["groups"] = ["petugas", "teknik", "lain-lain"]
    await hub.add_user("siti", "viewer")
    async with hub.client() as client:
        assert "Masuk dengan SSO Kota" in (await client.get("/login")).text
        answer = await come_in(client)
        assert (answer.status_code, answer.headers["location"]) == (303, "/incidents")
        me = (await client.get("/api/me")).json()
        assert (me["name"], me["full_name"]) == ("sari", "Sari Wulan")
        assert {row["role"] for row in me["roles"]} == {"operator", "technician"}
        assert "__Host-siaga-oidc" not in client.cookies
    async with hub.client() as client:
        await come_in(client)
    assert await hub.read(users.count) == 2
    actions = [row["action"] for row in await hub.read(audit.listed)]
    assert actions == ["login", "login", "user.add", "user.add"]


async def test_what_goes_out_tells_nobody_the_browser_s_secret(hub, issuer):
    async with hub.client() as client:
        address = await set_out(client)
        secret = client.cookies["__Host-siaga-oidc"].partition(".")[0]
        said = parse_qs(urlsplit(address).query)
        assert secret not in address
        assert said["code_challenge_method"] == ["S256"]
        assert len({*said["state"], *said["nonce"], *said["code_challenge"]}) == 3
        assert SECRET not in address
        again = parse_qs(urlsplit(await set_out(client)).query)
        assert again["state"] != said["state"]


@pytest.mark.parametrize(
    "groups",
    [[], ["lain-lain"], None, "lain", ["PETUGAS"], ["petugas "], {"petugas": 1}, [["petugas"]], 7, ["admin"]],
)
async def test_whose_groups_give_no_role_does_not_come_in(hub, issuer, groups):
    issuer.person["groups"] = groups
    async with hub.client() as client:
        assert said_no(await come_in(client))
    assert await hub.read(users.count) == 0
    (row,) = await hub.read(audit.listed)
    assert (row["action"], row["detail"]["subject"]) == ("login.refused", "u-1")


@pytest.mark.parametrize(
    "spoil",
    [
        {"iss": "http://127.0.0.1:1"},
        {"iss": None},
        {"aud": "lain"},
        {"aud": ["lain"]},
        {"aud": [CLIENT, "lain"]},
        {"aud": [CLIENT, "lain"], "azp": CLIENT},
        {"aud": None},
        {"azp": "lain"},
        {"nonce": "lain"},
        {"nonce": None},
        {"exp": 1},
        {"exp": None},
        {"exp": "kelak"},
        {"iat": None},
        {"iat": 99_999_999_999},
        {"sub": None},
    ],
    ids=str,
)
async def test_a_token_that_is_not_quite_right_lets_nobody_in(hub, issuer, spoil):
    issuer.spoil = spoil
    async with hub.client() as client:
        assert said_no(await come_in(client))
        assert (await client.get("/api/me")).status_code == 401
        issuer.spoil = {}
        assert (await come_in(client)).status_code == 303, "and the same without the fault does"


async def test_a_token_ends_by_the_hub_s_clock(hub, issuer):
    issuer.spoil = {"exp": hub.clock.at_ms // 1000 - 30}
    async with hub.client() as client:
        assert (await come_in(client)).status_code == 303, "clocks may be a minute apart"
        issuer.spoil = {"exp": hub.clock.at_ms // 1000 - 61}
        assert said_no(await come_in(client))


@pytest.mark.parametrize("how", ["none", "secret", "stranger", "same id"])
async def test_a_token_that_the_issuer_s_key_has_not_signed_lets_nobody_in(hub, issuer, how):
    kid = {"stranger": "two", "same id": "one"}
    issuer.sign_with = ECKey.generate_key("P-256", {"kid": kid[how]}) if how in kid else how
    async with hub.client() as client:
        assert said_no(await come_in(client))


async def test_a_new_key_of_the_issuer_is_asked_for_once(hub, issuer):
    async with hub.client() as client:
        await come_in(client)
        before = issuer.asked.count("keys")
        issuer.key = ECKey.generate_key("P-256", {"kid": "two", "use": "sig"})
        issuer.published = [issuer.key]
        assert (await come_in(client)).status_code == 303
        assert (await come_in(client)).status_code == 303
        assert issuer.asked.count("keys") == before + 1


async def test_the_answer_must_be_to_this_browser_and_works_once(hub, issuer):
    async with hub.client() as victim, hub.client() as thief:
        said = await through_the_door(await set_out(victim))
        assert said_no(await thief.get("/login/oidc/done", params=said)), "no cookie"
        await set_out(thief)
        assert said_no(await thief.get("/login/oidc/done", params=said)), "another secret"
        assert (await victim.get("/login/oidc/done", params=said)).status_code == 303
        assert said_no(await victim.get("/login/oidc/done", params=said))


@pytest.mark.parametrize(
    "change", [{"state": "x"}, {"state": ""}, {"code": "x"}, {"code": ""}, {"iss": "https://lain"}]
)
async def test_an_answer_that_was_changed_lets_nobody_in(hub, issuer, change):
    async with hub.client() as client:
        assert said_no(await come_in(client, **change))


async def test_a_code_of_another_login_does_not_fit_because_of_its_challenge(hub, issuer):
    async with hub.client() as one, hub.client() as two:
        stolen = await through_the_door(await set_out(one))
        own = await through_the_door(await set_out(two))
        assert said_no(await two.get("/login/oidc/done", params={**own, "code": stolen["code"]}))


@pytest.mark.parametrize("goes_to", ["//jahat.example", "https://jahat.example", "/\\jahat"])
async def test_the_way_back_leads_to_no_other_site(hub, issuer, goes_to):
    async with hub.client() as client:
        assert (await come_in(client, goes_to)).headers["location"] == "/"


async def test_the_issuer_takes_nobody_s_login_over(hub, issuer):
    await hub.add_user("sari", "admin")
    async with hub.client() as client:
        assert said_no(await come_in(client))
    assert (await hub.read(lambda conn: users.get(conn, "sari"))).roles == {"admin"}


async def test_another_subject_of_the_same_name_is_somebody_else(hub, issuer):
    async with hub.client() as client:
        await come_in(client)
        issuer.person["sub"] = "u-2"
        assert said_no(await come_in(client))


@pytest.mark.parametrize("name", [None, "", "../x", "dua kata", "<b>", "x" * 100])
async def test_a_name_that_no_user_can_have(hub, issuer, name):
    issuer.person["preferred_username"] = name
    async with hub.client() as client:
        assert said_no(await come_in(client))
    assert await hub.read(users.count) == 0


async def test_roles_follow_the_groups_at_each_login_and_go_with_them(hub, issuer):
    async with hub.client() as one, hub.client() as two:
        await come_in(one)
        issuer.person["groups"] = ["teknik"]
        await come_in(two)
        assert (await one.get("/api/me")).status_code == 401, "what was open with the old roles has ended"
        assert (await hub.read(lambda conn: users.get(conn, "sari"))).roles == {"technician"}
        issuer.person["groups"] = []
        assert said_no(await come_in(one))
        assert (await two.get("/api/me")).status_code == 401


async def test_whom_an_administrator_has_put_out_stays_out(hub, issuer):
    async with hub.client() as client, hub.login("root", "admin") as root:
        await come_in(client)
        await root.post("/api/users/sari", json={"active": False})
        assert said_no(await come_in(client))


async def test_they_have_no_password_and_get_no_set_up_code(hub, issuer):
    async with hub.client() as client, hub.login("root", "admin") as root:
        await come_in(client)
        for password in ("!", PASSWORD):
            body = {"name": "sari", "password": password}
            assert (await client.post("/api/login", json=body)).status_code == 401
        assert (await root.post("/api/users/sari/reset", json={})).json()["error"]["code"] == "not_possible"
        assert (await root.get("/api/users")).json()["users"][1]["issuer"] == issuer.url
        page = (await root.get("/people/sari")).text
        assert issuer.url in page
        assert "/people/sari/reset" not in page


@pytest.mark.parametrize(
    ("amr", "needs"), [(None, "enrolment"), (["pwd"], "enrolment"), (["pwd", "otp"], None)]
)
async def test_a_dispatcher_needs_the_hub_s_second_factor_unless_the_issuer_has_seen_one(
    hub, issuer, amr, needs
):
    issuer.person |= {"groups": ["kendali"], "amr": amr}
    async with hub.client() as client:
        answer = await come_in(client)
        assert answer.headers["location"] == ("/factor?next=%2Fincidents" if needs else "/incidents")
        assert (await client.get("/api/me")).json()["needs"] == needs
    assert await hub.read(lambda conn: second_factor.find(conn, "sari")) is None


@pytest.mark.parametrize("what", ["another name", "gone"])
async def test_an_issuer_that_does_not_answer_or_is_another_is_said_so(hub, issuer, what):
    await hub.add_user("siti", "viewer")
    if what == "another name":
        issuer.says_it_is = "https://lain.example"
    else:
        trusted = replace(hub.services.oidc._issuer, url="http://127.0.0.1:1")
        calls = Outbound([], allow_private=["127.0.0.1:1"])
        hub.app.state.services = replace(hub.services, oidc=Oidc(trusted, calls))
    async with hub.client() as client:
        assert said_no(await client.get("/login/oidc"), "issuer")
        login = {"name": "siti", "password": PASSWORD}
        assert (await client.post("/api/login", json=login)).status_code == 200, "passwords go on"


async def test_the_issuer_is_asked_only_where_the_hub_may_call(hub, issuer):
    trusted = hub.services.oidc._issuer
    calls = Outbound(["lain.example"])
    hub.app.state.services = replace(hub.services, oidc=Oidc(trusted, calls))
    async with hub.client() as client:
        assert said_no(await client.get("/login/oidc"), "issuer")
    assert issuer.asked == []
