"""What people and programs see: the pages, the API, and the eyes that tell open pages what has changed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from contract.strict_toml import TomlError
from hub.api.auth.oidc import Oidc
from hub.api.services import Services
from hub.city.beds import PanelWords
from hub.city.watch import CityWatch
from hub.config import HubConfig, read_secret
from hub.fleet import gateways as fleet
from hub.parts.ground import Ground, Tasks
from hub.parts.intake import Intake
from hub.parts.judgement import Judgement
from hub.parts.telling import Telling
from hub.parts.upkeep import Upkeep
from hub.programmes import files as programmes
from hub.programmes.files import Programme
from hub.series.shared import SharedQueries

log = logging.getLogger(__name__)


class Pages:
    """What the routes use.

    Args:
        numbers: of the pipeline.
        secure: the hub itself or the proxy before it speaks TLS.

    Attributes:
        services: for the routes.
    """

    def __init__(
        self,
        ground: Ground,
        *,
        telling: Telling,
        upkeep: Upkeep,
        judgement: Judgement,
        intake: Intake,
        numbers: Callable[[], dict[str, Any]],
        oidc: Oidc | None,
        secure: bool,
    ) -> None:
        known, silent = ground.known, intake.liveness.silent
        levels = judgement.judging.states
        series = None if ground.influx is None else SharedQueries(ground.influx, ground.clock)
        panels = PanelWords(series)
        self._watch = CityWatch(ground.region, ground.bus, ground.clock, levels=levels, panels=panels)
        self.services = Services(
            db=ground.db,
            clock=ground.clock,
            region=ground.region,
            directories=ground.memory.directories,
            bus=ground.bus,
            notify=telling.told,
            gateways=lambda conn: fleet.overview(
                conn, known.values(), upkeep.trust.revoked, intake.floods.by_gateway()
            ),
            silent=lambda: set(filter(silent, known)),
            unheard=lambda: {*filter(silent, known), *telling.told.devices_down()},
            levels=levels,
            panels=panels,
            pipeline=numbers,
            second_path=intake.second_path.take,
            pictures=intake.pictures,
            commands=intake.commands,
            ready=intake.missing,
            series=series,
            oidc=oidc,
            rules=judgement.rules,
            profile_mistakes=lambda: upkeep.profile.mistakes,
            advisories=judgement.advisories.now,
            secure_cookies=secure,
            hooks=_hooks(ground.config),
            programmes=_programmes(Path(ground.config.profile)),
            applications=_tokens(ground.config.applications),
            walls=upkeep.walls,
            wall_tokens=_tokens(ground.config.walls),
            links=ground.links,
            cap_sender=ground.config.cap.sender,
            operators=ground.config.alarms.operators,
        )

    def tasks(self) -> Tasks:
        """What runs beside the web server."""
        return {"watch-levels": self._watch.watch_levels(), "watch-beds": self._watch.watch_beds()}


def _programmes(profile: Path) -> Mapping[str, Programme]:
    """The profile's programmes; none where the file has mistakes, which must not keep a hub from starting."""
    try:
        return programmes.read(profile)
    except TomlError as error:
        log.error("programmes_refused mistakes=%s", str(error).replace("\n", "; "))
        return {}


class _HasToken(Protocol):
    @property
    def token_file(self) -> str: ...


def _tokens(sections: Mapping[str, _HasToken]) -> dict[str, str]:
    """The tokens of programs by their names."""
    return {name: read_secret(one.token_file) for name, one in sections.items()}


def _hooks(config: HubConfig) -> dict[str, bytes]:
    """Secrets of the channels that are signed webhooks: their receivers sign with the same."""
    return {
        name: read_secret(channel.secret_file).encode()
        for name, channel in config.channels.items()
        if channel.what == "webhook"
    }
