"""The one error tree of the gateway."""

from __future__ import annotations


class EdgeError(Exception):
    """Something on the gateway went wrong.

    Attributes:
        reason: a short stable word, fit for a counter or a log field.
        hint: what the person who reads the log should do next.
        retryable: whether the same call can succeed later without a person.
    """

    retryable = False

    def __init__(self, reason: str, message: str, hint: str = "") -> None:
        super().__init__(f"{reason}: {message}" + (f" ({hint})" if hint else ""))
        self.reason = reason
        self.message = message
        self.hint = hint


class ConfigError(EdgeError, ValueError):
    """The configuration cannot be used; the message names file, line and what to write instead."""


class DeviceError(EdgeError):
    """A device did not answer, or answered what cannot be used. The next poll may succeed."""

    retryable = True


class PinError(EdgeError):
    """The pins of this machine cannot be used as configured; the gateway refuses to start on them."""


class KeyFileError(EdgeError):
    """The city's key for pseudonyms cannot be used. No scan of a reader is taken until it can."""

    retryable = True


class CertificateError(EdgeError):
    """The gateway's certificate, its key or the authority's certificate cannot be used."""


class EnrolmentError(EdgeError):
    """The enrolment service gave no certificate now. Later it may."""

    retryable = True


class EnrolmentRefused(EnrolmentError):
    """The enrolment service will not give this gateway a certificate; a person must act."""

    retryable = False


class RecordError(EdgeError, ValueError):
    """A record cannot be accepted as it is: too large, not JSON, not a number. Nothing was written."""


class CardError(EdgeError):
    """The card did not do what was asked. Nothing was accepted; the same call may succeed later."""

    retryable = True


class DiskFull(CardError):
    """No space for this record, whatever could be evicted for it has been."""


class PanicLaneFull(DiskFull):
    """Even the space reserved for panic is used up. Signal a fault at the place itself."""


class CorruptCard(EdgeError):
    """The spool's file is damaged. Quarantine it; the same call cannot succeed on it."""


class ClosedSpool(EdgeError):
    """The spool is not open."""
