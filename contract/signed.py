"""What a gateway says outside of the broker, signed with the key of its certificate: a press by the second path.

The proof is in the message itself, so that it passes whatever stands between: a proxy that ends TLS hides who speaks.
Both sides sign and verify `to_sign`, which begins with what the message is for: a signature for one thing is worth
nothing for another. The signature is ECDSA on P-256 with SHA-256, in DER.
"""

from __future__ import annotations

import hashlib
from typing import Annotated

import msgspec

from contract.errors import DecodeError
from contract.messages import MAX_FRAME_BYTES, GatewayId

PRESS = "siaga second path 1"
"""What a press by the second path is signed as."""

MAX_BYTES = 2 * MAX_FRAME_BYTES


class Signed(msgspec.Struct, frozen=True, kw_only=True):
    """A payload, who says it, and why that is to be believed.

    Attributes:
        gateway: id, as in the certificate's common name.
        chain: certificates in PEM: the gateway's own, then the issuing authority's.
        payload: of a press, a frame of the panic lane as the broker would have carried it.
        signature: of `to_sign`, by the key of the first certificate.
    """

    purpose: Annotated[str, msgspec.Meta(max_length=64)]
    gateway: GatewayId
    chain: Annotated[tuple[Annotated[str, msgspec.Meta(max_length=8192)], ...], msgspec.Meta(max_length=3)]
    payload: Annotated[bytes, msgspec.Meta(max_length=MAX_FRAME_BYTES)]
    signature: Annotated[bytes, msgspec.Meta(max_length=256)]


def to_sign(purpose: str, gateway: str, payload: bytes) -> bytes:
    """The bytes that are signed. No part of it can be taken for another: each has its own line."""
    return "\n".join((purpose, gateway, hashlib.sha256(payload).hexdigest())).encode()


def encode(signed: Signed) -> bytes:
    """As it is posted."""
    return msgspec.json.encode(signed)


def decode(data: bytes) -> Signed:
    """What was posted; nothing in it is believed yet.

    Raises:
        DecodeError: it is none.
    """
    if len(data) > MAX_BYTES:
        raise DecodeError("size", f"{len(data)} bytes, at most {MAX_BYTES}")
    try:
        return msgspec.json.decode(data, type=Signed)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise DecodeError("signed", str(error)[:200]) from error
