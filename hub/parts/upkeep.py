"""What keeps a hub trustworthy over the years: who is trusted, the audit trail, retention, the backup's age, walls."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hub import trail
from hub.backup.age import BackupAge
from hub.config import HubConfig
from hub.fleet.trust_watch import TrustWatch
from hub.parts.ground import Ground, Tasks
from hub.region.watch import ProfileWatch
from hub.retention.periods import Periods
from hub.retention.worker import Retention
from hub.walls.beats import Beats
from hub.walls.watch import WallWatch


class Upkeep:
    """What nobody notices while it works.

    Args:
        changed: told of each gateway that was revoked or is trusted again.

    Attributes:
        trust: whose frames are refused.
        profile: whether the region profile has changed.
        walls: what the walls' PCs say of themselves.
    """

    def __init__(self, ground: Ground, *, changed: Callable[[str], None]) -> None:
        config, db, clock = ground.config, ground.db, ground.clock

        def alarmed() -> None:
            ground.bus.publish("alarm", "")

        self.trust = TrustWatch(
            Path(config.trust.file) if config.trust.file else None,
            own=_own_certificates(config),
            gateways=ground.known,
            db=db,
            clock=clock,
            changed=changed,
        )
        self.profile = ProfileWatch(
            Path(config.profile), ground.profiled, check=ground.memory.directories.check
        )
        self._anchoring = trail.anchoring(config.audit, ground.channels, db, clock, changed=alarmed)
        self._retention = Retention(
            Periods(config.retention.by_class),
            db,
            clock,
            series={} if ground.tiers is None else ground.tiers.by_class,
            noted=Path(config.audit.file) if config.audit.file else None,
        )
        self.walls = Beats(config.walls, began_mono_ms=clock.mono_ms())
        self._wall_watch = WallWatch(self.walls, db, clock, changed=alarmed)
        self._backup_age: BackupAge | None = None
        if config.backup.folder and config.backup.recipients:
            self._backup_age = BackupAge(Path(config.backup.folder), db, clock, changed=alarmed)

    def tasks(self) -> Tasks:
        """What runs."""
        tasks: Tasks = {
            "trust": self.trust.run(),
            "profile": self.profile.run(),
            "audit": self._anchoring.run(),
            "retention": self._retention.run(),
            "walls": self._wall_watch.run(),
        }
        if self._backup_age is not None:
            tasks["backup-age"] = self._backup_age.run()
        return tasks


def _own_certificates(config: HubConfig) -> dict[str, Path]:
    """What the hub shows to others, by the name under which people are told of it."""
    files = {
        "hub": config.broker.certificate,
        "hub-telemetry": config.broker.telemetry_certificate,
        "pages": config.api.certificate,
    }
    return {name: Path(file) for name, file in files.items() if file}
