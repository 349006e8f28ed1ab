"""A month's uses become statements and clearing lines, once, and these stay as they were closed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import psycopg
import pytest
from psycopg.types.json import Jsonb

from database.pool import Connection, connect
from gateway.contract.stored_events import KINDS
from jobs.job import Round
from jobs.notices import tell_members
from jobs.statements import close, close_months
from jobs.traces import KEEP
from tests.conftest import Database

SETUP: Final = """
INSERT INTO place (code, name, shard, latitude, longitude, source, source_id)
  VALUES ('a', 'A', 0, 45, 1, 't', '1'), ('b', 'B', 63, 46, 2, 't', '2'), ('c', 'C', 5, 46, 2, 't', '3');
INSERT INTO organisation (code, name) VALUES ('mairie', 'Mairie'), ('dept', 'Département');
INSERT INTO member (ref, home, name, organisation) VALUES ('m-anne', 1, 'Anne', 1), ('m-boris', 2, 'Boris', NULL),
  ('m-chloe', 1, 'Chloé', NULL);
INSERT INTO category (code, name) VALUES ('job-seeker', 'Demandeur d’emploi');
INSERT INTO rate (code, name, billed, unit) VALUES ('half-day', 'Demi-journée', 'use', 'half_day'),
  ('monthly', 'Abonnement', 'month', 'half_day');
INSERT INTO rate_price
  (rate, category, first, cents, overuse_cents, clearing_cents, vat_permille, funder, funder_permille)
  VALUES (1, NULL, '2026-01-01', 800, 1000, 500, 200, NULL, NULL), (1, 1, '2026-01-01', 801, 1000, 500, 200, 2, 500),
         (2, NULL, '2026-01-01', 9000, 0, 450, 200, NULL, NULL);
INSERT INTO member_category (member, category, first, last, seen)
  VALUES ('m-boris', 1, '2026-03-01', '2026-03-15', 'attestation');
INSERT INTO pass (ref, member, everywhere, unit, allowance, each_month, rate, created_at) VALUES
  ('p-anne', 'm-anne', true, 'half_day', 3, true, 1, '2026-01-01'),
  ('p-boris', 'm-boris', true, 'half_day', 99, false, 1, '2026-01-01'),
  ('p-chloe', 'm-chloe', true, NULL, NULL, false, 2, '2026-03-10 00:00Z');
"""


@pytest.fixture
def owner(database: Database) -> Iterator[Connection]:
    with psycopg.connect(database.url, autocommit=True) as connection:
        connection.execute(SETUP.encode())
        yield connection


def _use(connection: Connection, ref: str, at: str, place: int) -> None:
    when = datetime.fromisoformat(at).replace(tzinfo=UTC)
    slot = 2 * when.date().toordinal() + (when.hour >= 12)  # Paris, in winter
    connection.execute("INSERT INTO pass_use (pass, slot, place, at) VALUES (%s, %s, %s, %s)", (ref, slot, place, when))


def _close(database: Database, month: date) -> int:
    with connect(database.as_login("maintain_1"), application_name="test", autocommit=True) as connection:
        return close(connection, month)


def _all(connection: Connection, query: str) -> list[tuple[Any, ...]]:
    return connection.execute(query.encode()).fetchall()


LINES: Final = """
SELECT s.place, s.payer, coalesce(s.member, s.organisation_name), l.kind, l.place, l.category, l.count, l.price_cents,
       l.funded_cents, l.net_cents, l.vat_cents
