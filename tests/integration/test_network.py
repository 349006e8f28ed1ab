"""Import and the gateways' file on a real database."""

from __future__ import annotations

import base64
import csv
import json
import stat
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest

from access import normalise
from access.formats import read_code
from access.tokens import hard_pin
from database.pool import Connection, connect
from gateway.config import GatewayConfig, read_gateways, write_gateways
from gateway.contract.signing import public_key
from maillage.network.errors import KeyChangedError, SampleRefusedError
from maillage.network.gateways import export_gateways
from maillage.network.importing import import_file
from maillage.network.inventory import BUNDLED
from maillage.network.summary import as_table, summarise
from maillage.sample.creating import Sample, create_sample
from rights.card_secret import CardKeys
from rights.place_tokens import NumberBox
from simulator.sample.entitlements import entitlements, pin_of, visitors
from simulator.sample.people import members

KEY = bytes(range(32))
SEED = base64.b64encode(bytes(range(32, 64))).decode()
TODAY = date(2026, 3, 3)


PINNED = """
SELECT md5(string_agg(t, '|' ORDER BY t)) FROM (
  SELECT concat_ws('/', 'place', code, shard, opening_hours) AS t FROM place
  UNION ALL SELECT concat_ws('/', 'space', code, name, kind, capacity, person_limit) FROM space
  UNION ALL SELECT concat_ws('/', 'desk', code, name) FROM desk
  UNION ALL SELECT concat_ws('/', 'gateway', code) FROM gateway
  UNION ALL SELECT concat_ws('/', 'device', code, kind, driver, model, address, side, expect_every) FROM device
    WHERE code <> 'qr-entry' -- these came later; earlier demos go on without them
  UNION ALL SELECT concat_ws('/', 'member', ref, name, email, pin, status) FROM member
  UNION ALL SELECT concat_ws('/', 'card', ref, encode(lookup, 'hex'), last4, member, kind, format, status, replaces)
    FROM card
  UNION ALL SELECT concat_ws('/', 'pass', ref, member, label, everywhere, unit, allowance, each_month, outside_hours,
    supervises, visitor, host, extract(epoch FROM valid_from), extract(epoch FROM valid_until)) FROM pass
  UNION ALL SELECT concat_ws('/', 'pass_place', o.pass, p.code, cardinality(o.spaces))
    FROM pass_place o JOIN place p ON p.id = o.place
  UNION ALL SELECT concat_ws('/', 'schedule', code, name, hours, cardinality(linked)) FROM schedule
  UNION ALL SELECT concat_ws('/', 'organisation', code, name) FROM organisation
  UNION ALL SELECT concat_ws('/', 'closure', first, last, reason) FROM closure
  UNION ALL SELECT concat_ws('/', 'door_rule', passback, pin, supervised IS NULL) FROM door_rule
  UNION ALL SELECT concat_ws('/', 'door_group', code, name, cardinality(doors)) FROM door_group) AS rows (t)
"""


def _quiet(_line: str) -> None:
    pass


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection]:
    """Yield a connection to a fresh, migrated database."""
    with connect(database_url, application_name="maillage test") as opened:
        yield opened


@pytest.fixture
def corsica(connection: Connection) -> Sample:
    """Create the sample of the seven places of Corsica."""
    return create_sample(connection, region="corse", card_secret=KEY, log=_quiet)


def _all(connection: Connection, query: str) -> list[tuple[Any, ...]]:
    return connection.execute(query.encode()).fetchall()


def _fingerprint(connection: Connection) -> list[tuple[Any, ...]]:
    return _all(
        connection,
        """
        SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM (
          SELECT x::text FROM place x UNION ALL SELECT x::text FROM space x UNION ALL SELECT x::text FROM desk x
          UNION ALL SELECT x::text FROM door x UNION ALL SELECT x::text FROM gateway x
          UNION ALL SELECT x::text FROM device x UNION ALL SELECT x::text FROM member x
          UNION ALL SELECT x::text FROM card x UNION ALL SELECT x::text FROM pass x
          UNION ALL SELECT x::text FROM pass_place x UNION ALL SELECT x::text FROM schedule x
          UNION ALL SELECT x::text FROM organisation x UNION ALL SELECT x::text FROM closure x
          UNION ALL SELECT x::text FROM door_rule x UNION ALL SELECT x::text FROM door_group x
        ) t
        """,
    )


