"""A search for seats over a network: "near me, Thursday 9 to 12, two seats, my pass", beside an empty FastAPI route.

``python -m benchmarks.availability`` loads the real inventory (1,512 rows; three are refused) with its generated spaces
into a real TimescaleDB, and a million bookings of the next four weeks; then ten and a hundred times as many places,
each copied a few kilometres beside. The places of the inventory have a usual week. One process asks the API over HTTP,
with a member's key, near a place each time, on one connection, then on eight.
"""

from __future__ import annotations

import argparse
import os
import random
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import psycopg

from api.keys.owner import create_key
from benchmarks.board import _API, _EMPTY, _STATES, _database, _load, _process
from benchmarks.report import Result, finish, progress
from maillage.sample.creating import create_sample

_BOOKINGS: Final = 1_000_000
_LIMIT_MS: Final = {1: 10.0, 100: 30.0}
_AROUND_DEGREES: Final = 0.1
_WARM_S: Final = 30.0
_READY_S: Final = 600.0
"""The API reads 151,200 places with their spaces and a million bookings before it answers."""
# Each place and its spaces so many times more, some kilometres beside; no copy has doors, devices or desks.
_COPY: Final = """
WITH copied AS (
  INSERT INTO place (code, name, shard, latitude, longitude, time_zone, commune, department, opening_hours, source,
                     source_id, status)
  SELECT 'copy-' || n || '-' || p.id, p.name, p.shard, p.latitude + (random() - 0.5) * %(around)s,
    p.longitude + (random() - 0.5) * %(around)s, p.time_zone, p.commune, p.department, p.opening_hours, 'benchmark',
    n || '-' || p.id, p.status
  FROM generate_series(%(first)s::integer, %(last)s::integer) n, place p WHERE p.source <> 'benchmark'
  RETURNING id, split_part(source_id, '-', 2)::integer AS original
), roots AS (
  INSERT INTO space (place, code, name, kind, capacity, person_limit)
  SELECT c.id, s.code, s.name, s.kind, s.capacity, s.person_limit
  FROM copied c JOIN space s ON s.place = c.original AND s.parent IS NULL
  RETURNING id, place
)
INSERT INTO space (place, code, name, kind, parent, capacity, person_limit)
SELECT c.id, s.code, s.name, s.kind, r.id, s.capacity, s.person_limit
FROM copied c JOIN roots r ON r.place = c.id JOIN space s ON s.place = c.original AND s.parent IS NOT NULL
"""
# Bookings of seats in spaces for work, of one to eight hours within working hours, over the next four weeks.
_NUMBERED: Final = """
DROP TABLE IF EXISTS numbered_space, numbered_member;
CREATE UNLOGGED TABLE numbered_space AS
SELECT row_number() OVER () AS number, s.id, s.place FROM space s JOIN space_kind k ON k.kind = s.kind
WHERE coalesce(s.for_work, k.for_work) AND s.retired_at IS NULL;
CREATE UNLOGGED TABLE numbered_member AS SELECT row_number() OVER () AS number, ref FROM member;
ANALYZE numbered_space, numbered_member
"""
_BOOK: Final = """
INSERT INTO booking (ref, member, place, space, starts_at, ends_at)
SELECT 'b-' || t.n, m.ref, s.place, s.id, t.starts_at, t.starts_at + t.hours * interval '1 hour'
FROM (
  SELECT n, 1 + (hashint4extended(n, 7) & 2147483647) %% %(spaces)s AS space,
    1 + (hashint4extended(n, 8) & 2147483647) %% %(members)s AS member, 1 + n %% 8 AS hours,
    date_trunc('day', now()) + (1 + n %% 28) * interval '1 day' + (7 + n %% 9) * interval '1 hour' AS starts_at
  FROM generate_series(1, %(bookings)s) n
  ORDER BY 2
) t
JOIN numbered_space s ON s.number = t.space
JOIN numbered_member m ON m.number = t.member
"""
# Nothing is booked while it is measured: what refuses overlaps only slows the million down.
_BARE: Final = """
DO $$
DECLARE one record;
BEGIN
  FOR one IN SELECT conname FROM pg_constraint WHERE conrelid = 'booking'::regclass AND contype IN ('x', 'f', 'c') LOOP
    EXECUTE format('ALTER TABLE booking DROP CONSTRAINT %I', one.conname);
  END LOOP;
  FOR one IN SELECT indexrelid::regclass AS name FROM pg_index
             WHERE indrelid = 'booking'::regclass AND NOT indisprimary AND indexrelid <> 'booking_place'::regclass LOOP
    EXECUTE format('DROP INDEX %s', one.name);
  END LOOP;
END $$
"""
# A usual week, with numbers and without, of each space of the inventory.
_USUAL: Final = """
INSERT INTO forecast_model (space, public, learnt_at, usual)
SELECT s.id, public.value, now(), week.usual
FROM space s JOIN place p ON p.id = s.place AND p.source <> 'benchmark', (VALUES (true), (false)) AS public (value),
  LATERAL (SELECT jsonb_agg(jsonb_build_array(kind, hour, busy * 0.4, busy * 0.2, busy * 0.7, 12)) AS usual
           FROM generate_series(0, 7) kind, generate_series(0, 23) hour,
             LATERAL (SELECT coalesce(s.capacity, 10) * (hour BETWEEN 8 AND 18)::integer AS busy) b) week
"""
_HOLDER: Final = """
INSERT INTO member (ref) VALUES ('m-benchmark');
INSERT INTO pass (ref, member) VALUES ('p-benchmark', 'm-benchmark');
"""
_COUNTS: Final = """
SELECT (SELECT count(*) FROM place), (SELECT count(*) FROM space), (SELECT count(*) FROM public_bookings())
"""
_EMPTY_BEFORE: Final = "TRUNCATE booking, space_state, gateway_state, pass_place CASCADE"
_VALID: Final = "INSERT INTO pass_place (pass, place) SELECT 'p-benchmark', id FROM place WHERE id % 2 = 0"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and end with the line of results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each round")
    parser.add_argument("--times", type=int, nargs="+", default=[1, 10, 100], help="the inventory so many times")
    parser.add_argument("--bookings", type=int, default=_BOOKINGS)
    options = parser.parse_args(arguments)
    results = []
    with tempfile.TemporaryDirectory(prefix="maillage-availability-") as folder:
        Path(folder).chmod(0o755)
        with _database(Path(folder)) as url:
            key = _begin(url)
            last = 1
            for times in sorted(options.times):
                points = _fill(url, range(last + 1, times + 1), options.bookings)
                last = times
                results += _of_size(url, key, points, times, options.seconds)
    finish("availability", results)


