"""Put the dashboards into a Grafana: the folder, the data source, each dashboard; change only what differs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from grafana_client.api import GrafanaApi
from grafana_client.client import (
    GrafanaClientError,
    GrafanaException,
    GrafanaServerError,
    GrafanaTimeoutError,
    GrafanaUnauthorizedError,
)
from niquests.exceptions import InvalidHeader, JSONDecodeError, RequestException

from dashboards.build import dashboards
from dashboards.errors import Forbidden, GrafanaError, NotGrafana, Refused, Unauthorized, Unreachable
from dashboards.panels import DATA_SOURCE_UID, Json
from dashboards.roles import check_reader
from dashboards.settings import DashboardsSettings
from dashboards.source import data_source
from dashboards.versions import NEWEST, parse

FOLDER_UID: Final = "maillage"
TIMEOUT_S: Final = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a push did to one thing in Grafana."""

    what: Literal["folder", "data source", "dashboard"]
    uid: str
    title: str
    outcome: Literal["created", "updated", "unchanged"]
    removed: tuple[str, ...] = ()
    """What was in a dashboard of ours and isn't ours: panels and variables that people added. Its history has them."""

    def lines(self) -> list[str]:
        """Return what was done to it, and what was removed, one line each."""
        gone = [f"  removed from it, not ours: {one}; Grafana's version history of it has it" for one in self.removed]
        return [f"{self.outcome:9} {self.what} {self.title!r} ({self.uid})", *gone]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """The report of a push."""

    version: str
    """Grafana's."""
    changes: tuple[Change, ...]
    connection: str
    """Grafana's report on its connection to the database."""
    connected: bool
    """False: Grafana has the dashboards but cannot reach the database as the reader."""

    def lines(self) -> list[str]:
        """Return the report for a terminal, one line a thing."""
        rows = [line for one in self.changes for line in one.lines()]
        state = "answers" if self.connected else "CANNOT BE READ"
        return [f"Grafana {self.version}", *rows, f"the database {state}: {self.connection}"]


def push(url: str, *, settings: DashboardsSettings) -> Pushed:
    """Bring the Grafana at ``url`` up to date with this code, and report what changed; a second push changes nothing.

    The credential's organisation is the one changed. Things that people added in Grafana beside ours stay; what they
    changed in ours is set back, and the report names the panels that they had added inside ours.

    Raises:
        ReaderError: the data source's user is no reader: its rights would be every viewer's.
        GrafanaError: see `dashboards.errors`; what was done before the error stays done.
    """
    if settings.grafana_token is None:
        raise Unauthorized("set MAILLAGE_GRAFANA_TOKEN to a service account's token (role Admin) or user:password")
    if settings.grafana_database_url is None:
        raise GrafanaError("set MAILLAGE_GRAFANA_DATABASE_URL to the database as Grafana reaches it, as a reader")
    database_url, owner = settings.grafana_database_url.get_secret_value(), settings.database_url
    address = _address(url)
    user, colon, password = settings.grafana_token.get_secret_value().partition(":")
    grafana: Any = GrafanaApi.from_url(address, (user, password) if colon else user, timeout=TIMEOUT_S)
    with closing(grafana.client.s), _told(url):
        version = _version(grafana, url)
        grafana_version = parse(version) or NEWEST
        source = data_source(database_url, grafana_version)
        boards = dashboards(grafana=grafana_version, tiles_url=settings.grafana_tiles_url)
        changes = [_folder(grafana, settings.grafana_folder)]
        check_reader(database_url, owner_url=None if owner is None else owner.get_secret_value())
        changes.append(_source(grafana, source))
        connected, connection = _health(grafana)
        if not connected and changes[-1].outcome == "unchanged":
            # The password can't be read back: a failing connection is the one sign that it changed.
            grafana.datasource.update_datasource_by_uid(DATA_SOURCE_UID, source)
            connected, connection = _health(grafana)
            if connected:
                changes[-1] = _change("data source", DATA_SOURCE_UID, source["name"], "updated")
        for uid, wanted in boards.items():
            changes.append(_dashboard(grafana, uid, wanted))
    return Pushed(version=version, changes=tuple(changes), connection=connection, connected=connected)


