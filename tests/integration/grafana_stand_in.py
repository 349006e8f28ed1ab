"""A stand-in for Grafana's HTTP API over a real socket: no Grafana can be had from the package registries.

Only what `dashboards.provisioning` uses, as Grafana's HTTP API reference (docs/sources/developers/http_api in its
repository: dashboard, folder, data_source, org, serviceaccount, folder_dashboard_search) describes it; alerting is in
`grafana_alerting`. The health check really connects to the database, as Grafana's does. By version: before 10.2.3 the
plugin is called `postgres`; 9.2 reads the database's name at the top level alone and has no health check (both seen in
a real 9.2.2).
"""

from __future__ import annotations

import base64
import copy
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

import psycopg

from dashboards.versions import parse, plugin
from tests.integration.grafana_alerting import Answer, Json, Organisation, provisioning

Headers = Mapping[str, str]

TOKEN: Final = "glsa_admin"
VIEWER: Final = "glsa_viewer"
BASIC: Final = "Basic " + base64.b64encode(b"admin:secret word").decode()
_CHANGED: Final = "has been changed by someone else"


class Location(str):
    """The body of a redirect: where to."""

    __slots__ = ()


class StandIn:
    """What this Grafana holds, and what was asked of it."""

    def __init__(self, version: str = "12.1.0") -> None:
        self.version = version
        known = parse(version)
        assert known is not None
        self.known = known
        self.plugin = plugin(known)
        self.old = known < (9, 3)
        self.organisations = {1: Organisation(id=1, name="Main Org.", users={"admin": "Admin"})}
        self.logins = {"admin": "admin@localhost"}
        """The mail of each user."""
        self.writes: list[str] = []
        self.fails: dict[str, Answer] = {}
        """Answers to give once, by method and path."""
        self.url = ""

    def __getattr__(self, name: str) -> Any:
        """What the first organisation holds."""
        return getattr(self.__dict__["organisations"][1], name)

    def answer(self, method: str, path: str, body: Any, headers: Headers) -> Answer:
        """Answer one request."""
        parts = urlsplit(path)
        if f"{method} {parts.path}" in self.fails:
            return self.fails.pop(f"{method} {parts.path}")
        if (method, parts.path) == ("GET", "/api/health"):
            return 200, {"commit": "0", "database": "ok", "version": self.version}
        return self._admitted(method, path, body, headers)

    def _admitted(self, method: str, path: str, body: Any, headers: Headers) -> Answer:
        credential = headers.get("Authorization")
        if credential not in {f"Bearer {TOKEN}", f"Bearer {VIEWER}", BASIC}:
            return _unauthorised()
        server_admin = credential == BASIC
        number = int(headers.get("X-Grafana-Org-Id", 1)) if server_admin else 1
        organisation = self.organisations.get(number)
        if organisation is None or (server_admin and "admin" not in organisation.users):
            return _unauthorised()
        if method != "GET":
            if credential == f"Bearer {VIEWER}":
                return _forbidden()
            self.writes.append(f"{method} {path}")
        parts = urlsplit(path)
        query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
        rest = [unquote(one) for one in parts.path.removeprefix("/api/").strip("/").split("/")]
        ours = "X-Disable-Provenance" not in headers
        match rest[0]:
            case "org":
                return 200, {"id": organisation.id, "name": organisation.name}
            case "orgs":
                return self._orgs(method, rest[1:], body, query, organisation) if server_admin else _forbidden()
            case "users" if rest[1:] == ["lookup"]:  # a server administrator's
                wanted = query["loginOrEmail"]
                known = [one for one, mail in self.logins.items() if wanted in {one, mail}]
                return (200, {"login": known[0]}) if known else (404, {"message": "user not found"})
            case "folders":
                return self._folder(organisation, method, rest[1:], body)
            case "datasources":
                return self._source(organisation, method, rest[1:], body)
            case "dashboards":
                return self._dashboard(organisation, method, rest[1:], body)
            case "search":
                return 200, self._search(organisation)
            case "serviceaccounts":
                return self._account(organisation, method, rest[1:], body, query)
            case "v1" if rest[1] == "provisioning" and self.known >= (9, 1):
                return provisioning(organisation, self.known, method, rest[2:], body, ours=ours)
            case "ds" if rest[1:] == ["query"]:
                self.writes.pop()  # a question
                return self._ask(organisation, body)
        return 404, {"message": "Not found"}

    def _orgs(self, method: str, rest: list[str], body: Json, query: Json, current: Organisation) -> Answer:
        if not rest:
            if method == "GET":
                page, size = int(query.get("page", 0)), int(query.get("perpage", 1000))
                held = [{"id": one.id, "name": one.name} for one in self.organisations.values()]
                first = max(page - 1, 0) * size
                return 200, held[first : first + size]
            if any(one.name == body["name"] for one in self.organisations.values()):
                return 409, {"message": "Organization name taken"}
            number = max(self.organisations) + 1
            self.organisations[number] = Organisation(id=number, name=body["name"], users={"admin": "Admin"})
            return 200, {"orgId": number, "message": "Organization created"}
        found = self.organisations.get(int(rest[0]))
        if found is None:
            return 404, {"message": "Organization not found"}
        if rest[1:2] == ["users"]:
            return self._users(found, method, rest[2:], body)
        if method == "PUT":
            if any(one.name == body["name"] for one in self.organisations.values() if one is not found):
                return 400, {"message": "Organization name taken"}
            found.name = body["name"]
        if method == "DELETE":
            if found is current:
                return 400, {"message": "Can not delete org for current user"}
            del self.organisations[found.id]
        return 200, {"id": found.id, "name": found.name}

    def _users(self, found: Organisation, method: str, rest: list[str], body: Json) -> Answer:
        names = list(self.logins)
        if method == "GET":
            return 200, [
                {
                    "orgId": found.id,
                    "userId": names.index(one) + 1,
                    "login": one,
                    "email": self.logins[one],
                    "role": role,
                }
                for one, role in found.users.items()
            ]
        if method == "POST":
            wanted = body["loginOrEmail"]
            login = next((one for one, mail in self.logins.items() if wanted in {one, mail}), None)
            if login is None:
                return 404, {"message": "User not found"}
            if login in found.users:
                return 409, {"message": "User is already member of this organization"}
            found.users[login] = body["role"]
            return 200, {"message": "User added to organization", "userId": names.index(login) + 1}
        login = names[int(rest[0]) - 1]
        if method == "PATCH":
            found.users[login] = body["role"]
            return 200, {"message": "Organization user updated"}
        del found.users[login]
        return 200, {"message": "User removed from organization"}

    def _folder(self, held: Organisation, method: str, rest: list[str], body: Json) -> Answer:
        if method == "POST":
            if body["uid"] in held.folders:
                return 409, {"message": "a folder with that uid already exists"}
            held.folders[body["uid"]] = {**body, "id": len(held.folders) + 1, "version": 1}
            return 200, held.folders[body["uid"]]
        if not rest:
            return 200, [{"id": one["id"], "uid": one["uid"], "title": one["title"]} for one in held.folders.values()]
        found = held.folders.get(rest[0])
        if found is None:
            return 404, {"message": "folder not found", "status": "not-found"}
        if method == "PUT":
            if not body.get("overwrite") and body.get("version") != found["version"]:
                return 412, {"message": f"The folder {_CHANGED}", "status": "version-mismatch"}
            found["title"] = body["title"]
            found["version"] += 1
        if method == "DELETE":
            if any(one["folderUID"] == rest[0] for one in held.rules.values()):
                return 400, {"message": "folder cannot be deleted: it contains alert rules"}
            del held.folders[rest[0]]
            for uid in [uid for uid, one in held.dashboards.items() if one["meta"]["folderUid"] == rest[0]]:
                del held.dashboards[uid]
            return 200, {"message": "Folder deleted", "id": found["id"]}
        return 200, found

    def _source(self, held: Organisation, method: str, rest: list[str], body: Json) -> Answer:
        if method in {"POST", "PUT"} and body["type"] != self.plugin:
            return 400, {"message": f"Unable to find datasource plugin {body['type']}"}
        if method == "POST":
            if body["uid"] in held.sources or any(one["name"] == body["name"] for one in held.sources.values()):
                return 409, {"message": "data source with the same name already exists"}
            return 200, _store_source(held, body["uid"], body)
        if not rest:
            return 200, list(held.sources.values())
        uid = rest[1]
        if uid not in held.sources:
            return 404, {"message": "Data source not found"}
        if method == "PUT":
            return 200, _store_source(held, uid, body)
        if method == "DELETE":
            del held.sources[uid]
            return 200, {"message": "Data source deleted", "id": 1}
        if rest[2:] == ["health"]:
            return (404, {"message": "Not found"}) if self.old else self._health(held, uid)
        return 200, held.sources[uid]

    def _ask(self, held: Organisation, body: Json) -> Answer:
        (query,) = body["queries"]
        status, said = self._health(held, query["datasource"]["uid"])
        if status != 200:
            return 400, {"results": {"A": {"error": said["message"]}}}
        return 200, {"results": {"A": {"frames": [{"schema": {"refId": "A"}}]}}}

    def _health(self, held: Organisation, uid: str) -> Answer:
        source = held.sources[uid]
        database = source.get("database", "") if self.old else source["jsonData"]["database"]
        host, _, port = source["url"].rpartition(":")
        try:
            psycopg.connect(
                host=host,
                port=port,
                user=source["user"],
                password=held.passwords[uid],
                dbname=database,
                sslmode=source["jsonData"]["sslmode"],
                connect_timeout=5,
            ).close()
        except psycopg.Error as error:
            return 400, {"message": str(error).splitlines()[0], "status": "ERROR"}
        return 200, {"message": "Database Connection OK", "status": "OK"}

    def _dashboard(self, held: Organisation, method: str, rest: list[str], body: Json) -> Answer:
        if method == "POST":
            return self._save(held, copy.deepcopy(body["dashboard"]), body)
        found = held.dashboards.get(rest[1])
        if found is None:
            return 404, {"message": "Dashboard not found"}
        if method == "DELETE":
            del held.dashboards[rest[1]]
            return 200, {"title": found["dashboard"]["title"], "message": "deleted", "id": found["dashboard"]["id"]}
        return 200, found

    def _save(self, held: Organisation, model: Json, body: Json) -> Answer:
        if body["folderUid"] not in held.folders:
            return 400, {"message": "folder not found"}
        old = held.dashboards.get(model["uid"])
        if old is not None and not body["overwrite"] and model.get("version", 0) != old["dashboard"]["version"]:
            return 412, {"message": f"The dashboard {_CHANGED}", "status": "version-mismatch"}
        same = [
            one["dashboard"]
            for one in held.dashboards.values()
            if one["meta"]["folderUid"] == body["folderUid"] and one["dashboard"]["title"] == model["title"]
        ]
        if self.known < (11, 0) and not body["overwrite"] and any(one["uid"] != model["uid"] for one in same):
            return 412, {
                "message": "A dashboard with the same name in the folder already exists",
                "status": "name-exists",
            }
        version = old["dashboard"]["version"] + 1 if old else 1
        number = old["dashboard"]["id"] if old else len(held.dashboards) + 7
        model.update(id=number, version=version, fiscalYearStartMonth=0)
        for panel in model["panels"]:
            panel.setdefault("pluginVersion", self.version)
        meta = {"folderUid": body["folderUid"], "version": version}
        held.dashboards[model["uid"]] = {"dashboard": model, "meta": meta}
        return 200, {"status": "success", "uid": model["uid"], "version": version}

    def _search(self, held: Organisation) -> list[Json]:
        folders = [{"uid": uid, "title": one["title"], "type": "dash-folder"} for uid, one in held.folders.items()]
        boards = [
            {"uid": uid, "title": one["dashboard"]["title"], "type": "dash-db", "folderUid": one["meta"]["folderUid"]}
            for uid, one in held.dashboards.items()
        ]
        return [*folders, *boards]

    def _account(self, held: Organisation, method: str, rest: list[str], body: Json, query: Json) -> Answer:
        if rest == ["search"]:
            named = [one for one in held.accounts.values() if query.get("query", "") in one["name"]]
            return 200, {"totalCount": len(named), "serviceAccounts": named, "page": 1, "perPage": 1000}
        if not rest:
            number = max(held.accounts, default=10) + 1
            if any(one["name"] == body["name"] for one in held.accounts.values()):
                return 400, {"message": "service account already exists"}
            held.accounts[number] = {"id": number, "login": f"sa-{body['name']}", "tokens": 0, **body}
            return 201, held.accounts[number]
        found = held.accounts.get(int(rest[0]))
        if found is None:
            return 404, {"message": "service account not found"}
        if rest[1:] == ["tokens"]:
            found["tokens"] += 1
            return 200, {"id": found["tokens"], "name": body["name"], "key": f"glsa_{held.id}_{found['tokens']}"}
        if method == "DELETE":
            del held.accounts[found["id"]]
            return 200, {"message": "Service account deleted"}
        if method == "PATCH":
            found.update(body)
        return 200, found


