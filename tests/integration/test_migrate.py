"""The migration runner on a real server: once, in order, whole or not at all, one at a time."""

from __future__ import annotations

import shutil
import threading
import uuid
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from psycopg import sql

from database import editions, pool
from database.chain import LINES, Checked, Line, check
from database.files import MIGRATIONS, read_migrations
from database.migrate import MigrationError, migrate
from tests.conftest import Database
from tests.waiting import until


def _quiet(_line: str) -> None:
    pass


@pytest.fixture
def two(tmp_path: Path) -> Path:
    """Return a directory with two small migrations."""
    (tmp_path / "0001_one.sql").write_text("CREATE TABLE one (id integer PRIMARY KEY);\n")
    (tmp_path / "0002_two.sql").write_text("CREATE TABLE two (id integer REFERENCES one);\n")
    return tmp_path


def _tables(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    return {name for (name,) in rows}


def test_every_migration_once_and_the_second_run_does_nothing(empty: str) -> None:
    lines: list[str] = []
    expected = [str(one) for one in read_migrations()]
    assert migrate(empty, log=lines.append) == expected
    assert [line.split()[1] for line in lines if " applied in " in line] == expected
    assert {"place", "event", "occupancy_change", "occupancy_15m", "access_list", "audit", "migration"} <= _tables(
        empty
    )
    assert migrate(empty, log=_quiet) == []
    with psycopg.connect(empty) as connection:
        hypertables = connection.execute("SELECT hypertable_name FROM timescaledb_information.hypertables").fetchall()
        assert {name for (name,) in hypertables} >= {"event", "occupancy_change", "occupancy_15m"}


BEFORE_ACCESS = """
INSERT INTO place (code, name, shard, latitude, longitude, source, source_id)
  VALUES ('a', 'A', 0, 45, 1, 't', '1'), ('b', 'B', 63, 46, 2, 't', '2');
INSERT INTO space (place, code, name, kind) SELECT id, 'place', 'Lieu', 'place' FROM place ORDER BY id;
INSERT INTO door (place, code, name, to_space)
  SELECT s.place, d, 'Porte', s.id FROM space s, unnest('{back,entry}'::text[]) d ORDER BY s.place, d;
INSERT INTO member (ref, home, status) VALUES ('m-aaaa', 1, 'active'), ('m-bbbb', 2, 'suspended');
INSERT INTO card (token, last4, member, status) VALUES (sha256('x'), '1234', 'm-aaaa', 'lost'),
  (sha256('y'), NULL, 'm-bbbb', 'active');
INSERT INTO access_right (member, place, doors, schedule, valid_from, valid_until) VALUES
  ('m-aaaa', 1, NULL, NULL, NULL, NULL),
  ('m-aaaa', 2, '{entry}', '{"mon": [["08:00", "12:00"]]}', '2026-01-01Z', '2027-01-01Z'),
  ('m-bbbb', 2, '{entry,back,gone}', NULL, NULL, NULL),
  ('m-bbbb', 1, '{gone}', NULL, NULL, NULL);
INSERT INTO access_list VALUES (1, 7, '2026-10-01Z', 'x', 'y');
INSERT INTO api_key (name, digest, scopes) VALUES ('k', sha256('k'), '{admin}');
INSERT INTO event (at, received_at, tx, stream, seq, place, kind, member)
  VALUES (now(), now(), 1, 1, 1, 1, 1, 'm-aaaa');
"""
"""A network as migration 0011 left it."""


def test_a_network_of_before_keeps_its_members_cards_and_rights(empty: str, tmp_path: Path) -> None:
    for path in MIGRATIONS.glob("*.sql"):
        if int(path.name[:4]) <= 11:
            shutil.copy(path, tmp_path)
    migrate(empty, log=_quiet, directory=tmp_path)
    with psycopg.connect(empty) as connection:
        connection.execute(BEFORE_ACCESS.encode())
    migrate(empty, log=_quiet)
    with psycopg.connect(empty) as connection:
        passes = connection.execute(
            "SELECT p.member, l.place, l.doors, s.hours, s.place, p.valid_from::date::text, p.valid_until::date::text,"
            " p.everywhere, p.unit FROM pass p JOIN pass_place l ON l.pass = p.ref"
            " LEFT JOIN schedule s ON s.id = p.schedule ORDER BY p.member, l.place"
        ).fetchall()
        assert passes == [
            ("m-aaaa", 1, None, None, None, None, None, False, None),
            ("m-aaaa", 2, [4], {"mon": [["08:00", "12:00"]]}, 2, "2026-01-01", "2027-01-01", False, None),
            ("m-bbbb", 1, [], None, None, None, None, False, None),  # doors that are gone are none, not all
            ("m-bbbb", 2, [3, 4], None, None, None, None, False, None),
        ]
        cards = connection.execute(
            "SELECT member, last4, status, kind, ref ~ '^c-', must_be_presented FROM card ORDER BY member"
        ).fetchall()
        assert cards == [("m-aaaa", "1234", "lost", "card", True, True), ("m-bbbb", None, "active", "card", True, True)]
        new = "INSERT INTO card (lookup, member) VALUES (sha256('new'), 'm-aaaa') RETURNING must_be_presented"
        with connection.transaction(force_rollback=True):
            assert connection.execute(new).fetchone() == (False,)
        assert connection.execute("SELECT ref, status FROM member ORDER BY ref").fetchall() == [
            ("m-aaaa", "active"),
            ("m-bbbb", "suspended"),
        ]
        # Gateways refuse versions below theirs: the numbers go on.
        assert connection.execute("SELECT place, version, entries FROM access_list").fetchall() == [(1, 7, 0)]
        assert connection.execute("SELECT member, place FROM access_dirty").fetchall() == [(None, None)]
        assert len(connection.execute("SELECT * FROM enter('k', '', '')").fetchall()) == 1


BEFORE_SEATS = """
INSERT INTO place (code, name, shard, latitude, longitude, source, source_id)
  VALUES ('a', 'A', 0, 45, 1, 't', '1'), ('b', 'B', 63, 46, 2, 't', '2');
INSERT INTO space (place, code, name, kind, capacity, person_limit, generated) VALUES
  (1, 'place', 'Lieu', 'place', 34, 34, true), (2, 'place', 'Lieu', 'place', 50, NULL, false);
INSERT INTO space (place, code, name, kind, parent, capacity, generated)
  SELECT r.place, k.code, 'X', k.kind, r.id, k.size, true FROM space r,
    (VALUES ('open', 'open_space', 22), ('room', 'meeting_room', 6)) AS k (code, kind, size) ORDER BY r.place, k.code;
INSERT INTO space_state (space, place, revision, capacity, quality, at, ttl_s, changed_at, fold)
  VALUES (1, 1, 7, 34, 'unknown', now(), 900, now(), '{}');
INSERT INTO member (ref) VALUES ('m-0001'), ('m-0002');
INSERT INTO booking (ref, member, place, space, starts_at, ends_at) VALUES
  ('b-made-first', 'm-0001', 1, 4, date_trunc('hour', now()) + '10 hours', date_trunc('hour', now()) + '12 hours');
INSERT INTO booking (ref, member, place, space, starts_at, ends_at, cancelled_at)
  SELECT v.ref, v.member, 1, v.space, date_trunc('hour', now()) + v.first, date_trunc('hour', now()) + v.last, v.gone
  FROM (VALUES
    ('b-a-overlaps', 'm-0002', 4, interval '9 hours', interval '11 hours', NULL::timestamptz),
    ('b-after', 'm-0002', 4, '12 hours', '13 hours', NULL),
    ('b-gone', 'm-0002', 4, '10 hours', '12 hours', now()),
    ('b-past-1', 'm-0001', 4, '-9 hours', '-7 hours', NULL),
    ('b-past-2', 'm-0002', 4, '-9 hours', '-7 hours', NULL),
    ('b-seat-1', 'm-0001', 3, '9 hours', '11 hours', NULL),
    ('b-seat-2', 'm-0002', 3, '9 hours', '11 hours', NULL),
    ('b-seat-3', 'm-0002', 3, '9 hours', '11 hours', NULL)) AS v (ref, member, space, first, last, gone);
INSERT INTO closure (place, first, last, reason) VALUES (1, '2026-12-24', '2026-12-26', 'Fêtes'),
  (1, '2026-12-24', '2026-12-26', ''), (NULL, '2026-12-24', '2026-12-26', ''), (NULL, '2026-12-24', '2026-12-26', '');
"""
"""A network as migration 0020 left it: bookings that overlap, closures made twice, seats that stand in no room."""


def test_what_overlaps_is_settled_and_seats_stand_in_rooms(empty: str, tmp_path: Path) -> None:
    for path in MIGRATIONS.glob("*.sql"):
        if int(path.name[:4]) < 22:
            shutil.copy(path, tmp_path)
    migrate(empty, log=_quiet, directory=tmp_path)
    with psycopg.connect(empty) as connection:
        for statement in BEFORE_SEATS.split(";\n"):  # each audited by itself
            connection.execute(statement.encode())
            connection.commit()
    migrate(empty, log=_quiet)
    with psycopg.connect(empty) as connection:
        bookings = connection.execute(
            "SELECT ref, cancelled_at IS NULL, one_party FROM booking ORDER BY ref"
        ).fetchall()
        assert bookings == [
            ("b-a-overlaps", False, False),  # it begins earlier, but the other one was made first
            ("b-after", True, True),
            ("b-gone", False, False),
            ("b-made-first", True, True),
            ("b-past-1", True, False),  # what is over stays as it was
            ("b-past-2", True, False),
            ("b-seat-1", True, False),
            ("b-seat-2", True, False),
            ("b-seat-3", False, False),  # the same once more
        ]
        alarms = connection.execute("SELECT kind, place, detail FROM alarm").fetchall()
        assert alarms == [
            ("booking_cancelled", 1, {"cancelled": "b-a-overlaps", "kept": "b-made-first", "space": "room"})
        ]
        assert connection.execute("SELECT place, reason FROM closure ORDER BY place").fetchall() == [
            (1, "Fêtes"),
            (None, ""),
        ]
        roots = connection.execute("SELECT capacity, person_limit FROM space WHERE kind = 'place' ORDER BY place")
        assert roots.fetchall() == [(28, 28), (50, None)], "what people have set stays"
        assert connection.execute("SELECT capacity, revision FROM space_state").fetchall() == [(28, 7)]


TWICE = """
INSERT INTO place (code, name, shard, latitude, longitude, source, source_id) VALUES ('a', 'A', 0, 45, 1, 't', '1');
INSERT INTO space (place, code, name, kind) SELECT id, 'place', 'Lieu', 'place' FROM place;
INSERT INTO desk (place, space, code, name) SELECT place, id, 'desk-1', 'Poste' FROM space;
INSERT INTO gateway (place, code, enrolled_at, retired_at)
  SELECT id, g, now() - interval '1 day', CASE g WHEN 'old' THEN now() END FROM place, unnest('{new,old}'::text[]) g;
INSERT INTO device (gateway, place, code, kind, driver, address, space, desk)
  SELECT g.id, g.place, v.code, v.kind, 'd', v.address, k.space, CASE v.kind WHEN 'desk_sensor' THEN k.id END
  FROM gateway g, desk k, (VALUES ('seat', 'desk_sensor', 'a'), ('spare', 'desk_sensor', 'b'), ('air', 'climate', 'a'),
    ('air-2', 'climate', 'a')) AS v (code, kind, address) ORDER BY g.code, v.code DESC
"""
"""Devices of a gateway that is gone, two sensors of one desk, and two devices of one address."""


def test_of_devices_that_stand_twice_one_stays_in_service(empty: str, tmp_path: Path) -> None:
    for path in MIGRATIONS.glob("*.sql"):
        if int(path.name[:4]) < 43:
            shutil.copy(path, tmp_path)
    migrate(empty, log=_quiet, directory=tmp_path)
    with psycopg.connect(empty) as connection:
        connection.execute(TWICE.encode())
    migrate(empty, log=_quiet)
    with psycopg.connect(empty) as connection:
        rows = connection.execute(
            "SELECT g.code, v.code FROM device v JOIN gateway g ON g.id = v.gateway WHERE v.retired_at IS NULL"
            " ORDER BY 2"
        )
        assert rows.fetchall() == [("new", "air-2"), ("new", "spare")], "the first of two"
        assert connection.execute("SELECT count(*) FROM device").fetchone() == (8,)


def _audit(connection: pool.Connection) -> Checked:
    return [Checked(), *check(Line(*row) for row in connection.execute(LINES, (1,)))][-1]


def test_the_audit_of_before_verifies_and_is_watched_from_then_on(empty: str, tmp_path: Path) -> None:
    for path in MIGRATIONS.glob("*.sql"):
        if int(path.name[:4]) < 36:
            shutil.copy(path, tmp_path)
    migrate(empty, log=_quiet, directory=tmp_path)
    with psycopg.connect(empty, autocommit=True) as connection:
        connection.execute("INSERT INTO member (ref, name) VALUES ('m-aaaa', 'Anne')")  # 1 to 5
        connection.execute("INSERT INTO member (ref, name) VALUES ('m-bbbb', 'Boris')")
        connection.execute("INSERT INTO member (ref, name) VALUES ('m-cccc', 'Carla')")
        connection.execute("SELECT audit_write('read events', 'network', NULL, '{\"days\": 7}')")
        connection.execute("SELECT audit_write('read events', 'network', NULL, '{\"days\": 8}')")
        connection.execute("SELECT erase_member('m-aaaa')")  # 6
        connection.execute("DELETE FROM audit_detail WHERE audit = 4")  # without right, but nothing says so any more
        before = connection.execute("SELECT id, hash FROM audit ORDER BY id").fetchall()
    migrate(empty, log=_quiet)
    with psycopg.connect(empty, autocommit=True) as connection:
        after = connection.execute("SELECT id, hash FROM audit WHERE about IS NULL ORDER BY id").fetchall()
        assert after == before and len(before) == 6
        (listed,) = connection.execute(
            "SELECT a.id, a.action, a.about, d.body FROM audit a JOIN audit_detail d ON d.audit = a.id WHERE a.id > 6"
        ).fetchall()
        assert listed == (7, "audit details listed", "nobody", {"person": "{[2,4)}", "nobody": "{[5,7)}"})
        state = _audit(connection)
        assert (state.broken, state.lines, state.erased, state.unknown) == (None, 7, 0, 2)

        connection.execute("SELECT erase_member('m-bbbb')")
        state = _audit(connection)
        assert (state.broken, state.erased, state.unknown) == (None, 1, 2)
        connection.execute("ALTER TABLE audit_detail DISABLE TRIGGER audit_detail_removed")
        for number, why in ((5, "it was about nobody"), (3, "no later line says")):
            with connection.transaction(force_rollback=True):
                connection.execute("DELETE FROM audit_detail WHERE audit = %s", (number,))
                broken = _audit(connection).broken
                assert broken is not None and broken[0] == number and why in broken[1]


def test_a_new_database_s_audit_begins_empty(database: Database) -> None:
    with psycopg.connect(database.url) as connection:
        assert connection.execute("SELECT count(*) FROM audit").fetchone() == (0,)


def test_compression_is_on_where_the_edition_has_it_and_else_a_line_says_so(empty: str) -> None:
    with psycopg.connect(empty) as connection:
        row = connection.execute("SELECT current_setting('timescaledb.license', true)").fetchone()
    lines: list[str] = []
    migrate(empty, log=lines.append)
    about = [line for line in lines if line.startswith("compression")]
    if row == (editions.COMMUNITY,):
        assert about == ["compression: on for event", "compression: on for occupancy_change"]
        lines.clear()
        migrate(empty, log=lines.append)
        assert not [line for line in lines if line.startswith("compression")], "an operator's own settings stay"
    else:
        assert about == ["compression: not in this edition of TimescaleDB (apache); nothing to do"]


def test_an_edition_that_calls_itself_community_is_given_compression_and_may_refuse(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Either edition is taken for the community's; in the real one the hypertables have compression already."""
    with psycopg.connect(database_url) as connection:
        row = connection.execute("SELECT current_setting('timescaledb.license')").fetchone()
        assert row is not None
    monkeypatch.setattr(editions, "COMMUNITY", row[0])
    lines: list[str] = []
    assert migrate(database_url, log=lines.append) == []
    refused = [line for line in lines if line.startswith("compression: could not be turned on for")]
    assert len(refused) == (2 if row[0] == "apache" else 0)
    assert all("not supported under the current" in line for line in refused)

    settings = {"member": (b"COMMENT ON TABLE member IS 'compressed'",), "place": (b"SELECT 1 / 0",)}
    monkeypatch.setattr(editions, "_SETTINGS", settings)
    lines.clear()
    migrate(database_url, log=lines.append)
    assert lines[:2] == [
        "compression: on for member",
        "compression: could not be turned on for place: division by zero",
    ]
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT obj_description('member'::regclass)").fetchone() == ("compressed",)


def test_an_owner_who_is_no_superuser_can_migrate(empty: str, postgres_url: str) -> None:
    owner = f"owner_{uuid.uuid4().hex[:8]}"
    name = urlsplit(empty).path[1:]
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN CREATEROLE PASSWORD 'secret'").format(sql.Identifier(owner)))
        connection.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(sql.Identifier(name), sql.Identifier(owner)))
    parts = urlsplit(empty)
    try:
        assert migrate(
            urlunsplit(parts._replace(netloc=f"{owner}:secret@{parts.hostname}:{parts.port}")), log=_quiet
        ) == [str(one) for one in read_migrations()]
    finally:
        with psycopg.connect(empty, autocommit=True) as connection:
            connection.execute(sql.SQL("REASSIGN OWNED BY {} TO CURRENT_USER").format(sql.Identifier(owner)))
            connection.execute(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(owner)))
            connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(owner)))


