"""Brings a Grafana to what the profile says, thing by thing. Safe to repeat: what is right already is left alone."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from contract.whole_file import write_text
from grafana import alerts, folders
from grafana.api import Api
from grafana.wanted import Wanted

Outcome = Literal["new", "changed", "same"]

HASH = "siaga-isi-"
"""Begins the tag that says what a dashboard had in it when it was pushed."""


@dataclass(frozen=True)
class Done:
    """What became of one thing."""

    kind: str
    name: str
    outcome: Outcome


@dataclass
class Push:
    """One run.

    Args:
        dry: look at everything, change nothing.
    """

    api: Api
    wanted: Wanted
    dry: bool = False
    _teams: dict[str, int] = field(default_factory=dict)

    async def run(self) -> AsyncIterator[Done]:
        """Do it, telling each thing as it is done.

        Raises:
            grafana.errors.GrafanaError: what was done before stays, and a second run goes on from there.
        """
        steps: tuple[Callable[[], AsyncIterator[Done]], ...] = (
            self._sources,
            self._folders,
            self._dashboards,
            self._contacts,
            self._rules,
            self._playlist,
            self._preferences,
            self._wall,
        )
        for step in steps:
            async for done in step():
                yield done

    async def _sources(self) -> AsyncIterator[Done]:
        for source in self.wanted.sources:
            path = f"/api/datasources/uid/{source['uid']}"
            current = await self.api.get(path)
            open_part = {key: value for key, value in source.items() if key != "secureJsonData"}
            is_same = holds(current, open_part) and holds(
                (current or {}).get("secureJsonFields", {}),
                dict.fromkeys(source.get("secureJsonData", {}), True),
            )
            yield await self._bring(
                "data source",
                source["name"],
                current,
                source,
                is_same=is_same,
                make="/api/datasources",
                path=path,
            )

    async def _folders(self) -> AsyncIterator[Done]:
        for name in folders.TEAMS:
            found = (await self.api.get(f"/api/teams/search?name={quote(name)}") or {}).get("teams", [])
            if found:
                self._teams[name] = found[0]["id"]
                yield Done("team", name, "same")
            else:
                made = {} if self.dry else await self.api.send("POST", "/api/teams", {"name": name})
                self._teams[name] = made.get("teamId", 0)
                yield Done("team", name, "new")
        for folder in folders.FOLDERS:
            path = f"/api/folders/{folder.uid}"
            current = await self.api.get(path)
            content = {"uid": folder.uid, "title": folder.title}
            change = {**content, "version": (current or {}).get("version", 0)}
            yield await self._bring(
                "folder",
                folder.title,
                current,
                content,
                is_same=holds(current, content),
                make="/api/folders",
                path=path,
                change=change,
            )
            yield await self._permissions(folder)

    async def _permissions(self, folder: folders.Folder) -> Done:
        path = f"/api/folders/{folder.uid}/permissions"
        items = folders.permissions(folder, self._teams)
        current = [
            {"permission": one["permission"], **_whom(one)}
            for one in await self.api.get(path) or []
            if not one.get("inherited") and one.get("role") != "Admin"
        ]
        is_same = sorted(map(_line, current)) == sorted(map(_line, items))
        if not is_same and not self.dry:
            await self.api.send("POST", path, {"items": items})
        return Done("permissions", folder.title, "same" if is_same else "changed")

    async def _dashboards(self) -> AsyncIterator[Done]:
        for uid, (folder, content) in self.wanted.dashboards.items():
            marked = {**content, "tags": [*content["tags"], HASH + digest(content)]}
            current = await self.api.get(f"/api/dashboards/uid/{uid}")
            is_same = current is not None and current["meta"].get("folderUid") == folder
            is_same = is_same and _is_the_same(current["dashboard"], marked)
            if not is_same and not self.dry:
                version = {} if current is None else {"version": current["dashboard"].get("version", 0)}
                body = {
                    "dashboard": {**marked, "id": None, **version},
                    "folderUid": folder,
                    "message": "siaga-hub grafana push",
                    "overwrite": False,
                }
                await self.api.send("POST", "/api/dashboards/db", body)
            yield Done("dashboard", content["title"], _outcome(current, is_same))

    async def _contacts(self) -> AsyncIterator[Done]:
        if not self.wanted.contact_points:
            return
        name = quote(alerts.CONTACT)
        there = await self.api.get(f"/api/v1/provisioning/contact-points?name={name}") or []
        for point in self.wanted.contact_points:
            current = next((one for one in there if one.get("uid") == point["uid"]), None)
            yield await self._bring(
                "contact point",
                f"{point['name']} ({point['type']})",
                current,
                point,
                is_same=holds(current, point),
                make="/api/v1/provisioning/contact-points",
                path=f"/api/v1/provisioning/contact-points/{point['uid']}",
            )

    async def _rules(self) -> AsyncIterator[Done]:
        for rule in alerts.rules(self.wanted.city) if self.wanted.contact_points else ():
            path = f"/api/v1/provisioning/alert-rules/{rule['uid']}"
            current = await self.api.get(path)
            is_same = holds(current, _known(rule, current))
            yield await self._bring(
                "alert rule",
                rule["title"],
                current,
                rule,
                is_same=is_same,
                make="/api/v1/provisioning/alert-rules",
                path=path,
            )

    async def _playlist(self) -> AsyncIterator[Done]:
        items = [{"type": "dashboard_by_uid", "value": uid} for uid in self.wanted.playlist]
        content = {"name": folders.PLAYLIST, "interval": folders.INTERVAL, "items": items}
        listed = await self.api.get("/api/playlists") or []
        uid = next((one["uid"] for one in listed if one["name"] == folders.PLAYLIST), None)
        current = None if uid is None else await self.api.get(f"/api/playlists/{uid}")
        yield await self._bring(
            "playlist",
            folders.PLAYLIST,
            current,
            content,
            is_same=holds(current, content),
            make="/api/playlists",
            path=f"/api/playlists/{uid}",
        )

    async def _preferences(self) -> AsyncIterator[Done]:
        content = {
            "homeDashboardUID": folders.HOME,
            "theme": self.wanted.ground,
            "timezone": self.wanted.zone,
            "weekStart": "monday",
        }
        current = await self.api.get("/api/org/preferences") or {}
        is_same = holds(current, content)
        if not is_same and not self.dry:
            await self.api.send("PATCH", "/api/org/preferences", content)
        yield Done("preferences", folders.HOME, "same" if is_same else "changed")

    async def _wall(self) -> AsyncIterator[Done]:
        place = self.wanted.wall_token_file
        if place is None:
            return
        found = await self.api.get(f"/api/serviceaccounts/search?query={folders.WALL}") or {}
        named = (one for one in found.get("serviceAccounts", ()) if one["name"] == folders.WALL)
        account = next(named, None)
        content = {"name": folders.WALL, "role": "Viewer", "isDisabled": False}
        path = "" if account is None else f"/api/serviceaccounts/{account['id']}"
        done = await self._bring(
            "wall account",
            folders.WALL,
            account,
            content,
            is_same=holds(account, content),
            make="/api/serviceaccounts",
            path=path,
            method="PATCH",
        )
        yield done
        if place.exists() and done.outcome == "same":
            yield Done("wall token", str(place), "same")
            return
        if not self.dry:
            await self._new_token(place)
        yield Done("wall token", str(place), "new")

    async def _new_token(self, place: Path) -> None:
        """A token of the wall's account in its file, and no older one."""
        found = await self.api.get(f"/api/serviceaccounts/search?query={folders.WALL}") or {}
        account = next(one for one in found["serviceAccounts"] if one["name"] == folders.WALL)
        path = f"/api/serviceaccounts/{account['id']}/tokens"
        for old in await self.api.get(path) or []:
            await self.api.send("DELETE", f"{path}/{old['id']}", None)
        made = await self.api.send("POST", path, {"name": folders.WALL})
        write_text(place, made["key"] + "\n", mode=0o600)

    async def _bring(
        self,
        kind: str,
        name: str,
        current: Any,
        content: Mapping[str, Any],
        *,
        is_same: bool,
        make: str,
        path: str,
        change: Mapping[str, Any] | None = None,
        method: str = "PUT",
    ) -> Done:
        """Make a thing where there is none, change it where it is another."""
        if not is_same and not self.dry:
            if current is None:
                await self.api.send("POST", make, content)
            else:
                await self.api.send(method, path, change or content)
        return Done(kind, name, _outcome(current, is_same))


