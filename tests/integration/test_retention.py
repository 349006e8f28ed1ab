"""When personal traces in the tables of access end, and what of them stays."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import psycopg
import pytest

from database.chain import LINES, Line, check
from database.pool import Connection
from jobs.maintain import maintain
from tests.conftest import Database

SETUP: Final = """
INSERT INTO place (code, name, shard, latitude, longitude, source, source_id) VALUES ('a', 'A', 0, 45, 1, 't', '1');
INSERT INTO gateway (place, code) VALUES (1, 'a-g1');
INSERT INTO member (ref, home, name) VALUES ('m-aaaa', 1, 'Anne'), ('m-bbbb', 1, 'Boris');
INSERT INTO list_version SELECT 1, v, now() - interval '1 day' * d
  FROM (VALUES (1, 200), (2, 120), (3, 95), (4, 5)) AS x (v, d);
INSERT INTO list_settings VALUES (1, 1, 3, '{}'), (1, 3, NULL, '{}');
INSERT INTO list_entry SELECT 1, sha256(n::bytea), since, until, m, '{}', '{}', sha256('x') FROM (VALUES
  ('until 2', 1, 2, 'm-aaaa'), ('until 3', 1, 3, 'm-aaaa'), ('until 4', 2, 4, 'm-aaaa'), ('now', 3, NULL, 'm-aaaa'),
  ('gone until 4', 2, 4, 'm-gone'), ('gone now', 2, NULL, 'm-gone')) AS x (n, since, until, m);
INSERT INTO command (id, place, gateway, do_what, ordered_by, ordered_at, expires_at)
  SELECT 'o-' || d, 1, 1, 'enrol', 'x', now() - interval '1 day' * d, now() - interval '1 day' * d + interval '1 minute'
  FROM unnest('{0,2,89,91}'::integer[]) d;
INSERT INTO enrolment (id, place, lookup) SELECT id, 1, sha256(id::bytea) FROM command;
INSERT INTO heard_device (gateway, place, driver, address, key, first_at, last_at, times, said)
  SELECT 1, 1, 'chirpstack', d, d, now() - interval '1 year', now() - interval '1 day' * d, 1, 'joined'
  FROM unnest('{29,31}'::integer[]) d;
INSERT INTO booking (ref, member, place, starts_at, ends_at)
  SELECT 'b-' || d, 'm-aaaa', 1, now() - interval '1 day' * d - interval '1 hour', now() - interval '1 day' * d
  FROM unnest('{0,365,366}'::integer[]) d;
INSERT INTO alarm (kind, place, text, raised_at, detail)
  SELECT 'list_drift', 1, 'x', now() - interval '1 day' * d, '{"version": 7, "tokens": {"missing": ["01234567"]}}'
  FROM unnest('{89,91}'::integer[]) d;
INSERT INTO pass (ref, member, unit, allowance, each_month) VALUES
  ('p-carnet', 'm-aaaa', 'half_day', 10, false), ('p-month', 'm-aaaa', 'day', 10, true);
INSERT INTO pass_use (pass, slot, place, at) SELECT p, 1479000 + d, 1, now() - interval '1 day' * d
  FROM unnest('{p-carnet,p-month}'::text[]) p, unnest('{1,89,91,92}'::integer[]) d;
"""
VISITORS: Final = """
INSERT INTO member (ref, home, name) VALUES ('m-long', 1, 'Ago'), ('m-late', 1, 'Lately'), ('m-came', 1, 'Came back'),
  ('m-card', 1, 'Kept the card');
INSERT INTO pass (member, visitor, valid_until) VALUES ('m-long', 'left', now() - interval '91 days'),
  ('m-late', 'left', now() - interval '89 days'), ('m-came', 'left', now() - interval '91 days'),
  ('m-card', 'left', now() - interval '91 days');
INSERT INTO pass (member) VALUES ('m-came');
INSERT INTO card (lookup, member, status) VALUES (sha256('1'), 'm-card', 'active'), (sha256('2'), 'm-long', 'returned');
"""


@pytest.fixture
def owner(database: Database) -> Iterator[Connection]:
    """Yield the owner's connection to a database with traces of all ages."""
    with psycopg.connect(database.url, autocommit=True) as connection:
        connection.execute(SETUP.encode())
        yield connection


def _all(connection: Connection, query: str) -> list[object]:
    return [row[0] if len(row) == 1 else row for row in connection.execute(query.encode()).fetchall()]


