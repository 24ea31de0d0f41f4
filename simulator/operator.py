"""The operator of the rehearsal: rings back, and answers each incident and alarm through the API as a person would.

It gives way to people: an incident that somebody else acknowledges, claims or changes, or that a visitor's press made,
is left to them for a while.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import httpx

log = logging.getLogger(__name__)

LOOK_S = 1.0
PATIENCE_S = 60.0
"""How long an incident that people have touched must lie still before the operator goes on with it."""
LOGIN_S = 30.0
"""Pause before a refused login is tried again; doubled each time."""
ALARM_S = 30.0
"""How long an alarm flashes before the operator acknowledges it."""

_STEPS = {
    "unverified": ("verify", "telepon balik: benar, butuh ambulans / called back: true, needs an ambulance"),
    "verified": ("assign", "ditugaskan ke PSC 119 / assigned to PSC 119"),
    "assigned": ("accept", "diterima / accepted"),
    "accepted": ("depart", "ambulans berangkat / ambulance on its way"),
    "en_route": ("arrive", "ambulans tiba / ambulance there"),
    "on_scene": ("finish", "pasien ditangani / patient cared for"),
    "contained": ("finish", "selesai / done"),
    "reopened": ("finish", "selesai / done"),
    "recovered": ("finish", "sudah ditangani / was cared for"),
}
"""What is done with a true incident in each of its states, and what is written down."""


class Operator:
    """Works on open incidents, one step at a time.

    Args:
        api: logged in as ``name``.
        log_in: logs in again, when the session is over.
        is_true: whether the press of that button (gateway, device) was meant.
        is_visitors: whether a visitor has pressed that button; then the incident is his for a while.
        think_s: between two steps of an incident, and before the first.
    """

    def __init__(
        self,
        api: httpx.AsyncClient,
        *,
        name: str,
        log_in: Callable[[], Awaitable[None]],
        is_true: Callable[[str, str], bool],
        is_visitors: Callable[[str, str], bool],
        agency: str,
        think_s: float,
    ) -> None:
        self._api = api
        self._name = name
        self._log_in = log_in
        self._is_true = is_true
        self._is_visitors = is_visitors
        self._agency = agency
        self._think_s = think_s
        self._since_s: dict[tuple[str, ...], float] = {}
        self._login_s = 0.0
        self._pause_s = LOGIN_S
        self._on_watch = False

    async def run(self) -> None:
        """Work until cancelled. A hub that does not answer is asked again."""
        while True:
            try:
                if not self._on_watch:
                    await self.take_watch()
                await self.step(asyncio.get_running_loop().time())
            except httpx.HTTPStatusError as error:
                log.info("operator=refused error=%r", error)
                if error.response.status_code == httpx.codes.UNAUTHORIZED:
                    await self.come_back(asyncio.get_running_loop().time())
            except httpx.HTTPError as error:
                log.info("operator=waiting error=%r", error)
            await asyncio.sleep(LOOK_S)

    async def take_watch(self) -> None:
        """Be on watch and hear the alarms, so that the hub waits for this operator before it tells a supervisor.

        Raises:
            httpx.HTTPError: the hub does not answer, or refuses.
        """
        taken = await self._api.post("/shift/take", data={"shift": "0", "heard": "true"})
        # Somebody has it: a visitor, or this one before a restart.
        if taken.status_code == httpx.codes.CONFLICT:
            for path in ("/shift/join", "/shift/hear"):
                taken = await self._api.post(path, data={})
        # Without a watch it works on all the same; without a session it does not.
        if taken.status_code == httpx.codes.UNAUTHORIZED or taken.is_server_error:
            taken.raise_for_status()
        self._on_watch = True

    async def step(self, now_s: float) -> None:
        """Look at the open incidents and alarms and do what is due.

        Raises:
            httpx.HTTPError: the hub does not answer, or refuses.
        """
        incidents = await self._get("/api/incidents?which=open", "incidents")
        alarms = [one for one in await self._get("/api/alarms", "alarms") if _asks(one)]
        known = self._since_s
        # What is not there any more is forgotten; what has changed begins anew.
        self._since_s = {
            key: known.get(key, now_s)
            for key in (*(_incident_key(one) for one in incidents), *(_alarm_key(one) for one in alarms))
        }
        for incident in incidents:
            if now_s - self._since_s[_incident_key(incident)] >= self._wait_s(incident):
                await self._work_on(incident)
        for alarm in alarms:
            if now_s - self._since_s[_alarm_key(alarm)] >= ALARM_S:
                note = "dilihat operator simulasi / seen by the simulated operator"
                await self._do(f"/api/alarms/{alarm['id']}/acknowledge", {"note": note})

    def _wait_s(self, incident: dict[str, Any]) -> float:
        others = {incident.get("acknowledged_by"), incident.get("claimed_by")} - {None, self._name}
        if others or self._is_visitors(incident["gateway"], incident["device"]):
            return max(PATIENCE_S, self._think_s)
        return self._think_s

    async def _work_on(self, incident: dict[str, Any]) -> None:
        place = f"/api/incidents/{incident['id']}"
        if incident["acknowledged_ms"] is None:
            await self._do(f"{place}/acknowledge", {"note": ""})
            return
        body: dict[str, Any] = {"version": incident["version"]}
        action, note = _STEPS.get(incident["state"], ("", ""))
        if incident["state"] == "unverified" and not self._is_true(incident["gateway"], incident["device"]):
            action, note = "mark-false", "telepon balik: salah tekan / called back: pressed by mistake"
        if not action:
            return
        if action == "assign":
            body["agency"] = self._agency
        await self._do(f"{place}/{action}", {**body, "note": note})

    async def come_back(self, now_s: float) -> None:
        """Log in again, ever less often while that is refused: a visitor may have changed the password, and each
        failure counts against everybody on this machine."""
        if now_s < self._login_s:
            return
        try:
            await self._log_in()
        except httpx.HTTPError as error:
            log.info("operator=locked_out error=%r", error)
            self._login_s, self._pause_s = now_s + self._pause_s, 2 * self._pause_s
        else:
            self._pause_s = LOGIN_S

    async def _get(self, path: str, name: str) -> list[dict[str, Any]]:
        answer = await self._api.get(path)
        answer.raise_for_status()
        found: list[dict[str, Any]] = answer.json()[name]
        return found

    async def _do(self, path: str, body: dict[str, Any]) -> None:
        answer = await self._api.post(path, json=body)
        if answer.status_code == httpx.codes.CONFLICT:
            return  # somebody was quicker; it is looked at again
        answer.raise_for_status()


def _incident_key(incident: dict[str, Any]) -> tuple[str, ...]:
    """What an incident is now; while that is the same, nobody has touched it."""
    names = ("id", "version", "acknowledged_ms", "claimed_by", "presses")
    return ("incident", *(str(incident.get(name)) for name in names))


def _alarm_key(alarm: dict[str, Any]) -> tuple[str, ...]:
    return ("alarm", *(str(alarm.get(name)) for name in ("id", "state", "severity", "count")))


def _asks(alarm: dict[str, Any]) -> bool:
    """Whether the alarm waits for a person; that of a press is answered with its incident."""
    return alarm["state"] in ("unacknowledged", "returned") and alarm["condition"] != "panic"
