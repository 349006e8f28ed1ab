"""*My place, live* is refreshed every five seconds: its panels plan for the days that they show only."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from dashboards import build, place
from dashboards.roles import create_reader, drop_reader
from tests.conftest import Database
from tests.grafana_macros import Window, expand, own_range
from tests.integration.dashboards_rows import fill

Connection = psycopg.Connection[Any]
ATELIER: Final = "reader_live_atelier"
GRANGE: Final = "reader_live_grange"
_DAYS: Final = 30
_WEEKS: Final = 12
_SAID: Final = """
INSERT INTO event (at, received_at, tx, stream, seq, place, device, kind, state)
SELECT %s, now(), 1, 1, 1, place, id, 5, %s FROM device WHERE code = %s"""
_CHUNK: Final = re.compile(r"(_hyper_\d+)(_\d+_chunk)\b")
_AT_START: Final = re.compile(r"excluded during startup: (\d+)")


@pytest.fixture(scope="module")
def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture(scope="module")
def owner(shared_database: Database, now: datetime) -> Iterator[Connection]:
    with psycopg.connect(shared_database.url, autocommit=True) as connection:
        fill(connection, now)
        connection.execute("DELETE FROM event WHERE at > now() + interval '1 day'")
        connection.execute("UPDATE device SET retired_at = now() WHERE code = 'seat-1'")  # its words stay the desk's
        for days in range(10, _DAYS):
            connection.execute(_SAID, (now - timedelta(days=days), days % 2, "reader-in"))
        for weeks in range(1, _WEEKS):
            connection.execute(
                "INSERT INTO occupancy_change (at, place, space, present, low, high, capacity, quality) "
                "SELECT %s, place, id, %s, %s, %s, 20, 'live' FROM space WHERE parent IS NULL",
                (now - timedelta(weeks=weeks), *(weeks,) * 3),
            )
        for name, scope in ((ATELIER, "atelier"), (GRANGE, "grange")):
            create_reader(connection, name, "of the test", [scope])
        yield connection
        for name in (ATELIER, GRANGE):
            drop_reader(connection, name)


def _reader(database: Database, name: str) -> Connection:
    parts = urlsplit(database.url)
    netloc = f"{name}:of%20the%20test@{parts.hostname}:{parts.port}"
    return psycopg.connect(urlunsplit(parts._replace(netloc=netloc)), autocommit=True)


def test_no_panel_plans_for_days_that_it_does_not_show(
    shared_database: Database, owner: Connection, now: datetime
) -> None:
    kept = owner.execute("SELECT count(*) FROM show_chunks('event')").fetchone() or (0,)
    assert kept[0] >= _DAYS - 10
    window = Window(start=now - timedelta(hours=12), end=now, variables={"place": ["atelier"]})
    with _reader(shared_database, ATELIER) as reader:
        for panel in build.dashboards()[place.UID.fr]["panels"]:
            for target in panel.get("targets", ()):
                query = expand(target["rawSql"], own_range(panel.get("timeFrom"), window))
                plan = "\n".join(line for (line,) in reader.execute(f"EXPLAIN {query}".encode()))
                looked_at = Counter(table for table, _ in set(_CHUNK.findall(plan)))
                at_start = sum(map(int, _AT_START.findall(plan)))
                assert all(many <= 3 for many in looked_at.values()), (panel["title"], looked_at)
                assert at_start <= 3, (panel["title"], at_start)


def test_what_desks_said_last_is_found_however_long_ago(
    shared_database: Database, owner: Connection, now: datetime
) -> None:
    """The sensors' last word is in the fold; before a moment within their history only the events know."""
    before = now - timedelta(days=3)
    for days, state, code in ((200, 1, "seat-1"), (90, 0, "seat-1"), (4, 1, "seat-2"), (3.5, 0, "seat-2")):
        owner.execute(_SAID, (now - timedelta(days=days), state, code))
    query = "SELECT b.desk, b.at, b.occupied FROM report.desks_before('atelier', %s) b ORDER BY b.desk"
    with _reader(shared_database, ATELIER) as reader, _reader(shared_database, GRANGE) as other:
        assert reader.execute(query, (before,)).fetchall() == [
            ("d1", now - timedelta(days=90), 0),
            ("d2", now - timedelta(days=3.5), 0),
        ]
        assert reader.execute(query, (now - timedelta(days=100),)).fetchall() == [("d1", now - timedelta(days=200), 1)]
        assert reader.execute(query, (now - timedelta(days=300),)).fetchall() == []
        assert other.execute(query, (before,)).fetchall() == [], "of another's place nothing is said"


def test_the_last_change_is_found_however_long_ago(shared_database: Database, owner: Connection, now: datetime) -> None:
    query = "SELECT c.at, c.present FROM report.change_before('atelier', 'place', %s) c"
    with _reader(shared_database, ATELIER) as reader, _reader(shared_database, GRANGE) as other:
        for weeks, ago in ((3, 3), (_WEEKS - 1, _WEEKS - 1)):
            at = now - timedelta(weeks=ago)
            assert reader.execute(query, (at + timedelta(hours=1),)).fetchall() == [(at, weeks)]
        first = now - timedelta(weeks=_WEEKS - 1)
        assert reader.execute(query, (first,)).fetchall() == [], "before the first one nothing is known"
        owner.execute("DELETE FROM occupancy_change WHERE at > %s", (first + timedelta(days=1),))
        assert reader.execute(query, (now,)).fetchall() == [(first, _WEEKS - 1)]
        assert other.execute(query, (now,)).fetchall() == []


def test_what_was_told_of_another_place_is_not_said(shared_database: Database, owner: Connection) -> None:
    values = owner.execute(
        "SELECT place, device, at, (detail ->> 'access_at')::bigint FROM event WHERE kind = 3"
    ).fetchone()
    query = "SELECT report.told_after(%s, %s, %s, %s)"
    with _reader(shared_database, ATELIER) as reader, _reader(shared_database, GRANGE) as other:
        assert reader.execute(query, values).fetchone() == (True,)
        assert other.execute(query, values).fetchone() == (False,)
