"""A stand-in for Grafana's HTTP API over a real socket: no Grafana can be had from the package registries.

Only what a push uses, as Grafana 12 answers it (its HTTP API reference): folders, data sources by uid with their
health, dashboards with a new version at every save. The health check really connects to the database, as Grafana's
does. Given the version 9.2.2, it does what was seen of a real one: the plugin is called `postgres`, the database's name
is read at the top level alone, and there is no health check.
"""

from __future__ import annotations

import base64
import copy
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

import psycopg

Json = dict[str, Any]
Answer = tuple[int, Any]

TOKEN: Final = "glsa_admin"
VIEWER: Final = "glsa_viewer"
BASIC: Final = "Basic " + base64.b64encode(b"admin:secret word").decode()


class StandIn:
    """What this Grafana holds, and what was asked of it."""

    def __init__(self, version: str = "12.1.0") -> None:
        self.version = version
        self.old = version.startswith("9.")
        self.folders: dict[str, Json] = {}
        self.sources: dict[str, Json] = {}
        self.passwords: dict[str, str] = {}
        self.dashboards: dict[str, Json] = {}
        self.writes: list[str] = []
        self.url = ""

    def answer(self, method: str, path: str, body: Json, credential: str | None) -> Answer:
        """Answer one request."""
        if (method, path) == ("GET", "/api/health"):
            return 200, {"commit": "0", "database": "ok", "version": self.version}
        if credential not in {f"Bearer {TOKEN}", f"Bearer {VIEWER}", BASIC}:
            return 401, {
                "message": "Invalid username or password",
                "messageId": "password-auth.failed",
                "statusCode": 401,
            }
        if (method, path) == ("GET", "/api/org"):
            return 200, {"id": 1, "name": "Main Org."}
        if method != "GET":
            if credential == f"Bearer {VIEWER}":
                return 403, {
                    "message": "You'll need additional permissions to perform this action.",
                    "title": "Access denied",
                }
            self.writes.append(f"{method} {path}")
        parts = path.removeprefix("/api/").split("/")
        match parts[0]:
            case "folders":
                return self._folder(method, parts[1:], body)
            case "datasources":
                return self._source(method, parts[1:], body)
            case "dashboards":
                return self._dashboard(method, parts[1:], body)
            case "ds" if parts[1:] == ["query"]:
                self.writes.pop()  # a question
                return self._ask(body)
        return 404, {"message": "Not found"}

    def _folder(self, method: str, rest: list[str], body: Json) -> Answer:
        if method == "POST":
            if body["uid"] in self.folders:
                return 409, {"message": "a folder with that uid already exists"}
            self.folders[body["uid"]] = {**body, "id": len(self.folders) + 1, "version": 1}
            return 200, self.folders[body["uid"]]
        if rest[0] not in self.folders:
            return 404, {"message": "folder not found", "status": "not-found"}
        if method == "PUT":
            if not body.get("overwrite"):
                return 412, {"message": "the folder has been changed by someone else", "status": "version-mismatch"}
            self.folders[rest[0]]["title"] = body["title"]
            self.folders[rest[0]]["version"] += 1
        return 200, self.folders[rest[0]]

    def _source(self, method: str, rest: list[str], body: Json) -> Answer:
        plugin = "postgres" if self.old else "grafana-postgresql-datasource"
        if method in {"POST", "PUT"} and body["type"] != plugin:
            return 400, {"message": f"Unable to find datasource plugin {body['type']}"}
        if method == "POST":
            if body["uid"] in self.sources or any(one["name"] == body["name"] for one in self.sources.values()):
                return 409, {"message": "data source with the same name already exists"}
            return 200, self._store_source(body["uid"], body)
        uid = rest[1]
        if uid not in self.sources:
            return 404, {"message": "Data source not found"}
        if method == "PUT":
            return 200, self._store_source(uid, body)
        if rest[2:] == ["health"]:
            return (404, {"message": "Not found"}) if self.old else self._health(uid)
        return 200, self.sources[uid]

    def _store_source(self, uid: str, body: Json) -> Json:
        secret = body.pop("secureJsonData", {})
        if "password" in secret:
            self.passwords[uid] = secret["password"]
        version = self.sources.get(uid, {}).get("version", 0) + 1
        self.sources[uid] = {
            "id": 1, "orgId": 1, "isDefault": False, "basicAuth": False, "withCredentials": False, "readOnly": False,
            **body, "uid": uid, "version": version, "secureJsonFields": {"password": uid in self.passwords},
        }  # fmt: skip
        return {"datasource": self.sources[uid], "id": 1, "message": "Datasource added", "name": body["name"]}

    def _ask(self, body: Json) -> Answer:
        (query,) = body["queries"]
        status, said = self._health(query["datasource"]["uid"])
        if status != 200:
            return 400, {"results": {"A": {"error": said["message"]}}}
        return 200, {"results": {"A": {"frames": [{"schema": {"refId": "A"}}]}}}

    def _health(self, uid: str) -> Answer:
        source = self.sources[uid]
        database = source.get("database", "") if self.old else source["jsonData"]["database"]
        host, _, port = source["url"].rpartition(":")
        try:
            psycopg.connect(
                host=host,
                port=port,
                user=source["user"],
                password=self.passwords[uid],
                dbname=database,
                sslmode=source["jsonData"]["sslmode"],
                connect_timeout=5,
            ).close()
        except psycopg.Error as error:
            return 400, {"message": str(error).splitlines()[0], "status": "ERROR"}
        return 200, {"message": "Database Connection OK", "status": "OK"}

    def _dashboard(self, method: str, rest: list[str], body: Json) -> Answer:
        if method == "POST":
            model = copy.deepcopy(body["dashboard"])
            if body["folderUid"] not in self.folders:
                return 400, {"message": "folder not found"}
            old = self.dashboards.get(model["uid"])
            if old is not None and not body["overwrite"]:
                return 412, {"message": "The dashboard has been changed by someone else", "status": "version-mismatch"}
            version = old["dashboard"]["version"] + 1 if old else 1
            model.update(id=len(self.dashboards) + 7, version=version, fiscalYearStartMonth=0)
            for panel in model["panels"]:
                panel.setdefault("pluginVersion", "12.1.0")
            self.dashboards[model["uid"]] = {
                "dashboard": model,
                "meta": {"folderUid": body["folderUid"], "version": version},
            }
            return 200, {"status": "success", "uid": model["uid"], "version": version}
        if rest[1] not in self.dashboards:
            return 404, {"message": "Dashboard not found"}
        return 200, self.dashboards[rest[1]]


@contextmanager
def serve(answer: Any) -> Iterator[str]:
    """Serve ``answer(method, path, body, credential)`` on a free port of the loopback; yields the URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _handle(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length) or b"{}")
            status, said = answer(self.command, self.path, body, self.headers.get("Authorization"))
            text = isinstance(said, str)
            payload = said.encode() if text else json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/html" if text else "application/json")
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        do_GET = do_POST = do_PUT = _handle  # noqa: N815 (the names that http.server calls)

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
