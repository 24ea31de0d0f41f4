"""Who may use what: every route by every role, strangers, foreign pages, and routes that forgot to say."""

import re

import pytest
from fastapi.routing import APIRoute
from sqlalchemy import update
from starlette.routing import Route as PlainRoute

from hub.api.access import PUBLIC, SAFE_METHODS, RouteError, access_of, check_all, only
from hub.api.app import create_app
from hub.api.auth.roles import (
    ADMINISTERING,
    AUDITING,
    CALLING,
    COMMISSIONING,
    DISPATCHING,
    EVERYONE,
    KEEPING,
    PERSONS,
    PLANT,
    REPORTING,
    ROUTING,
    SERVICING,
    WATCHING,
    WORKING,
    Role,
)
from hub.api.routes.table import ROUTES
from hub.api.tables import sessions as session_rows
from hub.console.routes.table import ROUTES as PAGES
from hub.incidents.machine import ACTIONS
from tests.hub.api.conftest import PASSWORD
from tests.hub.console.reading import first

WORKING_STEPS = [a.replace("_", "-") for a in ACTIONS if a not in ("assign", "hand_over", "cancel")]
INCIDENT = "/api/incidents/{incident_id}"
PAGE = "/incidents/{incident_id}"

EXPECTED = {
    ("POST", "/api/login"): None,
    ("POST", "/api/setup"): None,
    ("GET", "/api/health"): None,
    # What is posted is believed by its signature alone: tests/hub/ingest/test_second_path.py.
    ("POST", "/api/second-path"): None,
    # As the second path: tests/hub/ingest/test_pictures.py.
    ("POST", "/api/pictures"): None,
    ("POST", "/api/incidents/{incident_id}/pictures"): WORKING,
    ("POST", "/api/gateways/{gateway}/commands"): COMMISSIONING,
    ("POST", "/api/logout"): EVERYONE,
    ("GET", "/api/me"): EVERYONE,
    ("POST", "/api/activate"): None,
    ("POST", "/api/hooks/{channel}"): None,
    ("POST", "/api/login/code"): EVERYONE,
    ("POST", "/api/me/password"): PERSONS,
    ("POST", "/api/me/factor"): PERSONS,
    ("POST", "/api/me/factor/confirm"): PERSONS,
    ("GET", "/api/openapi.json"): EVERYONE,
    ("GET", "/api/incidents"): WATCHING,
    ("GET", INCIDENT): WATCHING,
    ("GET", f"{INCIDENT}/nearest"): WATCHING,
    **{("POST", f"{INCIDENT}/{step}"): WORKING for step in ("acknowledge", "claim", "let-go", "notes")},
    **{("POST", f"{INCIDENT}/{step}"): WORKING for step in WORKING_STEPS},
    **{("POST", f"{INCIDENT}/{step}"): DISPATCHING for step in ("assign", "hand-over", "cancel")},
    ("GET", "/api/alarms"): WATCHING,
    ("GET", "/api/alarms/history"): WATCHING,
    ("GET", "/api/alarms/quality"): WATCHING,
    ("GET", "/api/alarms/{alarm_id}"): WATCHING,
    ("POST", "/api/alarms/acknowledge"): WORKING,
    ("POST", "/api/alarms/{alarm_id}/shelve"): WORKING,
    ("POST", "/api/alarms/{alarm_id}/take-out"): SERVICING,
    ("POST", "/api/alarms/{alarm_id}/put-back"): SERVICING,
    ("POST", "/api/alarms/{alarm_id}/acknowledge"): WORKING,
    ("POST", "/api/incidents"): WORKING,
    ("POST", "/api/v1/presses"): None,
    ("POST", "/api/v1/walls"): None,
    ("POST", "/api/incidents/{incident_id}/checklist/{item}"): WORKING,
    ("POST", "/api/incidents/{incident_id}/attachments"): WORKING,
    ("GET", "/api/incidents/{incident_id}/attachments/{attachment_id}"): WATCHING,
    ("GET", "/api/notices"): PLANT,
    **{("POST", f"/api/notices/{step}"): WORKING for step in ("release", "discard", "retry")},
    ("GET", "/api/region"): WATCHING,
    ("GET", "/api/advisories"): WATCHING,
    ("GET", "/api/drills"): WATCHING,
    ("POST", "/api/drills"): DISPATCHING,
    ("GET", "/api/drills/{drill}"): WATCHING,
    ("POST", "/api/drills/{drill}/end"): DISPATCHING,
    ("GET", "/cap/feed.atom"): None,
    ("GET", "/cap/{identifier}"): None,
    ("GET", "/api/cap/feed.atom"): EVERYONE,
    ("GET", "/api/cap/{identifier}"): EVERYONE,
    ("GET", "/api/stations"): WATCHING,
    ("GET", "/api/stations/{station_id}/series"): WATCHING,
    ("GET", "/api/beds"): WATCHING,
    ("GET", "/api/programmes"): WATCHING,
    ("POST", "/api/programmes/{programme_id}/values"): KEEPING,
    ("GET", "/api/gateways"): PLANT,
    ("GET", "/api/pipeline"): PLANT,
    ("GET", "/api/walls"): PLANT,
    ("GET", "/api/events"): PLANT,
    ("GET", "/api/dead-letters"): PLANT,
    ("GET", "/api/readiness"): PLANT,
    ("GET", "/api/stream"): WATCHING,
    ("GET", "/api/users"): ADMINISTERING,
    ("POST", "/api/users"): ADMINISTERING,
    ("POST", "/api/users/{name}"): ADMINISTERING,
    ("POST", "/api/users/{name}/reset"): ADMINISTERING,
    ("GET", "/api/users/{name}/sessions"): ADMINISTERING,
    ("POST", "/api/users/{name}/sessions/end"): ADMINISTERING,
    ("GET", "/api/audit"): AUDITING,
    ("GET", "/api/audit/check"): AUDITING,
    ("GET", "/assets/{name}"): None,
    ("GET", "/login"): None,
    ("POST", "/login"): None,
    ("GET", "/login/oidc"): None,
    ("GET", "/login/oidc/done"): None,
    ("GET", "/setup"): None,
    ("POST", "/setup"): None,
    ("GET", "/activate"): None,
    ("POST", "/activate"): None,
    ("POST", "/language"): None,
    ("GET", "/factor"): EVERYONE,
    ("POST", "/factor/code"): EVERYONE,
    ("POST", "/factor/begin"): PERSONS,
    ("POST", "/factor/confirm"): PERSONS,
    ("POST", "/logout"): EVERYONE,
    ("GET", "/pulse"): EVERYONE,
    ("GET", "/live"): WATCHING,
    ("GET", "/"): WATCHING,
    ("POST", "/alarms/{alarm_id}/acknowledge"): WORKING,
    ("GET", "/events"): PLANT,
    ("GET", "/incidents"): WATCHING,
    ("GET", "/alarms"): WATCHING,
    ("GET", "/alarms/quality"): WATCHING,
    ("GET", "/alarms/{alarm_id}"): WATCHING,
    ("GET", "/alarms/{alarm_id}/points"): WATCHING,
    ("POST", "/alarms/acknowledge"): WORKING,
    ("POST", "/alarms/shelve"): WORKING,
    ("POST", "/alarms/take-out"): SERVICING,
    ("POST", "/alarms/put-back"): SERVICING,
    ("GET", PAGE): WATCHING,
    ("GET", "/api/reports/incidents/{incident_id}"): REPORTING,
    ("GET", "/api/reports/months/{month}"): REPORTING,
    ("GET", "/api/reports/shifts/{number}"): REPORTING,
    ("GET", "/incidents/new"): WORKING,
    ("POST", "/incidents/new"): WORKING,
    ("POST", "/incidents/{incident_id}/tick"): WORKING,
    ("POST", "/incidents/{incident_id}/pictures"): WORKING,
    ("GET", "/drills"): WATCHING,
    ("POST", "/drills"): DISPATCHING,
    ("GET", "/drills/{drill_id}"): WATCHING,
    ("POST", "/drills/{drill_id}/end"): DISPATCHING,
    # Believed by the signature in the link alone: tests/hub/notify/test_answers.py.
    ("GET", "/j/{token}"): None,
    ("POST", "/j/{token}"): None,
    ("POST", "/j/{token}/seen"): None,
    ("GET", "/advisories"): WATCHING,
    ("GET", "/rules"): PLANT,
    ("POST", "/rules"): ADMINISTERING,
    ("GET", "/new-rule"): ADMINISTERING,
    ("GET", "/rule-versions/{n}"): PLANT,
    ("POST", "/rule-versions/{n}/restore"): ADMINISTERING,
    ("GET", "/rules/{rule_id}"): PLANT,
    ("POST", "/rules/{rule_id}"): ADMINISTERING,
    ("POST", "/rules/{rule_id}/remove"): ADMINISTERING,
    ("GET", "/agencies"): CALLING,
    ("GET", "/agencies/routes"): CALLING,
    ("GET", "/agencies/roster"): CALLING,
    ("GET", "/agencies/files"): ROUTING,
    ("GET", "/agencies/files/{name}"): ROUTING,
    ("POST", "/agencies/files/take"): ROUTING,
    ("POST", "/agencies/files/export"): ROUTING,
    ("GET", "/agencies/edit/{table}"): ROUTING,
    ("POST", "/agencies/edit/{table}"): ROUTING,
    ("GET", "/agencies/edit/{table}/{entry_id}"): ROUTING,
    ("POST", "/agencies/edit/{table}/{entry_id}"): ROUTING,
    ("POST", "/agencies/edit/{table}/{entry_id}/remove"): ROUTING,
    ("GET", "/shift"): WORKING,
    ("POST", "/shift/take"): WORKING,
    ("POST", "/shift/join"): WORKING,
    ("POST", "/shift/leave"): WORKING,
    ("POST", "/shift/hear"): WORKING,
    ("POST", "/shift/note"): WORKING,
    ("POST", "/shift/items"): WORKING,
    ("POST", "/shift/items/{item}/done"): WORKING,
    ("GET", "/reports"): REPORTING,
    ("GET", "/reports/shifts/{number}"): REPORTING,
    ("GET", "/reports/incidents/{incident_id}"): REPORTING,
    ("GET", "/reports/months/{month}/{table}"): REPORTING,
    ("GET", "/rivers"): WATCHING,
    ("GET", "/rivers/{station_id}"): WATCHING,
    ("GET", "/rivers/{station_id}/points"): WATCHING,
    ("GET", "/beds"): WATCHING,
    ("GET", "/gateways"): PLANT,
    ("GET", "/gateways/{gateway_id}"): PLANT,
    ("GET", "/commissioning"): PLANT,
    ("GET", "/commissioning/{gateway_id}"): PLANT,
    ("GET", "/commissioning/{gateway_id}/photos/{number}"): PLANT,
    **{
        ("POST", f"/commissioning/{{gateway_id}}/{step}"): COMMISSIONING
        for step in ("begin", "checks", "photos", "sign")
    },
    ("GET", "/people"): ADMINISTERING,
    ("POST", "/people"): ADMINISTERING,
    ("GET", "/people/{name}"): ADMINISTERING,
    ("POST", "/people/{name}"): ADMINISTERING,
    ("POST", "/people/{name}/reset"): ADMINISTERING,
    ("POST", "/people/{name}/sessions/end"): ADMINISTERING,
    **{("POST", f"{PAGE}/{step}"): WORKING for step in ("acknowledge", "claim", "let-go", "notes")},
    **{("POST", f"{PAGE}/{step}"): WORKING for step in WORKING_STEPS},
    **{("POST", f"{PAGE}/{step}"): DISPATCHING for step in ("assign", "hand-over", "cancel")},
}
"""Written out a second time on purpose: who opens a route to a role says so here too."""

