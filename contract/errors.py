"""The one error tree of the contract, and what the root of every package's tree has in common."""

from __future__ import annotations


class SiagaError(Exception):
    """Root of each package's own tree.

    Attributes:
        message: what happened, to what.
        hint: what the person who reads the log should do next.
        retryable: whether the same call can succeed later without a person.
    """

    retryable = False

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message + (f" ({hint})" if hint else ""))
        self.message = message
        self.hint = hint


class ReasonedError(SiagaError):
    """An error that is counted, too.

    Attributes:
        reason: a short stable word, fit for a counter, a log field or a refusal (``"version"``, ``"json"``).
    """

    def __init__(self, reason: str, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.reason}: {super().__str__()}"


class ContractError(ReasonedError):
    """Something said over the wire, or asked of this package, breaks the contract. No later try helps."""


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