def _of_size(url: str, key: str, points: list[tuple[float, float]], times: int, seconds: float) -> list[Result]:
    limits = ("CLIENT_REQUESTS", "CLIENT_STREAMS", "CLIENT_CONNECTIONS", "KEY_REQUESTS")
    given = {"MAILLAGE_DATABASE_URL": url, **{f"MAILLAGE_{name}": "1000000000" for name in limits}}
    started = time.perf_counter()
    with _process(_API, given, ready_s=_READY_S) as api, _process(_EMPTY, {}, path="/") as empty:
        progress(f"loaded in {time.perf_counter() - started:.0f} s")
        return _measure((api, empty), key, points, times, seconds)


def _begin(url: str) -> str:
    """Create the inventory's places with their equipment, people and usual weeks; return a member's key."""
    with psycopg.connect(url, autocommit=True) as connection:
        create_sample(connection, card_secret=b"\0" * 32, log=progress)
        with _quiet(connection):
            connection.execute(_HOLDER.encode())
            connection.execute(_BARE.encode())
            connection.execute(_USUAL.encode())
        return create_key(connection, "benchmark", role="member", member="m-benchmark")


def _fill(url: str, copies: range, bookings: int) -> list[tuple[float, float]]:
    """Add copies of the inventory, and book over all of it; return points to look around."""
    started = time.perf_counter()
    with psycopg.connect(url, autocommit=True) as connection, _quiet(connection):
        if copies:
            values = {"first": copies.start, "last": copies.stop - 1, "around": _AROUND_DEGREES}
            connection.execute(_COPY.encode(), values)
        connection.execute(_EMPTY_BEFORE.encode())
        connection.execute(_STATES.encode())
        connection.execute(_VALID.encode())
        connection.execute(_NUMBERED.encode())
        sizes = connection.execute(
            "SELECT (SELECT count(*) FROM numbered_space), (SELECT count(*) FROM numbered_member)"
        )
        spaces, members = sizes.fetchone() or (0, 0)
        connection.execute("SET enable_nestloop = off")
        connection.execute(_BOOK.encode(), {"bookings": bookings, "spaces": spaces, "members": members})
        connection.execute("RESET enable_nestloop")
        connection.execute("ANALYZE")
        counts = connection.execute(_COUNTS).fetchone()
        points = connection.execute("SELECT latitude, longitude FROM place ORDER BY md5(code) LIMIT 20000").fetchall()
    assert counts is not None
    took = time.perf_counter() - started
    progress(f"{counts[0]:,} places, {counts[1]:,} spaces, {counts[2]:,} bookings, filled in {took:.0f} s")
    return points