def test_traces_of_access_go_after_their_time_and_counts_stay(database: Database, owner: Connection) -> None:
    head = owner.execute("SELECT max(id) FROM audit").fetchone()
    lines: list[str] = []
    assert maintain(database.as_login("maintain_1"), log=lines.append)
    assert any(line.startswith("audit: head at line ") for line in lines)

    assert _all(owner, "SELECT version FROM list_version ORDER BY 1") == [3, 4]  # in force three months ago, and since
    assert _all(owner, "SELECT since FROM list_settings") == [3]
    kept = _all(owner, "SELECT convert_from(n, 'UTF8') FROM unnest('{until 4,now,gone now}'::bytea[]) n ORDER BY 1")
    found = "SELECT n FROM unnest('{until 2,until 3,until 4,now,gone until 4,gone now}'::text[]) n"
    assert _all(owner, f"{found} JOIN list_entry e ON e.token = sha256(n::bytea) ORDER BY 1") == kept
    assert _all(owner, "SELECT id FROM command ORDER BY 1") == ["o-0", "o-2", "o-89"]
    assert _all(owner, "SELECT id FROM enrolment") == ["o-0"]
    assert _all(owner, "SELECT address FROM heard_device") == ["29"]
    assert _all(owner, "SELECT ref FROM booking ORDER BY 1") == ["b-0", "b-365"]
    assert _all(owner, "SELECT slot FROM pass_use WHERE pass = 'p-month' ORDER BY 1") == [1479001, 1479089]
    uses = "SELECT slot, place, extract(year FROM at)::integer FROM pass_use WHERE pass = 'p-carnet' AND slot < 9"
    assert _all(owner, f"{uses} ORDER BY 1") == [(1, None, 2000), (2, None, 2000)]
    assert _all(owner, "SELECT count(*) FROM pass_use WHERE pass = 'p-carnet'") == [4]
    assert _all(owner, "SELECT detail ? 'tokens' FROM alarm ORDER BY raised_at") == [False, True]
    # None of this is anybody's act.
    assert owner.execute("SELECT max(id) FROM audit").fetchone() == head


def test_it_runs_again_without_harm(database: Database, owner: Connection) -> None:
    first: list[str] = []
    again: list[str] = []
    maintain(database.as_login("maintain_1"), log=first.append)
    owner.execute(
        "INSERT INTO pass_use (pass, slot, place, at) VALUES ('p-carnet', 1478000, 1, now() - interval '100 days')"
    )
    maintain(database.as_login("maintain_1"), log=again.append)
    assert [line for line in again if "deleted" in line] == ["retention: 1 dates of uses deleted"]
    assert _all(owner, "SELECT slot FROM pass_use WHERE pass = 'p-carnet' AND slot < 9 ORDER BY 1") == [1, 2, 3]


def test_visitors_are_forgotten_three_months_after_their_last_visit(database: Database, owner: Connection) -> None:
    owner.execute(VISITORS.encode())
    lines: list[str] = []
    maintain(database.as_login("maintain_1"), log=lines.append)
    assert "retention: 1 visitors deleted" in lines
    left = _all(owner, "SELECT ref FROM member ORDER BY 1")
    assert left == ["m-aaaa", "m-bbbb", "m-came", "m-card", "m-late"]
    assert _all(owner, "SELECT actor FROM audit WHERE action = 'erased'") == ["db:maintain_1"]
    *_, state = check(Line(*row) for row in owner.execute(LINES, (1,)))
    assert state.broken is None and state.erased > 0


def test_what_the_audit_tells_of_persons_ends_after_a_year(database: Database, owner: Connection) -> None:
    for table in ("audit", "audit_detail"):
        owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL".encode())
    owner.execute("UPDATE audit SET at = at - interval '366 days' WHERE subject <> 'member m-bbbb'")
    lines: list[str] = []
    maintain(database.as_login("maintain_1"), log=lines.append)
    left = "SELECT a.subject FROM audit a JOIN audit_detail d ON d.audit = a.id WHERE d.person IS NOT NULL"
    assert _all(owner, left) == ["member m-bbbb"]
    assert _all(owner, "SELECT count(*) > 0 FROM audit_detail WHERE person IS NULL") == [True]


@pytest.mark.parametrize("call", ["forget_visitors(now())", "forget_audit_details(now() - interval '1 month')"])
def test_the_upkeep_cannot_forget_what_is_young(database: Database, call: str) -> None:
    with psycopg.connect(database.as_login("maintain_1")) as connection:
        with pytest.raises(psycopg.errors.CheckViolation):
            connection.execute(f"SELECT {call}".encode())
        connection.rollback()
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT forget_member('m-aaaa')")
