"""What InfluxDB answers, as errors: each says what is to be done with the lines."""

from __future__ import annotations

from hub.errors import HubError


class SeriesError(HubError):
    """InfluxDB did not do what was asked."""


class BadLines(SeriesError):
    """At least one line of the request will never be taken; which one the answer does not say reliably."""


class TooLarge(SeriesError):
    """The request has more bytes than the server takes: send it in parts."""


class NoDatabase(SeriesError):
    """The database is not there: create it and send again."""

    retryable = True


class Unavailable(SeriesError):
    """It is down, overloaded, wrongly set up or refuses our login: keep the lines and send again later.

    Attributes:
        answered: it said so itself; False where the connection broke or the time was over.
    """

    retryable = True

    def __init__(self, message: str, hint: str = "", *, answered: bool = True) -> None:
        super().__init__(message, hint)
        self.answered = answered
