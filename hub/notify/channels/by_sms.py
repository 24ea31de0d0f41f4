"""SMS to the number of the contact, by whatever gateway. A modem that took a text proves that it was sent, no more."""

from __future__ import annotations

from collections.abc import Collection

from hub.notify.channels.base import Answer, Message
from hub.notify.sms.compose import compose
from hub.notify.sms.gateway import SmsError, SmsGateway


class SmsChannel:
    """Sends by one gateway.

    Args:
        only: the numbers that may be sent to; empty: any.
    """

    def __init__(self, gateway: SmsGateway, *, only: Collection[str] = ()) -> None:
        self.gateway = gateway
        self._only = frozenset(only)

    async def send(self, message: Message) -> Answer:
        """One attempt."""
        if not message.phone:
            return Answer("refused", detail="the notice has no telephone number")
        if self._only and message.phone not in self._only:
            return Answer("refused", detail="the number is not among those of this channel")
        try:
            ref = await self.gateway.send(message.phone, compose(message), key=message.key)
        except SmsError as error:
            return Answer("failed" if error.retryable else "refused", detail=str(error))
        return Answer("delivered", ref=ref)

    async def aclose(self) -> None:
        """Nothing to let go of."""
