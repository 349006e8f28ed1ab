"""An access list as JSON: round trip, and nothing half-read."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from access import (
    AccessList,
    CardError,
    Entry,
    ListError,
    Member,
    Right,
    card_token,
    from_json,
    normalise,
    to_json,
    token_key,
)
from access.schedules import DAYS, Period, Schedule, schedule_from_json, schedule_to_json

INSTANTS = st.datetimes(
    min_value=datetime(1971, 1, 1),  # noqa: DTZ001  hypothesis adds the zone
    max_value=datetime(2200, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)
PERIODS = st.tuples(st.integers(0, 1439), st.integers(1, 1440)).filter(lambda pair: pair[0] < pair[1])
SCHEDULES = st.lists(st.lists(PERIODS, max_size=2), min_size=7, max_size=7).map(
    lambda days: Schedule(
        days=tuple(
            tuple(sorted((Period(start_min=a, end_min=b) for a, b in day), key=lambda period: period.start_min))
            for day in days
        )
    )
)
RIGHTS = st.builds(
    Right,
    doors=st.none() | st.frozensets(st.sampled_from(["entry", "lab", "porte-é"])),
    schedule=st.none() | SCHEDULES,
    valid_from=st.none() | INSTANTS,
    valid_until=st.none() | INSTANTS,
)
MEMBERS = st.builds(
    Member,
    ref=st.uuids().map(lambda value: f"m-{value.hex[:8]}"),
    status=st.sampled_from(["active", "suspended"]),
    rights=st.lists(RIGHTS, max_size=3).map(tuple),
)


@st.composite
def access_lists(draw: st.DrawFn) -> AccessList:
    members = draw(st.lists(MEMBERS, max_size=4, unique_by=lambda member: member.ref))
    entries = {}
    for member in members:
        for _ in range(draw(st.integers(1, 2))):
            token = draw(st.binary(min_size=32, max_size=32)).hex()
            entries[token] = Entry(
                token=token,
                member=member,
                status=draw(st.sampled_from(["active", "suspended", "lost", "expired", "returned"])),
                valid_from=draw(st.none() | INSTANTS),
                valid_until=draw(st.none() | INSTANTS),
            )
    return AccessList(
        place="gare",
        version=draw(st.integers(0, 10**9)),
        made_at=draw(INSTANTS),
        time_zone=draw(st.sampled_from(["Europe/Paris", "Indian/Reunion", "UTC"])),
        max_age_s=draw(st.none() | st.integers(0, 10**9)),
        opening_hours=draw(st.none() | SCHEDULES),
        lockdown=draw(st.booleans()),
        entries=entries,
    )


@given(access_lists())
def test_a_list_comes_back_as_it_was(access_list: AccessList) -> None:
    assert from_json(to_json(access_list)) == access_list


@given(SCHEDULES)
def test_a_schedule_comes_back_as_it_was(schedule: Schedule) -> None:
    assert schedule_from_json(schedule_to_json(schedule)) == schedule


TOKEN = "0" * 64
GOOD = {
    "place": "gare",
    "version": 3,
    "made_at": 1_700_000_000_000_000,
    "time_zone": "Europe/Paris",
    "max_age_s": None,
    "opening_hours": None,
    "lockdown": False,
    "members": {"m-1": "active"},
    "entries": [[TOKEN, "m-1", "active", None, None]],
    "rights": [["m-1", None, {"mon": [["08:00", "24:00"]]}, None, None]],
    "of_a_later_version": {"ignored": True},
}


def test_unknown_fields_are_ignored_and_midnight_ends_a_day() -> None:
    read = from_json(json.dumps(GOOD))
    (right,) = read.entries[TOKEN].rights
    assert right.schedule is not None
    assert right.schedule.days[0] == (Period(start_min=480, end_min=1440),)
    assert read.made_at - datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC) == timedelta(0)


@pytest.mark.parametrize(
    "change",
    [
        {"place": ""},
        {"place": None},
        {"version": "3"},
        {"version": -1},
        {"version": True},
        {"made_at": None},
        {"made_at": 1.5},
        {"made_at": 10**30},
        {"time_zone": "Europe/Paname"},
        {"time_zone": "../../etc/passwd"},
        {"time_zone": 1},
        {"lockdown": "no"},
        {"max_age_s": "day"},
        {"opening_hours": {"monday": []}},
        {"opening_hours": {"mon": [["19:00", "08:00"]]}},
        {"opening_hours": {"mon": [["08:00", "24:30"]]}},
        {"opening_hours": {"mon": [["8:00", "9:00"]]}},
        {"opening_hours": {"mon": "08:00-09:00"}},
        {"members": []},
        {"members": {"m-1": "dead"}},
        {"members": {"m-1": ["active"]}},
        {"members": {}},
        {"entries": {}},
        {"entries": [[TOKEN, "m-1", "active", None]]},
        {"entries": [[TOKEN, "m-2", "active", None, None]]},
        {"entries": [[TOKEN, ["m-1"], "active", None, None]]},
        {"entries": [[TOKEN, "m-1", {}, None, None]]},
        {"entries": [[TOKEN.upper() + "A", "m-1", "active", None, None]]},
        {"entries": [[TOKEN, "m-1", "active", None, None], [TOKEN, "m-1", "lost", None, None]]},
        {"rights": [["m-2", None, None, None, None]]},
        {"rights": [[["m-1"], None, None, None, None]]},
        {"rights": [["m-1", "entry", None, None, None]]},
        {"rights": [["m-1", [1], None, None, None]]},
        {"rights": None},
        {"rights": [["m-1", None, 0, None, None]]},
        {"rights": [["m-1", None, -1, None, None]], "schedules": [{}]},
        {"rights": [["m-1", None, False, None, None]], "schedules": [{}]},
        {"rights": [["m-1", None, "mon", None, None]], "schedules": [{}]},
        {"schedules": {"mon": []}},
        {"schedules": [{"mon": [["08:00"]]}]},
    ],
)
def test_what_makes_no_sense_is_refused_whole(change: dict[str, object]) -> None:
    with pytest.raises(ListError):
        from_json(json.dumps({**GOOD, **change}))


def test_a_schedule_that_many_follow_is_written_once() -> None:
    schedule = schedule_from_json({"mon": [["08:00", "12:00"]]})
    entries = {}
    for number in range(50):
        member = Member(ref=f"m-{number}", status="active", rights=(Right(doors=None, schedule=schedule),))
        entries[f"{number:064x}"] = Entry(token=f"{number:064x}", member=member, status="active")
    text = to_json(
        AccessList(place="gare", version=1, made_at=datetime(2026, 1, 1, tzinfo=UTC), time_zone="UTC", entries=entries)
    )
    assert text.count("08:00") == 1
    read = from_json(text)
    assert len({id(entry.rights[0].schedule) for entry in read.entries.values()}) == 1


@pytest.mark.parametrize("text", ["", "[]", "null", "{", "[" * 100_000, '{"version": 1e999}'])
def test_what_is_no_list_is_refused(text: str) -> None:
    with pytest.raises(ListError):
        from_json(text)


def test_days_are_seven() -> None:
    assert len(DAYS) == 7
    with pytest.raises(ListError):
        Schedule(days=((),) * 6)


def test_the_token_of_a_card() -> None:
    key = token_key("00" * 31 + "01")
    assert normalise(bytes.fromhex("04a1b2c3")) == "04A1B2C3"
    # Independent of ours: printf 04A1B2C3 | openssl dgst -sha256 -mac HMAC -macopt hexkey:00…01
    assert card_token(key, "04A1B2C3") == "06ea4cf3ed88e641def8026fb4fe391352a452c178784538b2e0a8c386595bf4"
    assert card_token(key, "004A1B2C3") != card_token(key, "04A1B2C3")


@pytest.mark.parametrize("text", ["", "zz", "00" * 31, "00" * 33])
def test_a_key_that_is_none(text: str) -> None:
    with pytest.raises(CardError) as caught:
        token_key(text)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("uid", [b"", b"\0" * 33])
def test_a_number_that_is_none(uid: bytes) -> None:
    with pytest.raises(CardError):
        normalise(uid)


NEWER = {
    "format": 2,
    "door_sets": [["entry"]],
    "terms": [{"allowance": ["half_day", 10, False], "booked": True}],
    "passes": [["m-1", 0, None, None, None, "p-1", 0, [7]], ["m-1", None, {"mon": []}, None, None, None, 0, None]],
    "pins": {"m-1": "0" * 32},
    "bookings": [["m-1", ["entry"], 1, 2]],
    "rules": {
        "doors": {"entry": {"to_space": "place", "pin": True, "passback": "hard", "first_card": {"mon": []}}},
        "spaces": {"place": [None, 12], "lab": ["place", None]},
        "tries": 3,
    },
}


def test_all_that_a_newer_list_may_hold() -> None:
    read = from_json(json.dumps({**GOOD, **NEWER}))
    member = read.entries[TOKEN].member
    assert [right.pass_ref for right in member.rights] == [None, "p-1", None]
    assert member.rights[1].used == (7,)
    assert member.pin == "0" * 32
    assert len(member.bookings) == 1
    assert read.rules.doors["entry"].passback == "hard"
    assert read.rules.spaces["lab"].parent == "place"
    assert from_json(to_json(read)) == read


def test_an_older_gateway_is_never_told_less_than_all_of_a_right() -> None:
    """It ignores what it doesn't know: a right with terms must not be among the rights that it reads."""
    written = json.loads(to_json(from_json(json.dumps({**GOOD, **NEWER}))))
    assert written["rights"] == []
    assert written["format"] == 2
    assert "format" not in json.loads(to_json(from_json(json.dumps(GOOD))))


