"""A press as one text (SMS) from a gateway's modem to the hub's: 140 letters, signed with the key of its certificate.

A text has room for no certificate and for no names, so it says names by the beginning of their digests, which both
sides know, and the names themselves are under the signature. The body of the event is made from what the text says, to
the byte: so the hub knows it by its event id and its bytes for the press that the broker brings later.

=====  ===========================================================
bytes  what
=====  ===========================================================
6      beginning of the digest of the gateway's id
6      of the device's
1      flags: 1, the button was pressed when the gateway began
16     event id
5      time in whole seconds since 1970; 0 where there is none
64     ECDSA on P-256 with SHA-256 of `to_sign`: r and s
=====  ===========================================================
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass

from contract.codec import decode_body, encode_body
from contract.errors import ContractError, DecodeError
from contract.messages import EventBody
from contract.signed import to_sign

HEAD = "SIAGA1 "
"""How such a text begins; no answer of a person does."""

PURPOSE = "siaga text 1"
TAG_BYTES, ID_BYTES, TIME_BYTES, SIGNATURE_BYTES = 6, 16, 5, 64
SAID_BYTES = 2 * TAG_BYTES + 1 + ID_BYTES + TIME_BYTES
INITIAL = 1
KIND = "panic_press"


@dataclass(frozen=True, slots=True)
class PressText:
    """What a text says; nothing of it is believed before its signature.

    Attributes:
        gateway_tag, device_tag: of the names that it means.
        t_s: when it was pressed; None where the gateway had no time.
        said: the bytes that are signed, with the names behind them.
    """

    gateway_tag: bytes
    device_tag: bytes
    initial: bool
    event_id: str
    t_s: int | None
    said: bytes
    signature: bytes = b""

    def body(self, device: str) -> bytes:
        """The event's body, as the gateway's spool has it."""
        return encode_body(
            EventBody(id=self.event_id, kind=KIND, device=device, data={"initial": self.initial})
        )

    def to_sign(self, gateway: str, device: str) -> bytes:
        """The bytes that are signed."""
        return to_sign(PURPOSE, gateway, self.said + device.encode())


def tag(name: str) -> bytes:
    """What stands for a name."""
    return hashlib.sha256(name.encode()).digest()[:TAG_BYTES]


def say(gateway: str, body: bytes, t_ms: int | None) -> tuple[PressText, str]:
    """A press as a text that lacks its signature, and its device.

    Raises:
        ContractError: its body is of a form that a text cannot say.
    """
    event = decode_body(body)
    initial, t_s = event.data.get("initial") is True, max(0, (t_ms or 0) // 1000)
    if t_s >= 256**TIME_BYTES:
        t_s = 0
    said = (
        tag(gateway)
        + tag(event.device)
        + bytes([INITIAL if initial else 0])
        + bytes.fromhex(event.id)
        + t_s.to_bytes(TIME_BYTES, "big")
    )
    text = _read(said)
    if text.body(event.device) != body:
        raise ContractError("text", f"a text cannot say a {event.kind} with such data")
    return text, event.device


def encode(said: bytes, signature: bytes) -> str:
    """The text."""
    return HEAD + base64.urlsafe_b64encode(said + signature).decode().rstrip("=")


def decode(text: str) -> PressText:
    """What a text says; nothing in it is believed yet.

    Raises:
        DecodeError: it is none.
    """
    letters = text.strip().removeprefix(HEAD.strip()).strip()
    try:
        found = base64.b64decode(letters + "=" * (-len(letters) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise DecodeError("text", "it is no base64") from error
    if len(found) != SAID_BYTES + SIGNATURE_BYTES:
        raise DecodeError("text", f"{len(found)} bytes, not {SAID_BYTES + SIGNATURE_BYTES}")
    return _read(found[:SAID_BYTES], found[SAID_BYTES:])


def _read(said: bytes, signature: bytes = b"") -> PressText:
    at_id = 2 * TAG_BYTES + 1
    t_s = int.from_bytes(said[at_id + ID_BYTES :], "big")
    return PressText(
        said[:TAG_BYTES],
        said[TAG_BYTES : 2 * TAG_BYTES],
        bool(said[2 * TAG_BYTES] & INITIAL),
        said[at_id : at_id + ID_BYTES].hex(),
        t_s or None,
        said,
        signature,
    )
