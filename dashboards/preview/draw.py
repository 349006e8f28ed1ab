"""Draws a dashboard from the database as a reader sees it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import psycopg
from psycopg.rows import dict_row

from dashboards.errors import DashboardsError
from dashboards.macros import Window, expand
from dashboards.panels import Json
from dashboards.preview.page import page
from dashboards.preview.values import Look
from dashboards.words import Language
from database.pool import connect

_NOTE: Final = {
    "fr": "aperçu dessiné par Maillage, sans Grafana",
    "en": "a preview drawn by Maillage, without Grafana",
}
_BACK: Final = {"now-24h": timedelta(hours=24), "now-30d/d": timedelta(days=30)}


def draw(
    url: str, board: Json, *, language: Language, now: datetime, chosen: Sequence[str] = (), zone: str = "Europe/Paris"
) -> str:
    """Return a page of ``board`` as the reader with ``url`` sees it at ``now``.

    ``chosen``: codes of places or departments; else what Grafana chooses at first: the first place, all departments.

    Raises:
        DashboardsError: the reader sees nothing to choose from.
        psycopg.Error: the database can't be read.
    """
    look = Look(language=language, zone=ZoneInfo(zone), now=now)
    with connect(url, application_name="maillage dashboards preview", autocommit=True) as connection:
        variables = {
            one["name"]: tuple(chosen) or _options(connection, one, now) for one in board["templating"]["list"]
        }

        def query(text: str, start: datetime, end: datetime) -> list[dict[str, Any]]:
            return _rows(connection, expand(text, Window(start=start, end=end, variables=variables)))

        return page(board, query, (_start(board["time"]["from"], look), now), look, note=_NOTE[language])


def _start(text: str, look: Look) -> datetime:
    if text in _BACK:
        return look.now - _BACK[text]
    return look.now.astimezone(look.zone).replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)


def _options(connection: psycopg.Connection[Any], variable: Json, now: datetime) -> tuple[str, ...]:
    rows = _rows(connection, expand(variable["query"], Window(start=now, end=now)))
    options = tuple(row.get("__value", next(iter(row.values()))) for row in rows)
    if not options:
        raise DashboardsError("this reader sees no place: give it some with `maillage dashboards reader`")
    return options if variable["includeAll"] else options[:1]


def _rows(connection: psycopg.Connection[Any], text: str) -> list[dict[str, Any]]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(text.encode()).fetchall()
