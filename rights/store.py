"""The rights process' own SQL: pending changes, and the temporal rows of lists."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final

import psycopg

from rights.backlog import Dirty
from rights.draft import NewEntries, StoredList

Connection = psycopg.Connection[Any]
LEASE: Final = "rights"
"""One rights process leads at a time: the one that holds it."""
_SEPARATOR: Final = "\x1e"
"""Between packed texts: in no reference, and escaped in JSON."""

_SNAPSHOT = """
-- all of this transaction's statements see the same
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ
"""
_DIRTY = """
-- changes that are not yet in the lists, oldest first
SELECT id, member, place, at, hurry FROM access_dirty ORDER BY id
"""
_CLEAN = """
-- changes that are in the lists now
DELETE FROM access_dirty WHERE id = ANY(%b::bigint[])
"""
_SERVED = """
-- the places with a gateway in service
SELECT DISTINCT place FROM gateway WHERE retired_at IS NULL ORDER BY place
"""
_LISTED = """
-- the places that have a list
SELECT place FROM access_list ORDER BY place
"""
_LISTS = """
-- the newest list of places, as numbers
SELECT place, version, fingerprint, entries, made_at FROM access_list WHERE place = ANY(%b::integer[])
"""
_OLD = """
-- places whose list has lived half of its allowed age
SELECT l.place FROM access_list l JOIN list_settings s ON s.place = l.place AND s.until IS NULL
WHERE l.made_at < %b::timestamptz - make_interval(secs => (s.body ->> 'max_age_s')::double precision / 2)
  AND EXISTS (SELECT FROM gateway g WHERE g.place = l.place AND g.retired_at IS NULL)
ORDER BY l.place
"""
_OVER = """
-- members in lists whose pass ended a week ago or whose booking is over
SELECT DISTINCT e.member FROM list_entry e
WHERE e.until IS NULL AND (
  EXISTS (SELECT FROM pass p WHERE p.member = e.member
    AND p.valid_until BETWEEN %(now)s::timestamptz - interval '40 days' AND %(now)s::timestamptz - interval '7 days')
  OR EXISTS (SELECT FROM booking b LEFT JOIN place_policy y ON y.place = b.place WHERE b.member = e.member
    AND b.ends_at BETWEEN %(now)s::timestamptz - interval '8 days'
      AND %(now)s::timestamptz - make_interval(secs => coalesce(y.booking_after_s, 0))))
"""
_FOLLOWERS = """
-- who follows a schedule of these places elsewhere too
WITH RECURSIVE reach (id) AS (
  SELECT id FROM schedule WHERE place = ANY(%(places)s::integer[])
  UNION SELECT s.id FROM reach r JOIN schedule s ON r.id = ANY(s.linked)
)
SELECT DISTINCT p.member FROM pass p JOIN reach r ON r.id = p.schedule
WHERE p.revoked_at IS NULL
  AND (p.everywhere OR EXISTS (SELECT FROM pass_place l WHERE l.pass = p.ref AND l.place <> ALL(%(places)s::integer[])))
"""
_FOLLOWING_DOORS = """
-- other places whose doors follow a schedule of these places
WITH RECURSIVE reach (id) AS (
  SELECT id FROM schedule WHERE place = ANY(%(places)s::integer[])
  UNION SELECT s.id FROM reach r JOIN schedule s ON r.id = ANY(s.linked)
)
SELECT DISTINCT d.place FROM door_rule d JOIN reach r ON r.id IN (d.pin_while, d.supervised, d.first_card)
WHERE d.place <> ALL(%(places)s::integer[])
"""
_WEIGHT = """
-- how many entries members have and could get: those in force, and one a place for each who has a pass for everywhere
SELECT (SELECT count(*) FROM list_entry WHERE until IS NULL AND member = ANY(%(members)s::text[]))
  + (SELECT count(DISTINCT member) FROM pass
     WHERE everywhere AND revoked_at IS NULL AND member = ANY(%(members)s::text[]))
  * (SELECT count(DISTINCT place) FROM gateway WHERE retired_at IS NULL)
