"""What the hub wants to run, while the gateway runs: taken, judged, and told how it stands."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from contract.messages import DesiredConfig, Reply
from edge.clock import Clock
from edge.desired import PATIENCE_MS, SETTLE_MS, Desired
from edge.errors import ConfigChanged, EdgeError
from edge.session import Identity

log = logging.getLogger(__name__)

TRIAL_LOOK_S = 0.5


class Wanted:
    """The hub's wishes for this gateway's configuration."""

    def __init__(
        self,
        desired: Desired,
        identity: Identity,
        *,
        trial: bool,
        reached: Callable[[], bool],
        answer: Callable[[Reply], None],
        clock: Clock,
    ) -> None:
        """
        Args:
            identity: who the gateway is, and what runs.
            trial: what runs is on trial.
            reached: whether the hub is within reach now.
            answer: sends a reply.
        """
        self._desired = desired
        self._identity = identity
        self._trial = trial
        self._reached = reached
        self._answer = answer
        self._clock = clock
        self._waiting: asyncio.Queue[DesiredConfig] = asyncio.Queue()

    def want(self, wanted: DesiredConfig) -> None:
        """The hub wants this. Called in the event loop; never blocks."""
        self._waiting.put_nowait(wanted)

    async def take(self) -> None:
        """Try what the hub wants: the gateway then ends in good order, with everything committed, and begins anew.

        Raises:
            ConfigChanged: it is to begin anew now.
        """
        while True:
            wanted = await self._waiting.get()
            try:
                self._desired.take(wanted)
            except ConfigChanged:
                raise
            except (EdgeError, OSError) as error:
                log.error("config.refused version=%d error=%s", wanted.config_version, error)
                self._answer(self._standing(wanted.config_version, str(error)))

    async def judge(self) -> None:
        """Keep the trial once the hub was within reach for long enough, or take it back; then tell the hub.

        Raises:
            ConfigChanged: it is taken back, and what ran before is to begin.
        """
        began_ms = since_ms = self._clock.mono_ms()
        while self._trial:
            await asyncio.sleep(TRIAL_LOOK_S)
            now_ms = self._clock.mono_ms()
            if not self._reached():
                since_ms = now_ms
            if now_ms - since_ms >= SETTLE_MS:
                self._trial = not self._kept()
            elif now_ms - began_ms >= PATIENCE_MS:
                self._desired.refuse("pusat tidak terjangkau / hub out of reach")
                raise ConfigChanged("config", "the trial has not reached the hub")
        state = self._desired.state
        if state is not None:
            self._answer(self._standing(state.version, state.error if state.phase == "refused" else ""))

    def _kept(self) -> bool:
        """Keep it; False where the card does not take it, and it is tried again: what runs needs none of it."""
        try:
            self._desired.keep()
        except OSError as error:
            log.error("config.unsaved error=%s", error)
            return False
        return True

    def _standing(self, version: int, error: str) -> Reply:
        """What runs, in answer to what the hub wants."""
        return Reply(
            gateway=self._identity.gateway,
            ok=not error,
            error=error,
            config_version=version,
            config_hash=self._identity.config,
        )
