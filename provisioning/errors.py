"""The error tree of provisioning."""

from __future__ import annotations

from contract.errors import SiagaError


class ProvisioningError(SiagaError):
    """A certificate or a broker file cannot be made."""


class NameRefused(ProvisioningError, ValueError):
    """A name must not stand in a certificate or an ACL."""


class AuthorityError(ProvisioningError):
    """The folder of an authority is missing, foreign or already in use."""


class ClaimRefused(ProvisioningError):
    """A claim cannot be made like this."""


class CardRefused(ProvisioningError, ValueError):
    """A card cannot be written like this."""


class RequestRefused(ProvisioningError, ValueError):
    """A request to sign is not one that a gateway makes."""


class NotAllowed(ProvisioningError):
    """Whoever asks may not have this. Says no more, so that a guess learns nothing from the answer."""

    def __init__(self) -> None:
        super().__init__("not allowed", "ask the command room for a new claim")
