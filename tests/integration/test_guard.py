"""What each key may see and change, asked of the database itself: plain SQL as the API's user, no route between."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

import psycopg
import pytest
from psycopg import errors

from database.pool import Connection
from tests.conftest import Database

SETUP: Final = """
INSERT INTO place (code, name, shard, latitude, longitude, source, source_id)
  VALUES ('a', 'A', 0, 45, 1, 't', '1'), ('b', 'B', 63, 46, 2, 't', '2'), ('c', 'C', 5, 46, 2, 't', '3');
INSERT INTO space (place, code, name, kind) SELECT id, 'place', 'Lieu', 'place' FROM place ORDER BY id;
INSERT INTO door (place, code, name, to_space) SELECT place, 'entry', 'Porte', id FROM space ORDER BY id;
INSERT INTO gateway (place, code) SELECT id, code || '-g1' FROM place ORDER BY id;
INSERT INTO device (gateway, place, code, kind, driver, address, door)
  SELECT g.id, g.place, 'reader', 'reader', 'esp_rfid', 'x', d.id FROM gateway g JOIN door d ON d.place = g.place;
INSERT INTO organisation (code, name) VALUES ('mairie', 'Mairie'), ('scop', 'Une SCOP');
-- at home in a, in b; in b with a pass for a, with one for everywhere, with one for a that ended long ago
INSERT INTO member (ref, home, name, organisation) VALUES ('m-aaaa', 1, 'Anne', 1), ('m-bbbb', 2, 'Boris', 2),
  ('m-guest', 2, 'Gaëlle', NULL), ('m-every', 2, 'Eve', NULL), ('m-past', 2, 'Paul', NULL),
  ('m-nowhere', NULL, 'Nadia', NULL);
INSERT INTO card (ref, lookup, member) SELECT 'c' || substr(ref, 2), sha256(ref::bytea), ref FROM member;
INSERT INTO schedule (place, code, name, hours) VALUES (NULL, 'week', 'Semaine', '{}'), (1, 'day', 'Jour', '{}'),
  (2, 'day', 'Jour', '{}');
INSERT INTO pass (ref, member, everywhere) SELECT 'p' || substr(ref, 2), ref, ref = 'm-every' FROM member;
UPDATE pass SET valid_until = now() - interval '1 year' WHERE ref = 'p-past';
INSERT INTO pass_place (pass, place) VALUES ('p-aaaa', 1), ('p-bbbb', 2), ('p-guest', 1), ('p-guest', 2), ('p-past', 1);
INSERT INTO pass_use (pass, slot, place) VALUES ('p-aaaa', 1, 1), ('p-bbbb', 1, 2), ('p-guest', 1, 2);
INSERT INTO booking (ref, member, place, starts_at, ends_at)
  SELECT 'b' || substr(ref, 2), ref, home, now(), now() + interval '1 hour' FROM member WHERE home IS NOT NULL;
INSERT INTO booking_series (member, place, rule, first_at, minutes)
  VALUES ('m-aaaa', 1, 'FREQ=DAILY;COUNT=1', '2027-01-01', 60), ('m-bbbb', 2, 'FREQ=DAILY;COUNT=1', '2027-01-01', 60);
INSERT INTO waiting (ref, member, place, kind, starts_at, ends_at)
  SELECT 'w' || substr(m, 2), m, p, 'seat', now() + interval '1 day', now() + interval '2 days'
  FROM (VALUES ('m-aaaa', 1), ('m-bbbb', 2), ('m-guest', 2)) AS w (m, p);
INSERT INTO booking_guest (pass, booking, member, place)
  VALUES ('p-guest', 'b-aaaa', 'm-guest', 1), ('p-every', 'b-bbbb', 'm-every', 2);
INSERT INTO booking_rule (place) VALUES (1);
INSERT INTO booking_quota (place, organisation, per, bookings)
  SELECT x, 2, 'day', 1 FROM unnest('{NULL,1,2}'::integer[]) x;
INSERT INTO closure (place, first, last) SELECT x, '2026-12-25', '2026-12-25' FROM unnest('{NULL,1,2}'::integer[]) x;
INSERT INTO door_group (place, code, name) SELECT id, 'all', 'Toutes' FROM place;
INSERT INTO door_rule (door, place) SELECT id, place FROM door;
INSERT INTO place_policy (place) SELECT id FROM place;
INSERT INTO lockdown (place, ordered_by, released_at) VALUES (NULL, 'x', now()), (1, 'x', NULL), (2, 'x', NULL);
INSERT INTO command (id, place, gateway, do_what, ordered_by, expires_at)
  SELECT 'o-' || place, place, id, 'unlock', 'x', now() + interval '1 minute' FROM gateway;
INSERT INTO enrolment (id, place) SELECT id, place FROM command;
INSERT INTO command (id, place, gateway, do_what, ordered_by, expires_at)
  VALUES ('o-free', 1, 1, 'enrol', 'x', now() + interval '1 minute');
INSERT INTO alarm (kind, place, text) VALUES ('x', NULL, 'x'), ('x', 1, 'x'), ('x', 2, 'x');
INSERT INTO access_list SELECT id, 1, now(), repeat('0', 64), 1 FROM place;
INSERT INTO list_version SELECT id, 1, now() FROM place;
INSERT INTO list_settings SELECT id, 1, NULL, '{}' FROM place;
INSERT INTO list_entry SELECT l.place, sha256(p.member::bytea), 1, NULL, p.member, '{}', '{}', sha256('x')
  FROM pass_place l JOIN pass p ON p.ref = l.pass;
"""
KEYS: Final[dict[str, tuple[Any, ...]]] = {
    # by name: role, scopes, places, member, gateway
    "administrator": ("network_administrator", [], None, None, None),
    "admin": (None, ["admin"], None, None, None),
    "manage": (None, ["access:manage"], None, None, None),
    "manage of a": (None, ["access:manage"], [1], None, None),
    "manager of a": ("place_manager", [], [1], None, None),
    "manager of a and b": ("place_manager", [], [1, 2], None, None),
    "manager of all": ("place_manager", [], None, None, None),
    "desk of a": ("front_desk", [], [1], None, None),
    "auditor of a": ("auditor", [], [1], None, None),
    "auditor": ("auditor", [], None, None, None),
    "gateway of a": ("gateway", [], None, None, 1),
    "reader": ("availability_reader", [], None, None, None),
    "events": (None, ["events:read"], None, None, None),
    "member": ("member", [], None, "m-guest", None),
    "revoked": ("network_administrator", [], None, None, None),
    "expired": ("network_administrator", [], None, None, None),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class World(Database):
    """A database with all kinds of rows and keys."""

    api: Connection
    """As the API's user, for one transaction after the other."""


