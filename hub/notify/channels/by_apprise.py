"""Chat, mail and SMS services by Apprise.

Apprise swallows its services' errors and answers with something falsy, blocks, and follows its own rules of HTTP;
so its calls run in threads of their own, in bounded time, and only a true answer counts as delivered. Its URLs
come from the hub's configuration alone, never from a page or a profile.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import apprise

from hub.errors import ConfigError
from hub.notify.channels.base import Answer, Message
from hub.notify.policy import Priority

THREADS = 4
"""Attempts of one channel at a time; a service that hangs holds no more."""


def _body(message: Message) -> str:
    """The text, how to answer where something is asked, and the key that shows a repetition."""
    answer = f"\n\nJawab / answer: {message.answer_url}" if message.answer_url else ""
    return f"{message.text}{answer}\n\nRef: {message.key}"


class AppriseChannel:
    """Notifies one Apprise URL.

    Raises:
        ConfigError: Apprise does not know the URL's form.
    """

    def __init__(self, url: str, *, timeout_s: float = 15.0) -> None:
        asset = apprise.AppriseAsset(
            app_id="Siaga",
            app_desc="Siaga",
            app_url="",
            async_mode=False,
            secure_logging=True,
            http_redirects=False,
            allow_templates=False,
            service_timeout=timeout_s,
        )
        self._service = apprise.Apprise(asset=asset)
        # The URL has secrets in it, so the error must not show it.
        if not self._service.add(url):
            raise ConfigError(
                "Apprise does not take the channel's URL", "see `apprise --details` for the forms it knows"
            )
        self._timeout_s = timeout_s
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="apprise")

    async def send(self, message: Message) -> Answer:
        """One attempt. Apprise does not say why it failed, so every failure is worth another."""
        try:
            async with asyncio.timeout(self._timeout_s):
                # A call that has not begun when the time is over is cancelled and never made.
                took = await asyncio.get_running_loop().run_in_executor(self._pool, self._notify, message)
        except TimeoutError:
            return Answer("failed", detail=f"no end after {self._timeout_s:g} s")
        except Exception as error:
            return Answer("failed", detail=f"Apprise: {type(error).__name__}")
        return (
            Answer("delivered") if took else Answer("failed", detail="Apprise: the service did not take it")
        )

    def _notify(self, message: Message) -> bool:
        urgent = message.priority == Priority.CRITICAL
        return bool(
            self._service.notify(
                title=message.title,
                body=_body(message),
                notify_type=apprise.NotifyType.FAILURE if urgent else apprise.NotifyType.WARNING,
                body_format=apprise.NotifyFormat.TEXT,
                interpret_escapes=False,
            )
        )

    async def aclose(self) -> None:
        """Wait for nothing: a hanging service must not hold the hub's end up."""
        self._pool.shutdown(wait=False, cancel_futures=True)
