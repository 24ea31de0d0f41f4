"""Commands of people in the room: each once, in time, by somebody.

A command is an order (edge/orders.py) with a nonce, an end in the hub's time, and who gave it. It is refused when its
end has passed or lies too far ahead, when the gateway has no time to judge that by, and when its nonce was used: used
nonces are on the card before the order is carried out, so that no power cut lets one work twice.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from pathlib import Path

import msgspec

from contract.messages import Command, Reply
from contract.whole_file import write_text
from edge.errors import EdgeError, OrderError
from edge.orders import Answer, Orders, Scalar

log = logging.getLogger(__name__)

FILE = "nonces.json"

LONGEST_MS = 10 * 60_000
"""A command whose end lies further ahead is refused: it could be used again for as long."""

ORDER_S = 30.0
WAITING = 16
"""Commands that wait for their turn; beyond it they are refused."""

FROM_AFAR = frozenset({"read", "identify", "test", "restart", "diagnostics", "snapshot"})
"""Orders that a command may carry."""

MOST_VALUES = 64
MOST_LETTERS = 4000


class UsedNonces:
    """Nonces that were used and have not ended. On the card before ``take`` returns."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._ends_ms: dict[str, int] | None = None

    def take(self, nonce: str, ends_ms: int, now_ms: int) -> bool:
        """Use a nonce; False where it was used before.

        Raises:
            OSError: the card does not take it. Then the command must not be carried out.
        """
        known = {one: end for one, end in self._known().items() if end >= now_ms}
        if nonce in known:
            return False
        known[nonce] = ends_ms
        write_text(self._path, json.dumps(known), mode=0o600)
        self._ends_ms = known
        return True

    def _known(self) -> dict[str, int]:
        if self._ends_ms is None:
            try:
                self._ends_ms = msgspec.json.decode(self._path.read_bytes(), type=dict[str, int])
            except FileNotFoundError:
                self._ends_ms = {}
            except (OSError, ValueError, msgspec.MsgspecError) as error:
                # Without knowing them every command could be one that was used.
                raise OSError(f"{self._path} cannot be read: {error}") from error
        return self._ends_ms


class Commands:
    """Takes commands, one after the other, and answers each of them."""

    def __init__(
        self,
        orders: Orders,
        nonces: UsedNonces,
        *,
        gateway: str,
        hub_ms: Callable[[], int | None],
        answer: Callable[[Reply], None],
    ) -> None:
        """
        Args:
            hub_ms: the hub's time now, as well as the gateway knows it; None where it has none.
            answer: sends a reply.
        """
        self._orders = orders
        self._nonces = nonces
        self._gateway = gateway
        self._hub_ms = hub_ms
        self._answer = answer
        self._waiting: asyncio.Queue[Command] = asyncio.Queue(WAITING)

    def take(self, command: Command) -> None:
        """A command has come. Called in the event loop; never blocks."""
        try:
            self._waiting.put_nowait(command)
        except asyncio.QueueFull:
            self._say(command, error="terlalu banyak perintah / too many commands")

    async def run(self) -> None:
        """Carry them out until cancelled."""
        while True:
            await self.step(await self._waiting.get())

    async def step(self, command: Command) -> None:
        """Carry one out, or refuse it, and answer."""
        try:
            self._judge(command)
            log.warning("command.taken name=%s actor=%s nonce=%s", command.name, command.actor, command.nonce)
            async with asyncio.timeout(ORDER_S):
                arguments: dict[str, Scalar] = {**command.args, "actor": command.actor}
                data = flat(await self._orders.do(command.name, arguments))
        except TimeoutError:
            self._say(command, error=f"tidak selesai dalam {ORDER_S:g} s / not done in time")
        except OrderError as error:
            log.warning(
                "command.refused name=%s actor=%s reason=%s", command.name, command.actor, error.reason
            )
            self._say(command, error=f"{error.reason}: {error.message}"[:MOST_LETTERS])
        except (EdgeError, OSError) as error:
            log.error("command.failed name=%s actor=%s error=%s", command.name, command.actor, error)
            self._say(command, error=str(error)[:MOST_LETTERS])
        else:
            self._say(command, data=data)

    def _judge(self, command: Command) -> None:
        now_ms = self._hub_ms()
        if now_ms is None:
            raise OrderError("no_time", "belum ada waktu / no time to judge its end by")
        if command.expires_ms < now_ms:
            raise OrderError("expired", "perintah kedaluwarsa / the command's end has passed")
        if command.expires_ms > now_ms + LONGEST_MS:
            raise OrderError("too_long", "berlaku terlalu lama / its end lies too far ahead")
        if command.name not in FROM_AFAR:
            raise OrderError("unknown", f"perintah tidak dikenal / unknown command: {command.name}")
        if not self._nonces.take(command.nonce, command.expires_ms, now_ms):
            raise OrderError("used", "perintah sudah dipakai / the command was used before")

    def _say(self, command: Command, *, error: str = "", data: dict[str, Scalar] | None = None) -> None:
        reply = Reply(gateway=self._gateway, nonce=command.nonce, ok=not error, error=error, data=data or {})
        self._answer(reply)


def flat(answer: Answer) -> dict[str, Scalar]:
    """An answer as a reply carries it: no tables within tables, and bounded."""
    found: dict[str, Scalar] = {}
    _flatten("", answer, found)
    return dict(list(found.items())[:MOST_VALUES])


def _flatten(path: str, value: object, found: dict[str, Scalar]) -> None:
    if isinstance(value, dict):
        for name, one in value.items():
            _flatten(f"{path}.{name}" if path else str(name), one, found)
    elif isinstance(value, list | tuple):
        for at, one in enumerate(value):
            _flatten(f"{path}.{at}", one, found)
    elif isinstance(value, str):
        found[path] = value[:MOST_LETTERS]
    elif value is None or isinstance(value, bool | int | float):
        found[path] = value
