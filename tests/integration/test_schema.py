"""Nonsense that the schema refuses, whoever writes it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from database.pool import Connection, connect
from tests.waiting import until

SETUP = """
INSERT INTO place (code, name, shard, latitude, longitude, source, source_id)
  VALUES ('a', 'A', 0, 45, 1, 't', '1'), ('b', 'B', 63, 46, 2, 't', '2');
INSERT INTO space (place, code, name, kind) SELECT id, 'place', 'Lieu', 'place' FROM place;
INSERT INTO space (place, code, name, kind, parent)
  SELECT p.id, k, k, 'open_space', s.id FROM place p JOIN space s ON s.place = p.id, unnest('{hall,loft}'::text[]) k;
INSERT INTO desk (place, space, code, name) SELECT place, id, 'desk-' || code, 'Poste' FROM space WHERE code <> 'place';
INSERT INTO door (place, code, name, to_space) SELECT place, 'entry', 'Porte', id FROM space WHERE code = 'place';
INSERT INTO gateway (place, code) SELECT id, code || '-g1' FROM place;
INSERT INTO member (ref) VALUES ('m-0001');
INSERT INTO pass (ref, member) VALUES ('p-0001', 'm-0001');
INSERT INTO schedule (place, code, name, hours) SELECT id, 'day', 'Jour', '{}' FROM place;
INSERT INTO api_key (name, digest, scopes) VALUES ('x', sha256('x'), '{admin}');
-- rooms, one of them out of service, a full one that is booked; a desk and a door with their devices
INSERT INTO space (place, code, name, kind, parent, capacity, retired_at)
  SELECT p.id, k, k, 'workshop', s.id, 1, CASE k WHEN 'gone' THEN now() END
  FROM place p JOIN space s ON s.place = p.id AND s.parent IS NULL, unnest('{gone,small,cellar}'::text[]) k
  WHERE p.code = 'a';
INSERT INTO desk (place, space, code, name) SELECT place, id, 'desk-small', 'Poste' FROM space WHERE code = 'small';
INSERT INTO door (place, code, name, to_space) SELECT place, 'down', 'Cave', id FROM space WHERE code = 'cellar';
INSERT INTO booking (member, place, space, starts_at, ends_at) SELECT 'm-0001', place, id, now(), 'infinity' FROM space
  WHERE code = 'small';
INSERT INTO device (gateway, place, code, kind, driver, address, door)
  SELECT g.id, d.place, 'reader', 'reader', 'd', 'reader', d.id FROM door d JOIN gateway g USING (place)
  WHERE d.code = 'entry' AND g.code = 'a-g1';
INSERT INTO device (gateway, place, code, kind, driver, address, space, desk)
  SELECT g.id, d.place, 'seat', 'desk_sensor', 'd', 'seat', d.space, d.id FROM desk d JOIN gateway g USING (place)
  WHERE d.code = 'desk-hall' AND g.code = 'a-g1';