@pytest.fixture(scope="module")
def world(postgres_url: str, _template: str) -> Iterator[World]:
    """Yield a database with three places and all kinds of keys; what a test does there is undone."""
    from tests.conftest import _drop, _on

    name = f"{_template}_guard"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {_template} STRATEGY file_copy".encode())
    found = Database(url=_on(postgres_url, name))
    with psycopg.connect(found.url) as connection:
        connection.execute(SETUP.encode())
        for key, (role, scopes, places, member, gateway) in KEYS.items():
            connection.execute(
                "INSERT INTO api_key (name, digest, role, scopes, places, member, gateway, revoked_at, expires_at)"
                " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
                (key, _digest(key), role, scopes, places, member, gateway, *_end(key)),
            )
    with psycopg.connect(found.as_login("api_1")) as api:
        yield World(url=found.url, api=api)
    _drop(postgres_url, name)


def _end(key: str) -> tuple[str | None, str | None]:
    return "yesterday" if key == "revoked" else None, "yesterday" if key == "expired" else None


def _digest(key: str) -> bytes:
    return sha256(key.encode()).digest()


@contextmanager
def _as(world: World, key: str | None) -> Iterator[Connection]:
    """Open a transaction of the API's user, entered with ``key``; undone at its end."""
    with world.api.transaction(force_rollback=True):
        if key is not None:
            rows = world.api.execute("SELECT * FROM enter(%s, '192.0.2.7', 'r-1')", (key,)).fetchall()
            assert len(rows) == 1
        yield world.api


ALL: Final = {
    "organisation": 2,
    "member": 6,
    "card": 6,
    "card_change": 6,
    "schedule": 3,
    "door_group": 3,
    "pass": 6,
    "pass_place": 5,
    "pass_use": 3,
    "booking": 5,
    "booking_guest": 2,
    "booking_series": 2,
    "waiting": 3,
    "booking_quota": 3,
    "closure": 3,
    "door_rule": 3,
    "place_policy": 3,
    "lockdown": 3,
    "command": 4,
    "enrolment": 3,
    "alarm": 3,
    "access_list": 3,
    "list_version": 3,
    "list_entry": 5,
    "list_settings": 3,
}
"""How many rows there are."""
NOTHING: Final = dict.fromkeys(ALL, 0)
OF_A: Final = {
    **dict.fromkeys(ALL, 1),
    "organisation": 2,
    # Anne, Gaëlle with a pass for a, Eve with one for everywhere
    "member": 3,
    "card": 3,
    "card_change": 3,
    "pass": 3,
    # of Gaëlle's pass only that it holds here; Paul's, which ended, too
    "pass_place": 3,
    # of one's own place and of the network
    "schedule": 2,
    "closure": 2,
    "lockdown": 2,
    "command": 2,
    "list_entry": 3,
    "booking_quota": 2,
}
SEEN: Final[dict[str, dict[str, int]]] = {
    "administrator": ALL,
    "admin": ALL,
    "manage": ALL,
    "manage of a": OF_A,
    "manager of a": OF_A,
    "manager of a and b": {
        **ALL,
        **dict.fromkeys(("member", "card", "card_change", "pass"), 5),
        **dict.fromkeys(("door_group", "door_rule", "place_policy", "enrolment", "alarm"), 2),
        "command": 3,
        **dict.fromkeys(("access_list", "list_version", "list_settings"), 2),
    },
    "manager of all": ALL,
    "desk of a": OF_A,
    "auditor of a": {**OF_A, "enrolment": 0},
    "auditor": {**ALL, "enrolment": 0},
    "gateway of a": {**NOTHING, "access_list": 1, "list_version": 1, "list_entry": 3, "list_settings": 1},
    "reader": NOTHING,
    "events": NOTHING,
    "member": {
        **NOTHING,
        **dict.fromkeys(("member", "card", "card_change", "pass", "pass_use", "booking", "waiting"), 1),
        **dict.fromkeys(("pass_place", "list_entry"), 2),
    },
}


@pytest.mark.parametrize("key", SEEN)
def test_each_key_sees_its_own_and_no_more(world: World, key: str) -> None:
    with _as(world, key) as connection:
        assert _counts(connection) == SEEN[key]