HALF = {
    ("POST", "/api/login/code"),
    ("POST", "/api/me/factor"),
    ("POST", "/api/me/factor/confirm"),
    ("GET", "/api/me"),
    ("POST", "/api/logout"),
    ("GET", "/factor"),
    ("POST", "/factor/code"),
    ("POST", "/factor/begin"),
    ("POST", "/factor/confirm"),
    ("POST", "/logout"),
}
"""Open before the second factor: what leads to it, and out."""

CHANGES = sorted(key for key, roles in EXPECTED.items() if key[0] not in SAFE_METHODS and roles is not None)


def at(path):
    return re.sub(r"\{\w+\}", "1", path)


def test_the_routes_are_those_expected_with_the_roles_expected(hub):
    found = {key: (None if access.public else access.roles) for key, access in access_of(hub.app).items()}
    assert found == EXPECTED
    assert len(ROUTES) + len(PAGES) + 1 == len(EXPECTED)


async def test_every_route_is_closed_to_strangers_but_the_few(hub):
    async with hub.client() as stranger:
        for (method, path), roles in EXPECTED.items():
            answer = await stranger.request(method, at(path), json={} if method == "POST" else None)
            assert closed(answer) == (roles is not None), (method, path, answer.status_code)


def closed(answer):
    """A stranger is told so; one who asks for a page is sent to the login."""
    to_login = answer.headers.get("location", "").startswith("/login?next=")
    return answer.status_code == 401 or (answer.status_code == 303 and to_login)


