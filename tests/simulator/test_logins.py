"""How the rehearsal's programs log in: password, then a code that was not given yet."""

import json

import httpx
import pyotp
import pytest

from simulator.logins import Login

SEED = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
NOW_S = 1_790_000_010
STEP = NOW_S // 30


class Hub:
    """Answers as the hub does, and keeps what was said."""

    def __init__(self, needs):
        self.needs = needs
        self.said = []

    def answer(self, request):
        body = json.loads(request.content)
        self.said.append((request.url.path, body))
        if request.url.path == "/api/me/factor":
            return httpx.Response(200, json={"secret": SEED, "address": "otpauth://x"})
        token = f"token-{len(self.said)}"
        return httpx.Response(200, json={"csrf": token, "needs": self.needs})

    def client(self):
        return httpx.AsyncClient(base_url="http://hub", transport=httpx.MockTransport(self.answer))


@pytest.fixture
def time_s(monkeypatch):
    """The wall clock, which sleeping moves."""
    now = [float(NOW_S)]

    async def sleep(seconds):
        now[0] += seconds

    monkeypatch.setattr("simulator.logins.time.time", lambda: now[0])
    monkeypatch.setattr("simulator.logins.asyncio.sleep", sleep)
    return now


def code(step):
    return pyotp.TOTP(SEED).generate_otp(step)


async def test_without_a_second_factor_a_password_is_enough(time_s):
    hub = Hub(None)
    async with hub.client() as api:
        await Login("operator", "sandi").enter(api)
        assert api.headers["X-CSRF-Token"] == "token-1"
    assert hub.said == [("/api/login", {"name": "operator", "password": "sandi"})]
    assert Login("operator", "sandi").code == ""


async def test_who_needs_one_enrols_it_and_the_token_is_the_last(time_s):
    hub, login = Hub("enrolment"), Login("admin", "sandi")
    async with hub.client() as api:
        await login.enter(api)
        assert api.headers["X-CSRF-Token"] == "token-3"
    assert [path for path, _ in hub.said] == ["/api/login", "/api/me/factor", "/api/me/factor/confirm"]
    assert hub.said[-1][1] == {"code": code(STEP)}
    assert (login.secret, login.code) == (SEED, code(STEP))


async def test_no_code_is_given_twice_nor_before_the_hub_takes_it(time_s):
    hub, login = Hub("code"), Login("simulasi", "sandi", SEED)
    async with hub.client() as api:
        for _ in range(4):
            await login.enter(api)
    given = [body["code"] for path, body in hub.said if path == "/api/login/code"]
    assert given == [code(STEP + n) for n in range(4)]
    assert time_s[0] // 30 == STEP + 2, "the last was given in the half minute before its own, not earlier"
