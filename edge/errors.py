"""The one error tree of the gateway."""

from __future__ import annotations

from contract.errors import ReasonedError


class EdgeError(ReasonedError):
    """Something on the gateway went wrong."""


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


class ConfigChanged(EdgeError):
    """Another configuration is to run now: the gateway ends in good order and begins with it."""

    retryable = True


class WayError(EdgeError):
    """A press could not be told by a way of the second path now."""

    retryable = True


class OrderError(EdgeError):
    """What was asked of the running gateway cannot be done as it was asked."""


class ClosedSpool(EdgeError):
    """The spool is not open."""