@pytest.mark.parametrize("role", list(Role))
async def test_every_route_is_open_to_its_roles_and_to_no_other(hub, role):
    async with hub.login("siti", role) as person:
        for (method, path), roles in sorted(EXPECTED.items()):
            if roles is None or path in ("/api/stream", "/live", "/api/logout", "/logout"):
                continue
            answer = await person.request(method, at(path), json={} if method == "POST" else None)
            assert (answer.status_code == 403) == (role not in roles), (method, path, answer.text)


@pytest.mark.parametrize("needs", ["code", "enrolment"])
async def test_without_the_second_factor_every_role_together_opens_nothing_but_the_way_to_it(hub, needs):
    assert {key for key, access in access_of(hub.app).items() if access.half} == HALF
    async with hub.login("siti", *Role) as person:
        await hub.write(lambda conn: conn.execute(update(session_rows).values(needs=needs)))
        for (method, path), roles in sorted(EXPECTED.items()):
            # Enrolling anew with only a password is refused as well: tests/hub/api/test_second_factor.py.
            enrols = needs == "code" and re.search("/factor(/begin|/confirm)?$", path) and method == "POST"
            if roles is None or path.endswith("/logout") or enrols:
                continue
            answer = await person.request(method, at(path), json={} if method == "POST" else None)
            assert wants_factor(answer) == ((method, path) not in HALF), (method, path, answer.text)


