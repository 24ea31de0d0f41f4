"""The operator of the rehearsal: rings back, and answers each incident through the API as a person would."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import httpx

log = logging.getLogger(__name__)

LOOK_S = 1.0

_STEPS = {
    "unverified": ("verify", "telepon balik: benar, butuh ambulans / called back: true, needs an ambulance"),
    "verified": ("assign", "ditugaskan ke PSC 119 / assigned to PSC 119"),
    "assigned": ("accept", "diterima / accepted"),
    "accepted": ("depart", "ambulans berangkat / ambulance on its way"),
    "en_route": ("arrive", "ambulans tiba / ambulance there"),
    "on_scene": ("finish", "pasien ditangani / patient cared for"),
}
"""What is done with a true incident in each of its states, and what is written down."""


class Operator:
    """Works on open incidents, one step at a time.

    Args:
        is_true: whether the press of that button (gateway, device) was meant.
        think_s: between two steps of an incident, and before the first.
    """

    def __init__(
        self, api: httpx.AsyncClient, *, is_true: Callable[[str, str], bool], agency: str, think_s: float
    ) -> None:
        self._api = api
        self._is_true = is_true
        self._agency = agency
        self._think_s = think_s
        self._due_s: dict[str, float] = {}

    async def run(self) -> None:
        """Work until cancelled. A hub that does not answer is asked again."""
        while True:
            try:
                await self.step(asyncio.get_running_loop().time())
            except httpx.HTTPError as error:
                log.warning("operator=waiting error=%r", error)
            await asyncio.sleep(LOOK_S)

    async def step(self, now_s: float) -> None:
        """Look at the open incidents and do what is due.

        Raises:
            httpx.HTTPError: the hub does not answer, or refuses.
        """
        answer = await self._api.get("/api/incidents", params={"which": "open"})
        answer.raise_for_status()
        for incident in answer.json()["incidents"]:
            due_s = self._due_s.setdefault(incident["id"], now_s + self._think_s)
            if now_s >= due_s:
                self._due_s[incident["id"]] = now_s + self._think_s
                await self._work_on(incident)

    async def _work_on(self, incident: dict[str, Any]) -> None:
        place = f"/api/incidents/{incident['id']}"
        if incident["acknowledged_ms"] is None:
            await self._do(f"{place}/acknowledge", {"note": ""})
            return
        body: dict[str, Any] = {"version": incident["version"]}
        if not self._is_true(incident["gateway"], incident["device"]):
            note = "telepon balik: salah tekan / called back: pressed by mistake"
            await self._do(f"{place}/mark-false", {**body, "note": note})
            return
        action, note = _STEPS[incident["state"]]
        if action == "assign":
            body["agency"] = self._agency
        await self._do(f"{place}/{action}", {**body, "note": note})

    async def _do(self, path: str, body: dict[str, Any]) -> None:
        answer = await self._api.post(path, json=body)
        if answer.status_code == 409:
            return  # somebody was quicker; it is looked at again
        answer.raise_for_status()