def _rewrite(path: Path, **changes: dict[str, str]) -> Path:
    """Write the bundled inventory to ``path`` with some cells changed, by ID; an empty change leaves the row out."""
    with BUNDLED.open(encoding="utf-8", newline="") as source, path.open("w", encoding="utf-8", newline="") as target:
        reader = csv.DictReader(source)
        assert reader.fieldnames is not None
        writer = csv.DictWriter(target, reader.fieldnames)
        writer.writeheader()
        for row in reader:
            change = changes.get(f"id{row['ID']}")
            if change != {}:
                writer.writerow({**row, **(change or {})})
    return path


def test_the_whole_inventory_goes_in_and_the_second_time_changes_nothing(connection: Connection) -> None:
    first = import_file(connection, BUNDLED, log=_quiet)
    assert first.stored.added == 1509
    equipped = create_sample(connection, region="Bretagne", card_secret=KEY, log=_quiet)
    assert (equipped.stored.unchanged, equipped.places) == (89, 89)
    before = _fingerprint(connection)
    assert not import_file(connection, BUNDLED, region="all", log=_quiet).changed
    again = create_sample(connection, region="Bretagne", card_secret=KEY, log=_quiet)
    assert (again.stored.added, again.stored.updated, again.places) == (0, 0, 0)
    assert _fingerprint(connection) == before
    assert _all(connection, "SELECT count(*), count(DISTINCT code), count(DISTINCT shard) FROM place") == [
        (1509, 1509, 64)
    ]
    assert _all(connection, "SELECT count(*) FROM place WHERE generated") == [(0,)]
    # Hours are made up with the rest: bare places have none.
    hours = _all(connection, "SELECT region, count(*) FROM place WHERE opening_hours IS NOT NULL GROUP BY 1")
    assert [region for region, _ in hours] == ["Bretagne"]
    assert 50 < hours[0][1] < 89
    assert _all(connection, "SELECT count(*) FROM space WHERE NOT generated") == [(0,)]


def test_a_selection_grows_and_codes_stay(connection: Connection, corsica: Sample) -> None:
    assert (corsica.selected, corsica.stored.added) == (7, 7)
    codes = dict(_all(connection, "SELECT source_id, code FROM place"))
    report = create_sample(connection, places=40, card_secret=KEY, log=_quiet)
    assert report.stored.added + report.stored.unchanged == 40
    assert codes.items() <= dict(_all(connection, "SELECT source_id, code FROM place")).items()
    assert corsica.stored.gone == report.stored.gone == ()


def test_an_import_makes_nothing_up_and_a_sample_equips_its_places(connection: Connection) -> None:
    import_file(connection, BUNDLED, region="Corse", log=_quiet)
    tables = ("space", "desk", "door", "gateway", "device", "member", "card", "pass", "schedule", "organisation")
    for table in tables:
        assert _all(connection, f"SELECT count(*) FROM {table}") == [(0,)], table
    assert _all(connection, "SELECT count(*) FROM place WHERE opening_hours IS NOT NULL") == [(0,)]
    report = create_sample(connection, region="Corse", card_secret=KEY, log=_quiet)
    assert report.stored.unchanged == 7
    assert report.places == 7


def test_a_changed_row_updates_and_a_lost_row_is_told_but_kept(
    connection: Connection, corsica: Sample, tmp_path: Path
) -> None:
    before = dict(_all(connection, "SELECT code, shard FROM place"))
    file = _rewrite(tmp_path / "places.csv", id777={"NOM_TL": "Un autre nom"}, id877={})
    report = import_file(connection, file, region="Corse", log=_quiet)
    assert (report.stored.added, report.stored.updated, report.stored.unchanged) == (0, 1, 5)
    assert dict(_all(connection, "SELECT code, shard FROM place")) == before
    assert _all(connection, "SELECT name FROM place WHERE source_id = '777'") == [("Un autre nom",)]
    assert _all(connection, "SELECT code FROM place WHERE source_id = '877'") == [(report.stored.gone[0],)]


