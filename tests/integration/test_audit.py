"""The audit on a real database: what leaves a line, and that nobody can alter one without it showing."""

from __future__ import annotations

import json
import re
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from psycopg import errors
from typer.testing import CliRunner, Result

from database.chain import LINES, Checked, Line, check
from database.pool import Connection
from jobs.maintain import maintain
from maillage.cli import app
from tests.conftest import Database

SETUP: Final = """
INSERT INTO place (code, name, shard, latitude, longitude, source, source_id)
  VALUES ('a', 'A', 0, 45, 1, 't', '1'), ('b', 'B', 63, 46, 2, 't', '2');
INSERT INTO api_key (name, digest, scopes, role, places)
  VALUES ('accueil', sha256('desk'), '{}', 'place_manager', '{1}'), ('admin', sha256('admin'), '{admin}', NULL, NULL);
INSERT INTO member (ref, home, name, email, pin)
  VALUES ('m-aaaa', 1, 'Anne Martin', 'anne@example.org', repeat('a', 32));
INSERT INTO member (ref, home, name) VALUES ('m-bbbb', 2, 'Boris');
INSERT INTO card (ref, lookup, last4, member) VALUES ('c-aaaa', sha256('x'), 'WXYZ', 'm-aaaa');
INSERT INTO pass (ref, member) VALUES ('p-aaaa', 'm-aaaa');
INSERT INTO pass_place (pass, place) VALUES ('p-aaaa', 1);
"""


@pytest.fixture
def owner(database: Database) -> Iterator[Connection]:
    """Yield a connection of the owner, in autocommit, to a database with two places and two members."""
    with psycopg.connect(database.url, autocommit=True) as connection:
        for statement in SETUP.split(";\n"):
            connection.execute(statement.encode())
        yield connection


@contextmanager
def _enter(database: Database, key: str = "desk") -> Iterator[Connection]:
    """Open a request's transaction: committed at its end."""
    with psycopg.connect(database.as_login("api_1")) as connection:
        connection.execute("SELECT * FROM enter(%s, '192.0.2.7', 'r-42')", (key,))
        yield connection


def _lines(connection: Connection, after: int = 0) -> list[tuple[Any, ...]]:
    """(action, subject, place, detail) of the lines after one."""
    return connection.execute(
        "SELECT a.action, a.subject, a.place, d.body FROM audit a LEFT JOIN audit_detail d ON d.audit = a.id"
        " WHERE a.id > %s ORDER BY a.id",
        (after,),
    ).fetchall()


def _head(connection: Connection) -> int:
    row = connection.execute("SELECT coalesce(max(id), 0) FROM audit").fetchone()
    assert row is not None
    return int(row[0])


def _checked(connection: Connection, **options: Any) -> Checked:
    lines = connection.execute(LINES, (options.get("first", 1),))
    return [Checked(), *check((Line(*row) for row in lines), **options)][-1]


def test_a_change_over_the_api_tells_who_what_when_and_from_where(database: Database, owner: Connection) -> None:
    before = _head(owner)
    with _enter(database) as api:
        api.execute(
            "UPDATE member SET name = 'Anne M.', status = 'suspended', pin = repeat('b', 32) WHERE ref = 'm-aaaa'"
        )
    row = owner.execute(
        "SELECT a.id, a.actor, a.role, a.action, a.subject, a.place, a.from_addr, a.request, d.body, d.person,"
        " now() - a.at < interval '1 minute'"
        " FROM audit a JOIN audit_detail d ON d.audit = a.id ORDER BY a.id DESC LIMIT 1"
    ).fetchone()
    detail = {
        "changed": {"name": ["Anne M."], "status": ["active", "suspended"]},  # of a name only what it is now
        "hidden": ["pin"],
        "member": "m-aaaa",
    }
    assert row == (
        *(before + 1, "key:1 accueil", "place_manager", "member changed", "member m-aaaa", 1, "192.0.2.7", "r-42"),
        *(detail, "m-aaaa", True),
    )


def test_what_is_done_beside_the_api_names_the_databases_user(database: Database, owner: Connection) -> None:
    owner.execute("SELECT set_config('maillage.actor', 'key:1 somebody', false)")  # a setting alone is no proof
    owner.execute("UPDATE place SET opening_hours = '{}' WHERE id = 1")
    row = owner.execute("SELECT actor, role, from_addr FROM audit ORDER BY id DESC LIMIT 1").fetchone()
    assert row == ("db:postgres", None, None)


