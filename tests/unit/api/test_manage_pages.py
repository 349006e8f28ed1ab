"""Pieces of managers' pages: days of plots, words for faults, roles that stay."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from api.pages.manage.device_words import device_faults, gateway_faults
from api.pages.manage.history_plots import plot, stretch, table, title
from api.pages.manage.team import _roles
from api.present.board import Board
from api.present.network import Network
from api.present.occupancy import GatewayState
from tests.unit.api.network_of import a_place

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
WELL: dict[str, Any] = {
    "revoked_at": None, "heard_at": "2026-11-26T12:00:00Z", "joined_at": "2026-01-01T00:00:00Z", "online": True,
    "certificate_until": "2027-01-01T00:00:00Z", "newest_list_version": 7, "list_version": 7, "spool_depth": 3,
    "clock_offset_ms": 40.0, "config_refused": None,
}  # fmt: skip


def test_a_day_a_week_and_a_month_are_those_that_hold_the_day() -> None:
    day = date(2026, 3, 1)
    assert (stretch("day", day).first, stretch("day", day).after) == (day, date(2026, 3, 2))
    assert (stretch("week", day).first, stretch("week", day).after) == (date(2026, 2, 23), date(2026, 3, 2))
    assert (stretch("month", day).first, stretch("month", day).after) == (day, date(2026, 4, 1))
    assert stretch("month", day).before == date(2026, 2, 28)
    assert title(stretch("day", day), "fr") == "dimanche 1 mars 2026"
    assert title(stretch("week", day), "en") == "23 February – 1 March 2026"


@pytest.mark.parametrize(("day", "quarters"), [("2026-03-29", 92), ("2026-10-25", 100), ("2026-06-01", 96)])
def test_the_days_of_clock_changes_have_all_their_quarter_hours(day: str, quarters: int) -> None:
    of = stretch("day", date.fromisoformat(day))
    start = datetime.fromisoformat(f"{day}T00:00:00+0{2 if day != '2026-03-29' else 1}:00")
    rows = [
        {"at": (start + n * timedelta(minutes=15)).isoformat(), "minutes": 15, "mean": 1.0, "peak": 1, "known": 1.0,
         "person_hours": 0.25}
        for n in range(quarters)
    ]  # fmt: skip
    svg = plot(a_place(1), of, rows, {}, now=NOW, language="fr")
    assert svg.count("url(#unknown)") == 1, "the whole day is known"
    less = plot(a_place(1), of, rows[:-1], {}, now=NOW + timedelta(days=900), language="fr")
    assert less.count("url(#unknown)") == 2


def test_the_table_says_unknown_and_has_every_hour_of_a_day() -> None:
    row = {
        "at": "2026-06-01T09:00:00+02:00",
        "minutes": 15,
        "mean": None,
        "peak": None,
        "person_hours": 0.0,
        "known": 0.0,
    }
    rows = [
        row,
        {**row, "at": "2026-06-01T09:15:00+02:00"},
        {**row, "at": "2026-06-01T10:00:00+02:00", "mean": 2.0, "peak": 3},
    ]
    lines = table(stretch("day", date(2026, 6, 1)), rows, "en")
    assert [line[0] for line in lines] == ["09:00", "10:00"]
    assert [len(line) for line in lines] == [2, 5]


@pytest.mark.parametrize(
    ("changed", "faults"),
    [
        ({}, []),
        ({"online": False}, ["Not connected"]),
        ({"revoked_at": "2026-11-01T00:00:00Z", "online": False}, ["Shut out"]),
        ({"heard_at": None, "joined_at": None, "online": False}, ["No machine has joined yet"]),
        (
            {"spool_depth": 5_000, "clock_offset_ms": -9_000.0},
            ["Keeps events that it couldn't send yet", "Its clock is wrong"],
        ),
        ({"list_version": 6}, ["Decides by an older access list"]),
        ({"certificate_until": "2026-11-28T00:00:00Z"}, ["Its certificate ends soon"]),
        ({"config_refused": "x"}, ["Refused its configuration"]),
        ({"spool_depth": None, "clock_offset_ms": None, "list_version": None, "certificate_until": None}, []),
    ],
)
def test_what_is_wrong_with_a_gateway(changed: dict[str, Any], faults: list[str]) -> None:
    assert gateway_faults({**WELL, **changed}, NOW, str) == faults


def test_what_is_wrong_with_a_device() -> None:
    state: dict[str, Any] = {"heard_at": "2026-11-26T12:00:00Z", "silent_since": None, "troubles": []}
    assert device_faults({"state": None}, str) == ["Never heard yet"]
    assert device_faults({"state": state}, str) == []
    wrong = {**state, "silent_since": "2026-11-26T12:00:00Z", "troubles": ["low_battery", "new_trouble"]}
    assert device_faults({"state": wrong}, str) == ["Silent", "Battery nearly empty", "new_trouble"]


def test_roles_elsewhere_and_everywhere_stay() -> None:
    held: list[dict[str, Any]] = [
        {"role": "place_manager", "places": ["isle", "limoges"]},
        {"role": "auditor", "places": None},
        {"role": "front_desk", "places": ["limoges"]},
    ]
    assert _roles(held, "limoges", []) == [
        {"role": "place_manager", "places": ["isle"]},
        {"role": "auditor", "places": None},
    ]
    assert _roles(held, "limoges", ["front_desk", "auditor", "place_manager"]) == [
        {"role": "place_manager", "places": ["isle", "limoges"]},
        {"role": "auditor", "places": None},
        {"role": "front_desk", "places": ["limoges"]},
    ]


def test_the_board_counts_gateways_that_are_not_connected() -> None:
    one = a_place(1, gateways=frozenset((1, 2, 3)))
    board = Board(boot="x")
    board.set_network(Network([one]), 0)
    states = [GatewayState(gateway=n, place=one.id, online=n == 1, heard=1, spool_depth=0) for n in (1, 2)]
    board.hear(states, 1)
    assert board.offline(one) == 1, "the third never was there"
