"""The history of a year of 1,512 places: one place by quarter hours over a month, the network by day over the year.

``python -m benchmarks.history`` starts a real TimescaleDB of its own, makes a year of days for each place, sums of
departments and of the network, and asks the API over HTTP, with a key. Everything is deleted afterwards.
"""

from __future__ import annotations

import argparse
import http.client
import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any, Final

import psycopg

from api.keys.owner import create_key
from benchmarks.board import _API, _database, _process
from benchmarks.report import Result, finish, progress
from jobs.history import add_up

_DAYS: Final = 365
_PLACES: Final = 1512
# places of 96 departments of the mainland and four overseas, which have time zones of their own
_NETWORK: Final = """
WITH p AS (
  INSERT INTO place (code, name, shard, latitude, longitude, time_zone, department, source, source_id)
  SELECT 'place-' || n, 'Place ' || n, n %% 64, 42 + n %% 9, n %% 7,
    (ARRAY['Indian/Reunion', 'America/Martinique', 'America/Guadeloupe', 'America/Cayenne'])[1 + n %% 100 - 96],
    (ARRAY['974', '972', '971', '973'])[1 + n %% 100 - 96], 'benchmark', n::text
  FROM generate_series(1, %s) n WHERE n %% 100 >= 96
  UNION ALL
  SELECT 'place-' || n, 'Place ' || n, n %% 64, 42 + n %% 9, n %% 7, 'Europe/Paris', lpad((n %% 100)::text, 2, '0'),
    'benchmark', n::text
  FROM generate_series(1, %s) n WHERE n %% 100 < 96
  RETURNING id
)
INSERT INTO space (place, code, name, kind, capacity) SELECT id, 'place', 'Whole', 'place', 20 FROM p
"""
# a day of quarter hours for each of 64 kinds of place, on a weekday or not: people come at eight and leave at six
_KINDS: Final = """
CREATE TABLE kind AS
SELECT k, weekend, n, array_agg(people * 900 ORDER BY i) AS persons, array_agg(people ORDER BY i) AS peak,
  array_agg(900 - lost ORDER BY i) AS known, array_fill(0, ARRAY[n]) AS none, array_fill(20, ARRAY[n]) AS capacity,
  array_agg((CASE WHEN people < 18 THEN 8 ELSE 18 END) * (900 - lost) ORDER BY i) AS shown,
  sum(people * (900 - lost)) AS person_s, sum(900 - lost) AS known_s, max(people) AS top
FROM generate_series(0, 63) k, (VALUES (false), (true)) w (weekend), (VALUES (92), (96), (100)) l (n),
  generate_series(0, n - 1) i,
  LATERAL (
    SELECT
      CASE WHEN weekend OR i NOT BETWEEN 32 AND 72 THEN 0 ELSE k % 20 + abs(hashint4(k * 100 + i)) % 4 END AS people,
      CASE WHEN hashint4(k * 1000 + i) % 50 = 0 THEN 450 ELSE 0 END AS lost
  ) p
GROUP BY k, weekend, n;
CREATE TABLE calendar AS
SELECT z.zone, d.day::date AS day, d.day AT TIME ZONE z.zone AS starts, extract(isodow FROM d.day) > 5 AS weekend,
  (extract(epoch FROM (d.day + interval '1 day') AT TIME ZONE z.zone - d.day AT TIME ZONE z.zone) / 900)::integer AS n
FROM (SELECT DISTINCT time_zone AS zone FROM place) z, generate_series('{first}'::timestamp, '{last}', '1 day') d (day)
"""
_FILL: Final = """
INSERT INTO history_day (published, space, day, place, zone, starts, persons, peak, known, degraded, shown, line,
  capacity, seconds, person_s, seat_s, known_s, degraded_s, shown_s, line_s, day_peak, shown_peak, day_capacity)
SELECT false, s.id, c.day, p.id, c.zone, c.starts, k.persons, k.peak, k.known, k.none, k.shown, k.known, k.capacity,
  k.n * 900, k.person_s, k.known_s * 20, k.known_s, 0, k.person_s, k.known_s, k.top, k.top, 20
FROM place p
JOIN space s ON s.place = p.id AND s.parent IS NULL
JOIN calendar c ON c.zone = p.time_zone
JOIN kind k ON k.k = (p.id + c.day - '2000-01-01') % 64 AND k.weekend = c.weekend AND k.n = c.n
"""
# the sums of departments as the job leaves them, but of one kind of place each: adding all up takes minutes
_GROUPS: Final = """
INSERT INTO history_group (published, department, zone, day, starts, persons, people, shown_people, known, degraded,
  shown, line, seats, capacity, places, seconds, person_s, seat_s, known_s, degraded_s, shown_s, line_s, people_sum,
  shown_sum, quarters, shown_quarters, day_peak, shown_peak, day_capacity)
SELECT false, d.department, c.zone, c.day, c.starts, k.persons, k.peak, k.peak, k.known, k.none, k.shown, k.known,
  k.persons, k.capacity, k.capacity, k.n * 900 * d.places, k.person_s * d.places, k.known_s * 20 * d.places,
  k.known_s * d.places, 0, k.person_s * d.places, k.known_s * d.places, k.person_s * d.places / 900.0, 0, k.n, k.n,
  k.top * d.places, k.top * d.places, 20 * d.places
FROM (SELECT coalesce(department, '?') AS department, time_zone AS zone, count(*) AS places FROM place GROUP BY 1, 2
      UNION ALL SELECT '*', time_zone, count(*) FROM place GROUP BY 2) d
JOIN calendar c ON c.zone = d.zone
JOIN kind k ON k.k = abs(hashtext(d.department)) % 64 AND k.weekend = c.weekend AND k.n = c.n
"""
_ALL: Final = "SELECT id FROM place"
_SIZE: Final = "SELECT count(*), pg_total_relation_size('history_day') / 1e6 FROM history_day"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and end with the line of results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=_DAYS)
    parser.add_argument("--rounds", type=int, default=60)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="maillage-history-") as folder:
        Path(folder).chmod(0o755)
        with _database(Path(folder)) as url:
            first = date(datetime.now(UTC).year - 1, 1, 1)
            codes, key = _fill(url, first, options.days)
            with _process(_API, {"MAILLAGE_DATABASE_URL": url}) as port:
                finish("history", _measure(port, key, codes, first, options))