CHANGES: Final = {
    "INSERT INTO organisation (code, name) VALUES ('o', 'O')": ("organisation created", "organisation o", None),
    "INSERT INTO schedule (place, code, name, hours) VALUES (1, 's', 'S', '{}')": (
        *("schedule created", "schedule s"),
        1,
    ),
    "UPDATE card SET status = 'lost' WHERE ref = 'c-aaaa'": ("card changed", "card c-aaaa", 1),
    "DELETE FROM card WHERE ref = 'c-aaaa'": ("card removed", "card c-aaaa", 1),
    "UPDATE pass SET everywhere = true WHERE ref = 'p-aaaa'": ("pass changed", "pass p-aaaa", 1),
    "DELETE FROM pass_place": ("pass place removed", "pass p-aaaa", 1),
    "INSERT INTO booking (ref, member, place, starts_at, ends_at) VALUES ('b-1', 'm-aaaa', 2, now(), 'infinity')": (
        *("booking created", "booking b-1"),
        2,
    ),
    "INSERT INTO closure (first, last) VALUES ('2026-01-01', '2026-01-01')": ("closure created", "closure 1", None),
    "INSERT INTO door_group (place, code, name) VALUES (1, 'g', 'G')": ("door group created", "door group g", 1),
    "INSERT INTO place_policy (place, tries) VALUES (2, 3)": ("place policy created", "place 2", 2),
    "INSERT INTO lockdown (place, ordered_by) VALUES (1, 'x')": ("lockdown created", "lockdown 1", 1),
    "INSERT INTO gateway (place, code) VALUES (1, 'a-g1')": ("gateway created", "gateway a-g1", 1),
    "INSERT INTO space (place, code, name, kind) VALUES (1, 'place', 'A', 'place')": ("space created", "space 1", 1),
    "UPDATE place SET contact_name = 'WXYZ', status = 'closed' WHERE id = 1": ("place changed", "place a", 1),
    "UPDATE api_key SET revoked_at = now() WHERE id = 1": ("api key changed", "key 1", None),
    "INSERT INTO scope (role, place) VALUES ('grafana_1', NULL)": ("scope created", "reader grafana_1", None),
    "TRUNCATE closure": ("closure removed", "all rows", None),
}


@pytest.fixture(scope="module")
def still(postgres_url: str, _template: str) -> Iterator[Connection]:
    """Yield the owner's connection to a database that no test changes: each undoes what it did."""
    from tests.conftest import _drop, _on

    name = f"{_template}_audit"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {_template} STRATEGY file_copy".encode())
    with psycopg.connect(_on(postgres_url, name), autocommit=True) as connection:
        for statement in SETUP.split(";\n"):
            connection.execute(statement.encode())
        yield connection
    _drop(postgres_url, name)


@pytest.mark.parametrize("statement", CHANGES)
def test_every_table_that_says_who_may_what_leaves_lines(still: Connection, statement: str) -> None:
    before = _head(still)
    with still.transaction(force_rollback=True):
        still.execute(statement.encode())
        still.execute("SET CONSTRAINTS ALL IMMEDIATE")
        lines = _lines(still, before)
        assert [line[:3] for line in lines] == [CHANGES[statement]]
        told = json.dumps(lines[0][3])
        assert sha256(b"x").hexdigest() not in told and "WXYZ" not in told
    assert _head(still) == before


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE api_key SET last_used_at = now()",
        "UPDATE member SET name = name",
        "UPDATE member SET name = 'x' WHERE ref = 'm-none'",
        "DELETE FROM closure",
        "INSERT INTO alarm (kind, text) VALUES ('x', 'x')",
    ],
)
def test_what_changes_nothing_leaves_none(still: Connection, statement: str) -> None:
    before = _head(still)
    with still.transaction(force_rollback=True):
        still.execute(statement.encode())
        still.execute("SET CONSTRAINTS ALL IMMEDIATE")
        assert _lines(still, before) == []


def test_of_an_alarm_what_people_do_about_it(still: Connection) -> None:
    before = _head(still)
    with still.transaction(force_rollback=True):
        still.execute("INSERT INTO alarm (kind, place, text) VALUES ('x', 1, 'x')")
        still.execute("UPDATE alarm SET text = 'y'")
        still.execute("UPDATE alarm SET acknowledged_at = '2026-01-01', acknowledged_by = 'key:1'")
        still.execute("SET CONSTRAINTS ALL IMMEDIATE")
        ((action, _, place, detail),) = _lines(still, before)
    assert (action, place) == ("alarm changed", 1)
    assert detail["changed"].keys() == {"acknowledged_at", "acknowledged_by"}


