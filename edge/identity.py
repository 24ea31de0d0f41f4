"""The gateway's key and certificate: one file, so that one rename swaps both and a power cut leaves a pair.

The file is PEM: the private key, the gateway's certificate, the issuing authority's. Only its owner may read it.
"""

from __future__ import annotations

import datetime as dt
import ssl
from dataclasses import dataclass
from pathlib import Path

from edge.errors import CertificateError

RENEW_AT = 2 / 3
"""Part of a certificate's life after which the next one is asked for."""

NO_CHECK_TIME = ssl.VerifyFlags(0x200000)
"""X509_V_FLAG_NO_CHECK_TIME of OpenSSL, which Python has no name for."""

_BEGIN = "-----BEGIN CERTIFICATE-----"
_END = "-----END CERTIFICATE-----"


@dataclass(frozen=True, slots=True)
class Validity:
    """When a certificate begins and ends, in ms since 1970."""

    begins_ms: int
    ends_ms: int

    @property
    def due_ms(self) -> int:
        """When the next one is due."""
        return self.begins_ms + int((self.ends_ms - self.begins_ms) * RENEW_AT)


def validity(path: Path) -> Validity:
    """Dates of the first certificate of the file.

    Read by hand: to load a whole library for two dates costs a gateway 10 MB for as long as it runs.

    Raises:
        CertificateError: the file cannot be read, or there is no certificate in it.
    """
    try:
        text = path.read_text(encoding="ascii")
        first = text[text.index(_BEGIN) : text.index(_END) + len(_END)]
        return _dates(ssl.PEM_cert_to_DER_cert(first))
    except (OSError, ValueError, IndexError) as error:
        raise CertificateError(
            "certificate", f"{path} holds no certificate: {error}", "enrol the gateway with a claim"
        ) from error


def heed_dates(context: ssl.SSLContext, *, synced: bool) -> None:
    """Let the dates of the other side's certificate count only where our clock can judge them.

    A board without a battery wakes up years away, and nobody may be there to tell it the time; what it recorded must
    come through all the same. Whose certificate it is, and of whom, counts always.
    """
    if synced:
        context.verify_flags &= ~NO_CHECK_TIME
    else:
        context.verify_flags |= NO_CHECK_TIME


def _dates(der: bytes) -> Validity:
    """The dates of a certificate in DER: Certificate, tbsCertificate, then its fifth field."""
    _, at, _ = _field(der, 0)
    _, at, _ = _field(der, at)
    tag, _, end = _field(der, at)
    if tag == 0xA0:  # the version, which may be left out
        at = end
    for _ in range(3):  # serial number, algorithm, issuer
        at = _field(der, at)[2]
    _, at, _ = _field(der, at)
    begins, end = _time(der, at)
    ends, _ = _time(der, end)
    return Validity(begins, ends)


def _field(der: bytes, at: int) -> tuple[int, int, int]:
    """Tag, begin and end of the content of the field at that place."""
    tag, length, at = der[at], der[at + 1], at + 2
    if length & 0x80:
        size = length & 0x7F
        length, at = int.from_bytes(der[at : at + size], "big"), at + size
    if at + length > len(der):
        raise ValueError("a field is cut off")
    return tag, at, at + length


def _time(der: bytes, at: int) -> tuple[int, int]:
    """A time in ms since 1970, and where its field ends. Years have two digits until 2049."""
    tag, start, end = _field(der, at)
    text = der[start:end].decode("ascii")
    if tag == 0x17:
        text = ("20" if text < "50" else "19") + text
    if len(text) != 15 or not text.endswith("Z"):
        raise ValueError("a date has another form")
    month, day, hour, minute, second = (int(text[at : at + 2]) for at in range(4, 14, 2))
    moment = dt.datetime(int(text[:4]), month, day, hour, minute, second, tzinfo=dt.UTC)
    return int(moment.timestamp() * 1000), end