def test_who_may_not_create_tables_is_told_so(database: Database) -> None:
    with pytest.raises(MigrationError, match="user api_1 may not create tables here"):
        migrate(database.as_login("api_1"), log=_quiet)


def test_a_changed_file_is_refused(empty: str, two: Path) -> None:
    migrate(empty, log=_quiet, directory=two)
    (two / "0001_one.sql").write_text("CREATE TABLE one (id bigint PRIMARY KEY);\n")
    with pytest.raises(MigrationError, match=r"0001_one\.sql has changed"):
        migrate(empty, log=_quiet, directory=two)


def test_other_line_endings_are_no_change(empty: str, two: Path) -> None:
    migrate(empty, log=_quiet, directory=two)
    for path in two.iterdir():
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert migrate(empty, log=_quiet, directory=two) == []


def test_a_database_newer_than_the_code_is_refused(empty: str, two: Path) -> None:
    migrate(empty, log=_quiet, directory=two)
    (two / "0002_two.sql").unlink()
    with pytest.raises(MigrationError, match=r"0002_two, which this version of Maillage doesn't know.*never goes back"):
        migrate(empty, log=_quiet, directory=two)


def test_a_latecomer_below_the_newest_is_refused(empty: str, two: Path) -> None:
    (two / "0002_two.sql").rename(two / "0003_two.sql")
    migrate(empty, log=_quiet, directory=two)
    (two / "0002_late.sql").write_text("SELECT 1;")
    with pytest.raises(MigrationError, match=r"0002_late comes before 0003"):
        migrate(empty, log=_quiet, directory=two)
    assert _tables(empty) == {"one", "two", "migration"}


