"""The claim that a technician carries to a gateway: where to enrol, by what word, and whom to trust there.

One line of text, which is also what the QR code holds:

    https://hub.kota.example:8443/#t=TOKEN&f=FINGERPRINT

What stands behind ``#`` is not sent by a browser that opens it, nor is it in a server's log.
"""

from __future__ import annotations

import base64
import re
import secrets
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

from contract.errors import ContractError

TOKEN_BYTES = 16
_TOKEN = re.compile(r"[a-z2-7]{26}")
_FINGERPRINT = re.compile(r"[0-9a-f]{64}")


class ClaimError(ContractError, ValueError):
    """The text is no claim."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What a gateway enrols with, once.

    Attributes:
        url: of the enrolment service, ``https://host`` or ``https://host:port``.
        token: 128 random bits in base32, 26 letters and digits. A secret until it is used.
        fingerprint: SHA-256 of the root's certificate in hex; the gateway trusts no other.
    """

    url: str
    token: str = field(repr=False)
    fingerprint: str

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme != "https" or not parts.hostname or parts.path.strip("/") or parts.query:
            raise ClaimError("claim", f"{self.url!r} is no address of an enrolment", "https://host:port")
        if not _TOKEN.fullmatch(self.token):
            raise ClaimError("claim", "its token is not 26 letters and digits", "copy the whole line")
        if not _FINGERPRINT.fullmatch(self.fingerprint):
            raise ClaimError("claim", "its fingerprint is not 64 hex digits", "copy the whole line")

    def text(self) -> str:
        """The line that is shown and put into the QR code."""
        return f"{self.url.rstrip('/')}/#t={self.token}&f={self.fingerprint}"


def parse(text: str) -> Claim:
    """Read a claim's line.

    Raises:
        ClaimError: it is none.
    """
    head, mark, tail = text.strip().partition("#")
    try:
        fields = dict(parse_qsl(tail, max_num_fields=8)) if len(tail) < 1000 else {}
    except ValueError:  # more fields than that
        fields = {}
    if not mark or not {"t", "f"} <= fields.keys():
        raise ClaimError("claim", "this is no claim", "copy the whole line that claim add has printed")
    try:
        return Claim(head.rstrip("/"), fields["t"].lower(), fields["f"].lower())
    except ClaimError:
        raise
    except ValueError as error:  # urlsplit's own
        raise ClaimError("claim", f"its address cannot be read: {error}", "https://host:port") from error


def new_token() -> str:
    """A token that nobody has had before and nobody can guess."""
    return base64.b32encode(secrets.token_bytes(TOKEN_BYTES)).decode().rstrip("=").lower()
