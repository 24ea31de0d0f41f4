"""What can go wrong with a backup."""

from __future__ import annotations

from hub.errors import HubError


class BackupError(HubError):
    """A backup could not be made, or a file is not one that can be restored."""