def test_another_card_key_than_before_is_refused(connection: Connection, corsica: Sample) -> None:
    with pytest.raises(KeyChangedError, match="made with another MAILLAGE_CARD_SECRET"):
        create_sample(connection, region="Corse", card_secret=b"k" * 32, log=_quiet)
    with pytest.raises(KeyChangedError):
        create_sample(connection, region="Bretagne", card_secret=b"k" * 32, log=_quiet)
    assert _all(connection, "SELECT count(*) FROM place") == [(7,)]


@pytest.mark.parametrize(
    ("real", "what"),
    [
        (
            "INSERT INTO member (ref, name, home) SELECT 'm-0a0a0a0a0a0a', 'Zoé Lefèvre', id FROM place LIMIT 1",
            "1 members",
        ),
        ("INSERT INTO gateway (place, code) SELECT id, code || '-g1' FROM place LIMIT 1", "1 gateways"),
        (
            "INSERT INTO space (place, code, name, kind, capacity) SELECT id, 'x', 'L', 'place', 1 FROM place LIMIT 1",
            "1 spaces",
        ),
        ("UPDATE place SET source = 'ours' WHERE code = (SELECT code FROM place LIMIT 1)", "1 places of another list"),
        ("UPDATE place SET name = 'La nôtre' WHERE code = (SELECT code FROM place LIMIT 1)", "1 places that differ"),
    ],
)
def test_a_sample_is_not_mixed_into_a_real_network(connection: Connection, real: str, what: str) -> None:
    import_file(connection, BUNDLED, region="Corse", log=_quiet)
    connection.execute(real.encode())
    connection.commit()
    before = _fingerprint(connection)
    with pytest.raises(SampleRefusedError, match=f"holds a real network .*{what}"):
        create_sample(connection, region="Corse", card_secret=KEY, log=_quiet)
    assert _fingerprint(connection) == before


def test_a_sample_that_was_worked_with_grows_with_its_seed_only(connection: Connection, corsica: Sample) -> None:
    connection.execute("INSERT INTO member (ref, name) VALUES ('m-0a0a0a0a0a0a', 'Zoé Lefèvre')")
    connection.commit()
    with pytest.raises(SampleRefusedError, match="not made with seed 2"):
        create_sample(connection, region="Bretagne", places=3, seed=2, card_secret=KEY, log=_quiet)
    assert _all(connection, "SELECT count(*) FROM place") == [(corsica.places,)]
    assert create_sample(connection, region="Bretagne", places=3, card_secret=KEY, log=_quiet).places == 3


def test_the_rows_of_a_seed_stay(connection: Connection) -> None:
    """Pinned on the rows of the first version: a change here makes the databases of earlier demos unknown."""
    create_sample(connection, region="Corse", card_secret=KEY, today=TODAY, log=_quiet)
    assert _all(connection, PINNED) == [("999d682d7a38f515d9b167d7a210fab8",)]


def test_lists_of_places_do_not_meet(connection: Connection) -> None:
    import_file(connection, BUNDLED, region="Corse", log=_quiet)
    before = _all(connection, "SELECT code, name FROM place ORDER BY code")
    own = import_file(connection, BUNDLED, region="Corse", source="my-network", log=_quiet)
    assert own.stored.added == 7
    assert _all(connection, "SELECT code, name FROM place WHERE source = 'cget-2019' ORDER BY code") == before


