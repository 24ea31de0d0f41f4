"""A channel that sends nothing and remembers everything: for drills, demonstrations and tests."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from hub.notify.channels.base import Answer, Message


class RecordingChannel:
    """Takes every message, unless told what to answer.

    Args:
        answers: what to answer first, in order; after them ``delivered``. None hangs until the time is over.
        timeout_s: after which a hanging attempt has failed.

    Attributes:
        attempts: every message in the order of its attempts.
        delivered: those that were taken, each key once, as a receiver that knows its keys has them.
    """

    def __init__(self, answers: Iterable[Answer | None] = (), *, timeout_s: float = 10.0) -> None:
        self._answers = list(answers)
        self._timeout_s = timeout_s
        self.attempts: list[Message] = []
        self.delivered: dict[str, Message] = {}

    async def send(self, message: Message) -> Answer:
        """One attempt."""
        self.attempts.append(message)
        answer = self._answers.pop(0) if self._answers else Answer("delivered")
        if answer is None:
            await asyncio.sleep(self._timeout_s)
            return Answer("failed", detail=f"no end after {self._timeout_s:g} s")
        if answer.outcome == "delivered":
            self.delivered.setdefault(message.key, message)
        return answer

    async def aclose(self) -> None:
        """Nothing to let go of."""
