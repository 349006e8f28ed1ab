"""One place that can't be settled stops neither the others nor the ingest; a database that is away does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest

from ingest import due
from occupancy.topology import Topology

UNTIL = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=1)


class Books:
    """Settles all places but one, as given."""

    def __init__(self, bad: int, error: Exception) -> None:
        self.bad, self.error = bad, error
        self.done: list[int] = []
        self.read_again = 0

    def look(self, _connection: Any, places: dict[int, int]) -> None:
        assert set(places.values()) <= {1_000_000}
        if self.bad in places:
            raise self.error
        self.done += places

    def forget(self) -> None:
        self.read_again += 1


def connection(*places: int) -> Any:
    found = SimpleNamespace(fetchall=lambda: [(place, UNTIL) for place in places])
    return SimpleNamespace(execute=lambda _query, _values: found)


@pytest.mark.parametrize("error", [KeyError("space"), psycopg.IntegrityError("a check")])
def test_one_bad_place_stops_itself_alone(error: Exception) -> None:
    books = Books(2, error)
    assert due.settle(connection(1, 2, 3), books, frozenset({0})) == 3  # type: ignore[arg-type]
    assert (books.done, books.read_again) == ([1, 3], 2)


def test_a_database_that_is_away_is_waited_for() -> None:
    with pytest.raises(psycopg.OperationalError):
        due.settle(connection(1), Books(1, psycopg.OperationalError("away")), frozenset({0}))  # type: ignore[arg-type]


def test_nothing_is_asked_without_a_shard() -> None:
    assert due.settle(None, None, frozenset()) == 0  # type: ignore[arg-type]


def test_a_zone_that_this_machine_does_not_know_stops_nothing() -> None:
    assert Topology.build([], [], [], {1: "Mars/Olympus_Mons"}).zone(1).key == "UTC"
