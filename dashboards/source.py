"""The data source as Grafana wants it, from the reader's connection URL."""

from __future__ import annotations

import ipaddress
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

from dashboards.errors import GrafanaError
from dashboards.panels import DATA_SOURCE, Json
from dashboards.versions import NEWEST, OLD_PLUGIN, Version, plugin

TITLE: Final = "Maillage"
_MODES: Final = frozenset({"disable", "require", "verify-ca", "verify-full"})


def data_source(url: str, grafana: Version = NEWEST) -> Json:
    """Return the data source for a reader's ``url`` (postgresql://user:password@host:port/database?sslmode=…).

    Without ``sslmode``: ``require``, but ``disable`` on a loopback address. The database's name goes into ``jsonData``
    (at the top level panels break from Grafana 12.2 on; before 10.2.3 also there, where 9.2 alone looks for it) and the
    password where Grafana keeps secrets.

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
    kind = plugin(grafana)
    return {
        **DATA_SOURCE,
        "type": kind,
        **({"database": database} if kind == OLD_PLUGIN else {}),
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


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
