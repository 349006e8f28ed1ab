"""People made up for a place: always the same, obviously made up, with passes that make sense."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from access import normalise
from maillage.sample.rows import departments_of, rows_of
from rights.card_secret import CardKeys
from simulator.sample import names
from simulator.sample.community import Community, community_of
from simulator.sample.equipment import equip
from simulator.sample.people import members

KEY = bytes(range(32))
TODAY = date(2026, 3, 3)


def _community(code: str, typology: str = "fab_lab") -> Community:
    equipment = equip(code, seed=1, population=30_000, typology=typology)
    return community_of(code, equipment, department="87", seed=1)


def _rows(*households: Community, neighbours: dict[str, list[str]] | None = None) -> dict[str, list[tuple[Any, ...]]]:
    made = rows_of(households, neighbours or {"87": []}, seed=1, secret=KEY, today=TODAY)
    return {table: list(rows) for table, rows in made.items()}


@given(ref=st.from_regex(r"m-[0-9a-f]{12}", fullmatch=True))
def test_names_look_made_up_and_stay(ref: str) -> None:
    name, email = names.person(ref)
    assert (name, email) == names.person(ref)
    assert " Exemple-" in name
    assert email.endswith(f".{ref[2:]}@exemple.invalid")
    assert email.isascii()
    organisation = names.organisation_of(ref, "2A")
    assert organisation is None or organisation in {code for code, _ in names.organisations("2A")}


def test_half_of_the_people_belong_to_an_organisation() -> None:
    refs = [one.ref for number in range(50) for one in members(1, f"place-{number}", 20)]
    belonging = [names.organisation_of(ref, "87") for ref in refs]
    assert 0.4 < sum(one is not None for one in belonging) / len(refs) < 0.6
    assert 0.08 < belonging.count("exemple-87") / len(refs) < 0.16


def test_rows_hang_together() -> None:
    homes = [_community(f"place-{number}") for number in range(30)]
    rows = _rows(*homes, neighbours=departments_of((one.place, "87") for one in homes))
    people = {row[1] for row in rows["member"]}
    assert len(people) == len(rows["member"]) == sum(len(one.people) + len(one.visitors) for one in homes)
    assert len(rows["card"]) == sum(one.cards for one in homes)
    assert len({row[1] for row in rows["card"]}) == len(rows["card"]), "no two cards are found by the same"
    assert {row[4] for row in rows["card"]} == people
    replaced = {row[8] for row in rows["card"] if row[8] is not None}
    assert replaced == {row[0] for row in rows["card"] if row[7] == "lost"}
    assert {row[2] for row in rows["pass"]} == people
    assert {row[14] for row in rows["pass"] if row[13] is not None} <= {row[2] for row in rows["pass"] if row[12]}
    everywhere = {row[1] for row in rows["pass"] if row[4]}
    assert {row[0] for row in rows["pass_place"]} == {row[1] for row in rows["pass"]} - everywhere
    assert all(row[6] is None or row[7] is None or row[6] < row[7] for row in rows["pass"])
    assert all(row[7] is None or row[7] < datetime(2026, 3, 3, tzinfo=UTC) or row[13] for row in rows["pass"])
    assert {row[5] for row in rows["pass"]} <= {None, *(row[0] for row in rows["schedule"])}


def test_only_the_trained_have_a_pin_and_the_whole_place() -> None:
    home = next(one for number in range(20) if (one := _community(f"place-{number}")).workshop)
    rows = _rows(home)
    pins = {row[1] for row in rows["member"] if row[5] is not None}
    whole = {row[0] for row in rows["pass_place"] if row[2] and row[1] == home.place}
    assert pins
    assert whole == {f"p{ref[1:]}" for ref in pins}
    bare = next(one for number in range(20) if not (one := _community(f"cowork-{number}", "coworking")).workshop)
    assert all(row[5] is None for row in _rows(bare)["member"])


def test_the_simulators_card_is_the_one_enrolled() -> None:
    home = _community("place-1")
    found_by = {row[1]: (row[4], row[7]) for row in _rows(home)["card"]}
    for one in members(1, "place-1", len(equip("place-1", seed=1, population=30_000, typology="fab_lab").desks)):
        assert found_by[CardKeys.of(KEY).found_by(normalise(bytes.fromhex(one.card)))] == (one.ref, "active")
