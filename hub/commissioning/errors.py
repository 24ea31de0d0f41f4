"""What may be wrong with a step of a commissioning."""

from __future__ import annotations

from hub.errors import HubError


class CommissioningError(HubError):
    """A step that is not possible now; nothing of it is kept."""


class PhotoError(HubError, ValueError):
    """The bytes are no photo that is taken."""
