"""A hub whose store is open: its parts put together, and everything that runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from contract.readiness import Readiness
from hub.api.app import create_app
from hub.api.auth.oidc import Oidc
from hub.parts.ground import Ground, Tasks
from hub.parts.intake import Intake
from hub.parts.judgement import Judgement
from hub.parts.pages import Pages
from hub.parts.telling import Telling
from hub.parts.upkeep import Upkeep
from hub.parts.walls import Walls
from hub.region import Region
from hub.web import Web

log = logging.getLogger(__name__)


class Hub:
    """The parts of a hub whose store is open, wired.

    Args:
        oidc: who vouches for people; None where they have passwords only.
    """

    def __init__(self, ground: Ground, *, oidc: Oidc | None, web: Web) -> None:
        self._web = web
        self._readiness = Readiness()
        telling = Telling(ground)
        told = telling.told
        self._upkeep = Upkeep(ground, changed=told.gateway)
        self._judgement = Judgement(ground, told, listening=lambda: self._intake.subscriber.telemetry.up)
        self._intake = Intake(
            ground,
            told,
            self._judgement.judging,
            revoked=lambda: self._upkeep.trust.revoked,
            keys=self._upkeep.trust.keys,
        )
        telling.hear_presses(self._intake.second_path.take_text)
        self._pages = Pages(
            ground,
            telling=telling,
            upkeep=self._upkeep,
            judgement=self._judgement,
            intake=self._intake,
            numbers=self._numbers,
            oidc=oidc,
            secure=web.tls or ground.config.api.proxy_tls,
        )
        self._walls = Walls(ground, self._pages.services, self._intake)
        self._parts = (telling, self._upkeep, self._judgement, self._intake, self._pages, self._walls)

    def _tasks(self) -> Tasks:
        """Everything that runs, by name; each until cancelled."""
        tasks: Tasks = {"watchdog": self._readiness.watchdog()}
        for part in self._parts:
            tasks.update(part.tasks())
        return tasks

    async def run(self, stop: asyncio.Event, on_ready: Callable[[], None]) -> Region | None:
        """Work until stopped, then put on record what is known and not yet there.

        Returns:
            The region with which to begin anew, because its profile was changed; None where it was stopped.
        """
        self._upkeep.trust.look()  # before the first frame
        self._intake.subscriber.judge_flow()
        if await self._stopped_before(self._judgement.look_back(), stop):
            return None
        profile = self._upkeep.profile
        app = create_app(self._pages.services)
        async with asyncio.TaskGroup() as group:
            working = [group.create_task(work, name=name) for name, work in self._tasks().items()]
            web = group.create_task(self._web.run(app), name="web")
            on_ready()
            stopping = group.create_task(stop.wait(), name="stop")
            changing = group.create_task(profile.changed.wait(), name="profile-changed")
            await asyncio.wait({stopping, changing, web}, return_when=asyncio.FIRST_COMPLETED)
            if not changing.done():
                self._readiness.stopping()
            stopping.cancel()
            changing.cancel()
            self._web.stop()
            for task in working:
                task.cancel()
        await self._intake.save()
        await self._judgement.save()
        if stop.is_set() or not profile.changed.is_set():
            log.info("stopped")
            return None
        log.info("region_changed")
        return profile.region

    @staticmethod
    async def _stopped_before(work: Coroutine[Any, Any, None], stop: asyncio.Event) -> bool:
        """Do the work, unless the hub is to stop before it is done; the store may be away for long."""
        task, stopping = asyncio.create_task(work), asyncio.create_task(stop.wait())
        await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not task.done():
            task.cancel()
            return True
        await task
        return False

    def _numbers(self) -> dict[str, Any]:
        return {
            **self._intake.numbers(),
            "rules": self._judgement.numbers(),
            "rollups": self._walls.numbers(),
        }
