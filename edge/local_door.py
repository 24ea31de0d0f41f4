"""A door of the running gateway for who stands at the box: a socket beside the spool, for its own account and root.

A line of JSON in, ``{"order": "read", "arguments": {"point": "pos"}}``; a line out, ``{"ok": true, "answer": {…}}`` or
``{"ok": false, "reason": …, "error": …, "hint": …}``.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from edge.errors import EdgeError, OrderError
from edge.orders import Answer, Orders, Scalar

log = logging.getLogger(__name__)

NAME = "gateway.sock"

LINE_BYTES = 4096
"""Longest line that is asked; answers may be longer."""

PATIENCE_S = 30.0
"""How long whoever connects may be silent, and how long an answer may take."""


class _Question(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    order: str
    arguments: dict[str, Scalar] = {}


class LocalDoor:
    """Answers at the door while ``run`` runs. Without a door the gateway works as well."""

    def __init__(self, folder: Path, orders: Orders) -> None:
        self._folder = folder
        self._orders = orders

    async def run(self) -> None:
        """Listen until cancelled; returns at once, and says so, where there can be no socket."""
        try:
            listening = _listen(self._folder)
        except OSError as error:
            log.warning("door.closed error=%s", error)
            return
        try:
            server = await asyncio.start_unix_server(self._serve, sock=listening, limit=LINE_BYTES)
            async with server:
                await server.serve_forever()
        finally:
            (self._folder / NAME).unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(PATIENCE_S):
                line = await reader.readline()
                answer = await self._answer(line)
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
        except (OSError, TimeoutError, ValueError):
            # Whoever asked has gone, or asked for too much.
            pass
        finally:
            writer.close()

    async def _answer(self, line: bytes) -> Answer:
        try:
            asked = msgspec.json.decode(line, type=_Question)
            return {"ok": True, "answer": await self._orders.do(asked.order, asked.arguments)}
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            return {"ok": False, "reason": "question", "error": str(error), "hint": ""}
        except EdgeError as error:
            return {"ok": False, "reason": error.reason, "error": error.message, "hint": error.hint}


def ask(folder: Path, order: str, arguments: Mapping[str, Scalar] | None = None) -> Answer | None:
    """Ask the gateway whose spool is in that folder; None where none runs. Blocks until it answers.

    Raises:
        OrderError: it cannot do what was asked.
        PermissionError: it runs, and is not to be asked by this account.
    """
    with _within(folder) as place, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as door:
        door.settimeout(PATIENCE_S)
        try:
            door.connect(place)
        except (FileNotFoundError, ConnectionRefusedError):
            return None
        door.sendall(json.dumps({"order": order, "arguments": dict(arguments or {})}).encode() + b"\n")
        said = b""
        while not said.endswith(b"\n") and (part := door.recv(65536)):
            said += part
    if not said:
        raise OrderError("door", "the gateway gave no answer", "its log: journalctl -u siaga-edge")
    answer: dict[str, Any] = json.loads(said)
    if not answer["ok"]:
        raise OrderError(answer["reason"], answer["error"], answer["hint"])
    found: Answer = answer["answer"]
    return found


def _listen(folder: Path) -> socket.socket:
    with _within(folder) as place:
        with contextlib.suppress(FileNotFoundError):
            (folder / NAME).unlink()
        door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            os.fchmod(door.fileno(), 0o600)
            door.bind(place)
        except BaseException:
            door.close()
            raise
        return door


@contextlib.contextmanager
def _within(folder: Path) -> Iterator[str]:
    """The socket's path by way of its open folder: a socket's own path may have 107 bytes only."""
    try:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        yield str(NAME)
        return
    try:
        yield f"/proc/self/fd/{fd}/{NAME}"
    finally:
        os.close(fd)