def _fill(url: str, first: date, days: int) -> tuple[list[str], str]:
    begun = time.monotonic()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_NETWORK, (_PLACES, _PLACES))
        make_days(connection, first, first + timedelta(days=days - 1))
        progress(f"the year is made after {time.monotonic() - begun:.0f} s; adding up its first days as the jobs do")
        froms = {place: datetime(first.year, 1, 1, 12, tzinfo=UTC) for (place,) in connection.execute(_ALL)}
        with connection.transaction():
            add_up(connection, froms, datetime(first.year, 1, 2, tzinfo=UTC), published=False)
        connection.execute("VACUUM (ANALYZE) history_day, history_group")
        row = connection.execute(_SIZE).fetchone()
        assert row is not None
        codes = [code for (code,) in connection.execute("SELECT code::text FROM place ORDER BY md5(code)").fetchall()]
        with connection.transaction():
            key = create_key(connection, "benchmark", role="auditor")
    took = time.monotonic() - begun
    progress(f"{len(codes)} places, {row[0]:,} days of places, {row[1]:,.0f} MB, made in {took:.0f} s")
    return codes, key


def make_days(connection: psycopg.Connection[Any], first: date, last: date) -> None:
    """Make days of each place, from ``first`` to ``last``, and the sums of departments and the network."""
    connection.execute(_KINDS.replace("{first}", str(first)).replace("{last}", str(last)).encode())
    connection.execute("ALTER TABLE history_day DROP CONSTRAINT history_day_pkey")
    connection.execute(_FILL.encode())
    connection.execute("ALTER TABLE history_day ADD PRIMARY KEY (published, space, day)")
    connection.execute(_GROUPS.encode())


def _months(first: date, days: int) -> Iterator[tuple[date, date]]:
    """Pieces of 30 days: begin and the day after the last."""
    for start in range(0, days, 30):
        yield first + timedelta(days=start), first + timedelta(days=min(start + 30, days))


def _measure(port: int, key: str, codes: list[str], first: date, options: argparse.Namespace) -> list[Result]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    year = first + timedelta(days=options.days)

    def asked(path: str, rows: int) -> float:
        begun = time.perf_counter()
        connection.request("GET", path, headers={"Authorization": f"Bearer {key}"})
        answer = connection.getresponse()
        body = answer.read()
        took = (time.perf_counter() - begun) * 1000
        found = len(json.loads(body)["rows"]) if answer.status == 200 else body
        assert isinstance(found, int) and abs(found - rows) <= 4, (path, found)  # a clock change is four quarter hours
        return took

    months = list(_months(first, options.days - options.days % 30))
    place, network = [], []
    for number in range(options.rounds + 3):
        start, end = months[number % len(months)]
        zone = f"/v1/places/{codes[number % len(codes)]}/history?by=quarter&from={start}&to={end}"
        place.append(asked(zone, 96 * (end - start).days))
        if number % 3 == 0:
            network.append(asked(f"/v1/history?by=day&from={first}&to={year}", options.days))
    place, network = place[3:], network[1:]  # the first ones warm up
    progress(
        f"place by quarter hours over 30 days: median {median(place):.1f} ms, worst {max(place):.1f}; "
        f"network by day: median {median(network):.1f} ms, worst {max(network):.1f}"
    )
    return [
        Result(name="place_month_ms", value=median(place), unit="ms", reference="goal", reference_value=30.0),
        Result(name="network_year_ms", value=median(network), unit="ms", reference="goal", reference_value=300.0),
    ]


if __name__ == "__main__":
    main()