def _address(url: str) -> str:
    """Check what an operator typed; with the slash at its end without which grafana-client loses a path's last part."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise NotGrafana(f"{url!r} is not the address of a Grafana: write http://host:3000 or https://…")
    if parts.username is not None:
        raise NotGrafana("the address holds a user: put user:password into MAILLAGE_GRAFANA_TOKEN")
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}/"


def covers(found: Any, wanted: Any) -> bool:
    """Whether ``found`` holds all that is ``wanted``: Grafana adds defaults of its own to what it is given."""
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(key in found and covers(found[key], wanted[key]) for key in wanted)
    if isinstance(wanted, list):
        return (
            isinstance(found, list)
            and len(found) == len(wanted)
            and all(covers(one, other) for one, other in zip(found, wanted, strict=True))
        )
    return bool(found == wanted)


def _version(grafana: Any, url: str) -> str:
    answer = _get(lambda: grafana.client.GET("/health"))
    if not isinstance(answer, dict) or "database" not in answer:
        raise NotGrafana(f"{url} answers, but not as Grafana does: check the host, the port and the path")
    grafana.organization.get_current_organization()  # the first call that needs the credential
    return str(answer.get("version", "of unknown version"))


def _folder(grafana: Any, title: str) -> Change:
    found = _get(lambda: grafana.folder.get_folder(FOLDER_UID))
    if found is None:
        grafana.folder.create_folder(title, FOLDER_UID)
        return _change("folder", FOLDER_UID, title, "created")
    if found["title"] == title:
        return _change("folder", FOLDER_UID, title, "unchanged")
    grafana.folder.update_folder(FOLDER_UID, title=title, overwrite=True)
    return _change("folder", FOLDER_UID, title, "updated")


def _source(grafana: Any, wanted: Json) -> Change:
    found = _get(lambda: grafana.datasource.get_datasource_by_uid(DATA_SOURCE_UID))
    if found is None:
        grafana.datasource.create_datasource(wanted)
        return _change("data source", DATA_SOURCE_UID, wanted["name"], "created")
    # of an older Grafana's: at the top level, it breaks panels from 12.2 on, and is gone after an update
    moved = bool(found.get("database")) and "database" not in wanted
    if not moved and covers(found, {key: value for key, value in wanted.items() if key != "secureJsonData"}):
        return _change("data source", DATA_SOURCE_UID, wanted["name"], "unchanged")
    grafana.datasource.update_datasource_by_uid(DATA_SOURCE_UID, wanted)
    return _change("data source", DATA_SOURCE_UID, wanted["name"], "updated")


def _health(grafana: Any) -> tuple[bool, str]:
    try:
        answer = grafana.datasource.health(DATA_SOURCE_UID)
    except (GrafanaClientError, GrafanaServerError) as error:
        if error.status_code == 404:  # Grafana 9.2 checks no PostgreSQL
            return _ask(grafana)
        said = error.response
        return False, str(said.get("message", said) if isinstance(said, dict) else said)
    return answer.get("status") == "OK", str(answer.get("message", ""))


def _ask(grafana: Any) -> tuple[bool, str]:
    """Whether Grafana reaches the database, found by a query where there is no check."""
    query = {"refId": "A", "datasource": {"uid": DATA_SOURCE_UID}, "rawSql": "SELECT 1", "format": "table"}
    try:
        answer = grafana.client.POST("/ds/query", json={"queries": [query], "from": "now-1m", "to": "now"})
    except (GrafanaClientError, GrafanaServerError) as error:
        answer = error.response
    result = answer.get("results", {}).get("A", {}) if isinstance(answer, dict) else {}
    if "frames" in result and not result.get("error"):
        return True, "a query was answered"
    said = result.get("error") or (answer.get("message") if isinstance(answer, dict) else None) or answer
    return False, str(said)


def added(found: Json, wanted: Json) -> list[str]:
    """Return what ``found`` holds that isn't ours: panels of another title and another query, other variables."""
    ours = list(_panels(wanted["panels"]))
    titles, queries = {one["title"] for one in ours}, {_query(one) for one in ours}
    variables = {one["name"] for one in wanted["templating"]["list"]}
    return [
        *(
            f"the panel {one.get('title') or 'without a title'!r}"
            for one in _panels(found.get("panels", []))
            if one.get("title") not in titles and (_query(one) is None or _query(one) not in queries)
        ),
        *(
            f"the variable {one.get('name')!r}"
            for one in found.get("templating", {}).get("list", [])
            if one.get("name") not in variables
        ),
    ]


