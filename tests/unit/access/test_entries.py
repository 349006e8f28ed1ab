"""Entries and settings as rows: they come back as they were, whatever a database does to the order of keys."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from access import AccessList, Entry, ListError, decide
from access.compare import compare, digest, fingerprint, moved, settings_digest
from access.entries_json import (
    Sharing,
    Texts,
    canonical,
    card_to_json,
    entry_from_json,
    entry_text,
    holder_to_json,
    settings_from_json,
    settings_to_json,
)
from tests.unit.access.forms import turned
from tests.unit.access.test_compare import NOON, TOKENS, lists


def stored(value: Any) -> Any:
    """As ``jsonb`` keeps it: shorter keys first."""
    if isinstance(value, dict):
        return {key: stored(value[key]) for key in sorted(value, key=lambda key: (len(key), key))}
    return [stored(one) for one in value] if isinstance(value, list) else value


def rebuilt(held: AccessList) -> AccessList:
    sharing = Sharing()
    entries = {
        token: entry_from_json(token, stored(card_to_json(entry)), stored(holder_to_json(entry.member)), sharing)
        for token, entry in held.entries.items()
    }
    body = stored(settings_to_json(held))
    beside = settings_from_json(place=held.place, version=held.version, made_at=held.made_at, body=body)
    return replace(beside, entries=entries)


@given(lists())
def test_a_list_rebuilt_from_rows_is_the_list(held: AccessList) -> None:
    again = rebuilt(held)
    assert not compare(held, again)
    assert fingerprint(again) == fingerprint(held)
    assert settings_digest(again) == settings_digest(held)
    assert rebuilt(again) == again
    for token in TOKENS:
        for door in ("entry", "lab"):
            assert decide(again, token, door, "in", NOON) == decide(held, token, door, "in", NOON)
    refs = {entry.member.ref: entry.member for entry in again.entries.values()}
    assert all(refs[entry.member.ref] is entry.member for entry in again.entries.values())


@given(lists(), st.data())
def test_a_fingerprint_is_the_sum_of_its_parts_and_moves_with_them(held: AccessList, data: st.DataObject) -> None:
    for entry in held.entries.values():
        card, holder = card_to_json(entry), holder_to_json(entry.member)
        assert entry_text(entry, Texts()) == canonical([entry.token, card, holder])
    parts = [digest(entry) for entry in held.entries.values()]
    whole = moved("0" * 64, (), [*parts, settings_digest(held)])
    assert whole == fingerprint(held)
    gone = data.draw(st.sets(st.sampled_from(TOKENS)))
    fewer = replace(held, entries={token: entry for token, entry in held.entries.items() if token not in gone})
    minus = [digest(entry) for token, entry in held.entries.items() if token in gone]
    assert moved(whole, minus, ()) == fingerprint(fewer)
    assert moved(fingerprint(fewer), (), minus) == whole


@given(lists())
def test_no_order_is_in_a_fingerprint_and_what_is_said_twice_is_said_once(held: AccessList) -> None:
    assert fingerprint(turned(held)) == fingerprint(held)
    twice = {
        token: replace(entry, member=replace(entry.member, rights=(*entry.member.rights, *entry.member.rights)))
        for token, entry in held.entries.items()
    }
    assert fingerprint(replace(held, entries=twice)) == fingerprint(held)
    assert not compare(held, replace(held, entries=twice))


def test_the_place_is_in_the_fingerprint_version_and_age_are_not() -> None:
    held = AccessList(place="gare", version=1, made_at=NOON, time_zone="Europe/Paris", entries={})
    assert fingerprint(replace(held, place="port")) != fingerprint(held)
    assert fingerprint(replace(held, version=2)) == fingerprint(held)


def an_entry(**holder: Any) -> Entry:
    return entry_from_json(TOKENS[0], ["active", None, None], {"ref": "m-1", "status": "active", **holder})


RIGHT = {"doors": None, "schedule": None}


def test_the_least_that_an_entry_says() -> None:
    assert an_entry().member.rights == ()
    assert an_entry(rights=[RIGHT]).member.rights[0].doors is None


@pytest.mark.parametrize(
    "holder",
    [
        {"ref": ""},
        {"status": "gone"},
        {"rights": {}},
        {"rights": [{"doors": None}]},
        {"rights": [{"schedule": None}]},
        {"rights": [{**RIGHT, "only_at_full_moon": True}]},
        {"rights": [{**RIGHT, "terms": {"only_at_full_moon": True}}]},
        {"rights": [{**RIGHT, "doors": "entry"}]},
        {"rights": [{**RIGHT, "schedule": {"mon": [["12:00", "08:00"]]}}]},
        {"rights": [{**RIGHT, "until": "tomorrow"}]},
        {"rights": [{**RIGHT, "used": [1.5]}]},
        {"rights": [{**RIGHT, "pass": 7}]},
        {"pin": "1234"},
        {"bookings": [[None, 1]]},
        {"bookings": [[None, 1, None]]},
        {"name": "Anna"},
    ],
)
def test_a_row_that_makes_no_sense_opens_nothing(holder: dict[str, Any]) -> None:
    with pytest.raises(ListError):
        an_entry(**holder)


@pytest.mark.parametrize("card", [None, [], ["active"], ["alive", None, None], ["active", "now", None]])
def test_nor_a_card_that_makes_none(card: Any) -> None:
    with pytest.raises(ListError):
        entry_from_json(TOKENS[0], card, {"ref": "m-1", "status": "active"})
    with pytest.raises(ListError):
        entry_from_json("abc", ["active", None, None], {"ref": "m-1", "status": "active"})


@pytest.mark.parametrize(
    "body",
    [
        None,
        {},
        {"time_zone": "Europe/Atlantis", "lockdown": False},
        {"time_zone": "Europe/Paris"},
        {"time_zone": "Europe/Paris", "lockdown": False, "full_moon": True},
        {"time_zone": "Europe/Paris", "lockdown": False, "max_age_s": -1},
        {"time_zone": "Europe/Paris", "lockdown": False, "rules": {"full_moon": True}},
    ],
)
def test_nor_settings_that_make_none(body: Any) -> None:
    with pytest.raises(ListError):
        settings_from_json(place="gare", version=1, made_at=NOON, body=body)