def test_the_simulators_people_are_enrolled(connection: Connection, corsica: Sample) -> None:
    rows = {
        lookup: (member, status, last4)
        for lookup, member, status, last4 in _all(connection, "SELECT lookup, member, status, last4 FROM card")
    }
    assert len(rows) == corsica.cards
    pins = dict(_all(connection, "SELECT ref, pin FROM member"))
    assert len(pins) == corsica.members
    for code, desks, workshop in _all(
        connection,
        """SELECT p.code, count(*), EXISTS (SELECT FROM space s WHERE s.place = p.id AND s.kind = 'fab_lab')
        FROM place p JOIN desk d ON d.place = p.id GROUP BY p.id""",
    ):
        people = members(1, code, desks)
        its = entitlements(1, code, people, workshop=workshop)
        for person, entitlement in zip(people, its, strict=True):
            assert rows[_lookup(person.card)] == (person.ref, "active", person.card[-4:])
            if entitlement.lost_card is not None:
                assert rows[_lookup(entitlement.lost_card)][:2] == (person.ref, "lost")
            assert pins[person.ref] == (hard_pin(person.ref, pin_of(1, person.ref)) if entitlement.trained else None)
        host = next(one.ref for one, entitlement in zip(people, its, strict=True) if entitlement.kind == "host")
        for visitor in visitors(1, code, host, desks):
            number = normalise(bytes.fromhex(visitor.card)) if visitor.card else read_code(visitor.code or "").number
            assert rows[CardKeys.of(KEY).found_by(number)][:2] == (visitor.ref, "active")


def _lookup(card: str) -> bytes:
    return CardKeys.of(KEY).found_by(normalise(bytes.fromhex(card)))


def test_a_sample_of_before_gets_its_numbers(connection: Connection) -> None:
    create_sample(connection, region="Corse", card_secret=KEY, today=TODAY, log=_quiet)
    cards = "SELECT ref, lookup, must_be_presented FROM card ORDER BY ref"
    pins = "SELECT ref, pin FROM member ORDER BY ref"
    made = (_all(connection, cards), _all(connection, pins))
    # as migration 0046 leaves an earlier version's
    connection.execute("DELETE FROM card_number")
    connection.execute("UPDATE card SET lookup = sha256(lookup), must_be_presented = true")
    connection.execute("UPDATE member SET pin = NULL WHERE pin IS NOT NULL")
    create_sample(connection, region="Corse", card_secret=KEY, today=TODAY, log=_quiet)
    assert (_all(connection, cards), _all(connection, pins)) == made
    box = NumberBox(KEY)
    numbers = _all(connection, "SELECT n.lookup, n.boxed FROM card c JOIN card_number n USING (lookup)")
    assert len(numbers) == len(made[0])
    assert all(box.lookup(box.opened(lookup, boxed) or "") == lookup for lookup, boxed in numbers)


def test_passes_of_every_kind_and_doors_with_rules(connection: Connection) -> None:
    create_sample(connection, region="Nouvelle-Aquitaine", places=60, card_secret=KEY, today=TODAY, log=_quiet)
    kinds = dict(_all(connection, "SELECT label, count(*) FROM pass GROUP BY 1"))
    assert {"Hôte", "Résident", "20 demi-journées par mois", "Nomade : 10 jours par mois", "Visite"} <= kinds.keys()
    assert kinds["Hôte"] >= 60
    # A nomad's pass opens a few places of the department; only a rare one is for everywhere, and names none.
    assert _all(
        connection,
        """SELECT min(n), max(n) > 2, max(n) <= 5 FROM (
          SELECT count(*) AS n FROM pass s JOIN pass_place o ON o.pass = s.ref
          WHERE s.label = 'Nomade : 10 jours par mois' GROUP BY s.ref) t""",
    ) == [(1, True, True)]
    assert _all(
        connection,
        "SELECT count(*) FROM pass s WHERE everywhere <> NOT EXISTS (SELECT FROM pass_place o WHERE o.pass = s.ref)",
    ) == [(0,)]
    # The workshop is for those who are trained, who have a PIN, which its door asks for.
    assert _all(
        connection,
        """SELECT bool_and(m.pin IS NOT NULL) FROM pass_place o JOIN pass s ON s.ref = o.pass
        JOIN member m ON m.ref = s.member JOIN space w ON w.place = o.place AND w.kind = 'fab_lab'
        WHERE o.spaces IS NULL""",
    ) == [(True,)]
    assert _all(
        connection,
        """SELECT bool_and(r.pin) FROM door d JOIN space t ON t.id = d.to_space AND t.kind = 'fab_lab'
        LEFT JOIN door_rule r ON r.door = d.id""",
    ) == [(True,)]
    assert _all(
        connection,
        """SELECT (SELECT count(*) FROM schedule WHERE place IS NULL), (SELECT cardinality(linked) FROM schedule
        WHERE code = 'journee-et-soir'), (SELECT count(*) > 0 FROM closure WHERE first > '2026-03-03'),
        (SELECT count(*) > 0 FROM space WHERE person_limit = capacity), (SELECT count(*) > 0 FROM door_rule
        WHERE passback = 'soft'), (SELECT count(*) > 20 FROM organisation),
        (SELECT bool_and(name LIKE '% Exemple-%' AND email LIKE '%@exemple.invalid') FROM member)""",
    ) == [(4, 2, True, True, True, True, True)]