def test_many_rows_at_once_are_one_line(still: Connection) -> None:
    before = _head(still)
    with still.transaction(force_rollback=True):
        still.execute("INSERT INTO member (ref, home) SELECT 'm-many' || g, 1 FROM generate_series(1, 50) g")
        still.execute("INSERT INTO member (ref, home) SELECT 'm-more' || g, 2 FROM generate_series(1, 51) g")
        still.execute("INSERT INTO member (ref) SELECT 'm-most' || g FROM generate_series(1, 5001) g")
        still.execute("UPDATE member SET status = 'suspended' WHERE home = 2")
        still.execute("SET CONSTRAINTS ALL IMMEDIATE")
        lines = _lines(still, before)
    assert [line[:3] for line in lines[:50]] == [("member created", f"member m-many{n}", 1) for n in range(1, 51)]
    (more, most, changed) = lines[50:]
    assert more[:3] == ("member created", "51 rows", 2) and len(more[3]["subjects"]) == more[3]["rows"] == 51
    assert most == ("member created", "5001 rows", None, {"rows": 5001})
    assert changed[:3] == ("member changed", "52 rows", 2)


def test_a_cards_history(database: Database, owner: Connection) -> None:
    with _enter(database) as api:
        api.execute("UPDATE card SET status = 'lost' WHERE ref = 'c-aaaa'")
        api.execute("UPDATE card SET last4 = '9999' WHERE ref = 'c-aaaa'")
    history = owner.execute("SELECT was, became, by FROM card_change WHERE card = 'c-aaaa' ORDER BY id").fetchall()
    assert history == [(None, "active", "db:postgres"), ("active", "lost", "key:1 accueil")]


def test_reads_are_written_down_by_who_reads(database: Database, owner: Connection) -> None:
    before = _head(owner)
    with _enter(database) as api:
        api.execute("SELECT audit_write('read events', 'place a', 1, %s)", ('{"days": 7}',))
    assert _lines(owner, before) == [("read events", "place a", 1, {"days": 7})]
    assert owner.execute("SELECT actor FROM audit ORDER BY id DESC LIMIT 1").fetchone() == ("key:1 accueil",)


def test_what_is_undone_leaves_no_line_and_no_gap(database: Database, owner: Connection) -> None:
    with _enter(database) as api:
        api.execute("UPDATE member SET status = 'suspended'")
        api.rollback()
    owner.execute("UPDATE member SET status = 'suspended' WHERE ref = 'm-bbbb'")
    assert _checked(owner).lines == _head(owner)
    assert owner.execute("SELECT count(*) FROM audit_draft").fetchone() == (0,)


def test_many_at_once_make_one_chain_and_wait_only_at_the_commit(database: Database, owner: Connection) -> None:
    before = _head(owner)
    with _enter(database) as one, _enter(database, "admin") as two:  # neither waits for the other
        one.execute("UPDATE member SET status = 'suspended' WHERE ref = 'm-aaaa'")
        two.execute("SET LOCAL lock_timeout = '30s'")
        two.execute("UPDATE member SET status = 'suspended' WHERE ref = 'm-bbbb'")

    def write() -> None:
        with psycopg.connect(database.url, autocommit=True) as connection:
            for _ in range(20):
                connection.execute("SELECT audit_write('test', 'x', NULL, NULL), audit_write('test', 'y', NULL, '{}')")

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    state = _checked(owner)
    assert state.broken is None
    assert state.lines == before + 2 + 4 * 20 * 2


def test_who_sees_an_old_state_is_told_to_try_again(database: Database, owner: Connection) -> None:
    with psycopg.connect(database.url) as late:
        late.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        late.execute("SELECT audit_write('test', 'x', NULL, NULL)")
        owner.execute("SELECT audit_write('test', 'y', NULL, NULL)")
        with pytest.raises(errors.SerializationFailure):
            late.commit()
    assert _checked(owner).broken is None


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET actor = 'x'",
        "DELETE FROM audit WHERE id = 1",
        "TRUNCATE audit CASCADE",
        "UPDATE audit_detail SET body = '{}'",
        "TRUNCATE audit_detail",
    ],
)
def test_also_the_owner_only_adds(still: Connection, statement: str) -> None:
    with pytest.raises(errors.InsufficientPrivilege, match="only added to"):
        still.execute(statement.encode())


