"""The only MQTT code of the watch: a new connection for each press, as a gateway makes one after a power cut.

A connection that stands says nothing of whether another could be made: certificates end, and so do lists of revoked
ones.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from typing import Literal

from aiomqtt import Client, MqttError, ProtocolVersion

from watch.config import Broker
from watch.press import ANSWERS, TOPIC, Pressed

Reason = Literal["certificate", "broker", "hub"]
"""What did not work: our own files, the way to the broker, or the hub behind it."""

# paho writes of each of its errors by itself; what is to be known of them is in the reason.
logging.getLogger("mqtt").setLevel(logging.CRITICAL)


async def send(broker: Broker, press: Pressed, *, answer_s: float) -> Reason | None:
    """Press, and wait for the hub's receipt; None when it came in time, else what did not work."""
    try:
        context = _context(broker)
    except (OSError, ssl.SSLError):
        return "certificate"
    reached = False
    try:
        async with asyncio.timeout(answer_s):
            async with Client(
                broker.host,
                broker.port,
                protocol=ProtocolVersion.V5,
                tls_context=context,
                timeout=answer_s,
                keepalive=30,
            ) as client:
                await client.subscribe(ANSWERS, qos=1)
                reached = True
                await client.publish(TOPIC, press.payload, qos=1)
                async for message in client.messages:
                    if isinstance(message.payload, bytes) and press.settled_by(message.payload):
                        return None
    except (MqttError, OSError, TimeoutError):
        pass
    return "hub" if reached else "broker"


def _context(broker: Broker) -> ssl.SSLContext:
    """Read anew for each press, so that a renewed certificate needs no restart."""
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=broker.ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(broker.certificate, broker.key)
    return context