MONEY: Final = """
INSERT INTO category (code, name) VALUES ('student', 'Étudiants');
INSERT INTO rate (code, name, billed, unit) VALUES ('half-day', 'Demi-journée', 'use', 'half_day');
INSERT INTO rate_price (rate, first, cents, vat_permille) VALUES (1, '2026-01-01', 800, 200);
INSERT INTO member_category (member, category, first, last, seen)
  SELECT m, 1, '2026-01-01', '2026-12-31', 'carte' FROM unnest('{m-aaaa,m-bbbb,m-guest}'::text[]) m;
INSERT INTO consent (member, guardian) VALUES ('m-guest', 'Paul');
INSERT INTO organisation_manager VALUES (2, 'm-guest');
BEGIN;
INSERT INTO statement (ref, month, place, payer, member, organisation, net_cents, vat_cents) VALUES
  ('s-anne', '2026-03-01', 1, 'member', 'm-aaaa', NULL, 800, 160),
  ('s-scop', '2026-03-01', 2, 'organisation', NULL, 2, 800, 160),
  ('s-guest', '2026-03-01', 2, 'member', 'm-guest', NULL, 800, 160),
  ('s-dept', '2026-03-01', NULL, 'funder', NULL, 1, 800, 160);
INSERT INTO statement_line (statement, number, kind, month, member, place, rate, unit, count, price_cents, funded_cents,
                            net_cents, vat_permille, vat_cents)
  SELECT ref, 1, 'use', month, coalesce(member, 'm-bbbb'), 1, 'half-day', 'half_day', 1, 800, 0, 800, 200, 160
  FROM statement;
INSERT INTO clearing_line (month, used_in, debtor, creditor, holder, rate, unit, count, price_cents, amount_cents)
  VALUES ('2026-03-01', '2026-03-01', 2, 1, 'h-1', 'half-day', 'half_day', 1, 500, 500),
         ('2026-03-01', '2026-03-01', 1, 3, 'h-2', 'half-day', 'half_day', 1, 500, 500),
         ('2026-03-01', '2026-03-01', 2, 3, 'h-3', 'half-day', 'half_day', 1, 500, 500);
INSERT INTO billed (pass, kind, slot, place, at, line)
  VALUES ('p-guest', 'use', 1, 1, now(), 3), ('p-bbbb', 'use', 1, 2, now(), 2);
COMMIT;
"""
MONEY_SEEN: Final[dict[str, tuple[int, ...]]] = {
    # statements, their lines, clearing lines, proofs, consents, what is billed, managers of organisations
    "administrator": (4, 4, 3, 3, 1, 2, 1),
    "manager of all": (4, 4, 3, 3, 1, 2, 1),
    "auditor": (4, 4, 3, 3, 1, 2, 1),
    "manager of a": (1, 1, 2, 2, 1, 1, 1),
    "auditor of a": (1, 1, 2, 2, 1, 1, 1),
    "desk of a": (0, 0, 0, 2, 1, 1, 1),
    "member": (2, 2, 0, 1, 1, 1, 1),
    "gateway of a": (0, 0, 0, 0, 0, 0, 0),
    "reader": (0, 0, 0, 0, 0, 0, 0),
    "events": (0, 0, 0, 0, 0, 0, 0),
}
MONEY_TABLES: Final = (
    "statement", "statement_line", "clearing_line", "member_category", "consent", "billed", "organisation_manager",
)  # fmt: skip
MONEY_WRITES: Final = (
    "INSERT INTO category (code, name) VALUES ('x', 'X')",
    "INSERT INTO rate_price (rate, first, cents, vat_permille) VALUES (1, '2027-01-01', 1, 0)",
    "INSERT INTO organisation_manager VALUES (1, 'm-aaaa')",
    "INSERT INTO statement (month, place, payer, member, net_cents, vat_cents)"
    " VALUES ('2026-03-01', 1, 'member', 'm-aaaa', 1, 0)",
    "INSERT INTO statement (month, place, payer, member, net_cents, vat_cents, corrects)"
    " VALUES ('2026-03-01', 2, 'member', 'm-guest', -800, -160, 's-guest')",
    "INSERT INTO consent (member, guardian) VALUES ('m-bbbb', 'X')",
    "INSERT INTO member_category (member, category, last, seen) VALUES ('m-bbbb', 1, '2027-01-01', 'x')",
)
"""What a manager of a may not, and an administrator only where it isn't the statement of a month."""


def test_each_key_sees_its_own_statements(world: World) -> None:
    with psycopg.connect(world.url, autocommit=True) as owner:
        owner.execute(MONEY.encode())
    for key, seen in MONEY_SEEN.items():
        with _as(world, key) as connection:
            counts = [connection.execute(f"SELECT count(*) FROM {one}".encode()).fetchone() for one in MONEY_TABLES]
            assert tuple(one[0] for one in counts if one is not None) == seen, key
    for write in MONEY_WRITES:
        assert not _done(world, "manager of a", write), write
        assert _done(world, "administrator", write) == ("VALUES ('2026-03-01', 1" not in write), write
    counter = MONEY_WRITES[4].replace("2, 'member', 'm-guest'", "1, 'member', 'm-aaaa'").replace("s-guest", "s-anne")
    assert _done(world, "manager of a", counter)
    assert not _done(world, "desk of a", counter)


def test_who_forgets_to_enter_sees_nothing(world: World) -> None:
    with _as(world, None) as connection:
        assert _counts(connection) == NOTHING


@pytest.mark.parametrize("key", ["revoked", "expired", "unknown"])
def test_a_bad_key_enters_nothing(world: World, key: str) -> None:
    with _as(world, None) as connection:
        assert connection.execute("SELECT * FROM enter(%s, '', '')", (key,)).fetchall() == []
        assert _counts(connection) == NOTHING


def test_a_bad_key_after_a_good_one_takes_its_place(world: World) -> None:
    with _as(world, "administrator") as connection:
        connection.execute("SELECT * FROM enter(%s, '', '')", ("revoked",))
        assert _counts(connection) == NOTHING


def _counts(connection: Connection) -> dict[str, int]:
    found = {}
    for table in ALL:
        row = connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()
        assert row is not None
        found[table] = row[0]
    return found


def test_the_tables_beside_are_read_as_before(world: World) -> None:
    """The board and the feed work outside any request; keys are looked up by `enter` alone."""
    with _as(world, None) as connection:
        for table, rows in {"place": 3, "space": 3, "door": 3, "gateway": 3, "device": 3}.items():
            assert connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone() == (rows,)
        for table in ("event", "space_state", "stream", "gateway_state", "reason", "occupancy_15m", "maintenance"):
            connection.execute(f"SELECT * FROM {table}".encode())
        assert connection.execute("SELECT count(id) FROM api_key").fetchone() == (0,)


def test_each_sees_the_keys_that_they_may_end_and_their_own(world: World) -> None:
    of_a = {"manager of a", "desk of a", "auditor of a", "gateway of a"}
    seen = {
        "administrator": set(KEYS),
        "manage": {"manage"},
        "manager of a": of_a,
        "manager of all": {*of_a, "manager of a and b", "manager of all"},
        "desk of a": {"desk of a"},
        "auditor": {"auditor"},
        "member": {"member"},
        "events": {"events"},
    }
    for key, names in seen.items():
        with _as(world, key) as connection:
            assert {name for (name,) in connection.execute("SELECT name FROM api_key")} == names, key


