"""A place's file on a real database: applied, exported, applied again; conflicts, retirement, rollback."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner, Result

from gateway.contract.configuration import Device
from gateway.drivers.registry import Unusable, device_key, drivers_for
from maillage.cli import app
from maillage.complaint import Complaint
from maillage.place.applying import PlaceMoved, apply_plan
from maillage.place.drivers import device_fault, unlocks
from maillage.place.faults import FileRefused
from maillage.place.model import Fitting
from maillage.place.plan import Plan, make_plan
from maillage.place.reading import read_place
from maillage.place.sections import SPACE_KINDS
from maillage.place.stored import read_stored
from maillage.place.writing import write_place
from rights.layout import layouts
from tests.tables import ROOT
from tests.waiting import until

EXAMPLES = sorted((ROOT / "docs" / "places").glob("*.yaml"))
VILLAGE = (ROOT / "docs" / "places" / "village.yaml").read_text(encoding="utf-8")
CODE = "gare-de-felletin"
APPLICATION = "7c1f0a52-6f0e-4b53-9d0e-51a1f6a3c001"
Connection = psycopg.Connection[Any]


@pytest.fixture
def connection(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Connection]:
    monkeypatch.setenv("MAILLAGE_DATABASE_URL", database_url)
    with psycopg.connect(database_url, autocommit=True) as one:
        yield one


def _read(path: Path) -> Fitting:
    text = path.read_text(encoding="utf-8")
    return read_place(
        text,
        path.name,
        beside=lambda name: (path.parent / name).read_bytes(),
        address_fault=device_fault,
        address_key=device_key,
    )


def _village(*changes: tuple[str, str]) -> Fitting:
    text = VILLAGE
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return read_place(text, "village.yaml", address_fault=device_fault, address_key=device_key)


def _plan(connection: Connection, wanted: Fitting) -> Plan:
    return make_plan(wanted, read_stored(connection, wanted.place.code), unlocks=unlocks)


def _apply(connection: Connection, wanted: Fitting) -> Plan:
    plan = _plan(connection, wanted)
    with connection.transaction():
        apply_plan(connection, plan)
    return plan


def _run(*words: str, answer: str = "") -> Result:
    return CliRunner().invoke(app, ["place", *words], input=answer, catch_exceptions=False)


def _actions(plan: Plan) -> list[tuple[str, str, str]]:
    return [(one.action, one.what, one.key) for one in plan.changes]


def test_each_example_is_applied_and_exported_to_the_letter(connection: Connection, tmp_path: Path) -> None:
    for example in EXAMPLES:
        wanted = _read(example)
        code = wanted.place.code
        assert "applied" in _run("apply", str(example), "--yes").stdout
        assert "nothing to do" in _run("plan", str(example)).stdout
        exported = tmp_path / f"{code}.yaml"
        _run("export", code, "--out", str(exported))
        assert _read(exported) == wanted
        assert write_place(_read(exported)) == exported.read_text(encoding="utf-8") == _run("export", code).stdout
        assert "nothing to do" in _run("apply", str(exported)).stdout  # asks nothing, does nothing
    for layout in layouts(connection):  # what its gateway is sent
        assert not any(isinstance(one, Unusable) for one in drivers_for(map(_device, layout.devices)).values())
    assert connection.execute(
        "SELECT unlock_s, held_after_s FROM door WHERE code = 'porte-atelier' AND unlock_s > 5"
    ).fetchall() == [(8.0, 120.0)]
    kinds = {kind for (kind,) in connection.execute("SELECT kind FROM space_kind")}
    assert kinds == set(SPACE_KINDS)
    shards = connection.execute("SELECT count(*), min(source), bool_or(generated) FROM place").fetchone()
    assert shards == (len(EXAMPLES), "maillage", False)
    who = connection.execute("SELECT actor FROM audit WHERE action = 'place applied'").fetchall()
    assert len(who) == len(EXAMPLES)
    assert all(actor.startswith("db:") for (actor,) in who)


def test_what_leaves_the_file_is_retired_and_what_comes_back_is_in_service(connection: Connection) -> None:
    _apply(connection, _village())
    smaller = _village(
        ("  - {code: poste-4, name: Poste 4, space: atelier-partage}\n", ""),
        (_line("capteur-4"), ""),
        (_line("reunion, name"), ""),
        (_line("mouvement-reunion"), ""),
    )
    plan = _apply(connection, smaller)
    assert _actions(plan) == [
        ("change", "space", "place"),  # what its rooms hold together
        ("retire", "space", "reunion"),
        ("retire", "desk", "poste-4"),
        ("retire", "device", f"{CODE}-g1/capteur-4"),
        ("retire", "device", f"{CODE}-g1/mouvement-reunion"),
    ]
    assert _plan(connection, smaller).changes == ()
    plan = _apply(connection, _village())
    assert {(action, what) for action, what, _ in _actions(plan)} == {
        ("change", "space"), ("return", "space"), ("return", "desk"), ("make", "device"),
    }  # fmt: skip
    assert _plan(connection, _village()).changes == ()
    counts = connection.execute(
        "SELECT (SELECT count(*) FROM space), (SELECT count(*) FROM desk), (SELECT count(*) FROM device), "
        "(SELECT count(*) FROM device WHERE retired_at IS NULL)"
    ).fetchone()
    assert counts == (3, 4, 9, 7), "nothing is deleted, and a retired device stays with its history"


def test_devices_swap_their_addresses_and_desks_move_with_their_sensors(connection: Connection) -> None:
    _apply(connection, _village())
    swapped = _village(
        ("24e124535b000101, desk: poste-1", "24e124535b000102, desk: poste-1"),
        ("24e124535b000102, desk: poste-2", "24e124535b000101, desk: poste-2"),
        ("desk: poste-3", "desk: poste-4"),
        ("0104, desk: poste-4", "0104, desk: poste-3"),
        ("{code: poste-1, name: Poste 1 (fenêtre), space: atelier-partage}", "{code: poste-1, space: reunion}"),
        ("address: zigbee2mqtt/contact-entree,", "address: zigbee2mqtt/contact-entree, inverted: true,"),
    )
    plan = _apply(connection, swapped)
    assert {(action, what) for action, what, _ in _actions(plan)} == {
        ("move", "desk"), ("change", "device"), ("move", "device"),
    }  # fmt: skip
    assert _plan(connection, swapped).changes == ()
    stored = read_stored(connection, CODE)
    assert stored is not None
    assert stored.fitting == swapped
    # a sensor that moves to another desk is another row; one that goes with its desk is the same
    assert connection.execute("SELECT count(*) FROM device WHERE retired_at IS NOT NULL").fetchone() == (2,)


def test_of_two_who_apply_at_once_the_second_is_refused(connection: Connection, tmp_path: Path) -> None:
    first, second = _plan(connection, _village()), _plan(connection, _village(("Salle de réunion", "Salle ronde")))
    with connection.transaction():
        apply_plan(connection, first)
    with pytest.raises(PlaceMoved, match=r"has changed since this plan was made \(it has been made\): nothing was"):
        _in_transaction(connection, second)
    seen = _plan(connection, _village()).seen
    second = _plan(connection, _village(("Salle de réunion", "Salle ronde")))
    connection.execute("UPDATE desk SET name = 'Près du poêle' WHERE code = 'poste-3'")
    with pytest.raises(PlaceMoved, match=r"\(the desk poste-3\)"):
        _in_transaction(connection, second)
    assert connection.execute("SELECT name FROM space WHERE code = 'reunion'").fetchone() == ("Salle de réunion",)
    file = tmp_path / "village.yaml"
    file.write_text(VILLAGE, encoding="utf-8")
    with pytest.raises(PlaceMoved, match="since the plan that you saw"):
        _run("apply", str(file), "--yes", "--seen", seen)
    assert "name: Près du poêle → Poste 3" in _run("apply", str(file), "--yes").stdout


def test_of_two_at_the_same_moment_one_waits_and_is_refused(connection: Connection, database_url: str) -> None:
    plans = [_plan(connection, _village()) for _ in range(2)]
    with psycopg.connect(database_url, autocommit=True) as other, ThreadPoolExecutor(1) as pool:
        with connection.transaction():
            apply_plan(connection, plans[0])
            second = pool.submit(_in_transaction, other, plans[1])
            waiting = "SELECT FROM pg_locks WHERE pid = %s AND NOT granted"
            until(lambda: connection.execute(waiting, (other.info.backend_pid,)).rowcount == 1)
        with pytest.raises(PlaceMoved, match="it has been made"):
            second.result()
    assert connection.execute("SELECT count(*) FROM audit WHERE action = 'place applied'").fetchone() == (1,)


def test_nothing_is_half_done_when_the_database_refuses(connection: Connection, tmp_path: Path) -> None:
    _apply(connection, _village())
    member = _member(connection)
    connection.execute(
        "INSERT INTO booking (member, place, space, starts_at, ends_at) "
        "SELECT %s, place, id, now() + interval '1 hour', now() + interval '2 hours' FROM space WHERE code = 'reunion'",
        member,
    )
    file = tmp_path / "village.yaml"
    text = VILLAGE.replace(_line("reunion, name"), "").replace(_line("mouvement-reunion"), "")
    file.write_text(text.replace("La Gare de Felletin", "La Gare"), encoding="utf-8")
    connection.execute(
        "WITH made AS (INSERT INTO pass (member) VALUES (%s) RETURNING ref) "
        "INSERT INTO pass_place (pass, place, spaces) "
        "SELECT made.ref, place, ARRAY[space.id] FROM made, space WHERE code = 'reunion'",
        member,
    )
    before = connection.execute("SELECT count(*) FROM audit").fetchone()
    planned = _run("plan", str(file)).stdout
    assert "! 1 member has a pass that names the space reunion, which is retired" in planned
    assert "! 1 booking to come is of the space reunion, which is retired" in planned
    with pytest.raises(Complaint, match=r"space reunion is still in use by booking .* Nothing was applied"):
        _run("apply", str(file), "--yes")
    assert connection.execute("SELECT name FROM place").fetchone() == ("La Gare de Felletin",)
    assert connection.execute("SELECT count(*) FROM device WHERE retired_at IS NOT NULL").fetchone() == (0,)
    assert connection.execute("SELECT count(*) FROM audit").fetchone() == before


def test_a_door_that_would_lose_its_lock_asks_for_a_word_more(connection: Connection, tmp_path: Path) -> None:
    _apply(connection, _village())
    file = tmp_path / "village.yaml"
    file.write_text(VILLAGE.replace(_line("lecteur-entree"), ""), encoding="utf-8")
    with pytest.raises(Complaint, match=r"entree: a door would have no lock\. Nothing was applied\."):
        _run("apply", str(file), "--yes")
    assert connection.execute("SELECT count(*) FROM device WHERE retired_at IS NOT NULL").fetchone() == (0,)
    assert "applied" in _run("apply", str(file), "--yes", "--confirm", "door-without-lock").stdout


def test_a_plan_says_whom_a_retired_door_and_a_closed_place_concern(connection: Connection, tmp_path: Path) -> None:
    _apply(connection, _village(("status: preparation", "status: open")))
    connection.execute(
        "INSERT INTO door_group (place, code, name, doors) SELECT place, 'rez', 'Rez', ARRAY[id] FROM door"
    )
    member = connection.execute(
        "INSERT INTO member (status, home) SELECT 'active', id FROM place RETURNING ref"
    ).fetchone()
    connection.execute("INSERT INTO pass (member, everywhere) VALUES (%s, true)", member)
    file = tmp_path / "village.yaml"
    text = VILLAGE
    for part in ("entree, name", "lecteur-entree", "contact-entree"):
        text = text.replace(_line(part), "")
    file.write_text(text.replace("status: preparation", "status: closed"), encoding="utf-8")
    planned = _run("plan", str(file)).stdout
    assert "- door    entree  retired" in planned
    assert "! the door group rez holds the door entree, which is retired" in planned
    who = "1 member has a pass for it, and 0 bookings to come are of it"
    assert f"! the place is no longer open, and its doors open to hosts only: {who}" in planned
    assert "applied" in _run("apply", str(file), "--yes").stdout


def test_rules_follow_schedules_and_what_the_database_lacks_is_refused_by_line(connection: Connection) -> None:
    ruled = _village(("unlock_s: 6,", "unlock_s: 6, pin: true, pin_while: nuit, passback: soft,"))
    with pytest.raises(FileRefused, match=r"village.yaml: line \d+: the door entree: there is no schedule nuit"):
        _apply(connection, ruled)
    assert connection.execute("SELECT count(*) FROM place").fetchone() == (0,)
    connection.execute("INSERT INTO schedule (code, name, hours) VALUES ('nuit', 'Nuit', '{}')")
    _apply(connection, ruled)
    assert _plan(connection, ruled).changes == ()
    _apply(connection, _village())
    assert connection.execute("SELECT pin, pin_while, passback FROM door_rule").fetchone() == (False, None, "off")
    other = _village(("code: gare-de-felletin\n", "code: autre-lieu\n"))
    with pytest.raises(FileRefused, match="the gateway gare-de-felletin-g1 is at gare-de-felletin"):
        _apply(connection, other)


def test_a_spreadsheet_adds_sensors_to_a_place_and_retires_none(connection: Connection, tmp_path: Path) -> None:
    _apply(connection, _village((_line("capteur-3"), ""), (_line("capteur-4"), "")))
    file = tmp_path / "capteurs.csv"
    rows = "".join(
        f"capteur-{n};desk_sensor;chirpstack;VS341;{APPLICATION}/24e124535b00010{n};poste-{n};75 min\r\n"
        for n in (2, 3, 4)
    )
    file.write_bytes(f"Code;Type;Pilote;Modèle;Adresse;Poste;Toutes les\r\n{rows}".encode("cp1252"))
    assert "2 made" in _run("devices", str(file), "--place", CODE, "--yes").stdout
    assert _plan(connection, _village()).changes == ()
    file.write_bytes(file.read_bytes().replace(b"poste-4", b"poste-9"))
    with pytest.raises(FileRefused, match=r"capteurs.csv: line 4: the device capteur-4 is at the desk poste-9"):
        _run("devices", str(file), "--place", CODE, "--yes")


def _device(row: dict[str, Any]) -> Device:
    return Device.model_validate(row)


def _line(part: str) -> str:
    (found,) = (line for line in VILLAGE.splitlines(keepends=True) if f"code: {part}" in line)
    return found


def _member(connection: Connection) -> tuple[str]:
    made = connection.execute("INSERT INTO member (status, home) SELECT 'active', id FROM place RETURNING ref")
    (ref,) = made.fetchone() or ("",)
    return (ref,)


def _in_transaction(connection: Connection, plan: Plan) -> None:
    with connection.transaction():
        apply_plan(connection, plan)
