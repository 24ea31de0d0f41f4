"""The ways of the second path: a signed message by HTTPS to the hub, and a text by the gateway's modem."""

from __future__ import annotations

import asyncio
import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from contract import press_text, signed
from contract.codec import decode_frame
from contract.errors import ContractError
from contract.messages import EventFrame
from contract.signed import PRESS
from edge.config import Broker, Config
from edge.errors import CertificateError, WayError
from edge.hub_door import post
from edge.second_path import Press, Way
from edge.signing import sign, sign_short

PLACE = "/api/second-path"
SMS_S = 60.0
"""A modem may take half a minute to send a text."""

_CREATED = re.compile(r"/SMS/(\d+)")


def ways(config: Config) -> list[Way]:
    """The ways of a configuration, the one that proves something first."""
    settings, found = config.second_path, list[Way]()
    if settings is None:
        return found
    if settings.url is not None:
        found.append(Https(settings.url, config.gateway.id, config.broker))
    if settings.sms is not None:
        modem = Mmcli(settings.sms.modem)
        if settings.sms.hub:
            found.append(HubText(modem, settings.sms.hub, config.gateway.id, config.broker.key_file))
        found.append(Sms(modem, settings.sms.numbers, site=config.gateway.site))
    return found


@dataclass(frozen=True, slots=True)
class Https:
    """Posts the press to the hub, signed with the gateway's key."""

    url: str
    gateway: str
    broker: Broker
    name: str = "https"
    proves: bool = True

    async def tell(self, press: Press) -> None:
        # In a thread that nobody joins: what it waits for is bounded by hub_door.HTTPS_S.
        await asyncio.to_thread(self._post, press)

    def _post(self, press: Press) -> None:
        try:
            message = sign(
                PRESS, self.gateway, press.frame, certificate=self.broker.cert_file, key=self.broker.key_file
            )
        except CertificateError as error:
            raise WayError("certificate", str(error)) from error
        post(self.url, PLACE, signed.encode(message), "application/json", authority=self.broker.ca_file)


class Modem(Protocol):
    """Something that sends texts."""

    async def send(self, number: str, text: str) -> None:
        """Send one.

        Raises:
            WayError: it was not sent.
        """


@dataclass(frozen=True, slots=True)
class HubText:
    """Tells the hub's own modem, signed. That it was sent proves nothing, so people are texted too, at the next try."""

    modem: Modem
    number: str
    gateway: str
    key: Path
    name: str = "hub_text"
    proves: bool = False

    async def tell(self, press: Press) -> None:
        await self.modem.send(self.number, await asyncio.to_thread(self._text, press))

    def _text(self, press: Press) -> str:
        try:
            frame = decode_frame("panic", press.frame)
            assert isinstance(frame, EventFrame)
            said, device = press_text.say(self.gateway, bytes(frame.events[0].body), press.t_ms)
            signature = sign_short(said.to_sign(self.gateway, device), key=self.key)
        except ContractError as error:
            raise WayError("text", error.message) from error
        except CertificateError as error:
            raise WayError("certificate", str(error)) from error
        return press_text.encode(said.said, signature)


@dataclass(frozen=True, slots=True)
class Sms:
    """Tells people at telephones. Nobody's database has the press by that."""

    modem: Modem
    numbers: Sequence[str]
    site: str
    name: str = "sms"
    proves: bool = False

    async def tell(self, press: Press) -> None:
        text = text_of(press, self.site)
        failed = []
        for number in self.numbers:
            try:
                await self.modem.send(number, text)
            except WayError as error:
                failed.append(error)
        if len(failed) == len(self.numbers):
            raise failed[0]


def text_of(press: Press, site: str) -> str:
    """What people read: at most 160 letters of the plain alphabet, so that it is one text."""
    at = (
        "jam?"
        if press.t_ms is None
        else f"{dt.datetime.fromtimestamp(press.t_ms / 1000, dt.UTC):%d/%m %H:%M:%S} UTC"
    )
    head, tail = "SIAGA: TOMBOL DARURAT ", f" ditekan {at}. Pusat belum menjawab. {press.event_id[:8]}"
    where = f"{press.device} di {site}".encode("ascii", "replace").decode()
    return head + where[: 160 - len(head) - len(tail)] + tail


@dataclass(frozen=True, slots=True)
class Mmcli:
    """A modem by ModemManager's command."""

    modem: str = "any"
    command: str | Path = "mmcli"

    async def send(self, number: str, text: str) -> None:
        # mmcli takes one argument of key='value' pairs: a quote would end the text.
        safe = text.replace("'", " ")
        made = await self._run("-m", self.modem, f"--messaging-create-sms=number='{number}',text='{safe}'")
        found = _CREATED.search(made)
        if found is None:
            raise WayError("modem", f"mmcli made no text: {made.strip()[:200]}")
        await self._run("-s", found[1], "--send")
        await self._run("-m", self.modem, f"--messaging-delete-sms={found[1]}")

    async def _run(self, *arguments: str) -> str:
        try:
            process = await asyncio.create_subprocess_exec(
                self.command, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
            )
        except OSError as error:
            raise WayError("modem", f"{self.command}: {error}", "apt-get install modemmanager") from error
        try:
            async with asyncio.timeout(SMS_S):
                said, _ = await process.communicate()
        except TimeoutError:
            raise WayError("modem", f"{self.command} gave no answer in {SMS_S:g} s") from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        text = said.decode("utf-8", "replace")
        if process.returncode != 0:
            raise WayError("modem", text.strip()[:200], "SIM, signal: mmcli -m any")
        return text