def test_what_a_transaction_may_lasts_no_longer_than_it(world: World) -> None:
    with psycopg.connect(world.as_login("api_1")) as connection:
        connection.execute("SELECT * FROM enter(%s, '', '')", ("administrator",))
        seal = connection.execute(
            "SELECT name, current_setting(name) FROM unnest(ARRAY['maillage.key', 'maillage.actor', 'maillage.role',"
            " 'maillage.places', 'maillage.member', 'maillage.gateway', 'maillage.from', 'maillage.request',"
            " 'maillage.seal']) AS name"
        ).fetchall()
        connection.commit()
        assert _counts(connection) == NOTHING
        for name, value in seal:
            connection.execute("SELECT set_config(%s, %s, true)", (name, value))
        with pytest.raises(errors.InsufficientPrivilege, match="not made by enter"), connection.transaction():
            connection.execute("SELECT count(*) FROM member")


@pytest.mark.parametrize(
    ("setting", "value"),
    [("role", "network_administrator"), ("places", "{1,2,3}"), ("places", ""), ("actor", "key:1 boss"), ("seal", "00")],
)
def test_settings_that_enter_did_not_make_are_refused(world: World, setting: str, value: str) -> None:
    with _as(world, "manager of a") as connection:
        connection.execute("SELECT set_config(%s, %s, true)", (f"maillage.{setting}", value))
        with pytest.raises(errors.InsufficientPrivilege, match="not made by enter"), connection.transaction():
            connection.execute("SELECT count(*) FROM member")


MANAGER, DESK, AUDITOR = "manager of a", "desk of a", "auditor of a"
READS_ONLY: Final = (AUDITOR, "auditor", "gateway of a", "reader", "events", "member")
PLACE_ROWS: Final = {
    "schedule": "INSERT INTO schedule (place, code, name, hours) VALUES ({}, 'x', 'X', '{{}}')",
    "door_group": "INSERT INTO door_group (place, code, name) VALUES ({}, 'x', 'X')",
    "closure": "INSERT INTO closure (place, first, last) VALUES ({}, '2027-01-01', '2027-01-01')",
    "resource": "INSERT INTO resource (place, code, name, kind) VALUES ({}, 'x', 'X', 'machine')",
    "booking_rule": "INSERT INTO booking_rule (place, kind) VALUES ({}, 'desk')",
    "booking_quota": "INSERT INTO booking_quota (place, organisation, per, bookings) VALUES ({}, 1, 'day', 1)",
    "plan": "INSERT INTO plan (place, width, height, spaces, desks) VALUES ({}, 100, 100, '{{}}', '{{}}')",
    "lockdown of a door": "INSERT INTO lockdown (place, door, ordered_by) VALUES ({0}, {0}, 'x')",
    "release": "UPDATE lockdown SET released_at = now() WHERE place IS NOT DISTINCT FROM {}",
    "door_rule": "UPDATE door_rule SET pin = true WHERE place = {}",
    "no door_rule": "DELETE FROM door_rule WHERE place = {}",
    "place_policy": "UPDATE place_policy SET tries = 3 WHERE place = {}",
    "person_limit": "UPDATE space SET person_limit = 3 WHERE place = {}",
    "opening_hours": "UPDATE place SET opening_hours = '{{}}' WHERE id = {}",
    "evacuate": "INSERT INTO command (place, gateway, do_what, ordered_by, expires_at)"
    " VALUES ({0}, {0}, 'evacuate', 'x', now() + interval '1 minute')",
    "a use taken back": "DELETE FROM pass_use WHERE place = {}",
}
DESK_ROWS: Final = {
    "member": "INSERT INTO member (home, name) VALUES ({}, 'Nouvelle') RETURNING ref",
    "name": "UPDATE member SET name = 'X', pin = repeat('0', 32) WHERE home = {}",
    "card": "INSERT INTO card (lookup, member) SELECT sha256('new'), ref FROM (VALUES (1, 'm-aaaa'), (2, 'm-bbbb'))"
    " AS m (home, ref) WHERE m.home = {} RETURNING ref",
    "lost card": "UPDATE card SET status = 'lost' WHERE member = CASE {} WHEN 1 THEN 'm-aaaa' ELSE 'm-bbbb' END",
    "unlock": "INSERT INTO command (place, gateway, door, do_what, ordered_by, expires_at)"
    " VALUES ({0}, {0}, {0}, 'unlock', 'x', now() + interval '1 minute')",
    "booking": "INSERT INTO booking (member, place, starts_at, ends_at)"
    " VALUES ('m-aaaa', {}, now(), now() + interval '1 hour')",
    "acknowledged": "UPDATE alarm SET acknowledged_at = now(), acknowledged_by = 'x'"
    " WHERE place IS NOT DISTINCT FROM {}",
}


@pytest.mark.parametrize("what", [*PLACE_ROWS, *DESK_ROWS])
def test_a_manager_changes_their_own_place(world: World, what: str) -> None:
    statement = {**PLACE_ROWS, **DESK_ROWS}[what]
    assert _done(world, MANAGER, statement.format(1))
    assert not _done(world, MANAGER, statement.format(2))
    assert _done(world, "manager of all", statement.format(2))
    assert _done(world, "administrator", statement.format(2))
    for key in READS_ONLY:
        assert not _done(world, key, statement.format(1)), key


@pytest.mark.parametrize("what", DESK_ROWS)
def test_a_front_desk_serves_people(world: World, what: str) -> None:
    assert _done(world, DESK, DESK_ROWS[what].format(1))
    assert not _done(world, DESK, DESK_ROWS[what].format(2))


@pytest.mark.parametrize("what", PLACE_ROWS)
def test_a_front_desk_makes_no_rules(world: World, what: str) -> None:
    assert not _done(world, DESK, PLACE_ROWS[what].format(1))


@pytest.mark.parametrize("what", ["schedule", "closure", "release", "acknowledged"])
def test_what_is_the_networks_is_its_administrators(world: World, what: str) -> None:
    statement = {**PLACE_ROWS, **DESK_ROWS}[what].format("NULL")
    assert _done(world, "administrator", statement) and _done(world, "manage", statement)
    assert not _done(world, MANAGER, statement) and not _done(world, "manager of all", statement)