def holds(current: Any, wanted: Any) -> bool:
    """Whether all that is wanted is so; Grafana adds fields of its own."""
    if isinstance(wanted, Mapping):
        return isinstance(current, Mapping) and all(
            key in current and holds(current[key], value) for key, value in wanted.items()
        )
    if isinstance(wanted, list):
        return (
            isinstance(current, list)
            and len(current) == len(wanted)
            and all(holds(one, other) for one, other in zip(current, wanted, strict=True))
        )
    return bool(current == wanted)


def digest(content: Mapping[str, Any]) -> str:
    """Eight hexadecimal digits of what a dashboard has in it."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:8]


def _is_the_same(current: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """A Grafana that brought a dashboard to its own version has rewritten it; then only the tag says what it was."""
    if set(current.get("tags", ())) != set(wanted["tags"]):
        return False
    return current.get("schemaVersion") != wanted["schemaVersion"] or holds(current, wanted)


def _known(rule: Mapping[str, Any], current: Any) -> dict[str, Any]:
    """A rule without the young keys of which this Grafana does not tell: it would lack them after every push."""
    return {key: value for key, value in rule.items() if key not in alerts.YOUNG or key in (current or {})}


def _whom(one: Mapping[str, Any]) -> dict[str, Any]:
    return {"teamId": one["teamId"]} if one.get("teamId") else {"role": one.get("role", "")}


def _line(one: Mapping[str, Any]) -> str:
    return json.dumps(one, sort_keys=True)


def _outcome(current: Any, is_same: bool) -> Outcome:
    if is_same:
        return "same"
    return "new" if current is None else "changed"
