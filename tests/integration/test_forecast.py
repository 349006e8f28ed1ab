"""From the quarter hours in the database to the forecast in the API, with and without a key."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest
from psycopg import sql

from api.forecast.models import ForecastAnswer, UsualAnswer
from api.keys.owner import create_key
from api.present.availability_models import Availability
from jobs.forecast import make_forecasts
from jobs.history import gather
from tests.api_server import Centre, api_process
from tests.conftest import Database

NOW = datetime.now(UTC)
_ROWS = """
INSERT INTO occupancy_15m (at, place, space, mean, peak, known, capacity)
SELECT at, %(place)s, %(space)s, n, n, 1, %(capacity)s FROM (
  SELECT at, %(people)s * (extract(hour FROM at AT TIME ZONE 'Europe/Paris') BETWEEN 6 AND 21)::integer
    + (extract(day FROM at)::integer %% 3) AS n
  FROM generate_series(%(first)s::timestamptz, %(last)s::timestamptz, '15 minutes') AS at
) q
"""


@pytest.fixture
def centre(database: Database) -> Iterator[Centre]:
    """Yield a place with five weeks of people, and one of which nothing is known."""
    writer = Centre(database.url)
    writer.place("busy", public_numbers=False)
    writer.place("silent")
    quarter = NOW.replace(minute=NOW.minute // 15 * 15, second=0, microsecond=0)
    for code, people, capacity in (("place", 15, 30), ("open-space", 12, 24)):
        space, place = writer.space("busy", code)
        writer.state("busy", code, present=people)
        writer.conn.execute(
            _ROWS,
            {
                "place": place,
                "space": space,
                "people": people,
                "capacity": capacity,
                "first": quarter - timedelta(weeks=5),
                "last": quarter - timedelta(minutes=15),
            },
        )
    gather(writer.conn, {writer.space("busy")[1]: quarter - timedelta(weeks=5)}, quarter, published=True)
    writer.state("silent", present=None, quality="unknown")
    yield writer
    writer.close()


def test_from_the_history_to_the_forecast(database: Database, centre: Centre) -> None:
    row = centre.conn.execute("SELECT current_database()").fetchone()
    assert row is not None  # as on a centre with a reader for Grafana (dashboards.roles)
    centre.conn.execute(sql.SQL("REVOKE TEMPORARY ON DATABASE {} FROM PUBLIC").format(sql.Identifier(row[0])))
    with (
        psycopg.connect(database.url, autocommit=True) as listening,
        psycopg.connect(database.as_login("maintain_1"), autocommit=True) as connection,
    ):
        listening.execute("LISTEN maillage_forecast")
        learnt, made = make_forecasts(connection, now=NOW)
        assert len(list(listening.notifies(timeout=60, stop_after=1))) == 1, "the API reads the usual weeks again"
        assert (learnt, made) == (3, 4)  # two spaces, with and without numbers
        assert make_forecasts(connection, now=NOW) == (0, 4)
    with psycopg.connect(database.url) as connection:
        key = {"Authorization": f"Bearer {create_key(connection, 'reader', role='availability_reader')}"}
    with api_process(database.as_login("api_1")) as client:
        _numbers_with_a_key(client, key)
        _bands_without(client)
        _chances(client, key)
    report = centre.conn.execute(
        "SELECT count(*), count(*) FILTER (WHERE low <= median AND median <= high) FROM report.forecast"
    ).fetchone()
    assert report == (0, 0)  # the owner has no scope


def _numbers_with_a_key(client: httpx.Client, key: dict[str, str]) -> None:
    answer = client.get("/v1/places/busy/forecast?space=open-space", headers=key).json()
    ForecastAnswer.model_validate(answer)
    assert len(answer["ahead"]) == 97
    by_hour = {datetime.fromisoformat(one["at"]): one for one in answer["ahead"]}
    assert min(by_hour) <= NOW < min(by_hour) + timedelta(minutes=15)
    assert all(one["low"] <= one["median"] <= one["high"] for one in answer["ahead"])
    assert max(one["median"] for one in answer["ahead"]) > 8
    assert min(one["median"] for one in answer["ahead"]) < 4
    assert len(answer["past"]) > 40
    usual = client.get("/v1/places/busy/usual", headers=key).json()
    UsualAnswer.model_validate(usual)
    assert {one["median"] > 12 for one in usual["hours"] if one["hour"] == 11} == {True}
    silent = client.get("/v1/places/silent/forecast", headers=key).json()
    assert (silent["made_at"], silent["ahead"]) == (None, [])


def _bands_without(client: httpx.Client) -> None:
    answer = client.get("/v1/places/busy/forecast").json()
    ForecastAnswer.model_validate(answer)
    assert {one["median"] for one in answer["ahead"]} == {None}  # one band for 0 to 27 of 30
    assert {(one["low"], one["high"]) for one in answer["ahead"]} == {(0, 27)}
    past = [(one["low"], one["high"]) for one in answer["past"] if one["low"] is not None]
    assert len(past) > 40  # a quarter hour may end meanwhile
    assert set(past) == {(0, 27)}
    made_up = {"cookie": "__Host-maillage=mk_x"}  # looks like a session, and is none
    for headers in ({}, made_up):
        assert client.get("/v1/places/busy/forecast?space=open-space", headers=headers).status_code == 401
    assert client.get("/v1/places/nowhere/forecast").status_code == 404
    assert client.get("/v1/places/busy/forecast", headers={"Authorization": "Bearer mk_wrong"}).status_code == 401


def _chances(client: httpx.Client, key: dict[str, str]) -> None:
    def ask(more: str, headers: dict[str, str]) -> dict[str, Any]:
        answer = client.get(f"/v1/availability?near=45.83,1.26&at={at}{more}", headers=headers).json()
        Availability.model_validate(answer)
        return {row["place"]: row for row in (*answer["places"], *answer["unknown"])}

    at = (NOW + timedelta(hours=1)).isoformat().replace("+00:00", "Z")
    assert ask("", key)["busy"]["chance"] == 1
    assert ask("&seats=24", key)["busy"]["chance"] < 0.5
    assert ask("", key)["silent"]["chance"] is None
    assert ask("", {})["busy"]["chance"] > 0.9  # fewer than 22 of 24: of that a band tells
    assert ask("&seats=10", {})["busy"]["chance"] is None  # of more no band tells
    at = (NOW + timedelta(days=7)).isoformat().replace("+00:00", "Z")  # by the usual week
    assert ask("", key)["busy"]["chance"] == 1
    assert ask("&seats=24", key)["busy"]["chance"] < 0.5
    assert ask("", key)["silent"]["chance"] is None
    assert ask("&seats=10", {})["busy"]["chance"] is None
    late = client.get(f"/v1/availability?near=45.83,1.26&at={(NOW + timedelta(days=400)).isoformat()[:19]}Z")
    assert late.status_code == 422
