"""Folders and the data source in Grafana."""

from __future__ import annotations

from typing import Any

from grafana_client.client import GrafanaClientError, GrafanaServerError

from dashboards.panels import DATA_SOURCE_UID, Json
from dashboards.provisioning.comparison import covers, differences
from dashboards.provisioning.connection import Grafana
from dashboards.provisioning.plan import Step


def plan_folder(grafana: Grafana, uid: str, title: str) -> Step:
    """Plan to create a folder, or to give ours its title back."""
    found = grafana.get(f"/folders/{uid}")
    if found is None:
        return Step(
            what="folder", uid=uid, title=title, outcome="create",
            act=lambda: grafana.send("POST", "/folders", {"title": title, "uid": uid}),
        )  # fmt: skip
    if found["title"] == title:
        return Step(what="folder", uid=uid, title=title, outcome="unchanged")
    body = {"title": title, "version": found.get("version"), "overwrite": found.get("version") is None}
    return Step(
        what="folder", uid=uid, title=title, outcome="update", details=tuple(differences(found, {"title": title})),
        act=lambda: grafana.send("PUT", f"/folders/{uid}", body),
    )  # fmt: skip


def plan_source(grafana: Grafana, wanted: Json) -> Step:
    """Plan to create the data source or to set it right.

    Grafana never gives a password back: that the database can't be read is the one sign that it changed.
    """
    title = wanted["name"]
    found = grafana.get(f"/datasources/uid/{DATA_SOURCE_UID}")
    if found is None:
        return Step(
            what="data source", uid=DATA_SOURCE_UID, title=title, outcome="create",
            act=lambda: grafana.send("POST", "/datasources", wanted),
        )  # fmt: skip
    plain = {key: value for key, value in wanted.items() if key != "secureJsonData"}
    details = tuple(differences(found, plain))
    if found.get("database") and "database" not in wanted:
        # of an older Grafana's: at the top level, it breaks panels from 12.2 on, and is gone after an update
        details = (*details, "takes the database's name from the top level")
    if covers(found, plain) and not details:
        connected, said = health(grafana)
        if connected:
            return Step(what="data source", uid=DATA_SOURCE_UID, title=title, outcome="unchanged")
        details = (f"Grafana cannot read the database ({said}): sets the password again",)
    return Step(
        what="data source", uid=DATA_SOURCE_UID, title=title, outcome="update", details=details,
        act=lambda: grafana.send("PUT", f"/datasources/uid/{DATA_SOURCE_UID}", wanted),
    )  # fmt: skip


def health(grafana: Grafana) -> tuple[bool, str]:
    """Return whether Grafana reads the database through our data source, and what it says of that."""
    try:
        answer = grafana.api.datasource.health(DATA_SOURCE_UID)
    except (GrafanaClientError, GrafanaServerError) as error:
        if error.status_code == 404:  # Grafana 9.2 checks no PostgreSQL
            return _ask(grafana)
        said = error.response
        return False, str(said.get("message", said) if isinstance(said, dict) else said)
    return answer.get("status") == "OK", str(answer.get("message", ""))


def _ask(grafana: Grafana) -> tuple[bool, str]:
    """Whether Grafana reaches the database, found by a query where there is no check."""
    query = {"refId": "A", "datasource": {"uid": DATA_SOURCE_UID}, "rawSql": "SELECT 1", "format": "table"}
    answer: Any
    try:
        answer = grafana.api.client.POST("/ds/query", json={"queries": [query], "from": "now-1m", "to": "now"})
    except (GrafanaClientError, GrafanaServerError) as error:
        answer = error.response
    result = answer.get("results", {}).get("A", {}) if isinstance(answer, dict) else {}
    if "frames" in result and not result.get("error"):
        return True, "a query was answered"
    said = result.get("error") or (answer.get("message") if isinstance(answer, dict) else None) or answer
    return False, str(said)
