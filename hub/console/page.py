"""How a page is made: a template, who looks, in which language, under a policy that runs no script but ours."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from hub.api.access import Identity
from hub.api.auth import sessions
from hub.api.auth.roles import PERSONS, WATCHING, Role
from hub.api.services import Services
from hub.bus import Bus
from hub.console import mistakes, show
from hub.console.asset_files import Assets
from hub.console.language import LANGUAGES, Language, Words, language_of, sentences
from hub.console.navigation import entries
from hub.console.snapshot import Snapshot
from hub.notify.policy import PRIORITY_LABELS
from hub.region import Agency, Region

T = TypeVar("T")

TEMPLATES = Path(__file__).parent / "templates"

OPTIONS: dict[str, Any] = {"response_class": HTMLResponse, "include_in_schema": False}
"""Options of a page's row in a table of routes."""

POLICY = (
    "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "font-src 'self'; media-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
"""Content-Security-Policy of every page. No inline handler runs, no eval, and nothing of another host."""


class City:
    """The region as templates see it. Its agencies are those of the directory, which people change."""

    def __init__(self, region: Region, agencies: Callable[[], Mapping[str, Agency]]) -> None:
        self._region = region
        self._agencies = agencies

    @property
    def agencies(self) -> Mapping[str, Agency]:
        """As they are now, by id."""
        return self._agencies()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._region, name)


class Pages:
    """What every page of this hub is made with: templates in both languages, and the assets.

    Args:
        agencies: as they are now, by id.
    """

    def __init__(self, region: Region, assets: Assets, agencies: Callable[[], Mapping[str, Agency]]) -> None:
        self.region = region
        self.assets = assets
        city = City(region, agencies)
        self._environments = {language: _environment(language, city, assets) for language in LANGUAGES}
        self._snapshots: dict[str, Snapshot[Any]] = {}

    def render(self, language: Language, template: str, context: Mapping[str, Any]) -> str:
        """A template's HTML."""
        return self._environments[language].get_template(template).render(context)

    def snapshot(self, name: str, bus: Bus, read: Callable[[], Awaitable[T]]) -> Snapshot[T]:
        """The reading of that name, which all pages share."""
        return self._snapshots.setdefault(name, Snapshot(bus, read))


def pages_of(request: Request) -> Pages:
    """The pages of the application."""
    pages: Pages = request.app.state.pages
    return pages


async def page(
    request: Request, hub: Services, who: Identity | None, template: str, **context: Any
) -> HTMLResponse:
    """A whole page: ``template`` extends ``layout.html``.

    Args:
        who: None for the few pages before a login.
        context: what the template needs beside ``lang``, ``user``, ``csrf``, ``nonce``, ``now_ms`` and ``nav``.
    """
    return whole(request, who, template, {"now_ms": hub.clock.now_ms(), **context})


async def fragment(
    request: Request, hub: Services, who: Identity | None, template: str, **context: Any
) -> HTMLResponse:
    """A part of a page, to be swapped in; the same template that the whole page includes."""
    language = language_of(request)
    more = {"user": who.user if who else None, "now_ms": hub.clock.now_ms()}
    return HTMLResponse(pages_of(request).render(language, template, more | context))


def whole(
    request: Request, who: Identity | None, template: str, context: Mapping[str, Any], *, status: int = 200
) -> HTMLResponse:
    """A whole page without the hub's services: for when these are what fails. The context has ``now_ms``."""
    nonce = secrets.token_urlsafe(16)
    # Who still lacks the second factor is greeted, and led nowhere else.
    roles = who.user.roles if who and not who.session.needs else frozenset[Role]()
    more = {
        "user": who.user if who else None,
        "csrf": sessions.csrf_token(who.token) if who else "",
        "nonce": nonce,
        "path": request.url.path,
        "nav": entries(roles),
        "own": bool(roles & PERSONS),
        "live": bool(roles & WATCHING),
    }
    html = pages_of(request).render(language_of(request), template, {**more, **context})
    return HTMLResponse(html, status, headers={"Content-Security-Policy": POLICY.format(nonce=nonce)})


def _environment(language: Language, city: City, assets: Assets) -> Environment:
    words = sentences(language)
    zone = ZoneInfo(city.zone)
    env = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
        # A template that changes under a running hub would be half of another version.
        auto_reload=False,
    )
    env.install_gettext_callables(  # type: ignore[attr-defined]
        words, lambda one, many, n: words(one if n == 1 else many), newstyle=True
    )
    env.globals.update(
        lang=language,
        city=city,
        zone_label=city.zone_label,
        asset=assets.address,
        assets_missing=assets.missing,
        script_words=_script_words(words),
        priority_labels={
            int(priority): dict(zip(LANGUAGES, labels, strict=True))
            for priority, labels in PRIORITY_LABELS.items()
        },
    )
    env.filters.update(
        clock=partial(show.clock_time, zone),
        lately=partial(show.lately, zone),
        moment=partial(show.moment, zone, city.zone_label),
        duration=partial(show.duration, words),
        number=partial(show.number, language),
        said=lambda both: both[language] if isinstance(both, Mapping) else both,
        age=_age(words),
        t=_translated(words),
        mistake=partial(mistakes.told, words),
    )
    return env


def _translated(words: Words) -> Callable[..., str]:
    """Filter: the sentence of a message id that is no literal.

    What ``_`` gives is safe HTML, for a sentence of ours with its values escaped; this gives text, which is escaped
    as a whole, because an id that no table knows may come from a gateway.
    """

    def translated(msgid: str, **values: Any) -> str:
        return words(msgid) % values if values else words(msgid)

    return translated


def _age(words: Words) -> Callable[..., Markup]:
    """Filter: how long ago a time is, ticking in the browser; stale, hatched, from ``stale_s`` on."""

    def age(t_ms: int | None, now_ms: int, stale_s: float | None = None) -> Markup:
        if t_ms is None:
            return Markup('<span class="age stale">{}</span>').format(words("never heard"))
        old = stale_s is not None and now_ms - t_ms > stale_s * 1000
        return Markup('<time class="age{}" data-ms="{}"{}>{}</time>').format(
            " stale" if old else "",
            t_ms,
            Markup(' data-stale-ms="{}"').format(round(stale_s * 1000)) if stale_s is not None else "",
            words("%(span)s ago") % {"span": show.duration(words, now_ms - t_ms)},
        )

    return age


def _script_words(words: Words) -> dict[str, str]:
    """What live.js says by itself."""
    return {
        "ago": words("%(span)s ago"),
        "s": words("s"),
        "min": words("min"),
        "h": words("h"),
        "d": words("d"),
        "offline": words("Connection to the hub lost since %(time)s. What you see is as old as that."),
        "unrenewed": words("A part of this page could not be renewed since %(time)s."),
        "unanswered": words("The hub did not answer. It may have been done or not: look, then try again."),
        "mute": words("Mute for 60 s"),
        "muted": words("Muted, %(seconds)s s left"),
        "blocked": words("The browser blocks sound. Press “Test the sound” once."),
        "heard": words("Sound is on."),
    }
