"""A notice published to an outside broker: MQTT 5 over TLS, QoS 1.

Its PUBACK proves that the broker has the notice (``sent``) and nothing more: not that somebody subscribes to it.
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass

from hub.notify.asks import VALID_MS
from hub.notify.channels.base import Answer, Message
from hub.notify.channels.mqtt_session import (
    NOBODY,
    NOBODY_LISTENS,
    BrokerError,
    Login,
    Publish,
    publish,
)
from hub.notify.channels.notice_json import as_json
from hub.outbound import Outbound, OutboundError


@dataclass(frozen=True, slots=True, kw_only=True)
class Broker:
    """Where notices are published, and as whom.

    Attributes:
        url: ``mqtts://host`` or ``mqtts://host:port``.
        ca: file of the authority that has signed the broker's certificate; empty: those that the system trusts.
        certificate, key: files of the hub's certificate for this broker; empty: none.
    """

    url: str
    topic: str
    login: Login = NOBODY
    ca: str = ""
    certificate: str = ""
    key: str = ""


class MqttChannel:
    """Publishes to one topic of one broker, over a connection of its own for each notice."""

    def __init__(self, broker: Broker, outbound: Outbound) -> None:
        self._broker = broker
        self._outbound = outbound

    async def send(self, message: Message) -> Answer:
        """Connect, publish once, and wait for the PUBACK."""
        try:
            tls = await asyncio.to_thread(_trust, self._broker)
        except (OSError, ssl.SSLError) as error:
            return Answer("failed", detail=f"certificates of the channel: {error}")
        try:
            secure = await self._outbound.dial(self._broker.url, tls)
            async with asyncio.timeout(self._outbound.timeout_s):
                reason = await publish(
                    secure,
                    self._broker.login,
                    Publish(self._broker.topic, as_json(message), VALID_MS // 1000),
                )
        except OutboundError as error:
            return Answer("failed" if error.retryable else "refused", detail=str(error))
        except BrokerError as error:
            return Answer("refused" if error.for_good else "failed", detail=str(error))
        except TimeoutError:
            return Answer("failed", detail=f"the broker said nothing for {self._outbound.timeout_s:g} s")
        return Answer("delivered", detail="nobody subscribes there" if reason == NOBODY_LISTENS else "")

    async def aclose(self) -> None:
        """Nothing to let go of: no connection outlives its notice."""


def _trust(broker: Broker) -> ssl.SSLContext:
    """Read anew for each notice, so that a renewed certificate needs no restart."""
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=broker.ca or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if broker.certificate:
        context.load_cert_chain(broker.certificate, broker.key)
    return context
