"""``siaga-edge upgrade``: the steps of an upgrade, and what each leaves behind when the power goes there.

    before ``begin``     a release without manifest.json: removed by the next upgrade; the old version runs
    within ``begin``     a trial, and the link at the old version: the trial is forgotten at the next start
    until the verdict    a trial, and the link at the new version: watched anew at the next start, by the old version
    within ``take_back`` a trial, and the link at the old version: as above
    after ``keep``       the new version

The trial is watched by the version before, which is known to work; nothing of the new one decides about itself.
"""

from __future__ import annotations

import json
import logging
import os
import platform
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from contract.upgrade import UpgradeError
from edge import vitals
from edge.clock import Clock
from edge.config import Config
from edge.spool.schema import FORMAT
from edge.upgrade.bundle import Bundle, Here, lay_out, verified
from edge.upgrade.releases import Releases, Trial
from edge.upgrade.trial import Patience, Verdict, Watch

log = logging.getLogger(__name__)

TAKEN_BACK = 3
"""Exit status when the new version failed its trial and the one before runs again."""

RESTART = ("systemctl", "restart", "siaga-edge.service")
RESTART_S = 100.0
"""How long the service manager may take to end one process and start the next."""

ASK_S = 60.0
"""How long a new version may take to say what it is; a Zero 2 needs some seconds."""


@dataclass(frozen=True, slots=True)
class Upgrade:
    """Upgrades of one gateway.

    Args:
        restart: command that starts the service anew.
        sleep: between two looks at a trial; tests give their own.
    """

    releases: Releases
    clock: Clock
    patience: Patience
    restart: Sequence[str] = RESTART
    sleep: Callable[[float], None] = time.sleep

    def take(self, path: Path, config: Config, config_path: Path) -> Verdict:
        """Verify the file, lay it out, try it, and keep it or take it back.

        Raises:
            UpgradeError: it was not tried; nothing is changed.
            OSError: likewise.
        """
        with self.releases.held():
            if self.releases.trial is not None:
                raise UpgradeError("busy", "a trial was cut off", "siaga-edge upgrade --resume")
            bundle = verified(path, config.broker.ca_file.read_bytes(), self._here())
            self._lay_out(bundle, config_path)
            file = vitals.path_of(config.spool.path)
            now = vitals.read(file)
            trial = Trial(
                old=self.releases.running,
                new=bundle.manifest.version,
                made_ms=bundle.manifest.made_ms,
                was_reached=now is not None and now.reached and self._runs(now),
                vitals=str(file.resolve()),
                restart=tuple(self.restart),
            )
            log.info("upgrade.trial old=%s new=%s reached=%s", trial.old, trial.new, trial.was_reached)
            self.releases.begin(trial)
            return self._judge(trial, restart=True)

    def resume(self) -> Verdict | None:
        """Bring a trial that was cut off to its end; None where there is none. Run at each start of the machine.

        Raises:
            UpgradeError: what was kept of it is damaged.
        """
        with self.releases.held():
            trial = self.releases.trial
            if trial is None:
                return None
            if self.releases.running == trial.old:
                self.releases.end(trial)
                return Verdict("bad", "cut off")
            log.info("upgrade.resumed old=%s new=%s", trial.old, trial.new)
            return self._judge(trial, restart=False)

    def _here(self) -> Here:
        state = self.releases.state
        return Here(
            version=self.releases.running,
            highest=state.highest,
            machine=platform.machine(),
            python=f"{sys.version_info.major}.{sys.version_info.minor}",
            now_ms=max(self.clock.now_ms(), state.seen_ms),
        )

    def _lay_out(self, bundle: Bundle, config_path: Path) -> None:
        version = bundle.manifest.version
        place = self.releases.clear(version)
        free = shutil.disk_usage(place.parent).free
        if free < bundle.bytes_needed:
            raise UpgradeError(
                "space", f"{free} bytes are free, {bundle.bytes_needed} are needed", "make room"
            )
        # The gateway's own account is to read it, whatever the mask of who types the command.
        mask = os.umask(0o022)
        try:
            lay_out(bundle, place)
        finally:
            os.umask(mask)
        program = place / "bin" / "siaga-edge"
        said = _ask([program, "version"])
        try:
            told = json.loads(said)
            fits = (told["software"], told["spool_format"]) == (version, FORMAT)
        except (ValueError, KeyError, TypeError):
            fits = False
        if not fits:
            raise UpgradeError(
                "new version",
                f"it says {said[:200]!r} of itself",
                "a spool of another format could not be taken back",
            )
        _ask([program, "check", "--config", config_path])
        self.releases.complete(version, bundle.signed)

    def _judge(self, trial: Trial, *, restart: bool) -> Verdict:
        # A technician's line may drop: the trial goes on. Ctrl-C ends it, and the version before comes back.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        try:
            if restart:
                self._restart(trial)
            verdict = self._watch(trial)
        except KeyboardInterrupt:
            verdict = Verdict("bad", "stopped by hand")
        if verdict.outcome == "good":
            self.releases.keep(trial)
            log.info("upgrade.kept version=%s", trial.new)
            return verdict
        log.error("upgrade.taken_back version=%s why=%s", trial.new, verdict.why)
        self.releases.take_back(trial)
        self._restart(trial)
        self.releases.end(trial)
        return verdict

    def _watch(self, trial: Trial) -> Verdict:
        watch = Watch(trial, self.patience, self.clock.mono_ms())
        while True:
            seen = vitals.read(Path(trial.vitals))
            verdict = watch.look(seen, runs=self._runs(seen), now_ms=self.clock.mono_ms())
            if verdict is not None:
                return verdict
            self.sleep(0.5)

    def _runs(self, seen: vitals.Vitals | None) -> bool:
        return vitals.runs(seen, boot=self.clock.boot_id())

    def _restart(self, trial: Trial) -> None:
        """What comes of it is seen in the vitals."""
        try:
            subprocess.run(trial.restart, check=True, timeout=RESTART_S, stdin=subprocess.DEVNULL)
        except (OSError, subprocess.SubprocessError) as error:
            log.error("upgrade.restart_failed error=%s", error)


def _ask(command: Sequence[str | Path]) -> str:
    """What the new version answers, before it is let near the spool.

    Raises:
        UpgradeError: it does not run, or refuses.
    """
    try:
        done = subprocess.run(
            command, check=False, timeout=ASK_S, capture_output=True, text=True, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError) as error:
        raise UpgradeError("new version", f"it does not run: {error}", "it was not tried") from error
    if done.returncode:
        said = (done.stderr or done.stdout).strip()[-400:]
        raise UpgradeError("new version", f"{command[1]} fails: {said}", "it was not tried")
    return done.stdout