@pytest.mark.parametrize("login", ["api_1", "rights_1", "ingest_1", "maintain_1", "grafana_1"])
@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO audit SELECT * FROM audit",
        "UPDATE audit SET actor = 'x'",
        "DELETE FROM audit",
        "INSERT INTO audit_detail (audit, salt, body) VALUES (1, sha256('x'), '{}')",
        "DELETE FROM audit_detail",
        "INSERT INTO audit_draft (at, actor, action, subject) VALUES (now(), 'x', 'x', 'x')",
        "ALTER TABLE audit DISABLE TRIGGER ALL",
    ],
)
def test_no_process_writes_into_it(database_of: dict[str, Connection], login: str, statement: str) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        database_of[login].execute(statement.encode())


@pytest.fixture(scope="module")
def database_of(still: Connection) -> Iterator[dict[str, Connection]]:
    """Yield a connection of each process's user."""
    info = still.info
    url = f"postgresql://postgres:{info.password}@{info.host}:{info.port}/{info.dbname}"
    logins = ("api_1", "rights_1", "ingest_1", "maintain_1", "grafana_1")
    found = {one: psycopg.connect(Database(url=url).as_login(one), autocommit=True) for one in logins}
    yield found
    for connection in found.values():
        connection.close()


ALTERED: Final = {
    "a field": ("UPDATE audit SET actor = 'db:nobody' WHERE id = 4", 4, "altered"),
    "a time by a microsecond": ("UPDATE audit SET at = at + interval '1 microsecond' WHERE id = 4", 4, "altered"),
    "nothing instead of a text": ("UPDATE audit SET request = '' WHERE id = 4", 4, "altered"),
    "a detail's digest": ("UPDATE audit SET detail_digest = NULL WHERE id = 4", 4, "altered"),
    "one line removed": ("DELETE FROM audit WHERE id = 4", 5, "removed: line 4 was"),
    "three lines removed": ("DELETE FROM audit WHERE id BETWEEN 4 AND 6", 7, "removed: lines 4 to 6 were"),
    "the first line removed": ("DELETE FROM audit WHERE id = 1", 2, "removed: line 1 was"),
    "two lines swapped": (
        *(
            "UPDATE audit SET id = 105 WHERE id = 4; UPDATE audit SET id = 4 WHERE id = 5;"
            " UPDATE audit SET id = 5 WHERE id = 105",
        ),
        *(4, "altered"),
    ),
    "a line hashed anew": (
        *("UPDATE audit SET actor = 'x' WHERE id = 4; UPDATE audit a SET hash = audit_hash(a) WHERE id = 4", 5),
        "replaced: it does not follow line 4",
    ),
    "a detail": ("UPDATE audit_detail SET body = body || '{\"x\": 1}' WHERE audit = 4", 4, "detail altered"),
    "what a detail is about": ("UPDATE audit SET about = 'person' WHERE id = 1", 1, "altered"),
    "a line in the old format": ("UPDATE audit SET about = NULL WHERE id = 1", 1, "altered"),
    "one hashed in the old format": (
        *("UPDATE audit SET about = NULL WHERE id = 4; UPDATE audit a SET hash = audit_hash(a) WHERE id = 4", 4),
        "replaced",
    ),
    "a detail's person": ("UPDATE audit_detail SET person = 'm-aaaa' WHERE audit = 1", 1, "detail altered"),
    "a detail about nobody removed": ("DELETE FROM audit_detail WHERE audit = 1", 1, "detail removed"),
    "a detail about a person removed": ("DELETE FROM audit_detail WHERE audit = 7", 7, "detail removed"),
    "a detail's salt": ("UPDATE audit_detail SET salt = sha256('x') WHERE audit = 4", 4, "detail altered"),
}


@pytest.mark.parametrize("what", ALTERED)
def test_what_was_altered_shows(still: Connection, what: str) -> None:
    statement, line, wrong = ALTERED[what]
    with still.transaction(force_rollback=True):
        assert _checked(still).broken is None
        for table in ("audit", "audit_detail"):
            still.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL".encode())
        still.execute("ALTER TABLE audit DROP CONSTRAINT audit_pkey CASCADE")
        for one in statement.split("; "):
            still.execute(one.encode())
        broken = _checked(still).broken
    assert broken is not None and broken[0] == line and broken[1].startswith(wrong), broken


def test_a_removed_end_shows_to_who_noted_the_head(still: Connection) -> None:
    head = _checked(still).head
    assert head is not None
    with still.transaction(force_rollback=True):
        assert _checked(still, expect=head[1]).met
        for table in ("audit", "audit_detail"):
            still.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL".encode())
        still.execute("DELETE FROM audit_detail WHERE audit > %s - 2", (head[0],))
        still.execute("DELETE FROM audit WHERE id > %s - 2", (head[0],))
        state = _checked(still, expect=head[1])
        assert state.broken is None and not state.met
        still.execute("SELECT audit_write('test', 'x', NULL, NULL), audit_write('test', 'y', NULL, NULL)")
        still.execute("SET CONSTRAINTS ALL IMMEDIATE")
        assert not _checked(still, expect=head[1]).met