def wants_factor(answer):
    """Refused for the second factor, or sent to its page."""
    if answer.headers.get("location", "").startswith("/factor?next="):
        return True
    return answer.status_code == 403 and code(answer) == "second_factor"


async def test_a_wall_changes_nothing_not_even_its_own_login(hub):
    changes = {
        key
        for key, access in access_of(hub.app).items()
        if key[0] not in SAFE_METHODS and not access.public and Role.VIEWER in access.roles
    }
    assert changes == {
        ("POST", path) for path in ("/api/logout", "/logout", "/api/login/code", "/factor/code")
    }


async def test_several_roles_open_what_either_opens(hub):
    async with hub.login("siti", "viewer", "auditor") as person:
        assert (await person.get("/api/audit")).status_code == 200
        assert (await person.get("/api/users")).status_code == 403


@pytest.mark.parametrize("key", CHANGES)
async def test_no_change_without_the_page_s_token(hub, key):
    """The negative twin of every change: the same person, without the token or with another's."""
    method, path = key
    async with hub.login("siti", *Role) as person:
        token = person.headers.pop("X-CSRF-Token")
        assert code(await person.request(method, at(path), json={})) == "csrf"
        for wrong in ("", "0" * 64, token[:-1], token.upper()):
            answer = await person.request(method, at(path), json={}, headers={"X-CSRF-Token": wrong})
            assert code(answer) == "csrf"
        answer = await person.request(method, at(path), json={}, headers={"X-CSRF-Token": token})
        assert answer.status_code != 403


def code(answer):
    """Of an error, told as JSON or as a page."""
    if answer.headers["content-type"] == "application/json":
        return answer.json()["error"]["code"]
    return first(r'data-code="(\w+)"', answer.text)


async def test_another_session_s_token_does_not_fit(hub):
    async with hub.login("siti", "operator") as siti, hub.login("budi", "operator") as budi:
        siti.headers["X-CSRF-Token"] = budi.headers["X-CSRF-Token"]
        assert (await siti.post("/api/logout")).status_code == 403
        assert (await budi.post("/api/logout")).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://jahat.example"},
        {"Origin": "https://siaga.example.jahat.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
@pytest.mark.parametrize(
    "path", ["/api/logout", "/api/login", "/api/setup", "/login", "/setup", "/logout", "/language"]
)
async def test_no_change_from_a_foreign_page_not_even_a_login(hub, headers, path):
    async with hub.login("siti", "operator") as person:
        answer = await person.post(path, json={"name": "siti", "password": PASSWORD}, headers=headers)
        assert code(answer) == "foreign_origin"


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "https://siaga.example"}, {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}],
)
async def test_a_change_from_our_own_page(hub, headers):
    async with hub.login("siti", "operator") as person:
        assert (await person.post("/api/logout", headers=headers)).status_code == 200


def test_a_route_that_does_not_say_who_may_use_it_stops_the_start(hub):
    app = create_app(hub.services)
    check_all(app)

    @app.get("/api/forgotten")
    def forgotten():
        return {"secret": 1}

    with pytest.raises(RouteError):
        check_all(app)


def test_a_route_past_the_gate_stops_the_start(hub):
    app = create_app(hub.services)
    app.router.routes.append(PlainRoute("/api/raw", lambda request: None))
    with pytest.raises(RouteError):
        check_all(app)


async def test_a_route_that_got_in_all_the_same_is_refused(hub):
    """Even if nobody checked at the start, the gate opens for nothing that it does not know."""
    hub.app = create_app(hub.services)

    @hub.app.get("/api/forgotten")
    def forgotten():
        return {"secret": 1}

    async with hub.login("siti", *Role) as person:
        answer = await person.get("/api/forgotten")
        assert answer.status_code == 403
        assert "secret" not in answer.text


def test_a_route_cannot_be_opened_to_nobody_by_mistake():
    with pytest.raises(RouteError):
        only(frozenset())
    assert PUBLIC.public


def test_every_route_is_a_plain_one_with_a_description(hub):
    for route in hub.app.routes:
        assert isinstance(route, APIRoute)
        assert " / " in (route.description or ""), f"{route.path} says not what it is in both languages"
