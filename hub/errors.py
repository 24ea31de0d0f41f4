"""The one error tree of the hub."""

from __future__ import annotations


class HubError(Exception):
    """Something in the hub failed.

    Attributes:
        retryable: whether the same call can succeed later without a change by a person.
        hint: what the person who reads the log should do next.
    """

    retryable = False

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message + (f" ({hint})" if hint else ""))
        self.message = message
        self.hint = hint


class ConfigError(HubError, ValueError):
    """The configuration or the profile says something that the hub cannot do."""


class StoreError(HubError):
    """The SQL store did what it must not: a broken schema, a corrupt file."""


class StoreUnavailableError(StoreError):
    """The SQL store does not take writes now: busy, full, gone. Nothing of the transaction is kept."""

    retryable = True


class AlreadyRunningError(HubError):
    """Another process holds the store."""