def _store_source(held: Organisation, uid: str, body: Json) -> Json:
    secret = body.pop("secureJsonData", {})
    if "password" in secret:
        held.passwords[uid] = secret["password"]
    version = held.sources.get(uid, {}).get("version", 0) + 1
    held.sources[uid] = {
        "id": 1, "orgId": held.id, "isDefault": False, "basicAuth": False, "withCredentials": False, "readOnly": False,
        **body, "uid": uid, "version": version, "secureJsonFields": {"password": uid in held.passwords},
    }  # fmt: skip
    return {"datasource": held.sources[uid], "id": 1, "message": "Datasource added", "name": body["name"]}


def _unauthorised() -> Answer:
    return 401, {"message": "Invalid username or password", "messageId": "password-auth.failed", "statusCode": 401}


def _forbidden() -> Answer:
    return 403, {"message": "You'll need additional permissions to perform this action.", "title": "Access denied"}


@contextmanager
def serve(answer: Any) -> Iterator[str]:
    """Serve ``answer(method, path, body, headers)`` on a free port of the loopback; yields the URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 1 << 16  # one packet an answer: two would wait for each other's acknowledgement

        def _handle(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length) or b"{}")
            status, said = answer(self.command, self.path, body, self.headers)
            text = isinstance(said, str)
            payload = b"" if status == 204 else said.encode() if text else json.dumps(said).encode()
            self.send_response(status)
            if isinstance(said, Location):
                self.send_header("Location", said)
            self.send_header("Content-Type", "text/html" if text else "application/json")
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _handle  # noqa: N815 (the names that http.server calls)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (http.server's own name)
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
