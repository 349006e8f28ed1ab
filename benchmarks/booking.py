"""64 clients race for the same units over the real API: exactly the free ones are given; one books among a million.

``python -m benchmarks.booking [--rounds N] [--bookings N]`` starts a real TimescaleDB and the API. In each round every
client books, at the same moment and over its own connection, any unit of one resource for the same hours: the first
answers of 40 are "booked", all others "refused", and the database holds each unit once. Beside it the same rows are
inserted by as many connections as the API has, without API, rules and a race. Then one client books while the network
has a million bookings to come.
"""

from __future__ import annotations

import argparse
import http.client
import json
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from pathlib import Path
from threading import Thread
from time import perf_counter
from typing import Any, Final

import psycopg

from api.keys.owner import create_key
from benchmarks.board import _API, _database, _process
from benchmarks.report import Result, finish, progress

CLIENTS: Final = 64
UNITS: Final = 40
_PROCESSES: Final = 4
_POOL: Final = 8
"""Connections of the API to the database."""
_PLACES: Final = 1512
_NETWORK: Final = """
WITH p AS (
  INSERT INTO place (code, name, shard, latitude, longitude, time_zone, source, source_id)
  SELECT 'place-' || n, 'Place ' || n, n %% 64, 42 + n %% 9, n %% 7, 'Europe/Paris', 'benchmark', n::text
  FROM generate_series(1, %s) n RETURNING id, code
), s AS (
  INSERT INTO space (place, code, name, kind, capacity) SELECT id, 'place', 'Whole', 'place', 400 FROM p
  RETURNING id, place
), r AS (
  INSERT INTO resource (place, code, name, kind) SELECT id, 'laser', 'Laser', 'machine' FROM p RETURNING id, place
)
INSERT INTO resource_unit (resource, place, code) SELECT r.id, r.place, n::text FROM r, generate_series(1, %s) n
"""
_MEMBERS: Final = "INSERT INTO member (ref) SELECT 'm-' || lpad(n::text, 6, '0') FROM generate_series(0, %s) n"
# bookings of every unit, an hour after the other, from a hundred days ahead on
_BOOKINGS: Final = """
INSERT INTO booking (member, place, unit, starts_at, ends_at, holds_seat)
SELECT 'm-' || lpad((n %% 1000)::text, 6, '0'), u.place, u.id, t.at, t.at + interval '1 hour', false
FROM resource_unit u, generate_series(0, %(each)s - 1) n,
  LATERAL (SELECT date_trunc('hour', now()) + interval '100 days' + n * interval '1 hour' AS at) t
"""
_GIVEN: Final = """
SELECT count(*), count(DISTINCT unit) FROM booking WHERE starts_at = %s AND cancelled_at IS NULL AND place = 1
"""
_BARE: Final = """
INSERT INTO booking (member, place, unit, starts_at, ends_at) VALUES (%s, 1, %s, %s, %s) RETURNING ref
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and end with the line of results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--bookings", type=int, default=1_000_000, help="to come, while one client books")
    options = parser.parse_args(arguments)
    with (
        tempfile.TemporaryDirectory(prefix="maillage-booking-") as folder,
        _network(Path(folder)) as (url, port, key),
    ):
        results = [*_race(url, port, key, options.rounds)]
        before = _alone(port, key, hours=2000)
        _fill(url, options.bookings)
        after = _alone(port, key, hours=3000)
    for name, rank in (("p50", 0.5), ("p99", 0.99)):
        reference, value = (times[int(len(times) * rank)] * 1000 for times in (before, after))
        results.append(
            Result(
                name=f"one_booking_{name}_ms",
                value=value,
                unit="ms",
                reference="with the few bookings of the race",
                reference_value=reference,
            )
        )
    finish("booking", results)


@contextmanager
def _network(folder: Path) -> Iterator[tuple[str, int, str]]:
    folder.chmod(0o755)
    with _database(folder) as url:
        with psycopg.connect(url) as connection:
            connection.execute(_NETWORK.encode(), (_PLACES, UNITS))
            connection.execute(_MEMBERS.encode(), (1000,))
            key = create_key(connection, "benchmark", role="network_administrator")
        unlimited = {"MAILLAGE_KEY_REQUESTS": "100000", "MAILLAGE_CLIENT_REQUESTS": "100000"}
        with _process(_API, {"MAILLAGE_DATABASE_URL": url, **unlimited}) as port:
            yield url, port, key


def _race(url: str, port: int, key: str, rounds: int) -> Iterator[Result]:
    given, seconds = 0, 0.0
    for number in range(rounds):
        starts = _hour(24 * (number + 1))
        answers, took = _round(port, key, starts)
        with psycopg.connect(url) as connection:
            row = connection.execute(_GIVEN.encode(), (starts,)).fetchone()
        if answers != {201: UNITS, 409: CLIENTS - UNITS} or row != (UNITS, UNITS):
            raise SystemExit(
                f"round {number}: answers {dict(answers)}, bookings and units {row}: expected {UNITS} each"
            )
        given += UNITS
        seconds += took
    progress(f"{rounds} rounds: {CLIENTS} clients, {UNITS} units, each given once")
    yield Result(
        name="bookings_per_s",
        value=given / seconds,
        unit="bookings/s",
        reference="bare inserts of the same rows",
        reference_value=_bare(url),
    )
    yield Result(name="race_answers_per_s", value=rounds * CLIENTS / seconds, unit="answers/s")


def _round(port: int, key: str, starts: datetime) -> tuple[Counter[int], float]:
    """Let all clients book at the same moment; return their answers' statuses, and the seconds until the last one."""
    context = get_context("spawn")
    barrier, answers = context.Barrier(_PROCESSES + 1), context.SimpleQueue()
    told = {"barrier": barrier, "answers": answers}
    each = CLIENTS // _PROCESSES
    processes = [
        context.Process(target=_clients, args=(port, key, starts, range(first, first + each)), kwargs=told)
        for first in range(0, CLIENTS, each)
    ]
    for one in processes:
        one.start()
    barrier.wait(60)
    begun = perf_counter()
    statuses = [status for _ in processes for status in answers.get()]
    took = perf_counter() - begun
    for one in processes:
        one.join(30)
    return Counter(statuses), took


