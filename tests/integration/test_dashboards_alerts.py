"""Each alert rule's query on the real database: it fires on a bad state only, and says where nothing is known."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import psycopg
import pytest
from psycopg import sql
from typer.testing import CliRunner

from dashboards.provisioning.rules import RULES
from dashboards.roles import create_reader, drop_reader
from maillage.cli import app
from tests.api_server import shared_database
from tests.integration.dashboards_rows import fill

Connection = psycopg.Connection[Any]

_WELL: Final = """
DELETE FROM job;
DELETE FROM dead_letter;
UPDATE gateway_state SET heard_at = now(), complete_at = now() WHERE online;
UPDATE space_state SET at = now()"""
_ATELIER: Final = "(SELECT id FROM place WHERE code = 'atelier')"
_GATEWAY: Final = "(SELECT id FROM gateway WHERE code = 'atelier-1')"


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    connection: Connection
    url: str
    place: str
    """A reader of the atelier only."""
    network: str


@pytest.fixture(scope="module")
def filled(postgres_url: str, _template: str) -> Iterator[Filled]:
    names = [f"reader_{uuid.uuid4().hex[:12]}" for _ in range(2)]
    with (
        shared_database(postgres_url, _template) as database,
        psycopg.connect(database.url, autocommit=True) as connection,
    ):
        fill(connection, datetime.now(UTC))
        create_reader(connection, names[0], "x", ["atelier"])
        create_reader(connection, names[1], "x", None)
        yield Filled(connection=connection, url=database.url, place=names[0], network=names[1])
        for name in names:
            drop_reader(connection, name)


def _outcome(filled: Filled, rule: str, state: str, *, reader: str | None = None) -> tuple[str, list[str]]:
    """What Grafana makes of the rule after the statements of ``state``, and the labels of what fires."""
    (wanted,) = [one for one in RULES if one.name == rule]
    whose = reader or (filled.network if wanted.scope == "network" else filled.place)
    with filled.connection.transaction(force_rollback=True):
        filled.connection.execute(_WELL.encode())
        if state:
            filled.connection.execute(state.encode())
        filled.connection.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(whose)))
        cursor = filled.connection.execute(wanted.query.encode())
        names = [column.name for column in cursor.description or ()]
        rows = [dict(zip(names, row, strict=True)) for row in cursor]
    numbers = [[value for value in row.values() if not isinstance(value, str)] for row in rows]
    assert all(len(one) == 1 and isinstance(one[0], float) for one in numbers), "one number a row, none unknown"
    firing = [row for row, (number,) in zip(rows, numbers, strict=True) if number > wanted.above]
    labels = [value for row in firing for value in row.values() if isinstance(value, str)]
    return ("no data" if not rows else "alert" if firing else "well"), labels


def _list(held: str, newer: str | None = None) -> str:
    made = f"INSERT INTO list_version VALUES ({_ATELIER}, 1, now() - interval '{held}');"
    if newer:
        made += f"INSERT INTO list_version VALUES ({_ATELIER}, 2, now() - interval '{newer}');"
    return f"{made} UPDATE gateway_state SET list_version = 1 WHERE gateway = {_GATEWAY}"


def _gateway(change: str) -> str:
    return f"UPDATE gateway_state SET {change} WHERE gateway = {_GATEWAY}"


_STALE: Final = (
    "UPDATE space_state SET at = now() - interval '1 hour'; "
    "UPDATE gateway_state SET complete_at = NULL, spool_depth = 5"
)
_ALARM: Final = f"INSERT INTO alarm (kind, place, text) VALUES ('door_forced', {_ATELIER}, 'x')"
_LETTER: Final = (
    "INSERT INTO dead_letter (origin, reason, error, topic, payload, length, digest, last_at) "
    "VALUES ('ingest', 'invalid_json', 'x', 't', 'x', 1, 'x', now() - interval '{}')"
)
_BATTERY: Final = (
    "INSERT INTO device_state (device, place, reported_at, heard_at, battery) "
    f"SELECT d.id, d.place, now(), now(), {{}} FROM device d WHERE d.place = {_ATELIER} AND d.code = 'contact'"
)
_JOB: Final = "INSERT INTO job (name, succeeded_at, every) VALUES ('rollup', {}, '15 minutes')"
_BACKUP: Final = "INSERT INTO backup (finished_at) VALUES (now() - interval '{}')"


@pytest.mark.parametrize(
    ("rule", "state", "outcome"),
    [
        ("dark", "", "well"),
        ("dark", _gateway("online = false, heard_at = now() - interval '9 minutes'"), "well"),
        ("dark", _gateway("online = false, heard_at = now() - interval '11 minutes'"), "alert"),
        ("dark", f"DELETE FROM gateway_state WHERE gateway = {_GATEWAY}", "alert"),
        ("forced", "", "well"),
        ("forced", _ALARM, "alert"),
        ("forced", f"{_ALARM}; UPDATE alarm SET acknowledged_at = now()", "well"),
        ("over", "", "well"),
        ("over", f"UPDATE space_state SET present = 21, high = 22 WHERE place = {_ATELIER}", "alert"),
        ("over", _STALE, "no data"),
        ("list", _list("20 days"), "well"),
        ("list", _list("23 days"), "alert"),
        ("list", _list("2 days", "30 minutes"), "well"),
        ("list", _list("2 days", "50 minutes"), "alert"),
        ("list", "", "alert"),  # it holds none
        ("battery", _BATTERY.format(40), "well"),
        ("battery", _BATTERY.format(10), "alert"),
        ("ingest", "", "well"),
        ("ingest", _gateway("complete_at = now() - interval '3 minutes', spool_depth = 5"), "alert"),
        ("ingest", "UPDATE gateway_state SET heard_at = now() - interval '3 minutes'", "alert"),
        ("ingest", "DELETE FROM gateway_state", "no data"),
        ("letters", "", "well"),
        ("letters", _LETTER.format("2 hours"), "well"),
        ("letters", _LETTER.format("5 minutes"), "alert"),
        ("job", "", "no data"),
        ("job", _JOB.format("now() - interval '30 minutes'"), "well"),
        ("job", _JOB.format("now() - interval '2 hours'"), "alert"),
        ("job", _JOB.format("NULL"), "alert"),
        ("backup", "", "no data"),
        ("backup", _BACKUP.format("3 hours"), "well"),
        ("backup", _BACKUP.format("30 hours"), "alert"),
    ],
)  # fmt: skip
def test_a_rule_fires_on_a_bad_state_only(filled: Filled, rule: str, state: str, outcome: str) -> None:
    assert _outcome(filled, rule, state)[0] == outcome


def test_a_backup_is_written_down(filled: Filled, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAILLAGE_DATABASE_URL", filled.url)
    done = CliRunner().invoke(app, ["backed-up", "--bytes", "12", "--at", "nas"])
    assert (done.exit_code, done.output) == (0, "")
    assert filled.connection.execute("SELECT bytes, kept_at FROM backup").fetchall() == [(12, "nas")]
    assert _outcome(filled, "backup", "")[0] == "well"
    filled.connection.execute("DELETE FROM backup")


def test_a_rule_names_what_it_is_about(filled: Filled) -> None:
    assert _outcome(filled, "forced", _ALARM)[1] == ["atelier", "L'Atelier · Bordeaux"]
    assert _outcome(filled, "dark", "", reader=filled.network)[1] == [
        *("grange", "La Grange · Angoulême"),
        *("moulin", "Le Moulin · Limoges"),
    ]
    assert _outcome(filled, "job", _JOB.format("NULL"))[1] == ["rollup"]


@pytest.mark.parametrize("rule", [one.name for one in RULES if one.scope == "network"])
def test_a_reader_of_a_place_learns_nothing_of_the_centre(filled: Filled, rule: str) -> None:
    state = f"{_LETTER.format('1 minute')}; {_JOB.format('NULL')}; {_BACKUP.format('9 days')}"
    assert _outcome(filled, rule, state, reader=filled.place) == ("no data", [])