def test_from_a_line_in_the_middle_on(still: Connection) -> None:
    state = _checked(still, first=4)
    assert state.broken is None and state.lines == _head(still) - 3


def test_erasing_a_person_leaves_the_chain_and_takes_the_person(database: Database, owner: Connection) -> None:
    owner.execute(
        "INSERT INTO event (at, received_at, tx, stream, seq, place, kind, state, reason, card, member, detail)"
        " SELECT now() - interval '1 day' * g, now(), 1, 1, g, 1, 1, 1, 0, sha256('x'), 'm-aaaa',"
        ' \'{"pass_ref": "p-aaaa", "rule": "right"}\'::jsonb FROM generate_series(1, 20) g'
        " UNION ALL SELECT now() - interval '1 day' * g + interval '3 s', now(), 1, 1, 100 + g, 1, 2, NULL, NULL, NULL,"
        ' NULL, \'{"pass_ref": "p-aaaa"}\' FROM generate_series(1, 20) g'
        " UNION ALL SELECT now() - interval '40 days', now(), 1, 1, 0, 1, 1, 0, 1, sha256('x'), NULL, NULL"
        " UNION ALL SELECT now(), now(), 1, 1, 999, 2, 1, 1, 0, sha256('y'), 'm-bbbb', NULL"
    )
    owner.execute("INSERT INTO booking (member, place, starts_at, ends_at) VALUES ('m-aaaa', 1, now(), 'infinity')")
    owner.execute("INSERT INTO member (ref, home, name) VALUES ('m-visitor', 1, 'Vera')")
    owner.execute("INSERT INTO pass (member, visitor, host) VALUES ('m-visitor', 'expected', 'm-aaaa')")
    owner.execute(
        "INSERT INTO list_entry VALUES (1, sha256('x'), 1, 2, 'm-aaaa', '{}', '{}', sha256('d')),"
        " (1, sha256('x'), 2, NULL, 'm-aaaa', '{}', '{}', sha256('d'))"
    )
    owner.execute(
        "INSERT INTO alarm (kind, place, text, detail)"
        " SELECT 'list_drift', 1, 'x', jsonb_build_object('tokens', left(encode(sha256('x'), 'hex'), 8))"
    )
    owner.execute("DELETE FROM access_dirty")
    with _enter(database) as api:
        row = api.execute("SELECT erase_member('m-aaaa')").fetchone()
    assert row == ({"events": 41, "cards": 1, "passes": 1, "bookings": 1},)

    assert owner.execute("SELECT count(*), count(member) FROM event").fetchone() == (42, 1)
    assert owner.execute("SELECT DISTINCT detail FROM event WHERE kind = 1 AND place = 1").fetchall() == [
        ({"rule": "right"},),
        (None,),
    ]
    assert owner.execute("SELECT member FROM access_dirty WHERE member = 'm-aaaa'").fetchall()
    action, subject, place, detail = _lines(owner)[-1]
    assert (action, subject) == ("erased", f"sha256 {sha256(b'm-aaaa').hexdigest()}")
    assert (place, detail) == (1, {"events": 41, "cards": 1, "passes": 1, "bookings": 1})
    state = _checked(owner)
    assert state.broken is None and (state.erased, state.unknown) == (_gone(owner), 0) and state.erased >= 4
    (removed,) = [line for line in _lines(owner) if line[0] == "audit detail removed"]
    assert removed[1:3] == (f"{state.erased} details", None) and removed[3].keys() == {"lines"}

    # The rights process takes the card out of the list; what remains of the row goes at the next upkeep.
    owner.execute("UPDATE list_entry SET until = 3 WHERE until IS NULL")
    maintain(database.as_login("maintain_1"), log=lambda _line: None)
    left = _everything(owner)
    for trace in ("Anne", "anne@", "p-aaaa", "WXYZ", sha256(b"x").hexdigest()[:8]):
        assert trace not in left["all but the audit"], trace
    assert "m-aaaa" not in left["all but the audit"]
    assert "Anne" not in left["audit"]


def _gone(connection: Connection) -> int:
    row = connection.execute(
        "SELECT count(*) FROM audit a LEFT JOIN audit_detail d ON d.audit = a.id"
        " WHERE a.detail_digest IS NOT NULL AND d.audit IS NULL"
    ).fetchone()
    assert row is not None
    return int(row[0])