FROM statement_line l JOIN statement s ON s.ref = l.statement ORDER BY s.place, s.payer, l.id
"""


def test_a_month_is_billed_once(database: Database, owner: Connection) -> None:
    for day in ("2026-03-02T08:00", "2026-03-03T08:00", "2026-03-03T14:00"):
        _use(owner, "p-anne", day, 1)
    _use(owner, "p-anne", "2026-03-04T08:00", 2)  # beyond three a month, and away from home
    _use(owner, "p-boris", "2026-03-15T09:00", 1)  # the last day of the proof
    _use(owner, "p-boris", "2026-03-16T09:00", 2)
    _use(owner, "p-boris", "2026-04-01T07:00", 2)  # April
    assert _close(database, date(2026, 3, 1)) == 4
    expected = [
        (1, "member", "m-chloe", "month", None, None, 1, 9000, 0, 9000, 1800),
        (1, "organisation", "Mairie", "overuse", 2, None, 1, 1000, 0, 1000, 200),
        (1, "organisation", "Mairie", "use", 1, None, 3, 800, 0, 2400, 480),
        (2, "funder", "Département", "funded", None, "job-seeker", 1, 801, 0, 401, 80),
        (2, "member", "m-boris", "use", 1, "job-seeker", 1, 801, 401, 400, 80),
        (2, "member", "m-boris", "use", 2, None, 1, 800, 0, 800, 160),
    ]
    assert _all(owner, LINES) == expected
    clearing = "SELECT debtor, creditor, count, amount_cents FROM clearing_line ORDER BY id"
    assert _all(owner, clearing) == [(1, 2, 1, 500), (2, 1, 1, 500)]
    assert _close(database, date(2026, 3, 1)) == 0
    assert _all(owner, LINES) == expected
    # A gateway that was offline reports a use of March after March is closed: it is on April's statement.
    _use(owner, "p-boris", "2026-03-20T14:00", 2)
    assert _close(database, date(2026, 4, 1)) == 2
    late = """
    SELECT l.month::text, l.count FROM statement_line l JOIN statement s ON s.ref = l.statement
    WHERE s.month = '2026-04-01' AND s.member = 'm-boris' ORDER BY 1
    """
    assert _all(owner, late) == [("2026-03-01", 1), ("2026-04-01", 1)]


def test_a_grant_that_nobody_took_uses_nothing(database: Database, owner: Connection) -> None:
    """A pass without an allowance is counted by its badge-ins, those that the door's contact doesn't contradict."""
    owner.execute(DOOR.encode())
    for hour, kind, detail in (
        (8, "access", {"pass_ref": "p-chloe", "awaits": True}),
        (13, "access", {"pass_ref": "p-chloe", "awaits": True}),
        (16, "access", {"pass_ref": "p-chloe", "awaits": False}),
    ):
        at = datetime(2026, 3, 12, hour, tzinfo=UTC)
        micros = int(at.timestamp()) * 1_000_000
        owner.execute(EVENT, (at, KINDS[kind], 1, "m-chloe", Jsonb(detail)))
        told = "access_taken" if hour == 8 else "access_not_taken"
        if detail["awaits"]:
            owner.execute(EVENT, (at + timedelta(seconds=9), KINDS[told], None, None, Jsonb({"access_at": micros})))
    assert _close(database, date(2026, 3, 1)) == 1
    used = "SELECT kind, extract(hour FROM at AT TIME ZONE 'UTC')::integer FROM billed ORDER BY kind DESC, at"
    assert _all(owner, used) == [("use", 8), ("use", 16), ("month", 0)]
    assert _all(owner, "SELECT debtor, creditor, count, amount_cents FROM clearing_line") == [(1, 2, 2, 900)]


def test_the_job_closes_what_is_over_once(database: Database, owner: Connection) -> None:
    lines: list[str] = []
    with connect(database.as_login("maintain_1"), application_name="test", autocommit=True) as connection:
        for now, closed in ((datetime(2026, 5, 10, tzinfo=UTC), 2), (datetime(2026, 5, 11, tzinfo=UTC), 1)):
            lines.clear()
            for _ in range(2):
                close_months(Round(connection=connection, now=now, keep=KEEP, log=lines.append))  # type: ignore[arg-type]
            assert len(lines) == closed, lines
    months = "SELECT month::text, net_cents FROM statement WHERE member = 'm-chloe' ORDER BY month"
    assert _all(owner, months) == [("2026-03-01", 9000), ("2026-04-01", 9000)]


DOOR: Final = """
INSERT INTO space (place, code, name, kind) SELECT id, 'place', 'Lieu', 'place' FROM place;
INSERT INTO door (place, code, name, to_space) SELECT place, 'entry', 'Porte', id FROM space;
INSERT INTO gateway (place, code) VALUES (2, 'b-g1');
INSERT INTO device (gateway, place, code, kind, driver, address, door, side)
  SELECT 1, 2, 'reader', 'reader', 'esp_rfid', 'x', id, 'in' FROM door WHERE place = 2;
"""
EVENT: Final = """
INSERT INTO event (at, received_at, tx, stream, seq, place, device, kind, state, member, detail)
VALUES (%s, now(), 1, 1, 1, 2, 1, %s, %s, %s, %s)
"""


def test_a_member_is_told_once_of_what_changes_the_price(database: Database, owner: Connection) -> None:
    owner.execute("UPDATE place SET phone = '+33 5 55 00 00 00' WHERE id = 1")
    for day in ("2026-03-02T08:00", "2026-03-03T08:00", "2026-03-03T14:00", "2026-03-04T08:00", "2026-03-05T08:00"):
        _use(owner, "p-anne", day, 1)
    with connect(database.as_login("maintain_1"), application_name="test", autocommit=True) as connection:
        for _ in range(2):
            now = datetime(2026, 3, 5, 9, tzinfo=UTC)
            tell_members(Round(connection=connection, now=now, keep=KEEP, log=lambda _: None))  # type: ignore[arg-type]
    queued = _all(owner, "SELECT to_member, kind, values FROM mail ORDER BY kind")
    assert [one[:2] for one in queued] == [("m-anne", "overuse"), ("m-boris", "proof_ends")]
    assert (queued[0][2]["day"], queued[0][2]["contact"]) == ("2026-03-04", "+33 5 55 00 00 00")
    assert (queued[1][2]["category"], queued[1][2]["last"]) == ("Demandeur d’emploi", "2026-03-15")
