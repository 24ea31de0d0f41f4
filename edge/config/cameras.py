"""Cameras: whether they live, and a picture when somebody presses."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from contract.strict_toml import Mistake, MistakesError
from edge.config.section import Name, PointLimits, Section, check_kind

_HOST = r"[A-Za-z0-9.\[\]:-]+"


class Camera(Section, frozen=True, kw_only=True):
    """A camera in the network of the site. Nothing of its stream goes through the gateway."""

    name: Name
    rtsp: (
        Annotated[
            str,
            Meta(
                pattern=rf"^rtsp://{_HOST}(/[^\s@]*)?$", description="rtsp://host:554/…, without a password"
            ),
        ]
        | None
    ) = None
    """Its stream: asked for, never taken."""
    onvif: (
        Annotated[
            str, Meta(pattern=rf"^http://{_HOST}(/[^\s@]*)?$", description="http://host/onvif/device_service")
        ]
        | None
    ) = None
    """Its device service, asked for the camera's clock."""
    snapshot: (
        Annotated[
            str,
            Meta(pattern=rf"^http://{_HOST}(/[^\s@]*)?$", description="http://host/…, without a password"),
        ]
        | None
    ) = None
    """Where it gives one picture as JPEG."""
    username: str | None = None
    password_file: Path | None = None
    on_panic: tuple[Name, ...] = ()
    """Buttons at whose press a picture is kept."""
    poll_s: Annotated[float, Meta(ge=1, le=3600)] = 30.0
    down_after: Annotated[int, Meta(ge=1, le=100)] = 3
    up_after: Annotated[int, Meta(ge=1, le=100)] = 2
    """So many answers in a row, before one that was down is up again."""
    points: dict[str, PointLimits] = msgspec.field(default_factory=dict)

    def __post_init__(self) -> None:
        check_kind("camera", self.points)
        mistakes = []
        if self.rtsp is None and self.onvif is None:
            mistakes.append(Mistake("neither rtsp nor onvif", at=("rtsp",), instead="where it answers"))
        if (self.username is None) != (self.password_file is None):
            mistakes.append(
                Mistake("a username and a password_file belong together", at=("username",), instead="both")
            )
        if self.on_panic and self.snapshot is None:
            mistakes.append(Mistake("no picture without snapshot", at=("on_panic",), instead="its address"))
        if mistakes:
            raise MistakesError(*mistakes)


class SnapshotSettings(Section, frozen=True, kw_only=True):
    """Where pictures are kept, and how many: the oldest go."""

    folder: Path = Path("snapshots")
    keep_mb: Annotated[float, Meta(ge=1, le=100_000)] = 64.0
    keep_days: Annotated[float, Meta(ge=0.01, le=90)] = 7.0