def test_each_line_says_what_its_detail_is_about(database: Database, owner: Connection) -> None:
    with _enter(database) as api:
        api.execute(
            "SELECT audit_write('read events', 'place a', 1, '{}'), audit_write('exported', 'member m-aaaa', 1, NULL)"
        )
    rows = owner.execute(
        "SELECT a.subject, a.about, d.person FROM audit a LEFT JOIN audit_detail d ON d.audit = a.id ORDER BY a.id"
    ).fetchall()
    assert rows == [
        ("place a", "nobody", None),
        ("place b", "nobody", None),
        ("key 1", "nobody", None),
        ("key 2", "nobody", None),
        ("member m-aaaa", "person", "m-aaaa"),
        ("member m-bbbb", "person", "m-bbbb"),
        ("card c-aaaa", "person", "m-aaaa"),
        ("pass p-aaaa", "person", "m-aaaa"),
        ("pass p-aaaa", "person", "m-aaaa"),
        ("place a", "nobody", None),  # these two never had a detail
        ("member m-aaaa", "nobody", None),
    ]


def test_a_statement_about_many_people_has_no_detail_that_goes_with_one(database: Database, owner: Connection) -> None:
    owner.execute("INSERT INTO member (ref, home, name) SELECT 'm-many' || g, 1, 'Many' FROM generate_series(1, 51) g")
    assert owner.execute("SELECT about FROM audit ORDER BY id DESC LIMIT 1").fetchone() == ("nobody",)
    (_, subject, _, detail) = _lines(owner)[-1]
    assert subject == "51 rows" and "Many" not in json.dumps(detail)  # random references only
    owner.execute("SELECT erase_member('m-many7')")
    state = _checked(owner)
    assert (state.broken, state.erased) == (None, 0)


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("DELETE FROM audit_detail WHERE audit = 1", "the detail of line 1 of the audit is about nobody"),
        ("DELETE FROM audit_detail", "is about nobody"),
        ("DELETE FROM audit_detail WHERE person = 'm-aaaa'", "use erase_member"),
    ],
)
def test_also_the_owner_removes_no_detail_but_with_its_person(still: Connection, statement: str, why: str) -> None:
    with still.transaction(force_rollback=True):
        still.execute("SET CONSTRAINTS ALL IMMEDIATE")
        with pytest.raises(errors.InsufficientPrivilege, match=why):
            still.execute(statement.encode())


def test_a_detail_made_about_a_person_is_not_erasable(database: Database, owner: Connection) -> None:
    owner.execute("ALTER TABLE audit_detail DISABLE TRIGGER ALL")
    owner.execute("UPDATE audit_detail SET person = 'm-aaaa' WHERE audit = 1")
    owner.execute("ALTER TABLE audit_detail ENABLE TRIGGER ALL")
    with pytest.raises(errors.InsufficientPrivilege, match="line 1 of the audit is about nobody"):
        owner.execute("SELECT erase_member('m-aaaa')")
    owner.execute("ALTER TABLE audit_detail DISABLE TRIGGER ALL")
    owner.execute("SELECT erase_member('m-aaaa')")
    broken = _checked(owner).broken
    assert broken is not None and broken[0] == 1 and broken[1].startswith("detail removed: it is about nobody")


def test_a_visitor_s_details_go_with_their_host(database: Database, owner: Connection) -> None:
    owner.execute("INSERT INTO member (ref, home, name) VALUES ('m-visitor', 1, 'Vera')")
    owner.execute("INSERT INTO pass (member, visitor, host) VALUES ('m-visitor', 'expected', 'm-aaaa')")
    before = _checked(owner).lines
    owner.execute("SELECT erase_member('m-aaaa')")
    owner.execute("SELECT erase_member('m-visitor')")
    state = _checked(owner)
    assert (state.broken, state.erased) == (None, _gone(owner))
    removed = [line[1] for line in _lines(owner, before) if line[0] == "audit detail removed"]
    assert removed == ["5 details", "1 details"]