@contextmanager
def _quiet(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """Write without audit, notifications and checks: all of it is new, and nobody listens yet."""
    connection.execute("SET session_replication_role = replica")
    try:
        yield
    finally:
        connection.execute("SET session_replication_role = DEFAULT")


def _measure(
    ports: tuple[int, int], key: str, points: list[tuple[float, float]], times: int, seconds: float
) -> list[Result]:
    api, empty = ports
    start, end = (f"{moment:%Y-%m-%dT%H:%M:%SZ}" for moment in thursday(datetime.now(UTC)))
    dice = random.Random(1)
    paths = []
    for latitude, longitude in points:
        near = f"{latitude + dice.uniform(-0.05, 0.05):.4f},{longitude + dice.uniform(-0.05, 0.05):.4f}"
        question = {"near": near, "from": start, "until": end, "seats": 2, "pass": "mine", "limit": 20}
        paths.append([f"/v1/availability?{urlencode(question)}", None])
    ours: dict[str, Any] = {"port": api, "requests": paths, "status": 200, "key": key, "seconds": seconds}
    theirs: dict[str, Any] = {"port": empty, "requests": [["/", None]], "status": 200, "seconds": seconds}
    cold = _load({**ours, "connections": 1})
    _load({**ours, "connections": 8, "seconds": _WARM_S})  # usual weeks are read in the background
    alone, cpu_ms = _with_cpu(api, {**ours, "connections": 1})
    reference = _load({**theirs, "connections": 1})
    many = _load({**ours, "connections": 8})
    many_empty = _load({**theirs, "connections": 8})
    memory_mb = _memory_mb(api)
    size = f"{1512 * times:,}"
    progress(
        f"{size} places: p50 {alone['p50_ms']:.1f} ms, p99 {alone['p99_ms']:.1f} ms, CPU {cpu_ms:.1f} ms "
        f"(empty route {reference['p50_ms']:.2f}, {reference['p99_ms']:.2f}); cold p50 {cold['p50_ms']:.1f}, p99 "
        f"{cold['p99_ms']:.1f} ms; 8 connections {many['requests'] / many['seconds']:,.0f} requests/s (empty route "
        f"{many_empty['requests'] / many_empty['seconds']:,.0f}); API process {memory_mb:,.0f} MB"
    )
    suffix = "" if times == 1 else f"_{1512 * times}"
    limit = _LIMIT_MS.get(times)
    empty_route = "empty FastAPI route"
    found = {
        f"availability_p99{suffix}_ms": (alone["p99_ms"], limit or reference["p99_ms"]),
        f"availability_p50{suffix}_ms": (alone["p50_ms"], reference["p50_ms"]),
        f"availability_cold_p50{suffix}_ms": (cold["p50_ms"], reference["p50_ms"]),
        f"availability_cold_p99{suffix}_ms": (cold["p99_ms"], reference["p99_ms"]),
    }
    times_ms = [
        Result(
            name=name,
            value=value,
            unit="ms",
            reference="goal" if limit and other == limit else empty_route,
            reference_value=other,
        )
        for name, (value, other) in found.items()
    ]
    return [
        *times_ms,
        Result(name=f"availability_cpu{suffix}_ms", value=cpu_ms, unit="ms"),
        Result(
            name=f"availability_requests{suffix}_per_s",
            value=many["requests"] / many["seconds"],
            unit="1/s",
            reference=empty_route,
            reference_value=many_empty["requests"] / many_empty["seconds"],
        ),
        Result(name=f"availability_memory{suffix}_mb", value=memory_mb, unit="MB"),
    ]


def _with_cpu(port: int, order: dict[str, Any]) -> tuple[dict[str, float], float]:
    """Load, and return with the result the processor time of the server for each request."""
    before = _cpu_s(port)
    result = _load(order)
    return result, (_cpu_s(port) - before) * 1000 / result["requests"]


def thursday(now: datetime) -> tuple[datetime, datetime]:
    """Return the next Thursday but one day at least, 9 to 12 in Paris, in UTC."""
    day: date = now.date() + timedelta(days=2)
    day += timedelta(days=(3 - day.weekday()) % 7)
    zone = ZoneInfo("Europe/Paris")
    first, last = (datetime(day.year, day.month, day.day, hour, tzinfo=zone) for hour in (9, 12))
    return first.astimezone(UTC), last.astimezone(UTC)


def _memory_mb(port: int) -> float:
    """Return the resident memory of the process that listens on ``port``."""
    status = (_process_on(port) / "status").read_text()
    return float(status.split("VmRSS:")[1].split()[0]) / 1024


def _cpu_s(port: int) -> float:
    """Return the processor time that the process that listens on ``port`` has taken."""
    fields = (_process_on(port) / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _process_on(port: int) -> Path:
    listening = f"{port:04X}"
    inodes = set()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[1].endswith(f":{listening}") and fields[3] == "0A":
            inodes.add(f"socket:[{fields[9]}]")
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if any(str(link.readlink()) in inodes for link in (process / "fd").iterdir()):
                return process
        except OSError:
            continue
    raise RuntimeError(f"no process listens on port {port}")


if __name__ == "__main__":
    main()