REFUSED: Final = {
    "a member moved away": "UPDATE member SET home = 2 WHERE ref = 'm-aaaa'",
    "a member of nowhere": "UPDATE member SET home = NULL WHERE ref = 'm-aaaa'",
    "a guest taken home": "UPDATE member SET home = 1 WHERE ref = 'm-guest'",
    "a guest renamed": "UPDATE member SET name = 'X' WHERE ref = 'm-guest'",
    "a card for a guest": "INSERT INTO card (lookup, member) VALUES (sha256('new'), 'm-guest')",
    "a guest's card lost": "UPDATE card SET status = 'lost' WHERE member = 'm-guest'",
    "a card given to a guest": "UPDATE card SET member = 'm-guest' WHERE member = 'm-aaaa'",
    "a pass for everywhere": "INSERT INTO pass (member, everywhere) VALUES ('m-aaaa', true)",
    "a pass made one for everywhere": "UPDATE pass SET everywhere = true WHERE ref = 'p-aaaa'",
    "a pass for everywhere revoked": "UPDATE pass SET revoked_at = now() WHERE ref = 'p-every'",
    "a pass for another place": "INSERT INTO pass_place (pass, place) VALUES ('p-aaaa', 2)",
    "a pass moved to another place": "UPDATE pass_place SET place = 2 WHERE pass = 'p-aaaa'",
    "a pass that holds elsewhere too": "UPDATE pass SET allowance = 99, unit = 'day' WHERE ref = 'p-guest'",
    "another's pass brought here": "INSERT INTO pass_place (pass, place) VALUES ('p-bbbb', 1)",
    "a pass for a stranger": "INSERT INTO pass (member) VALUES ('m-bbbb')",
    "a pass by another's schedule": "UPDATE pass SET schedule = 3 WHERE ref = 'p-aaaa'",
    "a company renamed": "UPDATE organisation SET name = 'X' WHERE code = 'scop'",
    "an unlock at another's door": "INSERT INTO command (place, gateway, door, do_what, ordered_by, expires_at)"
    " VALUES (1, 1, 2, 'unlock', 'x', now() + interval '1 minute')",
    "an unlock by another's gateway": "INSERT INTO command (place, gateway, do_what, ordered_by, expires_at)"
    " VALUES (1, 2, 'unlock', 'x', now() + interval '1 minute')",
    "another's door in lockdown": "INSERT INTO lockdown (place, door, ordered_by) VALUES (1, 2, 'x')",
    "the network in lockdown": "INSERT INTO lockdown (ordered_by) VALUES ('x')",
    "an order answered": "UPDATE command SET outcome = 'done'",
    "an enrolment by another's name": "INSERT INTO enrolment (id, place, key) VALUES ('o-free', 1, 1)",
    "a line of the audit": "INSERT INTO audit SELECT * FROM audit LIMIT 1",
    "the audit shortened": "DELETE FROM audit",
    "a detail removed": "DELETE FROM audit_detail",
    "a card's history": "INSERT INTO card_change (card, became, by) VALUES ('c-aaaa', 'lost', 'x')",
    "a list": "UPDATE list_entry SET card = '{}'",
    "its own key": "UPDATE api_key SET places = NULL WHERE name = 'manager of a'",
    "an administrator's key's life": "UPDATE api_key SET expires_at = NULL, name = 'x' WHERE name = 'admin'",
    "an administrator's key": "INSERT INTO api_key (name, digest, scopes, role)"
    " VALUES ('x', 'x', '{}', 'network_administrator')",
    "a key for everywhere": "INSERT INTO api_key (name, digest, scopes, role) VALUES ('x', 'x', '{}', 'place_manager')",
    "a key for another place": "INSERT INTO api_key (name, digest, scopes, role, places)"
    " VALUES ('x', 'x', '{}', 'front_desk', '{1,2}')",
    "a key with scopes": "INSERT INTO api_key (name, digest, scopes, places)"
    " VALUES ('x', 'x', '{access:manage}', '{1}')",
    "another's gateway's key": "INSERT INTO api_key (name, digest, scopes, role, gateway, places)"
    " VALUES ('x', 'x', '{}', 'gateway', 2, '{1}')",
    "a guest's own key": "INSERT INTO api_key (name, digest, scopes, role, member, places)"
    " VALUES ('x', 'x', '{}', 'member', 'm-guest', '{1}')",
    "the administrator's key revoked": "UPDATE api_key SET revoked_at = now() WHERE name = 'administrator'",
    "a secret": "SELECT * FROM guard_secret",
    "a seal": "SELECT caller_seal(caller())",
    "forgetting behind the door": "SELECT forget_member('m-bbbb')",
    "a guest erased": "SELECT erase_member('m-guest')",
}