def test_an_old_detail_goes_and_a_young_one_does_not(database: Database, owner: Connection) -> None:
    # A year's lines, written as the database would have written them then.
    owner.execute("ALTER TABLE audit DISABLE TRIGGER ALL")
    owner.execute("UPDATE audit SET at = at - interval '366 days' WHERE id <= 7")
    for (number,) in owner.execute("SELECT id FROM audit ORDER BY id").fetchall():
        owner.execute(
            "UPDATE audit SET previous = coalesce((SELECT b.hash FROM audit b WHERE b.id = %(id)s - 1), previous)"
            " WHERE id = %(id)s",
            {"id": number},
        )
        owner.execute("UPDATE audit a SET hash = audit_hash(a) WHERE id = %s", (number,))
    owner.execute("ALTER TABLE audit ENABLE TRIGGER ALL")
    assert _checked(owner).broken is None
    maintain(database.as_login("maintain_1"), log=lambda _line: None)
    state = _checked(owner)
    assert (state.broken, state.erased, _gone(owner)) == (None, 3, 3)
    action, subject, _, detail = _lines(owner)[-1]
    assert (action, subject, detail) == ("audit detail removed", "3 details", {"lines": "{[5,8)}"})
    # The owner's own statement may do no more than the upkeep.
    with pytest.raises(errors.InsufficientPrivilege):
        owner.execute("DELETE FROM audit_detail WHERE person IS NOT NULL")


def _everything(connection: Connection) -> dict[str, str]:
    """All that the database says, as text, but the names of France's communes."""
    tables = connection.execute(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename NOT IN ('access_dirty', 'commune')"
    ).fetchall()
    text = {"audit": "", "all but the audit": ""}
    for (name,) in tables:
        rows = connection.execute(f"SELECT to_jsonb(t)::text FROM {name} t".encode()).fetchall()
        text["audit" if name == "audit" else "all but the audit"] += "\n".join(row for (row,) in rows)
    return text


def test_a_member_who_erases_themselves_leaves_no_address(database: Database, owner: Connection) -> None:
    owner.execute(
        "INSERT INTO api_key (name, digest, scopes, role, member)"
        " VALUES ('Anne', sha256('anne'), '{}', 'member', 'm-aaaa')"
    )
    with _enter(database, "anne") as api:
        api.execute("SELECT audit_write('read own', 'member m-aaaa', 1, NULL)")
    assert _lines(owner)[-1][3] == {"from": "192.0.2.7"}
    with _enter(database, "anne") as api:
        api.execute("SELECT erase_member('m-aaaa')")
    assert owner.execute("SELECT DISTINCT actor, from_addr FROM audit ORDER BY 1").fetchall() == [
        ("db:postgres", None),
        ("key:3", None),
    ]
    assert owner.execute("SELECT count(*) FROM audit_detail WHERE body::text LIKE '%192.0.2.7%'").fetchone() == (0,)
    assert owner.execute("SELECT count(*) FROM api_key WHERE name = 'Anne'").fetchone() == (0,)
    assert _checked(owner).broken is None


def test_the_command_line_verifies_and_shows(database: Database, owner: Connection) -> None:
    with _enter(database) as api:
        api.execute("UPDATE member SET status = 'suspended' WHERE ref = 'm-aaaa'")
    good = _maillage(database, "verify")
    assert good.exit_code == 0 and f"{_head(owner)} lines are right" in good.output
    digest = good.output.split("hash ")[1].split()[0]
    assert _maillage(database, "verify", "--expect", digest).exit_code == 0
    assert _maillage(database, "verify", "--from", "3").exit_code == 0
    assert _maillage(database, "verify", "--expect", "00" * 32).exit_code == 1
    assert _maillage(database, "verify", "--expect", "zz").exit_code == 1
    assert _maillage(database, "verify", "--from", "1000").exit_code == 1

    shown = _maillage(database, "show", "--actor", "key:1").output
    assert "key:1 accueil (place_manager)  member changed  member m-aaaa  at a  from 192.0.2.7  request r-42" in shown
    assert "member created" in _maillage(database, "show", "--subject", "member m-bbbb").output
    tomorrow = f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%d}"
    assert _maillage(database, "show", "--since", tomorrow).output == "No line fits.\n"

    owner.execute("ALTER TABLE audit DISABLE TRIGGER ALL")
    owner.execute("UPDATE audit SET place = 2 WHERE id = 3")
    bad = _maillage(database, "verify")
    assert bad.exit_code == 1 and "broken at line 3: altered" in str(bad.exception)


def _refused(result: Result) -> str:
    assert result.exit_code == 1, result.output
    return str(result.exception)