def test_the_report_lists_every_row_that_is_not_as_it_was(connection: Connection) -> None:
    report = import_file(connection, BUNDLED, region="corse", log=_quiet)
    told = json.loads(json.dumps(report.as_json(BUNDLED)))
    assert (told["rows"], told["usable"], told["refused"], told["selected"]) == (1512, 1509, 3, 7)
    refused = [one for one in told["remarks"] if one["outcome"] == "refused"]
    assert [(one["line"], one["reason"]) for one in refused] == [
        (849, "unconfirmed"),
        (1462, "unconfirmed"),
        (1510, "duplicate_place"),
    ]


def _export(connection: Connection) -> tuple[GatewayConfig, ...]:
    return export_gateways(
        connection,
        password=lambda code: f"secret of {code}",
        list_key=public_key(SEED),
        card_secret=KEY,
    )


def test_the_gateways_file_holds_what_the_database_holds(
    connection: Connection, corsica: Sample, tmp_path: Path
) -> None:
    gateways = _export(connection)
    path = tmp_path / "new" / "gateways.json"
    write_gateways(path, gateways)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_gateways(path) == gateways
    assert len(gateways) == 7
    assert sum(len(one.devices) for one in gateways) == corsica.devices
    one = gateways[0]
    assert one.gateway == f"{one.place}-g1"
    assert one.mqtt_password is not None
    assert one.mqtt_password.get_secret_value() == f"secret of {one.gateway}"
    entry = next(door for door in one.doors if door.code == "door-entry")
    assert (entry.lock, entry.from_space, entry.to_space) == ("reader-entry-in", None, "place")
    reader = next(device for device in one.devices if device.code == entry.lock)
    assert (reader.side, reader.door, reader.expect_every_s) == ("in", "door-entry", 600)
    seat = next(device for device in one.devices if device.driver == "chirpstack")
    assert (seat.space, seat.desk) == ("open-space", "desk-01")


def test_a_retired_gateway_is_left_out(connection: Connection, corsica: Sample) -> None:
    connection.execute("UPDATE device SET retired_at = now() WHERE gateway = (SELECT min(id) FROM gateway)")
    connection.execute("UPDATE gateway SET retired_at = now() WHERE id = (SELECT min(id) FROM gateway)")
    assert len(_export(connection)) == 6


def test_the_summary_adds_up(connection: Connection, corsica: Sample) -> None:
    (row,) = summarise(connection)
    assert (row["region"], row["places"], row["gateways"], row["lists"]) == ("Corse", 7, 7, 0)
    assert (row["desks"], row["devices"], row["cards"]) == (
        corsica.desks,
        corsica.devices,
        corsica.cards,
    )
    assert as_table([row]).splitlines()[-1].split()[:2] == ["total", "7"]


def test_two_imports_at_once_wait_for_each_other(connection: Connection, database_url: str) -> None:
    with connection.transaction():
        connection.execute("LOCK TABLE place IN SHARE UPDATE EXCLUSIVE MODE")
        with connect(database_url, application_name="maillage test") as other:
            other.execute("SET statement_timeout = '300ms'")
            other.commit()
            with pytest.raises(psycopg.errors.QueryCanceled):
                import_file(other, BUNDLED, region="Corse", log=_quiet)
