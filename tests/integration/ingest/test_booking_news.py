"""Bookings on the real database and ingest: told when they begin soon, once, and folded alike by a fresh fold."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import psycopg

from gateway.contract.stored_events import KINDS
from ingest import booking_news, refold
from tests.integration.ingest.conftest import Bench
from tests.waiting import until

EVENTS = """
SELECT e.seq, e.state, e.a, e.b = (SELECT min(id) FROM space WHERE code = 'meet'), (e.detail ->> 'party')::boolean,
  e.detail -> 'came', e.device
FROM event e WHERE e.stream = %s AND e.kind = %s ORDER BY e.tx, e.seq
"""
STATE = "SELECT t.quality, t.present FROM space_state t JOIN space s ON s.id = t.space WHERE s.code = 'meet'"


def events(bench: Bench) -> list[tuple[Any, ...]]:
    return bench.rows(EVENTS, booking_news.STREAM, KINDS["booking"])


def test_a_booking_is_told_once_an_hour_before_and_what_becomes_of_it(
    bench: Bench, start_ingest: Callable[..., threading.Event]
) -> None:
    """In a room without a sensor a party is likely, and nobody once it is cancelled; one of next week says nothing."""
    bench.rows("""
        INSERT INTO space (place, parent, code, name, kind, capacity)
        SELECT s.place, s.id, 'meet', 'Meeting room', 'meeting_room', 8
        FROM space s JOIN place p ON p.id = s.place WHERE p.code = 'p0001' AND s.parent IS NULL RETURNING id
    """)
    bench.rows("INSERT INTO member (ref) VALUES ('m-0001') RETURNING ref")
    start_ingest()
    book = """
        INSERT INTO booking (member, place, space, starts_at, ends_at)
        SELECT 'm-0001', place, id, now() + %s::interval, now() + %s::interval + interval '2 hours'
        FROM space WHERE code = 'meet' RETURNING ref
    """
    (ref,) = bench.rows(book, "-20 minutes", "-20 minutes")[0]
    bench.rows(book, "7 days", "7 days")
    until(lambda: len(events(bench)) == 1, what="the booking is an event")
    until(lambda: bench.rows(STATE) != [] and bench.rows(STATE)[0][0] == "degraded", what="a party is likely in")
    assert bench.rows(STATE)[0][1] in (1, 2, 3)
    assert [row[1:] for row in events(bench)] == [(1, None, True, True, None, None)]
    bench.rows("UPDATE booking SET cancelled_at = now() WHERE ref = %s RETURNING ref", ref)
    until(lambda: len(events(bench)) == 2, what="that it is taken back is one, too")
    until(lambda: bench.rows(STATE)[0][0] == "unknown", what="nothing is known of the room again")
    assert events(bench)[1][1] == 0
    assert bench.one("SELECT count(*) FROM booking_news") == 1, "next week's waits"
    assert bench.one("SELECT bool_and(detail::text NOT LIKE '%%' || %s || '%%') FROM event WHERE kind = 12", ref)
    with psycopg.connect(bench.url) as connection:
        assert refold.differences(connection) == []


def test_what_was_told_and_is_moved_is_told_again_and_what_was_not_told_waits(bench: Bench) -> None:
    """No ingest runs: a row that is due stands for one that was told."""
    bench.rows("INSERT INTO member (ref) VALUES ('m-0001') RETURNING ref")
    book = """
        INSERT INTO booking (member, place, space, starts_at, ends_at)
        SELECT 'm-0001', place, id, now() + %s::interval, now() + %s::interval + interval '2 hours'
        FROM space WHERE parent IS NOT NULL ORDER BY id LIMIT 1 RETURNING ref
    """
    (soon,) = bench.rows(book, "10 minutes", "10 minutes")[0]
    (later,) = bench.rows(book, "9 days", "9 days")[0]
    bench.rows(
        "UPDATE booking SET starts_at = starts_at + interval '5 days', ends_at = ends_at + interval '5 days'"
        " RETURNING ref"
    )
    told = bench.rows("""
        SELECT b.ref, n.held, n.due_at <= now(), n.starts_at = b.starts_at
        FROM booking_news n JOIN booking b ON hashtextextended(b.ref, b.space) = n.booking
    """)
    assert sorted(told) == sorted([(soon, True, True, True), (later, True, False, True)])
    bench.rows("DELETE FROM booking RETURNING ref")
    assert sorted(bench.rows("SELECT held, due_at <= now() FROM booking_news")) == [(False, False), (False, True)]
