"""The data source as Grafana wants it, from the reader's connection URL."""

from __future__ import annotations

import ipaddress
import re
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

from dashboards.errors import GrafanaError
from dashboards.panels import DATA_SOURCE, Json

TITLE: Final = "Maillage"
RENAMED_IN: Final = (10, 2, 3)
"""From this version of Grafana on, its PostgreSQL plugin has the name in `DATA_SOURCE`."""
OLD_PLUGIN: Final = "postgres"
_VERSION: Final = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?")
_MODES: Final = frozenset({"disable", "require", "verify-ca", "verify-full"})


def data_source(url: str) -> Json:
    """Return the data source for a reader's ``url`` (postgresql://user:password@host:port/database?sslmode=…).

    Without ``sslmode``: ``require``, but ``disable`` on a loopback address. The database's name goes into ``jsonData``
    (at the top level panels break from Grafana 12.2 on) and the password where Grafana keeps secrets.

    Raises:
        GrafanaError: the URL lacks a part, or asks for an ``sslmode`` that Grafana doesn't have.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or 5432
    except ValueError as error:
        raise GrafanaError("MAILLAGE_GRAFANA_DATABASE_URL is not a URL") from error
    database = unquote(parts.path.lstrip("/"))
    if parts.scheme not in {"postgresql", "postgres"} or not (parts.hostname and parts.username and database):
        raise GrafanaError("MAILLAGE_GRAFANA_DATABASE_URL must be postgresql://user:password@host:port/database")
    mode = parse_qs(parts.query).get("sslmode", ["disable" if _loopback(parts.hostname) else "require"])[-1]
    if mode not in _MODES:
        raise GrafanaError(f"sslmode={mode} isn't Grafana's: use one of {', '.join(sorted(_MODES))}")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return {
        **DATA_SOURCE,
        "name": TITLE,
        "access": "proxy",
        "url": f"{host}:{port}",
        "user": unquote(parts.username),
        "jsonData": {
            "database": database,
            "sslmode": mode,
            "postgresVersion": 1500,  # the newest that Grafana's editor tells apart
            "timescaledb": True,
            "maxOpenConns": 10,
            "maxIdleConns": 4,
            "connMaxLifetime": 14400,
        },
        "secureJsonData": {"password": unquote(parts.password or "")},
    }


def is_old(version: str) -> bool:
    """Whether a Grafana of that ``version`` has the PostgreSQL plugin under its older name; unknown: no."""
    found = _VERSION.match(version)
    return found is not None and tuple(int(part or 0) for part in found.groups()) < RENAMED_IN


def for_old(value: Any) -> Any:
    """Return a data source or a dashboard as a Grafana before 10.2.3 wants it.

    The plugin has its older name, and the database's name stands at the top level too, where 9.2 alone looks for it.
    """
    if isinstance(value, list):
        return [for_old(one) for one in value]
    if not isinstance(value, dict):
        return value
    result = {key: for_old(one) for key, one in value.items()}
    if result.get("type") == DATA_SOURCE["type"]:
        result["type"] = OLD_PLUGIN
        if "database" in result.get("jsonData", {}):
            result["database"] = result["jsonData"]["database"]
    return result


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
