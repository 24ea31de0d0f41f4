"""The one error tree of the contract."""

from __future__ import annotations


class ContractError(Exception):
    """Something said over the wire, or asked of this package, breaks the contract.

    Attributes:
        reason: a short stable word, fit for a counter or a refusal (``"version"``, ``"json"``).
        hint: what the person who reads the log should do next.
        retryable: whether the same bytes can succeed later. Nothing in the contract can.
    """

    retryable = False

    def __init__(self, reason: str, message: str, hint: str = "") -> None:
        super().__init__(f"{reason}: {message}" + (f" ({hint})" if hint else ""))
        self.reason = reason
        self.message = message
        self.hint = hint


class DecodeError(ContractError, ValueError):
    """Bytes from the wire are not a message of this contract. The only error that decoding raises."""


class VersionError(DecodeError):
    """The message is of another protocol version; the sender is to be told so."""

    def __init__(self, found: object) -> None:
        super().__init__(
            "version",
            f"protocol version {found!r} is not spoken here",
            "update the older of gateway and hub",
        )
        self.found = found


class TopicError(ContractError, ValueError):
    """A topic, gateway id or cell does not have the form of the contract."""


class KindError(ContractError, LookupError):
    """A device kind or quantity is not in the kinds table."""