"""
PLACE = (
    "INSERT INTO place (code, name, shard, latitude, longitude, source, source_id, {})"
    " VALUES ('c', 'C', 1, 45, 1, 't', '3', {})"
)
IN = "(SELECT id FROM place WHERE code = '{}')"
SPACE = "(SELECT s.id FROM space s JOIN place p ON p.id = s.place WHERE p.code = '{}' AND s.code = '{}')"
A, B = IN.format("a"), IN.format("b")
ROOT_A, HALL_A, LOFT_A = (SPACE.format("a", code) for code in ("place", "hall", "loft"))
HALL_B = SPACE.format("b", "hall")
GATEWAY_A = "(SELECT id FROM gateway WHERE code = 'a-g1')"
DESK_A = "(SELECT d.id FROM desk d WHERE d.code = 'desk-hall' AND d.place = " + A + ")"
DOOR_A = "(SELECT d.id FROM door d WHERE d.code = 'entry' AND d.place = " + A + ")"
DOOR_B = "(SELECT d.id FROM door d WHERE d.place = " + B + ")"
DEVICE = (
    "INSERT INTO device (gateway, place, code, kind, driver, address, {}) VALUES (" + GATEWAY_A + ", " + A + ", {})"
)
SPACE_STATE = (
    "INSERT INTO space_state (space, place, revision, present, low, high, quality, at, ttl_s, changed_at, fold)"
    " VALUES (" + HALL_A + ", {}, now(), 120, now(), '{{}}')"
)
PASS = "INSERT INTO pass (member, {}) VALUES ('m-0001', {})"
PASS_PLACE = "INSERT INTO pass_place (pass, place, {}) VALUES ('p-0001', " + A + ", {})"
RULE = "INSERT INTO door_rule (door, place, {}) VALUES (" + DOOR_A + ", " + A + ", {})"
COMMAND = (
    "INSERT INTO command (place, gateway, ordered_by, do_what, expires_at, {}) VALUES ("
    + A
    + ", "
    + GATEWAY_A
    + ", 'x', {})"
)

NONSENSE = {
    "a place's code with capitals": "INSERT INTO place (code, name, shard, latitude, longitude, source, source_id)"
    " VALUES ('C', 'C', 1, 45, 1, 't', '3')",
    "two places of one code": "UPDATE place SET code = 'a' WHERE code = 'b'",
    "a row of a source twice": "UPDATE place SET source_id = '1' WHERE code = 'b'",
    "a place without a name": "UPDATE place SET name = ' '",
    "a shard that there isn't": "UPDATE place SET shard = 64",
    "a place beyond the pole": "UPDATE place SET latitude = 90.1",
    "a place nowhere": "UPDATE place SET longitude = 'NaN'",
    "a zone that there isn't": PLACE.format("time_zone", "'Europe/Atlantis'"),
    "a zone that only PostgreSQL reads": PLACE.format("time_zone", "'ABC5'"),
    "a department 99x": PLACE.format("department", "'99x'"),
    "a postcode of letters": PLACE.format("postcode", "'ABCDE'"),
    "opening hours that are a text": PLACE.format("opening_hours", "'\"always\"'"),
    "opening hours on a day that there isn't": PLACE.format("opening_hours", "'{\"someday\": []}'"),
    "opening hours that end before they start": PLACE.format("opening_hours", '\'{"mon": [["18:00", "08:00"]]}\''),
    "opening hours without an end": PLACE.format("opening_hours", '\'{"mon": [["18:00"]]}\''),
    "opening hours of 25 hours": PLACE.format("opening_hours", '\'{"mon": [["08:00", "25:00"]]}\''),
    "opening hours of nulls": PLACE.format("opening_hours", "'{\"mon\": [[null, null]]}'"),
    "two roots in a place": f"INSERT INTO space (place, code, name, kind) VALUES ({A}, 'other', 'X', 'place')",
    "a root that is a kitchen": f"INSERT INTO space (place, code, name, kind) VALUES ({A}, 'x', 'X', 'kitchen')",
    "a place inside a place": f"UPDATE space SET kind = 'place' WHERE id = {HALL_A}",
    "a space inside another place's": f"UPDATE space SET parent = {HALL_B} WHERE id = {HALL_A}",
    "a space inside itself": f"UPDATE space SET parent = id WHERE id = {HALL_A}",
    "two spaces inside each other": f"UPDATE space SET parent = CASE id WHEN {HALL_A} THEN {LOFT_A} ELSE {HALL_A} END"
    f" WHERE id IN ({HALL_A}, {LOFT_A})",
    "a capacity below zero": "UPDATE space SET capacity = -1",
    "a desk in another place's space": f"UPDATE desk SET space = {HALL_B} WHERE place = {A}",
    "a door into another place": f"UPDATE door SET to_space = {HALL_B} WHERE place = {A}",
    "a door from a space into itself": f"UPDATE door SET from_space = to_space WHERE place = {A}",
    "a gateway retired before it was enrolled": "UPDATE gateway SET retired_at = enrolled_at - interval '1 second'",
    "a device of another place's gateway": f"INSERT INTO device (gateway, place, code, kind, driver, address, door)"
    f" VALUES ({GATEWAY_A}, {B}, 'x', 'reader', 'esp_rfid', 'x#y', {DOOR_B})",
    "a reader without a door": DEVICE.format("side", "'x', 'reader', 'esp_rfid', 'x#y', 'in'"),
    "a reader at another place's door": DEVICE.format("door", f"'x', 'reader', 'esp_rfid', 'x#y', {DOOR_B}"),
    "a seat sensor without a seat": DEVICE.format("space", f"'x', 'desk_sensor', 'chirpstack', 'x/y', {HALL_A}"),
    "a seat sensor in another space than its seat": DEVICE.format(
        "space, desk", f"'x', 'desk_sensor', 'chirpstack', 'x/y', {LOFT_A}, {DESK_A}"
    ),
    "a seat sensor without a space": DEVICE.format("desk", f"'x', 'desk_sensor', 'chirpstack', 'x/y', {DESK_A}"),
    "a presence sensor nowhere": DEVICE.format("side", "'x', 'presence_sensor', 'zigbee2mqtt', 'x/y', 'in'"),
    "an access point nowhere": DEVICE.format("side", "'x', 'access_point', 'collectd', 'x/y/iwinfo-z', 'in'"),
    "a counter that counts nothing": DEVICE.format("side", "'x', 'counter', 'zigbee2mqtt', 'x/y', 'in'"),
    "a device that calls itself gateway": DEVICE.format(
        "space", f"'gateway', 'climate', 'zigbee2mqtt', 'x/y', {HALL_A}"
    ),
    "a device without an address": DEVICE.format("space", f"'x', 'climate', 'zigbee2mqtt', '', {HALL_A}"),
    "more people at least than at most": SPACE_STATE.format(A + ", 1, 3, 4, 2, 'live'"),
    "people below zero": SPACE_STATE.format(A + ", 1, -1, -1, 2, 'live'"),
    "unknown, but three people": SPACE_STATE.format(A + ", 1, 3, 3, 3, 'unknown'"),
    "live, but nobody knows": SPACE_STATE.format(A + ", 1, NULL, NULL, NULL, 'live'"),
    "stale in the database": SPACE_STATE.format(A + ", 1, 3, 3, 3, 'stale'"),
    "a state of another place's space": SPACE_STATE.format(B + ", 1, 3, 3, 3, 'live'"),
    "an epoch that is none": f"INSERT INTO stream (gateway, epoch) VALUES ({GATEWAY_A}, 'now')",
    "a mark below zero": f"INSERT INTO stream (gateway, epoch, last_seq) VALUES ({GATEWAY_A}, 'abcdef01', -1)",
    "a member with a name": "INSERT INTO member (ref) VALUES ('Jeanne Dupont')",
    "a card number in the clear": "INSERT INTO card (lookup, member) VALUES ('\\x04a1b2c3', 'm-0001')",
    "a card of nobody": "INSERT INTO card (lookup, member) VALUES (sha256('x'), 'm-0002')",
    "a card that ends before it begins": "INSERT INTO card (lookup, member, valid_from, valid_until)"
    " VALUES (sha256('x'), 'm-0001', now(), now() - interval '1 day')",
    "a pass of nobody": "INSERT INTO pass (member) VALUES ('m-0002')",
    "a pass that ends before it begins": PASS.format("valid_from, valid_until", "now(), now() - interval '1 day'"),
    "a pass with a number of nothing": PASS.format("allowance", "10"),
    "a pass with weeks": PASS.format("unit, allowance", "'week', 1"),
    "a pass with less than nothing": PASS.format("unit, allowance", "'day', -1"),
    "a pass of a visitor who waits": PASS.format("visitor", "'waiting'"),
    "a pass by no schedule": PASS.format("schedule", "0"),
    "a pass with a name for a reference": PASS.format("ref", "'Jeanne Dupont'"),
    "a use of no pass": "INSERT INTO pass_use (pass, slot) VALUES ('p-0002', 1)",
    "a use twice": "INSERT INTO pass_use (pass, slot) VALUES ('p-0001', 1), ('p-0001', 1)",
    "two schedules of one code": f"INSERT INTO schedule (place, code, name, hours) VALUES ({A}, 'day', 'X', '{{}}')",
    "two schedules of the network of one code": "INSERT INTO schedule (code, name, hours)"
    " VALUES ('x', 'X', '{}'), ('x', 'X', '{}')",
    "hours that are a list": "INSERT INTO schedule (code, name, hours) VALUES ('x', 'X', '[]')",
    "hours with their links inside": "INSERT INTO schedule (code, name, hours) VALUES ('x', 'X', '{\"linked\": []}')",
    "a booking that ends before it begins": f"INSERT INTO booking (member, place, starts_at, ends_at)"
    f" VALUES ('m-0001', {A}, now(), now())",
    "a booking of another place's space": f"INSERT INTO booking (member, place, space, starts_at, ends_at)"
    f" VALUES ('m-0001', {A}, {HALL_B}, now(), 'infinity')",
    "a closure that ends before it begins": "INSERT INTO closure (first, last) VALUES ('2026-12-25', '2026-12-24')",
    "a rule of another place's door": f"INSERT INTO door_rule (door, place) VALUES ({DOOR_B}, {A})",
    "anti-passback of a kind that there isn't": RULE.format("passback", "'strict'"),
    "timed anti-passback without a time": RULE.format("passback", "'timed'"),
    "a limit below zero": "UPDATE space SET person_limit = -1",
    "a list that never ages, nearly": f"INSERT INTO place_policy (place, list_max_age_s) VALUES ({A}, 59)",
    "a pause of no time": f"INSERT INTO place_policy (place, pause_s) VALUES ({A}, 0)",
    "another place's door in lockdown": f"INSERT INTO lockdown (place, door, ordered_by) VALUES ({A}, {DOOR_B}, 'x')",
    "a door of no place in lockdown": f"INSERT INTO lockdown (door, ordered_by) VALUES ({DOOR_A}, 'x')",
    "a lockdown twice": "INSERT INTO lockdown (ordered_by) VALUES ('x'), ('x')",
    "an order that is none": COMMAND.format("sent_at", "'explode', now() + interval '1 minute', NULL"),
    "an order that lives a day": COMMAND.format("sent_at", "'unlock', now() + interval '1 day', NULL"),
    "an order for another place's door": COMMAND.format("door", f"'unlock', now() + interval '1 minute', {DOOR_B}"),
    "an order by another place's gateway": f"INSERT INTO command (place, gateway, do_what, ordered_by, expires_at)"
    f" VALUES ({B}, {GATEWAY_A}, 'unlock', 'x', now() + interval '1 minute')",
    "two members of one address": "INSERT INTO member (email) VALUES ('a@b'), ('A@B')",
    "an address that is none": "INSERT INTO member (email) VALUES ('nobody')",
    "a PIN in the clear": "INSERT INTO member (pin) VALUES ('1234')",
    "a card in a state that there isn't": "INSERT INTO card (lookup, member, status)"
    " VALUES (sha256('x'), 'm-0001', 'eaten')",
    "a list entry that ends before it begins": f"INSERT INTO list_entry"
    f" VALUES ({A}, sha256('x'), 2, 2, 'm-0001', '{{}}', '{{}}', sha256('x'))",
    "a list entry in force twice": f"INSERT INTO list_entry SELECT {A}, sha256('x'), v, NULL, 'm-0001', '{{}}', '{{}}',"
    " sha256('x') FROM generate_series(1, 2) v",
    "a key with a role that there isn't": "INSERT INTO api_key (name, digest, scopes, role)"
    " VALUES ('y', 'y', '{}', 'king')",
    "a member's key of nobody": "INSERT INTO api_key (name, digest, scopes, role) VALUES ('y', 'y', '{}', 'member')",
    "a manager's key of a member": "INSERT INTO api_key (name, digest, scopes, role, member)"
    " VALUES ('y', 'y', '{}', 'place_manager', 'm-0001')",
    "a key that may do anything": "INSERT INTO api_key (name, digest, scopes) VALUES ('x', 'x', '{everything}')",
    "a key that may do nothing": "INSERT INTO api_key (name, digest, scopes) VALUES ('x', 'x', '{}')",
    "a SIRET of letters": "UPDATE place SET siret = 'ABCDEFGHIJKLMN'",
    "an RNA without its W": "UPDATE place SET rna = '872001234'",
    "a status that there isn't": "UPDATE place SET status = 'someday'",
    "a logo that is no address": "UPDATE place SET logo = 'logo.svg'",
    "a price in words": 'UPDATE place SET prices = \'[{"category": "desk", "unit": "day", "amount": "ten"}]\'',
    "prices that are no list": "UPDATE place SET prices = '{}'",
    "a door that opens for no time": "UPDATE door SET unlock_s = 0",
    "a space with another code": f"UPDATE space SET code = 'x' WHERE id = {HALL_A}",
    "a gateway at another place": f"UPDATE gateway SET place = {B} WHERE place = {A}",
    "a capacity below its desks": f"UPDATE space SET capacity = 0 WHERE id = {HALL_A}",
    "a desk beyond the capacity": "INSERT INTO desk (place, space, code, name)"
    " SELECT place, id, 'more', 'X' FROM space WHERE code = 'small'",
    "a root space that is retired": f"UPDATE space SET retired_at = now() WHERE id = {ROOT_A}",
    "a space that is retired before its desks": f"UPDATE space SET retired_at = now() WHERE id = {HALL_A}",
    "a space that is retired before its door": "UPDATE space SET retired_at = now() WHERE code = 'cellar'",
    "a space that is retired before its booking": "UPDATE space SET retired_at = now() WHERE code = 'small'",
    "a desk that is retired before its sensor": f"UPDATE desk SET retired_at = now() WHERE id = {DESK_A}",
    "a door that is retired before its reader": f"UPDATE door SET retired_at = now() WHERE id = {DOOR_A}",
    "a gateway that is retired before its devices": f"UPDATE gateway SET retired_at = now() WHERE id = {GATEWAY_A}",
    "a desk in a space that is out of service": "INSERT INTO desk (place, space, code, name)"
    " SELECT place, id, 'more', 'X' FROM space WHERE code = 'gone'",
    "a space in one that is out of service": f"UPDATE space SET parent = (SELECT id FROM space WHERE code = 'gone')"
    f" WHERE id = {LOFT_A}",
    "a door to a space that is out of service": "UPDATE door"
    f" SET from_space = (SELECT id FROM space WHERE code = 'gone') WHERE id = {DOOR_A}",
    "a sensor in a space that is out of service": DEVICE.format(
        "space", "'x', 'climate', 'd', 'x', (SELECT id FROM space WHERE code = 'gone')"
    ),
    "a booking of a space that is out of service": "INSERT INTO booking (member, place, space, starts_at, ends_at)"
    " SELECT 'm-0001', place, id, now(), 'infinity' FROM space WHERE code = 'gone'",
    "two devices of one address": DEVICE.format("door", f"'x', 'reader', 'd', 'reader', {DOOR_A}"),
    "two sensors at a desk": DEVICE.format("space, desk", f"'x', 'desk_sensor', 'd', 'other', {HALL_A}, {DESK_A}"),
    "a quarter hour that is known twice over": f"INSERT INTO occupancy_15m (at, place, space, known)"
    f" VALUES (now(), {A}, {HALL_A}, 1.5)",
}


@pytest.fixture(scope="module")
def world(postgres_url: str, _template: str) -> Iterator[Connection]:
    """Yield a connection to a database with two small places; every test is rolled back."""
    from tests.conftest import _drop, _on

    name = f"{_template}_schema"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {_template}".encode())
    with connect(_on(postgres_url, name), application_name="maillage test", autocommit=True) as connection:
        connection.execute(SETUP.encode())
        yield connection
    _drop(postgres_url, name)


@pytest.mark.parametrize("statement", NONSENSE.values(), ids=NONSENSE.keys())
def test_nonsense_is_refused(world: Connection, statement: str) -> None:
    # A zone that doesn't exist is no constraint's matter but the conversion's.
    with pytest.raises((psycopg.errors.IntegrityError, psycopg.errors.InvalidParameterValue)), world.transaction():
        world.execute(statement.encode())


@pytest.mark.parametrize(
    "statement",
    [
        PLACE.format("opening_hours", '\'{"mon": [["08:00", "12:00"], ["14:00", "24:00"]], "sun": []}\''),
        PLACE.format("time_zone, department", "'America/Argentina/Ushuaia', '2A'"),
        f"UPDATE space SET parent = {HALL_A} WHERE id = {LOFT_A}",
        DEVICE.format(
            "space, desk",
            f"'x', 'desk_sensor', 'd', 'x', {LOFT_A}, " + DESK_A.replace("desk-hall", "desk-loft"),
        ),
        # a code and an address are free again once their device is out of service
        "UPDATE device SET retired_at = now() WHERE code = 'seat';"
        + DEVICE.format("space, desk", f"'seat', 'desk_sensor', 'd', 'seat', {HALL_A}, {DESK_A}"),
        # together what wouldn't do one by one
        "INSERT INTO desk (place, space, code, name) SELECT place, id, 'more', 'X' FROM space WHERE code = 'small';"
        " UPDATE space SET capacity = 2 WHERE code = 'small'",
        f"UPDATE desk SET space = {LOFT_A} WHERE id = {DESK_A}",
        'UPDATE place SET prices = \'[{"category": "desk", "unit": "day", "amount": 0}]\', rna = \'W872001234\'',
        SPACE_STATE.format(A + ", 1, NULL, NULL, NULL, 'unknown'"),
        PASS.format("schedule, unit, allowance", "(SELECT min(id) FROM schedule), 'half_day', 10"),
        PASS_PLACE.format("doors, spaces", f"ARRAY[{DOOR_A}], ARRAY[{HALL_A}]"),
        RULE.format("passback, passback_s, pin", "'timed', 60, true"),
        COMMAND.format("door", f"'unlock', now() + interval '1 minute', {DOOR_A}"),
        "INSERT INTO schedule (code, name, hours) VALUES ('day', 'Jour', '{\"mon\": []}')",
        "INSERT INTO member (name, email, pin) VALUES ('Jeanne Dupont', 'j@example.org', repeat('0', 32))",
        "INSERT INTO lockdown (ordered_by) VALUES ('x')",
    ],
)
def test_sense_is_taken(world: Connection, statement: str) -> None:
    with world.transaction(force_rollback=True):
        world.execute(statement.encode())
        world.execute("SET CONSTRAINTS ALL IMMEDIATE")


def test_a_place_goes_with_all_that_it_holds(world: Connection) -> None:
    with world.transaction(force_rollback=True):
        world.execute("DELETE FROM place WHERE code = 'b'")
        assert world.execute("SELECT count(*) FROM space").fetchone() == (6,)


def test_two_at_once_dont_both_take_the_last_seat(world: Connection) -> None:
    add = b"INSERT INTO desk (place, space, code, name) SELECT place, id, %s, 'Poste' FROM space WHERE code = 'cellar'"

    def second() -> str:
        with connect(world.info.dsn + f" password={world.info.password}", application_name="second") as other:
            try:
                other.execute(add, ("late",))
                other.commit()
            except psycopg.errors.CheckViolation as refused:
                return refused.diag.constraint_name or ""
        return "taken"

    def waits() -> bool:
        world.execute("SELECT pg_stat_clear_snapshot()")
        return world.execute(waiting).fetchone() == (1,)

    waiting = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'second' AND wait_event_type = 'Lock'"
    with ThreadPoolExecutor(1) as pool:
        with world.transaction():
            world.execute(add, ("early",))
            world.execute("SET CONSTRAINTS ALL IMMEDIATE")  # it has been checked, and is not committed yet
            late = pool.submit(second)
            until(lambda: late.done() or waits(), what="the second waits")
        assert late.result() == "fitted_capacity"
    world.execute("DELETE FROM desk WHERE code = 'early'")
