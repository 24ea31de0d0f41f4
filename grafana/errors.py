"""What Grafana answers, as errors: each says what a person does next."""

from __future__ import annotations

from hub.errors import HubError


class GrafanaError(HubError):
    """Grafana did not do what was asked."""


class LoginRefusedError(GrafanaError):
    """401 or 403: the token is not known, or may not do this."""


class ConflictError(GrafanaError):
    """409 or 412: somebody else has something of that name, or has changed it meanwhile."""


class FailedError(GrafanaError):
    """It failed by itself, or cannot be reached; what was pushed before stays, and a second call goes on."""

    retryable = True


class WriterError(GrafanaError):
    """The account of the data sources may write to InfluxDB; a wall must only read."""