def _clients(port: int, key: str, starts: datetime, numbers: range, *, barrier: Barrier, answers: Any) -> None:
    """One process: its clients connect, wait for all others, and book once each."""
    statuses: list[int] = []
    connections = [http.client.HTTPConnection("127.0.0.1", port, timeout=60) for _ in numbers]
    for one in connections:
        one.connect()

    def book(connection: http.client.HTTPConnection, number: int) -> None:
        statuses.append(_book(connection, key, number, starts))

    threads = [Thread(target=book, args=pair) for pair in zip(connections, numbers, strict=True)]
    barrier.wait(60)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    answers.put(statuses)


def _book(connection: http.client.HTTPConnection, key: str, number: int, starts: datetime) -> int:
    body = {
        "member": f"m-{number:06}",
        "place": "place-1",
        "resource": "laser",
        "from": starts.isoformat(),
        "until": (starts + timedelta(hours=1)).isoformat(),
    }
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    connection.request("POST", "/v1/bookings", json.dumps(body), headers)
    answer = connection.getresponse()
    answer.read()
    return answer.status


def _alone(port: int, key: str, *, hours: int, times: int = 200) -> list[float]:
    """Let one client book, one after the other; return the sorted seconds of each."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    took: list[float] = []
    for number in range(times):
        begun = perf_counter()
        status = _book(connection, key, number, _hour(hours + number))
        took.append(perf_counter() - begun)
        if status != 201:
            raise SystemExit(f"a booking alone was answered with {status}")
    return sorted(took)


def _fill(url: str, bookings: int) -> None:
    each = max(1, bookings // (_PLACES * UNITS))
    progress(f"{each * _PLACES * UNITS} bookings to come")
    with psycopg.connect(url) as connection:
        connection.execute("ALTER TABLE booking DISABLE TRIGGER USER")
        connection.execute(_BOOKINGS.encode(), {"each": each})
        connection.execute("ALTER TABLE booking ENABLE TRIGGER USER")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ANALYZE booking")


def _bare(url: str, times: int = 50) -> float:
    """Return how many of these rows a second the database takes from as many connections as the API has."""
    units = range(1, _POOL + 1)

    def insert(unit: int) -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            for number in range(times):
                starts = _hour(1000 + number)
                connection.execute(_BARE.encode(), (f"m-{unit:06}", unit, starts, starts + timedelta(hours=1)))

    threads = [Thread(target=insert, args=(unit,)) for unit in units]
    begun = perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return times * len(threads) / (perf_counter() - begun)


def _hour(ahead: int) -> datetime:
    now = datetime.now(UTC)
    return now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=ahead + 1)


if __name__ == "__main__":
    main()
