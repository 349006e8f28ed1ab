"""A panel's query run as Grafana's PostgreSQL data source runs it, with what Grafana would refuse refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any

import psycopg

from tests.grafana_macros import Window, expand

Rows = list[dict[str, Any]]


def run_panel(connection: psycopg.Connection[Any], panel: dict[str, Any], window: Window) -> Rows:
    """Run the panel's one query and return its rows by column name."""
    (target,) = panel["targets"]
    rows = run_query(connection, target["rawSql"], window)
    if target["format"] == "time_series" and rows:
        _check_series(panel["title"], rows)
    return rows


def run_query(connection: psycopg.Connection[Any], query: str, window: Window) -> Rows:
    """Run one query; every value is of a type that Grafana reads as it is."""
    cursor = connection.execute(expand(query, window).encode())
    names = [column.name for column in cursor.description or ()]
    assert len(names) == len(set(names)), f"two columns of one name: {names}"
    rows = [dict(zip(names, row, strict=True)) for row in cursor]
    for row in rows:
        for name, value in row.items():
            assert value is None or isinstance(value, (bool, int, float, Decimal, str, datetime)), (name, type(value))
    return rows


def choose(
    connection: psycopg.Connection[Any], dashboard: dict[str, Any], window: Window, chosen: Mapping[str, Sequence[str]]
) -> Window:
    """Fill the dashboard's variables as Grafana does when it loads: by their queries, all or the first of them."""
    variables: dict[str, Sequence[str]] = {}
    for one in dashboard["templating"]["list"]:
        rows = run_query(connection, one["query"], window)
        options = [row.get("__value", next(iter(row.values()))) for row in rows]
        variables[one["name"]] = chosen.get(one["name"], options if one["includeAll"] else options[:1])
    return replace(window, variables=variables)


def _check_series(title: str, rows: Rows) -> None:
    times = [row["time"] for row in rows]
    assert all(isinstance(time, datetime) for time in times), f"{title}: a row without a time"
    assert all(one <= other for one, other in pairwise(times)), f"{title}: not in order of time, which Grafana refuses"
    for row in rows:
        texts = [name for name, value in row.items() if isinstance(value, str)]
        assert len(texts) <= 1, f"{title}: more than one metric column"
