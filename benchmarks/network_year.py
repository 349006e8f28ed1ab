"""A network with a year behind it, made by SQL: what the dashboards are measured on (`benchmarks.dashboards`).

The bundled inventory with its generated spaces, desks, doors and devices; each space with a present state; events and
changes of two days, few of the 90 days and of the year before, quarter hours of eight days; days of each place and sums
of departments over a year; bookings to come.
"""

from __future__ import annotations

import time
from datetime import date, timedelta
from typing import Any, Final

import psycopg

from benchmarks.history import make_days
from benchmarks.report import progress
from maillage.sample.creating import create_sample

_STATES: Final = """
INSERT INTO space_state (space, place, revision, present, low, high, capacity, quality, at, ttl_s, changed_at, fold)
SELECT s.id, s.place, 1, s.id % 7, s.id % 7, s.id % 7 + s.id % 2, coalesce(s.capacity, 10), 'live', now(), 86400, now(),
  jsonb_build_object('silent', '[]'::jsonb, 'desks', coalesce((
    SELECT jsonb_object_agg(d.id, jsonb_build_array(d.id % 2 = 0, (extract(epoch FROM now()) * 1000000)::bigint))
    FROM device d JOIN desk k ON k.id = d.desk WHERE k.space = s.id), '{}'))
FROM space s;
INSERT INTO gateway_state (gateway, place, online, heard_at, changed_at, spool_depth, clock_offset_ms, devices, version)
SELECT id, place, true, now(), now() - interval '1 day', 0, 3, 20, '0.1.0' FROM gateway WHERE id % 25 > 0;
INSERT INTO stream (gateway, epoch) SELECT id, lpad(to_hex(id), 8, '0') FROM gateway;
INSERT INTO device_state (device, place, reported_at, heard_at, expect_every_s, battery)
SELECT id, place, now(), now(), 3600, 80 FROM device;
INSERT INTO alarm (kind, place, gateway, text)
SELECT 'clock_wrong', place, id, 'a clock is wrong' FROM gateway WHERE id % 15 = 0
"""
# 150 changes of each place and 30 of each other space a day
_CHANGES: Final = """
INSERT INTO occupancy_change (at, place, space, present, low, high, capacity, quality)
SELECT now() - i * interval '1 day' / c.many, s.place, s.id, (s.id + i) % 9, (s.id + i) % 9, (s.id + i) % 9 + 1,
  s.capacity, 'live'
FROM space s
CROSS JOIN LATERAL (SELECT CASE WHEN s.parent IS NULL THEN 150 ELSE 30 END AS many) c
CROSS JOIN LATERAL generate_series(0, 2 * c.many) i
"""
# each device says something 20 times a day: a reader an access, every fifth one refused
_EVENTS: Final = """
INSERT INTO event (at, received_at, tx, stream, seq, place, device, kind, state, reason, detail)
SELECT e.at, e.at, 1, t.id, row_number() OVER (PARTITION BY t.id ORDER BY e.at), d.place, d.id, k.kind,
  CASE WHEN k.kind = 1 THEN (e.i % 5 > 0)::integer ELSE e.i % 2 END,
  CASE WHEN k.kind = 1 THEN CASE WHEN e.i % 5 > 0 THEN 0 ELSE 8 END END,
  CASE WHEN k.kind = 1 THEN '{"awaits": false}'::jsonb END
FROM device d
JOIN stream t ON t.gateway = d.gateway
CROSS JOIN LATERAL (
  SELECT CASE d.kind WHEN 'reader' THEN 1 WHEN 'contact' THEN 4 WHEN 'desk_sensor' THEN 5 ELSE 7 END AS kind) k
CROSS JOIN LATERAL (
  SELECT i, now() - i * interval '72 minutes' - d.id % 72 * interval '1 minute' AS at FROM generate_series(1, 40) i) e
"""
# and once a day before, so that there are as many chunks as events are kept days: 90
_EVENTS_BEFORE: Final = """
INSERT INTO event (at, received_at, tx, stream, seq, place, device, kind, state, reason, detail)
SELECT e.at, e.at, 1, t.id, -e.i, d.place, d.id, k.kind, CASE WHEN k.kind = 1 THEN 1 ELSE e.i % 2 END,
  CASE WHEN k.kind = 1 THEN 0 END, CASE WHEN k.kind = 1 THEN '{"awaits": false}'::jsonb END
FROM device d
JOIN stream t ON t.gateway = d.gateway
CROSS JOIN LATERAL (
  SELECT CASE d.kind WHEN 'reader' THEN 1 WHEN 'contact' THEN 4 WHEN 'desk_sensor' THEN 5 ELSE 7 END AS kind) k
CROSS JOIN LATERAL (
  SELECT i, now() - i * interval '1 day' - d.id % 72 * interval '1 minute' AS at FROM generate_series(3, 89) i) e
"""
# a change of each space in each week of a year
_CHANGES_BEFORE: Final = """
INSERT INTO occupancy_change (at, place, space, present, low, high, capacity, quality)
SELECT now() - i * interval '7 days', s.place, s.id, (s.id + i) % 9, (s.id + i) % 9, (s.id + i) % 9 + 1,
  s.capacity, 'live'
FROM space s CROSS JOIN generate_series(1, 52) i
"""
_QUARTERS: Final = """
INSERT INTO occupancy_15m (at, place, space, mean, peak, known, capacity, degraded)
SELECT q.at, s.place, s.id, s.id % 9, s.id % 11, 1, s.capacity, 0
FROM space s
CROSS JOIN generate_series(date_bin('15 minutes', now(), '2000-01-01 00:00+00') - interval '8 days',
  date_bin('15 minutes', now(), '2000-01-01 00:00+00') - interval '15 minutes', '15 minutes') AS q (at)
WHERE s.parent IS NULL
"""
_BOOKINGS: Final = """
INSERT INTO booking (ref, member, place, space, starts_at, ends_at)
SELECT 'b-' || w.id || '-' || n, m.ref, w.place, w.id, b.at, b.at + interval '2 hours'
FROM (SELECT s.id, s.place FROM space s JOIN space_kind k ON k.kind = s.kind WHERE k.for_work) w
CROSS JOIN generate_series(0, 29) n
CROSS JOIN LATERAL (SELECT date_trunc('hour', now()) + (n * 24 + w.id % 8 - 2) * interval '1 hour' AS at) b
CROSS JOIN LATERAL (SELECT ref FROM member ORDER BY ref OFFSET w.id % 50 LIMIT 1) m
"""
_VACUUM: Final = "VACUUM (ANALYZE)"


def make(connection: psycopg.Connection[Any], *, places: int, days: int, today: date) -> list[str]:
    """Make it in a fresh database as its owner (in autocommit mode); return the codes of the places."""
    begun = time.monotonic()
    create_sample(connection, places=places, card_secret=b"\0" * 32, log=lambda _line: None)
    for what, query in (
        ("states", _STATES),
        ("changes", _CHANGES),
        ("changes before", _CHANGES_BEFORE),
        ("events", _EVENTS),
        ("events before", _EVENTS_BEFORE),
        ("quarter hours", _QUARTERS),
        ("bookings", _BOOKINGS),
    ):
        connection.execute(query.encode())
        progress(f"{what}: after {time.monotonic() - begun:.0f} s")
    make_days(connection, today - timedelta(days=days), today)
    connection.execute(_VACUUM)
    codes = [code for (code,) in connection.execute("SELECT code::text FROM place ORDER BY md5(code)").fetchall()]
    progress(f"{len(codes)} places with {days} days behind them, made in {time.monotonic() - begun:.0f} s")
    return codes