def test_a_failing_migration_leaves_nothing_behind_and_can_be_mended(empty: str, two: Path) -> None:
    broken = two / "0003_three.sql"
    broken.write_text("CREATE TABLE three (id integer);\nINSERT INTO three VALUES (1);\nSELECT nonsense;\n")
    with pytest.raises(MigrationError, match=r'0003_three: column "nonsense" does not exist \(line 3\)'):
        migrate(empty, log=_quiet, directory=two)
    assert _tables(empty) == {"one", "two", "migration"}
    broken.write_text("CREATE TABLE three (id integer);\n")
    assert migrate(empty, log=_quiet, directory=two) == ["0003_three"]


def test_a_file_without_a_transaction_runs_statement_by_statement(empty: str, two: Path) -> None:
    (two / "0003_index.sql").write_text(
        "-- maillage: no transaction\nCREATE INDEX CONCURRENTLY IF NOT EXISTS one_again ON one (id);\n"
        "-- next\nVACUUM one;\n"
    )
    assert migrate(empty, log=_quiet, directory=two)[-1] == "0003_index"
    assert migrate(empty, log=_quiet, directory=two) == []


def test_two_runners_at_once_apply_each_migration_once(empty: str) -> None:
    expected = [str(one) for one in read_migrations()]
    results: list[list[str]] = []
    runners = [threading.Thread(target=lambda: results.append(migrate(empty, log=_quiet))) for _ in range(3)]
    for runner in runners:
        runner.start()
    for runner in runners:
        runner.join(120)
    assert sorted(results) == [[], [], expected]


