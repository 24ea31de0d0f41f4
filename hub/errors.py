"""The one error tree of the hub."""

from __future__ import annotations

from contract.errors import SiagaError


class HubError(SiagaError):
    """Something in the hub failed."""


class ConfigError(HubError, ValueError):
    """The configuration or the profile says something that the hub cannot do."""


class StoreError(HubError):
    """The SQL store did what it must not: a broken schema, a corrupt file."""


class StoreUnavailableError(StoreError):
    """The SQL store does not take writes now: busy, full, gone. Nothing of the transaction is kept."""

    retryable = True


class AlreadyRunningError(HubError):
    """Another process holds the store."""
