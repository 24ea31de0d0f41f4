"""Commands to gateways: each with a nonce, an end and who gave it, on the audit trail before it goes."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from contract.messages import Command, Reply
from hub.clock import Clock
from hub.ingest.accept import AcceptedReply

VALID_MS = 60_000
"""How long a command may be on its way."""

PATIENCE_S = 15.0
"""How long an answer is waited for. A command that had none may still be carried out until its end."""

NAMES = ("read", "identify", "test", "restart", "diagnostics", "snapshot")
"""What a gateway may be told; it refuses all else too."""

Scalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a command; ``error`` says why where it is not ``ok``."""

    ok: bool
    error: str
    data: Mapping[str, Scalar]


NO_ANSWER = Answer(False, "tidak ada jawaban / no answer", {})


class Commands:
    """Gives commands, and brings answers to who waits for them."""

    def __init__(
        self, clock: Clock, *, say: Callable[[str, Command], None], patience_s: float = PATIENCE_S
    ) -> None:
        """
        Args:
            say: publishes a command to a gateway.
        """
        self._clock = clock
        self._say = say
        self._patience_s = patience_s
        self._waiting: dict[tuple[str, str], asyncio.Future[Reply]] = {}

    def make(self, name: str, actor: str, args: Mapping[str, Scalar]) -> Command:
        """A command that nobody has given yet."""
        ends_ms = self._clock.now_ms() + VALID_MS
        return Command(
            nonce=secrets.token_hex(16), name=name, actor=actor, expires_ms=ends_ms, args=dict(args)
        )

    async def give(self, gateway: str, command: Command) -> Answer:
        """Give it, and wait for the gateway's answer; NO_ANSWER where none comes."""
        key = gateway, command.nonce
        waiting = self._waiting[key] = asyncio.get_running_loop().create_future()
        try:
            self._say(gateway, command)
            async with asyncio.timeout(self._patience_s):
                reply = await waiting
        except TimeoutError:
            return NO_ANSWER
        finally:
            del self._waiting[key]
        return Answer(reply.ok, reply.error, reply.data)

    def replied(self, accepted: AcceptedReply) -> None:
        """A gateway has answered something. Only its own answer to a command that waits means anything."""
        waiting = self._waiting.get((accepted.gateway, accepted.reply.nonce or ""))
        if waiting is not None and not waiting.done():
            waiting.set_result(accepted.reply)