def test_a_member_books_for_oneself_only(world: World) -> None:
    book = (
        "INSERT INTO booking (member, place, starts_at, ends_at) VALUES ({}, 1, now(), now() + interval '2 hours')"
        " RETURNING ref"
    )
    series = (
        "INSERT INTO booking_series (member, place, rule, first_at, minutes)"
        " VALUES ('{}', 1, 'FREQ=DAILY;COUNT=1', '2027-01-01', 60)"
    )
    assert _done(world, "member", book.format("'m-guest'"))
    assert not _done(world, "member", book.format("'m-bbbb'"))
    assert not _done(
        world, "member", book.format("NULL").replace("(member", "(label, member").replace("(NULL", "('x', NULL")
    )
    assert _done(world, "member", "UPDATE booking SET cancelled_at = now() WHERE member = 'm-guest'")
    assert not _done(world, "member", "UPDATE booking SET cancelled_at = now() WHERE member = 'm-bbbb'")
    assert not _done(world, "member", "UPDATE booking SET member = 'm-bbbb' WHERE member = 'm-guest'")
    assert not _done(world, "member", "DELETE FROM booking WHERE member = 'm-guest'")
    # doors without a pass are for staff to open, and guests for a booking by which the holder gets in
    opens = "WITH b AS ({}) SELECT FROM b WHERE opens"
    made = book.format("'m-guest'").replace("ends_at)", "ends_at, opens)").replace("hours')", "hours', true)")
    assert _done(world, "desk of a", opens.format(made.replace("RETURNING ref", "RETURNING opens")))
    assert not _done(world, "member", opens.format(made.replace("RETURNING ref", "RETURNING opens")))
    for booking in ("b-guest", "b-bbbb"):
        assert not _done(world, "member", f"SELECT booking_guest_add('{booking}', 'Ana')")
    assert not _done(world, "desk of a", "SELECT booking_guest_add('b-bbbb', 'Ana')")
    assert _done(world, "desk of a", "SELECT booking_guest_add('b-aaaa', 'Ana')")
    for key, sees in (("desk of a", True), ("member", False)):
        assert _done(world, key, "SELECT FROM booking_guests('b-aaaa')") == sees
    assert not _done(world, "desk of a", "SELECT FROM booking_guests('b-bbbb')")
    assert _done(world, "member", series.format("m-guest"))
    assert not _done(world, "member", series.format("m-bbbb"))
    wait = (
        "INSERT INTO waiting (member, place, kind, starts_at, ends_at)"
        " VALUES ('{}', 1, 'seat', now(), now() + interval '1 hour')"
    )
    assert _done(world, "member", wait.format("m-guest"))
    assert not _done(world, "member", wait.format("m-bbbb"))
    assert not _done(world, "member", "UPDATE waiting SET status = 'left', closed_at = now() WHERE member = 'm-bbbb'")
    assert not _done(world, "member", "UPDATE waiting SET offered_until = now() WHERE member = 'm-guest'")
    use = "SELECT FROM booking_use('{}', now() - interval '9 days', now() + interval '9 days', false, NULL)"
    assert _done(world, "member", use.format("m-guest"))
    assert not _done(world, "member", use.format("m-bbbb")), "when somebody else has booked"
    assert not _done(world, "member", "SELECT FROM booking_history('b-bbbb')")
    assert not _done(world, "member", "INSERT INTO resource (place, code, name, kind) VALUES (1, 'x', 'X', 'machine')")


@pytest.mark.parametrize("statement", REFUSED.values(), ids=REFUSED.keys())
@pytest.mark.parametrize("key", [MANAGER, DESK])
def test_neither_a_manager_nor_a_front_desk_reaches_further(world: World, key: str, statement: str) -> None:
    assert not _done(world, key, statement)


NOBODY: Final = frozenset(
    {
        *("an unlock at another's door", "an unlock by another's gateway", "another's door in lockdown"),
        *("an order answered", "a line of the audit", "the audit shortened", "a detail removed", "a card's history"),
        *("its own key", "a list", "a secret", "a seal", "forgetting behind the door"),
    }
)
"""What no key may."""


@pytest.mark.parametrize("what", REFUSED)
def test_an_administrator_reaches_all_that_the_api_may(world: World, what: str) -> None:
    """So that what is refused to others is refused for the reason that is meant."""
    assert _done(world, "administrator", REFUSED[what]) == (what not in NOBODY)


ALLOWED: Final = {
    "a member at home erased": "SELECT erase_member('m-aaaa')",
    "a member removed": "DELETE FROM member WHERE ref = 'm-aaaa'",
    "a pass changed": "UPDATE pass SET label = 'x', schedule = 2 WHERE ref = 'p-aaaa'",
    "a pass by the network's hours": "UPDATE pass SET schedule = 1 WHERE ref = 'p-aaaa'",
    "a pass revoked": "UPDATE pass SET revoked_at = now() WHERE ref = 'p-aaaa'",
    "a pass for a guest": "INSERT INTO pass (member) VALUES ('m-guest') RETURNING ref",
    "a guest sent home": "DELETE FROM pass_place WHERE pass = 'p-guest' AND place = 1",
    "a key for its desk": "INSERT INTO api_key (name, digest, scopes, role, places)"
    " VALUES ('x', 'x', '{}', 'front_desk', '{1}') RETURNING id",
    "its desk's key revoked": "UPDATE api_key SET revoked_at = now() WHERE name = 'desk of a'",
}


@pytest.mark.parametrize("statement", ALLOWED.values(), ids=ALLOWED.keys())
def test_a_manager_may_and_a_front_desk_may_not(world: World, statement: str) -> None:
    assert _done(world, MANAGER, statement)
    assert not _done(world, DESK, statement)


@contextmanager
def _wide(world: World, key: str) -> Iterator[Connection]:
    """As ``key``, while Anne of a, who has a suspended card beside hers, has a pass that holds in b too."""
    with _as(world, "administrator") as connection:
        connection.execute("INSERT INTO pass_place (pass, place) VALUES ('p-aaaa', 2)")
        connection.execute(
            "INSERT INTO card (ref, lookup, member, status) VALUES ('c-more', sha256('m'), 'm-aaaa', 'suspended')"
        )
        connection.execute("UPDATE card SET valid_until = now() + interval '1 day' WHERE ref = 'c-aaaa'")
        connection.execute("SELECT * FROM enter(%s, '', '')", (key,))
        yield connection


GIVES: Final = {
    "a card": "INSERT INTO card (lookup, member) VALUES (sha256('new'), 'm-aaaa') RETURNING ref",
    "a card that waits": "INSERT INTO card (lookup, member, status) VALUES (sha256('new'), 'm-aaaa', 'issued')",
    "a card back": "UPDATE card SET status = 'active' WHERE ref = 'c-more'",
    "another number": "UPDATE card SET lookup = sha256('new') WHERE ref = 'c-aaaa'",
    "more time": "UPDATE card SET valid_until = NULL WHERE ref = 'c-aaaa'",
    "a PIN": "UPDATE member SET pin = repeat('0', 32) WHERE ref = 'm-aaaa'",
}
TAKES: Final = {
    "a card": "UPDATE card SET status = 'lost' WHERE ref = 'c-aaaa'",
    "time": "UPDATE card SET valid_until = now() + interval '1 hour' WHERE ref = 'c-aaaa'",
    "the PIN": "UPDATE member SET pin = NULL WHERE ref = 'm-aaaa'",
    "everything": "UPDATE member SET status = 'suspended' WHERE ref = 'm-aaaa'",
}


def _goes(connection: Connection, statement: str) -> bool:
    try:
        with connection.transaction():
            return connection.execute(statement.encode()).rowcount > 0
    except errors.InsufficientPrivilege:
        return False


