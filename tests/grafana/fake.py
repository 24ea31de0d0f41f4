"""A Grafana of the few endpoints that pushing uses, over real HTTP: it keeps what it is told."""

import itertools
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

TOKEN = "glsa_uji"  # tracked: allowed, a test's own
"""What it lets in."""

KEPT_SECRETS = ("secureJsonData",)

YOUNG = ("isPaused", "notification_settings")

AT_FIRST = (
    {"teamId": 0, "role": "Editor", "permission": 2, "inherited": False},
    {"teamId": 0, "role": "Viewer", "permission": 1, "inherited": False},
)
"""Who may do what in a new folder."""


class FakeGrafana:
    """Use as a context; ``url`` is where it listens.

    Attributes:
        writes: (method, path) of every change, in order.
        fails: what to answer a change of a path that this pattern finds, once: (pattern, status).
        migrates: it brings dashboards to a schema version of its own, as a newer Grafana does.
        old: it is as 9.3.2: it answers 500 of an alert rule that is not there, and knows no young key of one.
    """

    def __init__(self):
        self.writes = []
        self.fails = None
        self.migrates = False
        self.old = False
        self.store = {
            kind: {} for kind in ("datasources", "folders", "dashboards", "playlists", "rules", "points")
        }
        self.permissions = {}
        self.teams = []
        self.accounts = []
        self.tokens = {}
        self.preferences = {"theme": "", "timezone": "", "weekStart": ""}
        self._ids = itertools.count(1)

    def __enter__(self):
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self):
                length = int(self.headers.get("Content-Length", 0))
                content = json.loads(self.rfile.read(length) or b"null")
                status, body = fake.answer(
                    self.command, self.path, self.headers.get("Authorization"), content
                )
                said = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815

            def log_message(self, *arguments):
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        return self

    def __exit__(self, *exc):
        self._server.shutdown()
        self._server.server_close()

    def answer(self, method, path, login, content):
        if login != f"Bearer {TOKEN}":
            return 401, {"message": "Invalid API key"}
        if method != "GET":
            if self.fails is not None and re.search(self.fails[0], path):
                status, self.fails = self.fails[1], None
                return status, {"message": "planted"}
            self.writes.append((method, path))
        parts = urlsplit(path)
        asked = {key: values[0] for key, values in parse_qs(parts.query).items()}
        for pattern, act in self.ROUTES:
            if found := re.fullmatch(pattern, f"{method} {parts.path}"):
                answered = act(self, *map(unquote, found.groups()), content=content, asked=asked)
                return answered if isinstance(answered, tuple) else (200, answered)
        return 404, {"message": "Not found"}

    def _one(self, kind, uid):
        found = self.store[kind].get(uid)
        return (404, {"message": "not there"}) if found is None else found

    def get_source(self, uid, **_):
        found = self.store["datasources"].get(uid)
        if found is None:
            return 404, {"message": "Data source not found"}
        told = {key: value for key, value in found.items() if key not in KEPT_SECRETS}
        return {**told, "id": 1, "secureJsonFields": dict.fromkeys(found.get("secureJsonData", {}), True)}

    def put_source(self, uid="", content=None, **_):
        named = (one for one in self.store["datasources"].values() if one["uid"] != content["uid"])
        if content["name"] in {one["name"] for one in named}:
            return 409, {"message": "data source with the same name already exists"}
        self.store["datasources"][content["uid"]] = content
        return {"message": "Datasource added"}

    def put_folder(self, uid="", content=None, **_):
        current = self.store["folders"].get(content["uid"])
        if current is not None and content.get("version") != current["version"]:
            return 412, {"message": "the folder has been changed by someone else"}
        version = 1 if current is None else current["version"] + 1
        self.store["folders"][content["uid"]] = {**content, "version": version}
        return self.store["folders"][content["uid"]]

    def get_permissions(self, uid, **_):
        admin = {"role": "Admin", "permission": 4, "inherited": True}
        return [admin, *self.permissions.get(uid, AT_FIRST)]

    def put_permissions(self, uid, content=None, **_):
        self.permissions[uid] = [{"teamId": 0, "inherited": False, **one} for one in content["items"]]
        return {"message": "Folder permissions updated"}

    def find_team(self, asked=None, **_):
        return {"teams": [one for one in self.teams if one["name"] == asked["name"]]}

    def make_team(self, content=None, **_):
        self.teams.append({"id": next(self._ids), "name": content["name"]})
        return {"teamId": self.teams[-1]["id"]}

    def get_dashboard(self, uid, **_):
        found = self.store["dashboards"].get(uid)
        if found is None:
            return 404, {"message": "Dashboard not found"}
        dashboard = dict(found["dashboard"])
        if self.migrates:
            dashboard |= {"schemaVersion": 42, "panels": []}
        return {"dashboard": dashboard, "meta": {"folderUid": found["folderUid"]}}

    def put_dashboard(self, content=None, **_):
        new = content["dashboard"]
        current = self.store["dashboards"].get(new["uid"])
        if (
            current is not None
            and not content["overwrite"]
            and new.get("version") != current["dashboard"]["version"]
        ):
            return 412, {
                "status": "version-mismatch",
                "message": "The dashboard has been changed by someone else",
            }
        version = 1 if current is None else current["dashboard"]["version"] + 1
        dashboard = {**new, "id": next(self._ids), "version": version}
        self.store["dashboards"][new["uid"]] = {"dashboard": dashboard, "folderUid": content["folderUid"]}
        return {"status": "success", "version": version}

    def list_playlists(self, **_):
        return [{"uid": uid, "name": one["name"]} for uid, one in self.store["playlists"].items()]

    def put_playlist(self, uid="", content=None, **_):
        uid = uid or f"list{next(self._ids)}"
        items = [{**one, "title": one["value"]} for one in content["items"]]
        self.store["playlists"][uid] = {**content, "uid": uid, "items": items}
        return self.store["playlists"][uid]

    def get_rule(self, uid, **_):
        if self.old and uid not in self.store["rules"]:
            return 500, {"message": "could not find alert rule", "traceID": ""}
        return self._one("rules", uid)

    def put_rule(self, uid="", content=None, **_):
        told = {"isPaused": False, "notification_settings": None, "record": None, **content}
        if self.old:
            told = {key: value for key, value in content.items() if key not in YOUNG}
        self.store["rules"][content["uid"]] = {**told, "id": next(self._ids), "orgID": 1, "provenance": "api"}
        return 201, told

    def get_points(self, asked=None, **_):
        return [one for one in self.store["points"].values() if one["name"] == asked["name"]]

    def put_point(self, uid="", content=None, **_):
        self.store["points"][content["uid"]] = {**content, "provenance": "api"}
        return 202, content

    def get_preferences(self, **_):
        return self.preferences

    def put_preferences(self, content=None, **_):
        self.preferences |= content
        return {"message": "Preferences updated"}

    def find_account(self, asked=None, **_):
        return {"serviceAccounts": [one for one in self.accounts if asked["query"] in one["name"]]}

    def make_account(self, content=None, **_):
        self.accounts.append({**content, "id": next(self._ids)})
        return 201, self.accounts[-1]

    def change_account(self, number, content=None, **_):
        next(one for one in self.accounts if one["id"] == int(number)).update(content)
        return {}

    def get_tokens(self, number, **_):
        return [{"id": one} for one in self.tokens.get(number, {})]

    def make_token(self, number, **_):
        made = next(self._ids)
        self.tokens.setdefault(number, {})[made] = f"glsa_{made}"
        return {"id": made, "key": f"glsa_{made}"}

    def drop_token(self, number, token, **_):
        del self.tokens[number][int(token)]
        return {"message": "deleted"}

    ROUTES = (
        (r"GET /api/datasources/uid/(.+)", get_source),
        (r"POST /api/datasources", put_source),
        (r"PUT /api/datasources/uid/(.+)", put_source),
        (r"GET /api/folders/([^/]+)", lambda self, uid, **_: self._one("folders", uid)),
        (r"POST /api/folders", put_folder),
        (r"PUT /api/folders/([^/]+)", put_folder),
        (r"GET /api/folders/(.+)/permissions", get_permissions),
        (r"POST /api/folders/(.+)/permissions", put_permissions),
        (r"GET /api/teams/search", find_team),
        (r"POST /api/teams", make_team),
        (r"GET /api/dashboards/uid/(.+)", get_dashboard),
        (r"POST /api/dashboards/db", put_dashboard),
        (r"GET /api/playlists", list_playlists),
        (r"GET /api/playlists/(.+)", lambda self, uid, **_: self._one("playlists", uid)),
        (r"POST /api/playlists", put_playlist),
        (r"PUT /api/playlists/(.+)", put_playlist),
        (r"GET /api/v1/provisioning/alert-rules/(.+)", get_rule),
        (r"POST /api/v1/provisioning/alert-rules", put_rule),
        (r"PUT /api/v1/provisioning/alert-rules/(.+)", put_rule),
        (r"GET /api/v1/provisioning/contact-points", get_points),
        (r"POST /api/v1/provisioning/contact-points", put_point),
        (r"PUT /api/v1/provisioning/contact-points/(.+)", put_point),
        (r"GET /api/org/preferences", get_preferences),
        (r"PATCH /api/org/preferences", put_preferences),
        (r"GET /api/serviceaccounts/search", find_account),
        (r"POST /api/serviceaccounts", make_account),
        (r"PATCH /api/serviceaccounts/(\d+)", change_account),
        (r"GET /api/serviceaccounts/(\d+)/tokens", get_tokens),
        (r"POST /api/serviceaccounts/(\d+)/tokens", make_token),
        (r"DELETE /api/serviceaccounts/(\d+)/tokens/(\d+)", drop_token),
    )