"""
_ENTRIES_OF_MEMBERS = """
-- members' entries in force, anywhere
SELECT place, encode(token, 'hex'), member, digest FROM list_entry WHERE until IS NULL AND member = ANY(%b::text[])
"""
_ENTRIES_OF_PLACES = """
-- entries in force at places
SELECT place, encode(token, 'hex'), member, digest FROM list_entry WHERE until IS NULL AND place = ANY(%b::integer[])
"""
_HOLDERS = """
-- what some entries in force say of their holders
SELECT e.place, encode(e.token, 'hex'), e.holder
FROM unnest(%b::integer[], %b::bytea[]) AS w (place, token) JOIN list_entry e USING (place, token)
WHERE e.until IS NULL
"""
_SETTINGS = """
-- the settings of lists
SELECT place, body FROM list_settings WHERE until IS NULL AND place = ANY(%b::integer[])
"""
_CLOSE_ENTRIES = """
-- entries that are no more, or are otherwise
UPDATE list_entry e SET until = c.until
FROM unnest(%b::integer[], %b::bytea[], %b::integer[]) AS c (place, token, until)
WHERE e.place = c.place AND e.token = c.token AND e.until IS NULL
"""
_NEW_ENTRIES = """
-- the entries instead of them (COPY goes into no table with row-level security); packed: an array costs more to make
INSERT INTO list_entry (place, token, since, member, card, holder, digest, lookup)
SELECT place, substr(%(tokens)b, 32 * n::integer - 31, 32), since, member, card::jsonb, holder::jsonb,
  substr(%(digests)b, 32 * n::integer - 31, 32), substr(%(lookups)b, 32 * n::integer - 31, 32)
FROM unnest(string_to_array(%(places)b, E'\x1e')::integer[], string_to_array(%(since)b, E'\x1e')::integer[],
  string_to_array(%(members)b, E'\x1e'), string_to_array(%(cards)b, E'\x1e'), string_to_array(%(holders)b, E'\x1e'))
  WITH ORDINALITY AS e (place, since, member, card, holder, n)
"""
_NEW_VERSIONS = """
-- the new versions
WITH made AS (
  SELECT * FROM unnest(%b::integer[], %b::integer[], %b::text[], %b::integer[])
    AS m (place, version, fingerprint, entries)
), lists AS (
  INSERT INTO access_list (place, version, made_at, fingerprint, entries)
  SELECT place, version, %b::timestamptz, fingerprint, entries FROM made
  ON CONFLICT (place) DO UPDATE SET version = excluded.version, made_at = excluded.made_at,
    fingerprint = excluded.fingerprint, entries = excluded.entries
)
INSERT INTO list_version (place, version, made_at) SELECT place, version, %b::timestamptz FROM made
"""
_CLOSE_SETTINGS = """
-- settings that are no more
UPDATE list_settings s SET until = c.until FROM unnest(%b::integer[], %b::integer[]) AS c (place, until)
WHERE s.place = c.place AND s.until IS NULL
"""
_NEW_SETTINGS = """
-- the settings instead of them
INSERT INTO list_settings (place, since, body) SELECT * FROM unnest(%b::integer[], %b::integer[], %b::jsonb[])
"""


@contextmanager
def snapshot(connection: Connection) -> Iterator[None]:
    """Run a transaction in which everything is read as of one instant."""
    with connection.transaction():
        connection.execute(_SNAPSHOT)
        yield


def dirt(connection: Connection) -> list[Dirty]:
    """Return the changes that are not yet in the lists, oldest first."""
    return [
        Dirty(id=number, member=member, place=place, at=at, hurry=hurry)
        for number, member, place, at, hurry in connection.execute(_DIRTY)
    ]


def clean(connection: Connection, ids: Iterable[int]) -> None:
    """Delete rows of access_dirty."""
    connection.execute(_CLEAN, (list(ids),))


def served(connection: Connection) -> list[int]:
    """Return the places with a gateway in service."""
    return [place for (place,) in connection.execute(_SERVED)]


def listed(connection: Connection) -> list[int]:
    """Return the places that have a list."""
    return [place for (place,) in connection.execute(_LISTED)]


def lists(connection: Connection, places: Iterable[int]) -> dict[int, StoredList]:
    """Return the newest lists of ``places`` by place; one without is left out."""
    return {
        place: StoredList(version=version, fingerprint=fingerprint, entries=entries, made_at=made_at)
        for place, version, fingerprint, entries, made_at in connection.execute(_LISTS, (list(places),))
    }


def old(connection: Connection, now: datetime) -> list[int]:
    """Return the places whose list has lived half of its allowed age."""
    return [place for (place,) in connection.execute(_OLD, (now,))]


def over(connection: Connection, now: datetime) -> list[str]:
    """Return the members in lists whose pass or booking has ended."""
    return [member for (member,) in connection.execute(_OVER, {"now": now})]


def followers(connection: Connection, places: Sequence[int]) -> tuple[list[str], list[int]]:
    """Return the members and the other places that follow a schedule of ``places``."""
    values = {"places": list(places)}
    return (
        [member for (member,) in connection.execute(_FOLLOWERS, values)],
        [place for (place,) in connection.execute(_FOLLOWING_DOORS, values)],
    )


def weight(connection: Connection, members: Sequence[str]) -> int:
    """Return about how many entries members have and could get."""
    row = connection.execute(_WEIGHT, {"members": list(members)}).fetchone()
    return int(row[0]) if row is not None else 0


def entries_of_members(connection: Connection, members: Sequence[str]) -> list[tuple[int, str, str, bytes]]:
    """Return place, token, member and digest of the members' entries in force."""
    return connection.execute(_ENTRIES_OF_MEMBERS, (list(members),), binary=True).fetchall()


