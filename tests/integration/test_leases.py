"""Leases on a real database: taken, renewed, lost, and checked at each commit; nobody else can hold them up."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta

import psycopg
import pytest
from psycopg import errors

from database.leases import LEASE_LOST, LIFE, Fenced, Keeper, connect
from tests.conftest import Database
from tests.waiting import until

ME, OTHER = "0" * 32, "f" * 32
KEEP = "SELECT name, fence FROM keep_leases(%s, %s, %s)"


@pytest.fixture
def ingest(database: Database) -> Iterator[Fenced]:
    with connect(database.as_login("ingest_1"), application_name="test") as connection:
        yield connection


def _keep(connection: psycopg.Connection, holder: str, *names: str, life: timedelta = LIFE) -> dict[str, int]:
    return dict(connection.execute(KEEP, (holder, list(names), life)).fetchall())


def test_one_holds_what_another_wants_until_it_lets_go(ingest: Fenced, database: Database) -> None:
    assert _keep(ingest, ME, "shard 01", "shard 02") == {"shard 01": 1, "shard 02": 1}
    assert _keep(ingest, OTHER, "shard 02", "shard 03") == {"shard 03": 1}
    assert _keep(ingest, ME, "shard 01", "shard 02") == {"shard 01": 1, "shard 02": 1}, "renewed, not taken again"
    ingest.execute("DELETE FROM lease_holder WHERE id = %s", (ME,))
    assert _keep(ingest, OTHER, "shard 02", "shard 03") == {"shard 02": 2, "shard 03": 1}
    assert _keep(ingest, ME, "shard 01", "shard 02") == {"shard 01": 1}, "what nobody took in between is as it was"


@pytest.mark.parametrize("until_s", [-1, 3600], ids=["not renewed", "the clock was set back"])
def test_a_lease_whose_time_makes_no_sense_is_free(ingest: Fenced, until_s: int) -> None:
    _keep(ingest, ME, "shard 07")
    ingest.execute("UPDATE lease_holder SET until = clock_timestamp() + make_interval(secs => %s)", (until_s,))
    assert _keep(ingest, OTHER, "shard 07") == {"shard 07": 2}


def test_a_worker_that_was_frozen_commits_nothing(ingest: Fenced, database: Database) -> None:
    ingest.fences = _keep(ingest, ME, "shard 07")
    with ingest.transaction():
        ingest.execute("UPDATE stream SET last_seq = 1")
    with connect(database.as_login("ingest_1"), application_name="other") as other:
        with pytest.raises(psycopg.Error) as caught:
            _store_while_another_takes_over(ingest, other)
        assert caught.value.sqlstate == LEASE_LOST
        assert other.execute("SELECT count(*) FROM dead_letter").fetchone() == (0,)


def _store_while_another_takes_over(connection: Fenced, other: Fenced) -> None:
    with connection.transaction():
        other.execute("DELETE FROM lease_holder")
        assert _keep(other, OTHER, "shard 07") == {"shard 07": 2}, "an open transaction holds nobody up"
        connection.execute(
            "INSERT INTO dead_letter (origin, reason, error, topic, payload, length, digest)"
            " VALUES ('ingest', 'x', 'x', 'x', 'x', 1, 'x')"
        )


def test_between_the_check_and_the_commit_nobody_takes_it(ingest: Fenced, database: Database) -> None:
    ingest.fences = _keep(ingest, ME, "shard 07")
    with connect(database.as_login("ingest_1"), application_name="other") as other:
        with ingest.transaction():
            ingest.check()
            other.execute("DELETE FROM lease_holder")
            assert _keep(other, OTHER, "shard 07") == {}
        assert _keep(other, OTHER, "shard 07") == {"shard 07": 2}


def test_a_lease_that_was_never_held_is_lost(ingest: Fenced) -> None:
    with pytest.raises(psycopg.Error) as caught:
        ingest.check(["shard 05"])
    assert caught.value.sqlstate == LEASE_LOST


def test_what_travels_at_once_is_checked_too_and_leaves_the_connection_usable(ingest: Fenced) -> None:
    held = _keep(ingest, ME, "shard 07")
    one = (
        "INSERT INTO dead_letter (origin, reason, error, topic, payload, length, digest)"
        " VALUES ('ingest', 'x', 'x', 'x', 'x', 1, %s)"
    )
    ingest.fences = held
    with ingest.at_once():
        ingest.execute(one, ("kept",))
    for fences, more, state in (({"shard 08": 1}, "SELECT 1", LEASE_LOST), (held, "SELECT 1 / 0", "22012")):
        ingest.fences = fences
        with pytest.raises(psycopg.Error) as caught, ingest.at_once():
            ingest.cursor().execute(one, ("lost",)).execute(more)
        assert caught.value.sqlstate == state
        assert ingest.execute("SELECT count(*) FROM dead_letter").fetchone() == (1,)


def test_a_keeper_renews_lets_go_and_is_followed(database: Database) -> None:
    url = database.as_login("rights_1")
    hangs = threading.Event()
    with Keeper(url, ["rights"], application_name="first", alive=lambda: not hangs.is_set()) as first:
        until(lambda: first.held == {"rights": 1}, what="the first to hold it")
        with Keeper(url, ["rights"], application_name="second") as second:
            assert second.asked.wait(30)
            assert not second.held
            hangs.set()  # as a process that is frozen: it renews nothing
            until(lambda: second.held == {"rights": 2}, what="the second to take over")
    with Keeper(url, ["rights"], application_name="third") as third:
        until(lambda: third.held == {"rights": 3}, what="the third to follow at once")


def test_each_process_holds_its_own_leases_only(database: Database) -> None:
    with psycopg.connect(database.as_login("rights_1"), autocommit=True) as rights:
        assert _keep(rights, ME, "shard 01", "maintain", "rights") == {"rights": 1}
    for login in ("api_1", "grafana_1"):
        with psycopg.connect(database.as_login(login), autocommit=True) as connection:
            for statement in (
                "SELECT * FROM lease",
                "SELECT * FROM lease_holder",
                "LOCK TABLE lease IN ACCESS SHARE MODE",
                "LOCK TABLE migration",
                "SELECT * FROM audit_turn FOR UPDATE",
                "SELECT check_leases('{}', '{}')",
            ):
                with pytest.raises(errors.InsufficientPrivilege), connection.transaction():
                    connection.execute(statement.encode())