@pytest.mark.parametrize("what", GIVES)
def test_nobody_gives_what_opens_doors_that_are_not_theirs(world: World, what: str) -> None:
    """A member's card and PIN open wherever a pass of theirs holds: their home's desk could open b's doors by one."""
    for key in (DESK, MANAGER, "manage of a"):
        with _wide(world, key) as connection:
            assert not _goes(connection, GIVES[what]), key
    for key in ("administrator", "manage", "manager of all", "manager of a and b"):
        with _wide(world, key) as connection:
            assert _goes(connection, GIVES[what]), key


@pytest.mark.parametrize("what", GIVES)
@pytest.mark.parametrize(
    "narrower",
    [
        "UPDATE pass SET revoked_at = now() WHERE ref = 'p-aaaa'",
        "UPDATE pass SET valid_until = now() - interval '1 second' WHERE ref = 'p-aaaa'",
        "DELETE FROM pass_place WHERE pass = 'p-aaaa' AND place = 2",
    ],
)
def test_a_pass_that_holds_elsewhere_no_more_binds_nobody(world: World, what: str, narrower: str) -> None:
    with _wide(world, "administrator") as connection:
        assert _goes(connection, narrower)
        connection.execute("SELECT * FROM enter(%s, '', '')", (DESK,))
        assert _goes(connection, GIVES[what])


def test_a_pass_for_everywhere_or_from_tomorrow_holds_elsewhere_too(world: World) -> None:
    for change in ("SET everywhere = true", "SET valid_from = now() + interval '1 day'"):
        with _wide(world, "administrator") as connection:
            if "everywhere" in change:
                connection.execute("DELETE FROM pass_place WHERE pass = 'p-aaaa'")
            connection.execute(f"UPDATE pass {change} WHERE ref = 'p-aaaa'".encode())
            connection.execute("SELECT * FROM enter(%s, '', '')", (DESK,))
            assert not _goes(connection, GIVES["a card"]), change


@pytest.mark.parametrize("what", TAKES)
def test_their_homes_desk_takes_away_at_once(world: World, what: str) -> None:
    with _wide(world, DESK) as connection:
        assert _goes(connection, TAKES[what])


def test_who_was_suspended_by_one_with_more_rights_stays_so(world: World) -> None:
    with _wide(world, "administrator") as connection:
        assert _goes(connection, TAKES["everything"])
        back = "UPDATE member SET status = 'active' WHERE ref = 'm-aaaa'"
        connection.execute("SELECT * FROM enter(%s, '', '')", (DESK,))
        assert not _goes(connection, back)
        connection.execute("SELECT * FROM enter(%s, '', '')", ("manager of a and b",))
        assert _goes(connection, back)


@pytest.mark.parametrize("key", [None, *(name for name in KEYS if name not in ("revoked", "expired"))])
def test_no_key_becomes_another(world: World, key: str | None) -> None:
    """The API's login enters by keys alone, and reads none, nor what one was made into."""
    with _as(world, key) as connection:
        for statement in (
            "SELECT digest FROM api_key",
            "SELECT k.* FROM api_key k",
            "SELECT to_jsonb(k) FROM api_key k",
            "SELECT count(*) FROM api_key WHERE digest > ''",
            "UPDATE api_key SET digest = sha256('mine')",
            "UPDATE api_key SET last_used_at = now()",
            "UPDATE api_key SET made_by = NULL",
            "DELETE FROM api_key",
            "COPY api_key TO STDOUT",
            "SELECT caller_seal(caller())",
            "SELECT secret FROM guard_secret",
            "SET SESSION AUTHORIZATION postgres",
            "SET ROLE maillage_rights",
            "ALTER TABLE member DISABLE ROW LEVEL SECURITY",
            "CREATE FUNCTION pg_temp.caller() RETURNS text LANGUAGE sql AS 'SELECT 1'; SELECT 1/0",
        ):
            with pytest.raises((errors.InsufficientPrivilege, errors.DivisionByZero)), connection.transaction():
                connection.execute(statement.encode())
        if key is None:
            assert _one(connection, "SELECT count(id) FROM api_key") == (0,)
        with pytest.raises(errors.UndefinedFunction), connection.transaction():
            connection.execute("SELECT * FROM enter(sha256('administrator'), '', '')")


def test_a_digest_enters_nothing(world: World) -> None:
    with _as(world, None) as connection:
        for digest in (_digest("administrator").hex(), "\\x" + _digest("administrator").hex()):
            assert connection.execute("SELECT * FROM enter(%s, '', '')", (digest,)).fetchall() == []


MADE: Final = (
    "INSERT INTO api_key (name, digest, scopes, role, places, expires_at)"
    " VALUES (%s, %s, '{}', %s, '{1}', %s) RETURNING id"
)


def test_what_a_revoked_key_made_ends_with_it_down_to_the_last(world: World) -> None:
    with _as(world, "administrator") as connection:
        made: list[int] = []
        for maker, name, role in (
            ("administrator", "first", "place_manager"),
            ("first", "second", "place_manager"),
            ("second", "third", "front_desk"),
            ("manager of a", "other", "front_desk"),
        ):
            connection.execute("SELECT * FROM enter(%s, '', '')", (maker,))
            made += _one(connection, MADE, name, _digest(name), role, None)
        connection.execute("SELECT * FROM enter(%s, '', '')", ("administrator",))
        makers = connection.execute("SELECT made_by FROM api_key WHERE id = ANY(%s) ORDER BY id", (made,)).fetchall()
        assert [maker for (maker,) in makers][1:3] == made[:2]
        connection.execute("UPDATE api_key SET revoked_at = now() WHERE id = %s", (made[0],))
        ended = connection.execute("SELECT revoked_at IS NOT NULL FROM api_key WHERE id = ANY(%s) ORDER BY id", (made,))
        assert [one for (one,) in ended] == [True, True, True, False]
        connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
        told = connection.execute("SELECT subject FROM audit ORDER BY id DESC LIMIT 3").fetchall()
        assert {subject for (subject,) in told} == {f"key {number}" for number in made[:3]}, "each has its line"
        for name in ("first", "second", "third"):
            assert connection.execute("SELECT * FROM enter(%s, '', '')", (name,)).fetchall() == []


