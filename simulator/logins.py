"""Who may log in at the rehearsal's hub, with what, and how a program does it: password, then the second factor."""

from __future__ import annotations

import asyncio
import secrets
import time
from dataclasses import dataclass

import httpx
import pyotp

from hub.api.auth.second_factor import STEP_S


@dataclass(slots=True)
class Login:
    """One user's way in.

    Attributes:
        secret: of the second factor; empty where the user has none.
        step: of the newest code that was given, for each works once.
    """

    name: str
    password: str
    secret: str = ""
    step: int = 0

    @property
    def code(self) -> str:
        """What the user's telephone would show now; empty where there is no second factor."""
        return pyotp.TOTP(self.secret).generate_otp(_now_step()) if self.secret else ""

    async def enter(self, api: httpx.AsyncClient) -> None:
        """Log in; later requests of this client are the user's, with the token for changes.

        A user whose role asks for a second factor and who has none yet enrols one.

        Raises:
            httpx.HTTPError: the hub does not answer, or refuses.
        """
        said = await self._post(api, "/api/login", {"name": self.name, "password": self.password})
        if said["needs"] == "enrolment":
            self.secret = (await self._post(api, "/api/me/factor", {}))["secret"]
            await self._post(api, "/api/me/factor/confirm", {"code": await self._new_code()})
        elif said["needs"] == "code":
            await self._post(api, "/api/login/code", {"code": await self._new_code()})

    async def _new_code(self) -> str:
        """A code that was not given yet. The hub takes that of the coming half minute too; after it, one waits."""
        self.step = max(self.step + 1, _now_step())
        early_s = (self.step - 1) * STEP_S - time.time()
        if early_s > 0:
            await asyncio.sleep(early_s + 0.1)
        return pyotp.TOTP(self.secret).generate_otp(self.step)

    async def _post(self, api: httpx.AsyncClient, path: str, body: dict[str, str]) -> dict[str, str]:
        answer = await api.post(path, json=body)
        answer.raise_for_status()
        said: dict[str, str] = answer.json()
        if "csrf" in said:
            api.headers["X-CSRF-Token"] = said["csrf"]
        return said


def new_password() -> str:
    """A password of about 60 bits that a person can type: three words of four syllables that mean nothing."""
    words = (
        "".join(secrets.choice("bdgjklmnprst") + secrets.choice("aiueo") for _ in range(4)) for _ in range(3)
    )
    return "-".join(words)


def _now_step() -> int:
    return int(time.time()) // STEP_S