def test_a_receipt_shows_a_cut_end_and_a_chain_written_anew(
    database: Database, owner: Connection, tmp_path: Path
) -> None:
    key, first, second = tmp_path / "audit.key", tmp_path / "1.receipt", tmp_path / "2.receipt"
    made = _maillage(database, "key", "--out", str(key))
    assert made.exit_code == 0 and made.output == (tmp_path / "audit.key.pub").read_text()
    assert key.stat().st_mode & 0o077 == 0 and key.read_text().strip() not in made.output
    assert "exists already" in _refused(_maillage(database, "key", "--out", str(key)))
    public = ("--public-key", f"{key}.pub")

    head = _head(owner)
    signed = _maillage(database, "sign", "--key", str(key), "--out", str(first))
    assert signed.exit_code == 0 and f"line {head} is signed" in signed.output
    assert f"line: {head}\n" in first.read_text()
    assert "exists already" in _refused(_maillage(database, "sign", "--key", str(key), "--out", str(first)))
    owner.execute("SELECT audit_write('test', 'x', NULL, NULL)")
    again = _maillage(database, "sign", "--key", str(key), "--against", str(first))
    assert again.exit_code == 0
    second.write_text(again.stdout)
    both = ("verify", "--against", str(first), "--against", str(second))
    good = _maillage(database, *both, *public)
    assert good.exit_code == 0 and good.output.count("is in the chain") == 2
    assert _maillage(database, *both, "--public-key", made.output.strip()).exit_code == 0

    # What is not a receipt of this key
    assert "--public-key" in _refused(_maillage(database, *both))
    _maillage(database, "key", "--out", str(tmp_path / "other.key"))
    assert "another key" in _refused(_maillage(database, *both, "--public-key", str(tmp_path / "other.key.pub")))
    forged = tmp_path / "forged"
    forged.write_text(first.read_text().replace(f"line: {head}", f"line: {head - 1}"))
    assert "doesn't match" in _refused(_maillage(database, "verify", "--against", str(forged), *public))
    assert "can't be read" in _refused(_maillage(database, "verify", "--against", str(tmp_path / "no"), *public))
    assert "leave --from out" in _refused(_maillage(database, *both, *public, "--from", str(head + 1)))
    key.chmod(0o644)
    assert "chmod 600" in _refused(_maillage(database, "sign", "--key", str(key)))
    key.chmod(0o600)

    # The end is cut off: the chain looks right but for the receipt
    owner.execute("ALTER TABLE audit DISABLE TRIGGER ALL")
    owner.execute("DELETE FROM audit WHERE id = %s", (head + 1,))
    assert _maillage(database, "verify").exit_code == 0
    assert _maillage(database, "verify", "--against", str(first), *public).exit_code == 0
    cut = _refused(_maillage(database, *both, *public))
    assert "2.receipt" in cut and f"it ends at line {head}, but line {head + 1} was signed" in cut

    # Another line takes the place of the one that went: written anew
    owner.execute("SELECT audit_write('test', 'y', NULL, NULL)")
    assert _maillage(database, "verify").exit_code == 0
    assert f"written anew: line {head + 1}" in _refused(_maillage(database, *both, *public))
    assert "written anew" in _refused(_maillage(database, "sign", "--key", str(key), "--against", str(second)))

    owner.execute("ALTER TABLE audit_detail DISABLE TRIGGER ALL")
    owner.execute("DELETE FROM audit_detail")
    owner.execute("DELETE FROM audit")
    assert "it ends at line 0" in _refused(_maillage(database, "verify", "--against", str(first), *public))
    assert "nothing to sign" in _refused(_maillage(database, "sign", "--key", str(key)))


def test_who_signs_need_not_be_the_owner(database: Database, owner: Connection, tmp_path: Path) -> None:
    docs = (Path(__file__).parents[2] / "docs" / "audit.md").read_text()
    login = f"auditor_{uuid.uuid4().hex[:8]}"
    (statements,) = re.findall(r"```sql\n(.*?)```", docs, re.DOTALL)
    for statement in statements.replace("auditor_1", login).split(";\n"):
        owner.execute(statement.encode())
    parts = urlsplit(database.url)
    url = urlunsplit(parts._replace(netloc=f"{login}:secret@{parts.hostname}:{parts.port}"))
    try:
        _maillage(database, "key", "--out", str(tmp_path / "key"))
        signed = CliRunner().invoke(
            app, ["audit", "sign", "--key", str(tmp_path / "key")], env={"MAILLAGE_DATABASE_URL": url}
        )
        assert signed.exit_code == 0 and f"line: {_head(owner)}\n" in signed.stdout
        with psycopg.connect(url) as auditor, pytest.raises(errors.InsufficientPrivilege):
            auditor.execute("DELETE FROM audit_detail")
    finally:
        owner.execute(f"DROP OWNED BY {login}; DROP ROLE {login}".encode())


def _maillage(database: Database, *words: str) -> Result:
    return CliRunner().invoke(app, ["audit", *words], env={"MAILLAGE_DATABASE_URL": database.url})
