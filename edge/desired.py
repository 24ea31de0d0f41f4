"""Which configuration runs: the file's, or one that the hub wants, on trial first.

Beside the spool, in the folder ``desired``, lie ``trial.toml``, ``kept.toml``, and ``state.json``, which says how far
it has come. The file of the technician is the ground: who the gateway is, where its spool and its certificates are,
cannot be changed from afar, and when a technician changes the file, the file runs again.

========  ==================================================  ==================================================
phase     how it came to be                                   what happens at the next start
========  ==================================================  ==================================================
trial     the hub's configuration was checked and written     it runs; a third start in a row takes it back
kept      the hub was reached with it for SETTLE_MS           it runs
refused   it had mistakes, died, or did not reach the hub     what ran before runs; it is not tried again
========  ==================================================  ==================================================
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from contract.errors import ContractError
from contract.messages import DesiredConfig
from contract.whole_file import write_bytes, write_text
from edge.config import Config, load, loads
from edge.errors import ConfigChanged, EdgeError

log = logging.getLogger(__name__)

STARTS = 2
"""So often a trial may begin: a power cut is not its fault, a second one may be."""

SETTLE_MS = 10_000
PATIENCE_MS = 180_000
"""A trial that has not reached the hub for SETTLE_MS within so long is taken back."""

Phase = Literal["trial", "kept", "refused"]


class State(msgspec.Struct, frozen=True, kw_only=True):
    """How far the newest configuration of the hub has come.

    Attributes:
        file: hash of the technician's file when it came; another one ends it.
        kept: hash of ``kept.toml``; empty where there is none.
        starts: of the trial.
        error: why it was refused.
    """

    version: int
    hash: str
    file: str
    phase: Phase
    kept: str = ""
    starts: int = 0
    error: str = ""


@dataclass(frozen=True, slots=True)
class Chosen:
    """A configuration to run."""

    config: Config
    hash: str
    trial: bool


class Desired:
    """The configurations of a gateway and what is known of them. Every change is on the card before it counts."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._ground = load(file)
        self._file_hash = hash_of(file.read_bytes())
        self._folder = self._ground.spool.path.parent / "desired"

    @property
    def state(self) -> State | None:
        """What is known of the newest one; None where none ever came, or the technician has changed the file."""
        try:
            state = msgspec.json.decode((self._folder / "state.json").read_bytes(), type=State)
        except (OSError, ValueError, msgspec.MsgspecError):
            return None
        return state if state.file == self._file_hash else None

    def choose(self) -> Chosen:
        """What to run now. A trial is counted before it begins."""
        state = self.state
        if state is not None and state.phase == "trial":
            if state.starts >= STARTS:
                self.refuse("dies / mati")
            else:
                try:
                    self._save(msgspec.structs.replace(state, starts=state.starts + 1))
                    return Chosen(self._read("trial.toml", state.hash), state.hash, trial=True)
                except (ContractError, EdgeError, OSError) as error:
                    self.refuse(str(error))
        return self._settled()

    def take(self, desired: DesiredConfig) -> None:
        """Check what the hub wants, and put it on trial.

        Raises:
            ConfigChanged: it is to run now.
            EdgeError: it is refused; the message says why.
        """
        state = self.state
        if state is not None and state.hash == desired.hash and state.phase == "refused":
            raise EdgeError("refused", f"sudah ditolak / refused before: {state.error}")
        kept = state.kept if state is not None else ""
        fresh = State(
            version=desired.config_version, hash=desired.hash, file=self._file_hash, phase="trial", kept=kept
        )
        try:
            self._check(desired)
        except (ContractError, EdgeError) as error:
            self._save(msgspec.structs.replace(fresh, phase="refused", error=str(error)[:2000]))
            raise EdgeError("refused", str(error)[:2000]) from error
        self._folder.mkdir(parents=True, exist_ok=True)
        write_text(self._folder / "trial.toml", desired.toml, mode=0o600)
        self._save(fresh)
        log.warning("config.trial version=%d hash=%s", desired.config_version, desired.hash[:12])
        raise ConfigChanged("config", "a configuration of the hub is tried")

    def keep(self) -> None:
        """The trial has reached the hub for long enough."""
        state = self.state
        if state is None or state.phase != "trial":
            return
        write_bytes(self._folder / "kept.toml", (self._folder / "trial.toml").read_bytes(), mode=0o600)
        self._save(msgspec.structs.replace(state, phase="kept", kept=state.hash))
        log.warning("config.kept version=%d hash=%s", state.version, state.hash[:12])

    def refuse(self, why: str) -> None:
        """The trial has failed; what ran before is to run."""
        state = self.state
        if state is not None and state.phase == "trial":
            try:
                self._save(msgspec.structs.replace(state, phase="refused", error=why[:2000]))
            except OSError as error:
                # A full card. A start that cannot be counted is none: what ran before runs then, too.
                log.error("config.unsaved error=%s", error)
            log.error("config.taken_back version=%d hash=%s why=%s", state.version, state.hash[:12], why)

    def _settled(self) -> Chosen:
        state = self.state
        if state is not None and state.kept:
            try:
                return Chosen(self._read("kept.toml", state.kept), state.kept, trial=False)
            except (ContractError, EdgeError, OSError) as error:
                log.error("config.kept_unusable error=%s", error)
        return Chosen(self._ground, self._file_hash, trial=False)

    def _check(self, desired: DesiredConfig) -> None:
        if hash_of(desired.toml.encode()) != desired.hash:
            raise EdgeError("hash", "isi tidak cocok dengan sidiknya / it is not what its hash says")
        wanted = loads(desired.toml, self._file.resolve().parent, "desired")
        ground = self._ground
        fixed: tuple[tuple[str, object, object], ...] = (
            ("gateway.id", wanted.gateway.id, ground.gateway.id),
            ("gateway.cell", wanted.gateway.cell, ground.gateway.cell),
            ("spool.path", wanted.spool.path, ground.spool.path),
            ("broker.ca_file", wanted.broker.ca_file, ground.broker.ca_file),
            ("broker.cert_file", wanted.broker.cert_file, ground.broker.cert_file),
            ("broker.key_file", wanted.broker.key_file, ground.broker.key_file),
        )
        for name, one, other in fixed:
            if one != other:
                raise EdgeError("fixed", f"{name} is changed at the box only: {other}")

    def _read(self, name: str, wanted_hash: str) -> Config:
        data = (self._folder / name).read_bytes()
        if hash_of(data) != wanted_hash:
            raise EdgeError("damaged", f"{name} is not what was written")
        return loads(data.decode(), self._file.resolve().parent, name)

    def _save(self, state: State) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        write_bytes(self._folder / "state.json", msgspec.json.encode(state), mode=0o600)


def hash_of(data: bytes) -> str:
    """SHA-256 in hex, as configurations are named."""
    return hashlib.sha256(data).hexdigest()


async def run_chosen(desired: Desired, run: Callable[[Chosen], Awaitable[None]]) -> None:
    """Run what is chosen; when that changes, run the other. A trial that cannot start is taken back.

    Raises:
        EdgeError: what is not on trial cannot start.
    """
    while True:
        chosen = desired.choose()
        changed = False
        try:
            await run(chosen)
        except* ConfigChanged:
            changed = True
        except* EdgeError as group:
            if not chosen.trial:
                raise
            desired.refuse(_said(group))
            changed = True
        if not changed:
            return


def _said(group: BaseExceptionGroup[EdgeError]) -> str:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error)
