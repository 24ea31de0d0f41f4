"""Telling people by Apprise, each by a channel of their own, until it took the message or a newer one replaced it.

Nothing here is the hub's: who watches must not fall silent with the watched.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

import apprise

from watch.config import Contact
from watch.errors import WatchError
from watch.words import Message

log = logging.getLogger(__name__)

FIRST_PAUSE_S = 2.0
LONGEST_PAUSE_S = 300.0
SERVICE_S = 20.0


class Channel(Protocol):
    """A way to one person. Blocking."""

    def tell(self, message: Message) -> bool:
        """Whether its service took the message."""
        ...


class AppriseChannel:
    """One Apprise URL.

    Raises:
        WatchError: Apprise does not take it.
        OSError: the file cannot be read.
    """

    def __init__(self, contact: Contact) -> None:
        asset = apprise.AppriseAsset(
            app_id="siaga-watch",
            app_desc="siaga-watch",
            app_url="",
            async_mode=False,
            secure_logging=True,
            http_redirects=False,
            allow_templates=False,
            service_timeout=SERVICE_S,
        )
        self._service = apprise.Apprise(asset=asset)
        # The URL has secrets in it, so the error must not show it.
        if not self._service.add(Path(contact.url_file).read_text(encoding="utf-8").strip()):
            raise WatchError(
                f"Apprise does not take the URL of {contact.name}",
                "see `apprise --details` for the forms it knows",
            )

    def tell(self, message: Message) -> bool:
        """Whether the service took it. Apprise swallows errors and answers with something falsy."""
        kind = apprise.NotifyType.FAILURE if message.urgent else apprise.NotifyType.INFO
        return bool(
            self._service.notify(
                title=message.title,
                body=message.text,
                notify_type=kind,
                body_format=apprise.NotifyFormat.TEXT,
                interpret_escapes=False,
            )
        )


class Contacts:
    """Everybody who is told. One person's channel that hangs holds no other up.

    Args:
        first_pause_s: before a second attempt; doubled up to five minutes.
    """

    def __init__(
        self, channels: Iterable[tuple[str, Channel]], *, first_pause_s: float = FIRST_PAUSE_S
    ) -> None:
        self._channels = tuple(channels)
        self._first_pause_s = first_pause_s
        self._telling: dict[str, asyncio.Task[None]] = {}
        # A thread for each, and one for a call that hangs and was given up.
        self._pool = ThreadPoolExecutor(2 * len(self._channels) or 1, thread_name_prefix="contact")

    def tell(self, message: Message) -> None:
        """Begin to tell everybody; what they are still to be told of before is over."""
        for name, channel in self._channels:
            former = self._telling.pop(name, None)
            if former is not None:
                former.cancel()
            self._telling[name] = asyncio.create_task(
                self._until_told(name, channel, message), name=f"tell {name}"
            )

    async def once(self, message: Message) -> dict[str, bool]:
        """Tell everybody once; who was told."""
        return {name: await self._try(channel, message) for name, channel in self._channels}

    async def _until_told(self, name: str, channel: Channel, message: Message) -> None:
        pause_s = self._first_pause_s
        while not await self._try(channel, message):
            log.warning("contact.failed name=%r next_s=%.0f", name, pause_s)
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
        log.info("contact.told name=%r urgent=%s", name, message.urgent)

    async def _try(self, channel: Channel, message: Message) -> bool:
        try:
            async with asyncio.timeout(SERVICE_S + 5):
                return await asyncio.get_running_loop().run_in_executor(self._pool, channel.tell, message)
        except TimeoutError:
            return False
        except Exception as error:
            # Whatever a service's code does, the next attempt and the other contact come.
            log.error("contact.broken error=%s", type(error).__name__)
            return False

    def close(self) -> None:
        """Wait for nothing."""
        for task in self._telling.values():
            task.cancel()
        self._pool.shutdown(wait=False, cancel_futures=True)


def channels_of(
    contacts: Iterable[Contact], make: Callable[[Contact], Channel] = AppriseChannel
) -> list[tuple[str, Channel]]:
    """Everybody's channel, by name."""
    return [(one.name, make(one)) for one in contacts]
