"""A modem that ModemManager has, by its command ``mmcli``: another process, so that no library of it is linked."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections.abc import Sequence
from typing import Any

from hub.notify.sms.gateway import SmsUnavailableError, Text, checked_number

COMMAND_S = 30.0
"""A network that takes longer for one text has not taken it."""

_PATH = re.compile(r"/org/freedesktop/ModemManager1/SMS/\d+")


class ModemManager:
    """One modem.

    Args:
        modem: its number or path; ``any`` is the first.
        command: ``mmcli``, or what stands in for it.
    """

    def __init__(self, modem: str = "any", *, command: str = "mmcli") -> None:
        self._modem = modem
        self._command = command

    async def send(self, number: str, text: str, *, key: str) -> str:
        """Create a text on the modem and send it. The modem knows no keys: an attempt whose end the hub did not see
        may send it twice."""
        number = checked_number(number)
        # mmcli takes what stands between single quotes as it is; a quote of the text's own would end it.
        plain = text.replace("'", "\N{RIGHT SINGLE QUOTATION MARK}")
        made = await self._run("-m", self._modem, f"--messaging-create-sms=text='{plain}',number='{number}'")
        path = _PATH.search(made)
        if path is None:
            raise SmsUnavailableError("mmcli names no text that it has made")
        await self._run("-s", path[0], "--send")
        return path[0]

    async def received(self) -> Sequence[Text]:
        """The texts on the modem that came in whole."""
        listed = await self._json("-m", self._modem, "--messaging-list-sms")
        texts = []
        for path in listed.get("modem.messaging.sms", []):
            one = (await self._json("-s", path)).get("sms", {})
            if one.get("properties", {}).get("state") == "received":
                content = one.get("content", {})
                number, text = str(content.get("number", "")), str(content.get("text", ""))
                texts.append(Text(_name(path, one, number, text), number, text))
        return texts

    async def let_go(self, ref: str) -> None:
        """Delete it from the modem, whose memory is small."""
        await self._run("-m", self._modem, f"--messaging-delete-sms={ref.partition(' ')[0]}")

    async def _json(self, *arguments: str) -> dict[str, Any]:
        said = await self._run("-J", *arguments)
        try:
            answer = json.loads(said)
        except ValueError as error:
            raise SmsUnavailableError("mmcli says no JSON") from error
        return answer if isinstance(answer, dict) else {}

    async def _run(self, *arguments: str) -> str:
        try:
            process = await asyncio.create_subprocess_exec(
                self._command,
                *arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
        except OSError as error:
            raise SmsUnavailableError(f"{self._command}: {error}") from error
        try:
            async with asyncio.timeout(COMMAND_S):
                out, err = await process.communicate()
        except TimeoutError as error:
            raise SmsUnavailableError(f"{self._command}: no end after {COMMAND_S:g} s") from error
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode:
            raise SmsUnavailableError(f"{self._command}: {err.decode(errors='replace').strip()[:200]}")
        return out.decode(errors="replace")


def _name(path: str, one: dict[str, Any], number: str, text: str) -> str:
    """What tells a text from every other. A path does not: after a restart the modem counts from 0 again, and a new
    text would be taken for the old one of that path."""
    whole = json.dumps([one.get("properties", {}).get("timestamp"), number, text])
    return f"{path} {hashlib.sha256(whole.encode()).hexdigest()[:16]}"