def _panels(panels: Iterable[Json]) -> Iterator[Json]:
    for one in panels:
        yield one
        yield from one.get("panels") or ()  # those of a row that is folded


def _query(panel: Json) -> str | None:
    return next((one.get("rawSql") for one in panel.get("targets") or ()), None)


def _dashboard(grafana: Any, uid: str, wanted: Json) -> Change:
    found = _get(lambda: grafana.dashboard.get_dashboard(uid))
    if found is not None and found["meta"].get("folderUid") == FOLDER_UID and covers(found["dashboard"], wanted):
        return _change("dashboard", uid, wanted["title"], "unchanged")
    grafana.dashboard.update_dashboard(
        {
            "dashboard": {"id": None, **wanted},
            "folderUid": FOLDER_UID,
            "overwrite": True,
            "message": "maillage dashboards push",
        }
    )
    gone = () if found is None else tuple(added(found["dashboard"], wanted))
    outcome: Literal["created", "updated"] = "created" if found is None else "updated"
    return Change(what="dashboard", uid=uid, title=wanted["title"], outcome=outcome, removed=gone)


def _change(
    what: Literal["folder", "data source", "dashboard"],
    uid: str,
    title: str,
    outcome: Literal["created", "updated", "unchanged"],
) -> Change:
    return Change(what=what, uid=uid, title=title, outcome=outcome)


def _get(call: Any) -> Any:
    """Return the call's answer; None where Grafana has no such thing."""
    try:
        return call()
    except GrafanaClientError as error:
        if error.status_code == 404:
            return None
        raise


@contextmanager
def _told(url: str) -> Iterator[None]:
    """Turn what grafana-client raises, and what leaks from under it, into errors of ours."""
    try:
        yield
    except GrafanaUnauthorizedError as error:
        raise Unauthorized(f"{url} doesn't accept the token or password in MAILLAGE_GRAFANA_TOKEN") from error
    except GrafanaTimeoutError as error:
        raise Unreachable(f"{url} didn't answer within {TIMEOUT_S:.0f} s") from error
    except GrafanaClientError as error:
        if error.status_code == 403:
            raise Forbidden(
                f"the token or password lacks a right: {error.message}. A service account needs the role Admin"
            ) from error
        raise Refused(f"{url} refuses: {error.message}") from error
    except JSONDecodeError as error:
        raise NotGrafana(f"{url} answers, but not as Grafana does") from error
    except GrafanaException as error:
        raise Refused(f"{url} fails: {error.message}") from error
    except (InvalidHeader, UnicodeEncodeError) as error:
        raise Unauthorized(
            "MAILLAGE_GRAFANA_TOKEN holds a character that no token has (a line end, a blank, an ellipsis …): "
            "copy it again"
        ) from error
    except RequestException as error:  # grafana-client lets a refused connection through as it is
        raise Unreachable(f"nobody answers at {url}: {type(error).__name__}") from error
