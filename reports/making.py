"""Makes reports from the database, and stores them as versions that never change."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import psycopg
from psycopg.rows import dict_row

from reports import queries
from reports.figures import Rows, group_values, place_report, place_values, public_of, public_report
from reports.grouping import ZONE, group_report
from reports.model import Changed, PublicReport, Report
from reports.month import Month
from reports.versions import changes

Connection = psycopg.Connection[Any]

_ZONE: Final = "SELECT time_zone FROM place WHERE id = %s"
_LAST: Final = """
-- the last version of a report
SELECT version, figures FROM monthly_report
WHERE month = %(month)s AND scope = %(scope)s AND place IS NOT DISTINCT FROM %(place)s
  AND department IS NOT DISTINCT FROM %(department)s ORDER BY version DESC LIMIT 1
"""
_STORE: Final = """
-- a new version
INSERT INTO monthly_report (scope, place, department, month, version, figures, shown, changed)
VALUES (%(scope)s, %(place)s, %(department)s, %(month)s, %(version)s, %(figures)s, %(shown)s, %(changed)s)
"""


def make_place(
    connection: Connection, place: int, month: Month, now: datetime, keep: timedelta, *, settled: bool = False
) -> Report:
    """Return the report of a place as known by ``now`` (``figures.place_report``); nothing is stored."""
    values = place_values(place, month, _zone_of(connection, place), now)
    return place_report(_asked(connection, queries.PLACE, values), month, now, keep, settled=settled)


def show_place(connection: Connection, place: int, month: Month, now: datetime) -> PublicReport:
    """Return what everybody may know of a place."""
    values = place_values(place, month, _zone_of(connection, place), now)
    return public_report(_asked(connection, queries.PUBLIC, values), month)


def make_group(
    connection: Connection, places: Sequence[Report], month: Month, now: datetime, *, department: str | None, name: str
) -> Report:
    """Return the report of a department, None for the network, from those of its places."""
    values = group_values(department, month, _zone_of_group(places, department), now)
    return group_report(places, _asked(connection, queries.GROUP, values), month, department=department, name=name)


def show_group(connection: Connection, report: Report, month: Month, now: datetime) -> PublicReport:
    """Return what everybody may know of a department or the network."""
    values = group_values(report.code, month, ZoneInfo(report.time_zone), now)
    return public_of(
        _asked(connection, queries.PUBLIC_GROUP, values),
        month,
        scope=report.scope,
        code=report.code,
        name=report.name,
        time_zone=report.time_zone,
        capacity=report.capacity,
        places=report.places,
    )


def store(
    connection: Connection, report: Report, shown: PublicReport, month: Month, *, place: int | None
) -> tuple[int, tuple[Changed, ...]] | None:
    """Store a report as the next version; None: the last version says the same."""
    department = report.code if report.scope == "department" else None
    key = {"scope": report.scope, "place": place, "department": department, "month": month.first}
    last = connection.execute(_LAST, key).fetchone()
    changed = () if last is None else changes(Report.model_validate(last[1]), report)
    if last is not None and not changed:
        return None
    version = 1 if last is None else last[0] + 1
    texts = {
        "version": version,
        "figures": report.model_dump_json(),
        "shown": shown.model_dump_json(),
        "changed": json.dumps([one.model_dump() for one in changed]),
    }
    connection.execute(_STORE, {**key, **texts})
    return version, changed


def _zone_of(connection: Connection, place: int) -> ZoneInfo:
    row = connection.execute(_ZONE, (place,)).fetchone()
    assert row is not None
    return ZoneInfo(row[0])


def _zone_of_group(places: Sequence[Report], department: str | None) -> ZoneInfo:
    return ZoneInfo(places[0].time_zone if department is not None else ZONE)


def _asked(connection: Connection, questions: Mapping[str, str], values: Mapping[str, Any]) -> Rows:
    with connection.cursor(row_factory=dict_row) as cursor:
        return {name: cursor.execute(query.encode(), values).fetchall() for name, query in questions.items()}
