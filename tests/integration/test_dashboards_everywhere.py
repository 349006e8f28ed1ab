"""Every panel of every dashboard, in both languages, in every kind of time range, as readers of all and of one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit
from zoneinfo import ZoneInfo

import psycopg
import pytest

from dashboards.build import dashboards
from dashboards.roles import create_reader, drop_reader
from tests.conftest import Database
from tests.grafana_macros import Window, own_range
from tests.integration.dashboards_grafana import Rows, choose, run_panel
from tests.integration.dashboards_past import PEOPLE, QUIET_DAYS, fill_past, last_clock_change

Connection = psycopg.Connection[Any]
ALL: Final = "reader_everywhere_all"
ONE: Final = "reader_everywhere_one"
BOARDS: Final = {**dashboards("fr"), **dashboards("en")}
PARIS: Final = ZoneInfo("Europe/Paris")
FOREIGN: Final = ("grange", "Grange", "moulin", "Moulin", "remise", "Remise", "knocks")
NETWORK: Final = "maillage-reseau"


@pytest.fixture(scope="module")
def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture(scope="module")
def owner(shared_database: Database, now: datetime) -> Iterator[Connection]:
    with psycopg.connect(shared_database.url, autocommit=True) as connection:
        fill_past(connection, now)
        create_reader(connection, ALL, "of the test", None)
        create_reader(connection, ONE, "of the test", ["atelier"])
        yield connection
        for name in (ALL, ONE):
            drop_reader(connection, name)


@pytest.fixture(scope="module")
def readers(shared_database: Database, owner: Connection) -> Iterator[dict[str, Connection]]:
    parts = urlsplit(shared_database.url)
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(
                psycopg.connect(
                    urlunsplit(parts._replace(netloc=f"{name}:of%20the%20test@{parts.hostname}:{parts.port}")),
                    autocommit=True,
                )
            )
            for name in (ALL, ONE)
        }


@pytest.fixture(scope="module")
def windows(now: datetime) -> dict[str, Window]:
    change = last_clock_change(now, PARIS)
    quiet = now - timedelta(days=QUIET_DAYS)

    def window(start: datetime, end: datetime) -> Window:
        return Window(start=start, end=end, interval=timedelta(minutes=5))

    return {
        "today": window(now - timedelta(hours=12), now),
        "a clock change": window(change - timedelta(hours=12), change + timedelta(hours=12)),
        "a quiet weekend": window(quiet - timedelta(days=2), quiet),
        "before everything": window(now - timedelta(days=4000), now - timedelta(days=3999)),
        "a year": window(now - timedelta(days=365), now),
    }


def _run(connection: Connection, uid: str, window: Window, **chosen: list[str]) -> dict[str, Rows]:
    board = BOARDS[uid]
    window = choose(connection, board, window, {"place": ["atelier"], **chosen})
    panels = [panel for panel in board["panels"] if panel.get("targets")]
    return {one["title"]: run_panel(connection, one, _of(one, window)) for one in panels}


def _of(panel: dict[str, Any], window: Window) -> Window:
    is_past = window.end < datetime.now(UTC) - timedelta(days=1)
    return window if is_past else own_range(panel.get("timeFrom"), window)


@pytest.mark.parametrize("range_", ["today", "a clock change", "a quiet weekend", "before everything", "a year"])
@pytest.mark.parametrize("uid", BOARDS)
def test_every_panel_runs_and_shows_only_what_is_its_readers(
    readers: dict[str, Connection], windows: dict[str, Window], uid: str, range_: str
) -> None:
    window = windows[range_]
    for name, connection in readers.items():
        for title, rows in _run(connection, uid, window).items():
            text = repr(rows)
            if name == ONE:
                assert not any(word in text for word in FOREIGN), title
            panel = next(one for one in BOARDS[uid]["panels"] if one["title"] == title)
            if panel["type"] in {"timeseries", "state-timeline"} and panel.get("timeFrom", "")[:1] != "+":
                own = _of(panel, window)
                start = own.start - timedelta(days=1)  # a day's bar stands at its start
                end = own.end + timedelta(minutes=15)  # and a quarter hour ends at its end
                assert all(start <= row["time"] <= end for row in rows), title
    assert "L'Atelier d'à côté" in repr(_run(readers[ONE], "maillage-lieu", window)), "a name with a quote is a name"


def test_what_a_variable_holds_is_a_text_and_no_sql(readers: dict[str, Connection], windows: dict[str, Window]) -> None:
    nasty = ["L'Atelier d'à côté", "x') OR ('1'='1", "'; SELECT 1; --"]
    for uid, board in BOARDS.items():
        if board["templating"]["list"]:
            for title, rows in _run(readers[ALL], uid, windows["today"], place=nasty, department=nasty).items():
                assert "Grange" not in repr(rows), (uid, title)


def test_several_and_all_are_the_sum_of_each(readers: dict[str, Connection], windows: dict[str, Window]) -> None:
    def people(*department: str) -> dict[datetime, float]:
        chosen = {"department": list(department)} if department else {}
        rows = _run(readers[ALL], NETWORK, windows["a quiet weekend"], **chosen)
        return {row["time"]: row["Présents"] for row in rows["Personnes présentes dans le réseau"]}

    everything = people()
    assert set(everything.values()) == {sum(PEOPLE.values())}
    assert people("33", "16") == everything
    assert set(people("33").values()) == {PEOPLE["atelier"]}
    assert set(people("16").values()) == {PEOPLE["grange"]}


@pytest.mark.parametrize("range_", ["a clock change", "a quiet weekend"])
def test_the_value_before_the_window_is_there(
    readers: dict[str, Connection], windows: dict[str, Window], range_: str
) -> None:
    window = windows[range_]
    place = _run(readers[ONE], "maillage-lieu", window)
    day = place["La journée"]
    assert (day[0]["time"], day[0]["Présents"]) == (window.start, PEOPLE["atelier"])
    assert (day[-1]["time"], day[-1]["Présents"]) == (window.end, PEOPLE["atelier"])
    for name, people in ((ALL, sum(PEOPLE.values())), (ONE, PEOPLE["atelier"])):
        # a window that begins within a quarter hour, and one that is shorter than one
        for start in (window.start, window.start + timedelta(minutes=7), window.end - timedelta(minutes=4)):
            network = _run(readers[name], NETWORK, replace(window, start=start))["Personnes présentes dans le réseau"]
            assert (network[0]["time"], network[0]["Présents"]) == (start, people), name
            assert {row["Présents"] for row in network} == {people}, name


def test_days_are_local_and_as_long_as_they_were(
    readers: dict[str, Connection], windows: dict[str, Window], now: datetime
) -> None:
    change = last_clock_change(now, PARIS)
    before, after = (change + timedelta(hours=n) for n in (-1, 1))
    hours = 24 - (after.astimezone(PARIS).utcoffset() - before.astimezone(PARIS).utcoffset()).total_seconds() / 3600  # type: ignore[operator]
    for name, people in ((ALL, sum(PEOPLE.values())), (ONE, PEOPLE["atelier"])):
        days = _run(readers[name], NETWORK, windows["a clock change"])["Personnes-heures par jour, sur un an"]
        shown = {row["time"].astimezone(PARIS).date(): row["Personnes-heures"] for row in days}
        assert shown[change.astimezone(PARIS).date()] == pytest.approx(people * hours), name
        assert all(row["time"].astimezone(PARIS).hour == 0 for row in days)


@contextmanager
def _without_triggers(owner: Connection) -> Iterator[None]:
    owner.execute("SET session_replication_role = replica")
    try:
        yield
    finally:
        owner.execute("RESET session_replication_role")


def test_no_row_of_another_scope_changes_what_a_reader_sees(
    readers: dict[str, Connection], owner: Connection, windows: dict[str, Window]
) -> None:
    """All rows of other places and of the network are taken away: each view and panel says what it said."""
    views = [
        name
        for (name,) in owner.execute(
            "SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'report'::regnamespace AND c.relkind = 'v' "
            "AND has_table_privilege('maillage_report', c.oid, 'SELECT') ORDER BY 1"
        )
    ]
    assert {"network_now", "sum_day", "sum_quarter", "space_now", "occupancy_history"} <= set(views)
    tables = [
        name
        for (name,) in owner.execute(
            "SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'place' "
            "WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') "
            "AND a.atttypid = 'integer'::regtype AND c.relname <> 'scope' ORDER BY 1"
        )
    ]
    assert {"space", "event", "history_day", "gateway_state", "alarm"} <= set(tables)
    one = readers[ONE]

    def seen() -> dict[str, list[str]]:
        rows = {
            view: sorted(map(repr, one.execute(f"SELECT * FROM report.{view}".encode()).fetchall())) for view in views
        }
        for uid in BOARDS:
            rows |= {
                f"{uid}: {title}": sorted(map(repr, data)) for title, data in _run(one, uid, windows["today"]).items()
            }
        return rows

    with one.transaction():  # one instant for now()
        before = seen()
        with owner.transaction(force_rollback=False), _without_triggers(owner):
            (kept,) = owner.execute("SELECT id FROM place WHERE code = 'atelier'").fetchone() or (0,)
            for table in tables:
                owner.execute(f"DELETE FROM {table} WHERE place IS DISTINCT FROM {kept}".encode())
            owner.execute("DELETE FROM history_group")
            owner.execute("DELETE FROM place WHERE code <> 'atelier'")
        after = seen()
    assert len(before["sum_quarter"]) > 100, "the reader's own is there"
    for name, rows in before.items():
        assert after[name] == rows, name