@pytest.mark.parametrize(
    "change",
    [
        {"format": 3},
        {"format": "2"},
        {"terms": None},
        {"terms": [{"may": "anything"}]},
        {"terms": [{"booked": 1}]},
        {"terms": [{"allowance": ["minute", 1, False]}]},
        {"terms": [{"allowance": ["hour", -1, False]}]},
        {"terms": [{"allowance": ["hour", 1]}]},
        {"terms": [{"visitor": "king"}]},
        {"door_sets": ["entry"]},
        {"door_sets": {}},
        {"door_sets": [[["entry"]]]},
        {"door_sets": []},
        {"passes": [["m-1", 0, None, None, None, "p-1", 1, []]]},
        {"passes": [["m-1", 0, None, None, None, "p-1", 0, [1.5]]]},
        {"passes": [["m-1", 0, None, None, None, "p-1", 0, [True]]]},
        {"passes": [["m-1", 0, None, None, None, 7, 0, []]]},
        {"passes": [["m-2", 0, None, None, None, "p-1", 0, []]]},
        {"passes": [[["m-1"], 0, None, None, None, "p-1", 0, []]]},
        {"passes": [["m-1", 0, None, None, None, "p-1"]]},
        {"pins": {"m-1": "1234"}},
        {"pins": {"m-2": "0" * 32}},
        {"pins": []},
        {"bookings": [["m-1", None, None, 2]]},
        {"bookings": [["m-2", None, 1, 2]]},
        {"rules": []},
        {"rules": {"alarm": True}},
        {"rules": {"doors": []}},
        {"rules": {"doors": {"entry": {"pin": "yes"}}}},
        {"rules": {"doors": {"entry": {"passback": "sometimes"}}}},
        {"rules": {"doors": {"entry": {"mantrap": True}}}},
        {"rules": {"spaces": {"place": 12}}},
        {"rules": {"spaces": {"place": [None, "12"]}}},
        {"rules": {"tries": -1}},
    ],
)
def test_what_makes_no_sense_in_a_newer_list_is_refused_whole(change: dict[str, object]) -> None:
    with pytest.raises(ListError):
        from_json(json.dumps({**GOOD, **NEWER, **change}))