def test_a_runner_waits_for_the_one_before_it_and_says_so(empty: str, two: Path) -> None:
    lines: list[str] = []
    second = two / "0002_two.sql"
    text = second.read_text()
    second.unlink()
    migrate(empty, log=_quiet, directory=two)
    second.write_text(text)
    with psycopg.connect(empty) as holder:
        holder.execute("LOCK TABLE migration IN SHARE UPDATE EXCLUSIVE MODE")
        runner = threading.Thread(target=migrate, args=(empty,), kwargs={"log": lines.append, "directory": two})
        runner.start()
        until(lambda: "schema: another migration is running; waiting for it" in lines, what="the runner to wait")
        assert "two" not in _tables(empty)
    runner.join(120)
    assert _tables(empty) == {"one", "two", "migration"}


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("postgresql://nobody:geheim@127.0.0.1:1/maillage", "cannot use the database: .*Connection refused"),
        ("not a url", "MAILLAGE_DATABASE_URL: missing"),
    ],
)
def test_an_unreachable_server_is_a_sentence_without_the_password(url: str, message: str) -> None:
    with pytest.raises(MigrationError, match=message) as caught:
        migrate(url, log=_quiet)
    assert "geheim" not in str(caught.value)


def test_the_real_directory_can_be_copied_and_replayed(empty: str, tmp_path: Path) -> None:
    """The files as installed are the whole truth: nothing else of the package is needed to build the schema."""
    copy = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, copy)
    assert migrate(empty, log=_quiet, directory=copy)
    assert migrate(empty, log=_quiet) == []


def test_a_connection_is_utc_and_has_limits(database_url: str, database: Database) -> None:
    with pool.connect(database_url, application_name="maillage test", role="maillage_api") as connection:
        row = connection.execute(
            "SELECT current_setting('TimeZone'), current_setting('statement_timeout'),"
            " current_setting('application_name'), current_user::text"
        ).fetchone()
        assert row == ("UTC", "1min", "maillage test", "maillage_api")
    with pytest.raises(psycopg.Error):
        pool.connect(database.as_login("api_1"), application_name="maillage test", role="maillage_ingest")