def test_a_revoked_key_stays_so_and_none_outlives_its_maker(world: World) -> None:
    with _as(world, "administrator") as connection:
        (short,) = _one(connection, MADE, "short", _digest("short"), "place_manager", "tomorrow")
        connection.execute("SELECT * FROM enter(%s, '', '')", ("short",))
        assert _one(
            connection, MADE.replace("RETURNING id", "RETURNING expires_at = 'tomorrow'"), "x", b"x", "auditor", None
        ) == (True,)
        for statement in (
            f"UPDATE api_key SET expires_at = NULL WHERE id = {short}",
            "INSERT INTO api_key (name, digest, scopes, role, places, expires_at)"
            " VALUES ('y', 'y', '{}', 'auditor', '{1}', now() + interval '1 year')",
        ):
            assert not _goes(connection, statement)
        assert _goes(connection, "UPDATE api_key SET revoked_at = now() WHERE name = 'x'")
        assert not _goes(connection, "UPDATE api_key SET revoked_at = NULL WHERE name = 'x'")


def test_a_members_own_key_is_made_by_who_may_read_all_of_theirs_anyway(world: World) -> None:
    own = "INSERT INTO api_key (name, digest, scopes, role, member) VALUES ('x', 'x', '{}', 'member', 'm-aaaa')"
    for key in KEYS:
        if key not in ("revoked", "expired"):
            assert _done(world, key, own) == (key in ("administrator", "admin")), key


def test_a_front_desk_receives_visitors(world: World) -> None:
    with _as(world, DESK) as connection:
        (ref,) = _one(connection, "INSERT INTO member (home, name) VALUES (1, 'Vera') RETURNING ref")
        (made,) = _one(
            connection,
            "INSERT INTO pass (member, visitor, host, valid_until) VALUES (%s, 'expected', 'm-aaaa',"
            " now() + interval '1 day') RETURNING ref",
            ref,
        )
        connection.execute("INSERT INTO pass_place (pass, place) VALUES (%s, 1)", (made,))
        assert connection.execute("UPDATE pass SET visitor = 'present' WHERE ref = %s", (made,)).rowcount == 1
        with pytest.raises(errors.InsufficientPrivilege), connection.transaction():
            connection.execute("UPDATE pass SET visitor = NULL WHERE ref = %s", (made,))


def test_the_functions_say_what_the_policies_do(world: World) -> None:
    with _as(world, MANAGER) as connection:
        told = connection.execute(
            "SELECT caller_role(), caller_sees(1), caller_sees(2), caller_sees(NULL), caller_may(1, 'place_manager'),"
            " caller_may(1, 'auditor'), caller_may(2, 'place_manager'), caller_sees_member('m-aaaa'),"
            " caller_sees_member('m-guest'), caller_sees_member('m-every'), caller_sees_member('m-bbbb'),"
            " caller_sees_member('m-past')"
        ).fetchone()
        assert told == ("place_manager", True, False, False, True, False, False, True, True, True, False, False)
    with _as(world, None) as connection:
        row = connection.execute("SELECT caller_role(), caller_sees(1), caller_sees_member('m-aaaa')").fetchone()
        assert row == (None, False, False)


def test_the_audit_is_read_by_auditors_and_managers_of_the_place_and_by_whom_it_tells_of(world: World) -> None:
    with psycopg.connect(world.url) as owner:
        (everything,) = _one(owner, "SELECT count(*) FROM audit")
        (of_a,) = _one(owner, "SELECT count(*) FROM audit WHERE place = 1")
        (of_guest,) = _one(owner, "SELECT count(*) FROM audit_detail WHERE person = 'm-guest'")
    assert 0 < of_guest < of_a < everything
    seen = {"auditor of a": of_a, MANAGER: of_a, "auditor": everything, "administrator": everything, "member": of_guest}
    for key in (*seen, DESK, "gateway of a", "reader", "events"):
        with _as(world, key) as connection:
            assert _one(connection, "SELECT count(*) FROM audit") == (seen.get(key, 0),), key
            (details,) = _one(connection, "SELECT count(*) FROM audit_detail")
            assert (details > 0) == (key in seen)
    with _as(world, None) as connection:
        assert _one(connection, "SELECT (SELECT count(*) FROM audit), (SELECT count(*) FROM audit_detail)") == (0, 0)


def test_a_member_may_erase_themselves_and_nobody_else(world: World) -> None:
    assert _done(world, "member", "SELECT erase_member('m-guest')")
    assert not _done(world, "member", "SELECT erase_member('m-aaaa')")
    for key in (AUDITOR, "auditor", "reader", "gateway of a"):
        assert not _done(world, key, "SELECT erase_member('m-aaaa')"), key


def test_processes_have_what_they_need_and_no_names(world: World) -> None:
    with psycopg.connect(world.as_login("rights_1")) as connection:
        assert _one(connection, "SELECT count(ref), count(pin) FROM member") == (6, 0)
        assert _one(connection, "SELECT count(*) FROM pass") == (6,)
        for column in ("name", "email"):
            with pytest.raises(errors.InsufficientPrivilege), connection.transaction():
                connection.execute(f"SELECT {column} FROM member".encode())
    for login in ("ingest_1", "grafana_1", "maintain_1"):
        with psycopg.connect(world.as_login(login)) as connection, pytest.raises(errors.InsufficientPrivilege):
            connection.execute("SELECT name FROM member")
    with psycopg.connect(world.as_login("ingest_1")) as connection:
        connection.execute("INSERT INTO pass_use (pass, slot, place) VALUES ('p-aaaa', 77, 1) ON CONFLICT DO NOTHING")
        connection.rollback()


def _done(world: World, key: str, statement: str) -> bool:
    """Whether ``statement`` went through and did something; refusals are 42501, a stranger's row is not there."""
    with _as(world, key) as connection:
        try:
            with connection.transaction():
                return connection.execute(statement.encode()).rowcount > 0
        except (errors.InsufficientPrivilege, errors.NoDataFound, errors.ForeignKeyViolation):
            return False


def _one(connection: Connection, statement: str, *values: Any) -> tuple[Any, ...]:
    row = connection.execute(statement.encode(), values or None).fetchone()
    assert row is not None
    return row
