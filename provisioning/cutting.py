"""Ends the connection that stands under a name at the broker, without any right over the broker.

A broker ends a connection when another comes with the same client id (MQTT 5, 3.1.4-3), and ours takes the client id
from the certificate. So the authority makes itself a certificate of that name for some minutes and connects with it
once: the answer to CONNECT is the proof that the former connection is gone. It does so after the broker has the list
of revoked certificates, so that whom it threw out does not get in again.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import ssl
import tempfile
from pathlib import Path

from gmqtt import Client
from gmqtt.mqtt.constants import MQTTv50
from gmqtt.mqtt.handler import MQTTError

from provisioning import certificates
from provisioning.ca import Authority
from provisioning.certificates import CLIENT

CUT_S = 4.0
LASTS = dt.timedelta(minutes=5)
NEVER = -2
"""As the number of the library's own reconnects: fewer than any number of failures."""

_quiet = logging.getLogger("provisioning.cutting.library")
_quiet.setLevel(logging.CRITICAL + 1)


def cut(authority: Authority, gateway: str, host: str, port: int) -> None:
    """End the connection of that gateway at the broker; where there is none, nothing happens. Idempotent.

    Raises:
        OSError: the broker cannot be reached, or refuses.
    """
    context = _context(authority, gateway)
    try:
        asyncio.run(_take_over(context, gateway, host, port))
    except (TimeoutError, MQTTError) as error:
        raise OSError(f"the broker did not take the connection of {gateway} over: {error!r}") from error


async def _take_over(context: ssl.SSLContext, gateway: str, host: str, port: int) -> None:
    client = Client(gateway, clean_session=True, logger=_quiet)
    client.set_config({"reconnect_retries": NEVER, "reconnect_delay": 0})
    async with asyncio.timeout(CUT_S):
        await client.connect(host, port, ssl=context, version=MQTTv50)
        await client.disconnect()


def _context(authority: Authority, gateway: str) -> ssl.SSLContext:
    """TLS that trusts the root alone and shows a certificate of that name. Its key is on disk while it is read."""
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=str(authority.certificate))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # The broker is on this machine, under an address that its certificate need not name.
    context.check_hostname = False
    key = certificates.new_key()
    now = dt.datetime.now(dt.UTC)
    leaf = certificates.leaf(authority.signer, gateway, key.public_key(), CLIENT, now=now, lasts=LASTS)
    chain = certificates.pem(leaf, authority.signer.certificate)
    with tempfile.TemporaryDirectory(prefix="siaga-") as folder:  # only its owner may look into it
        place = Path(folder, "pair.pem")
        place.write_bytes(certificates.key_pem(key) + chain)
        context.load_cert_chain(place)
    return context