def entries_of_places(connection: Connection, places: Sequence[int]) -> list[tuple[int, str, str, bytes]]:
    """Return place, token, member and digest of the places' entries in force."""
    return connection.execute(_ENTRIES_OF_PLACES, (list(places),), binary=True).fetchall()


def holders(connection: Connection, wanted: Sequence[tuple[int, str]]) -> dict[tuple[int, str], Any]:
    """Return what entries in force say of their holders, by place and token."""
    if not wanted:
        return {}
    columns = ([place for place, _ in wanted], [bytes.fromhex(token) for _, token in wanted])
    return {(place, token): holder for place, token, holder in connection.execute(_HOLDERS, columns)}


def settings(connection: Connection, places: Sequence[int]) -> dict[int, Any]:
    """Return the settings of the places' newest lists, as JSON values."""
    return dict(connection.execute(_SETTINGS, (list(places),)).fetchall())


def close_entries(connection: Connection, closed: Sequence[tuple[int, str, int]]) -> None:
    """Close entries: place, token, the version that they are no more in."""
    if closed:
        places, tokens, versions = zip(*closed, strict=True)
        connection.execute(_CLOSE_ENTRIES, (list(places), [bytes.fromhex(one) for one in tokens], list(versions)))


def add_entries(connection: Connection, new: Sequence[NewEntries]) -> None:
    """Add the new entries of some places."""
    if any(one.tokens for one in new):
        values = {
            "places": _SEPARATOR.join(text for one in new for text in [str(one.place)] * len(one.members)),
            "since": _SEPARATOR.join(text for one in new for text in [str(one.since)] * len(one.members)),
            "tokens": b"".join(one.tokens for one in new),
            "digests": b"".join(one.digests for one in new),
            "lookups": b"".join(one.lookups for one in new),
            "members": _SEPARATOR.join(text for one in new for text in one.members),
            "cards": _SEPARATOR.join(text for one in new for text in one.cards),
            "holders": _SEPARATOR.join(text for one in new for text in one.holders),
        }
        connection.execute(_NEW_ENTRIES, values)


def write_versions(
    connection: Connection,
    made: Sequence[tuple[int, int, str, int]],
    bodies: Sequence[tuple[int, int, str]],
    at: datetime,
) -> None:
    """Write new versions (place, version, fingerprint, number of entries) and new settings (place, version, JSON)."""
    if bodies:
        places, versions, texts = (list(column) for column in zip(*bodies, strict=True))
        connection.execute(_CLOSE_SETTINGS, (places, versions))
        connection.execute(_NEW_SETTINGS, (places, versions, texts))
    if made:
        columns = [list(column) for column in zip(*made, strict=True)]
        connection.execute(_NEW_VERSIONS, (*columns, at, at))
