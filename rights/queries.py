"""SQL that reads who may open what where: texts with named parameters, for psycopg sync and async alike.

Each set of queries fills one value of ``rights.assembly``, name by name::

    rows = PlaceRows(**{name: connection.execute(sql, values).fetchall() for name, sql in PLACES.items()})

Times beyond the calendar (infinity) come as none, or as its end. Rows come in a fixed order. Parameters: ``places``
(ids), ``members`` (references), ``now`` (aware); one not wanted does no harm.
"""

from __future__ import annotations

from typing import Final

_PLACES: Final = """
-- places with what their lists say beside doors and people
SELECT p.id, p.code, p.time_zone, p.department, p.opening_hours,
  CASE WHEN y.place IS NULL THEN 2592000 ELSE y.list_max_age_s END, coalesce(y.hosts_open_when_old, false),
  coalesce(y.tries, 5), coalesce(y.pause_s, 30), coalesce(y.longest_pause_s, 900),
  EXISTS (SELECT FROM lockdown l
    WHERE l.released_at IS NULL AND l.door IS NULL AND (l.place IS NULL OR l.place = p.id)),
  EXISTS (SELECT FROM gateway g WHERE g.place = p.id AND g.retired_at IS NULL), p.status = 'open',
  coalesce(y.overuse, 0), coalesce(y.booking_before_s, 900), coalesce(y.booking_after_s, 0)
FROM place p LEFT JOIN place_policy y ON y.place = p.id
WHERE p.id = ANY(%(places)s::integer[]) ORDER BY p.id
"""
_CLOSURES: Final = """
-- days on which they, or all places, are closed; those past matter no more
SELECT place, first, last FROM closure
WHERE (place IS NULL OR place = ANY(%(places)s::integer[])) AND last >= (%(now)s::timestamptz - interval '2 days')::date
ORDER BY first, last, id
"""
_SPACES: Final = """
-- their spaces in service, each with the one that it lies in
SELECT s.id, s.place, s.code, u.code, s.person_limit FROM space s LEFT JOIN space u ON u.id = s.parent
WHERE s.place = ANY(%(places)s::integer[]) AND s.retired_at IS NULL ORDER BY s.id
"""
_DOORS: Final = """
-- their doors in service with what each asks for
SELECT d.id, d.place, d.code, f.code, t.code, coalesce(r.pin, false), r.pin_while, coalesce(r.passback, 'off'),
  coalesce(r.passback_s, 0), r.supervised, r.first_card,
  EXISTS (SELECT FROM lockdown l WHERE l.door = d.id AND l.released_at IS NULL)
FROM door d LEFT JOIN space f ON f.id = d.from_space LEFT JOIN space t ON t.id = d.to_space
LEFT JOIN door_rule r ON r.door = d.id
WHERE d.place = ANY(%(places)s::integer[]) AND d.retired_at IS NULL ORDER BY d.id
"""
_GROUPS: Final = """
-- their groups of doors
SELECT id, place, doors FROM door_group WHERE place = ANY(%(places)s::integer[]) ORDER BY id
"""
_SCHEDULES_OF_DOORS: Final = """
-- the schedules that their doors follow, with all that is linked to these
WITH RECURSIVE used (id) AS (
  SELECT s FROM door_rule r, unnest(ARRAY[r.pin_while, r.supervised, r.first_card]) AS s
  WHERE r.place = ANY(%(places)s::integer[]) AND s IS NOT NULL
  UNION SELECT l FROM used u JOIN schedule s ON s.id = u.id, unnest(s.linked) AS l
)
SELECT s.id, s.hours, s.linked FROM used u JOIN schedule s ON s.id = u.id ORDER BY s.id
"""
PLACES: Final = {
    "places": _PLACES,
    "closures": _CLOSURES,
    "spaces": _SPACES,
    "doors": _DOORS,
    "groups": _GROUPS,
    "schedules": _SCHEDULES_OF_DOORS,
}
"""Of ``places``: what ``rights.assembly.PlaceRows`` holds."""

_MEMBERS: Final = """
-- members with their PINs' hashes
SELECT ref, status, pin FROM member WHERE ref = ANY(%(members)s::text[]) ORDER BY ref
"""
_CARDS: Final = """
-- their cards
SELECT lookup, member, status,
  CASE WHEN valid_from > '1000-01-01' THEN least(valid_from, '9000-01-01') END,
  CASE WHEN valid_until < '9000-01-01' THEN greatest(valid_until, '1000-01-01') END
FROM card WHERE member = ANY(%(members)s::text[]) ORDER BY lookup
"""
_PASSES: Final = """
-- their passes with the slots that are used: of a monthly allowance the last two months, the others matter no more
SELECT p.ref, p.member, p.everywhere, p.schedule,
  CASE WHEN p.valid_from > '1000-01-01' THEN least(p.valid_from, '9000-01-01') END,
  CASE WHEN p.valid_until < '9000-01-01' THEN greatest(p.valid_until, '1000-01-01') END,
  p.unit, p.allowance, p.each_month, p.booked, p.outside_hours, p.supervises, p.visitor,
  ARRAY(SELECT u.slot FROM pass_use u WHERE u.pass = p.ref AND p.unit IS NOT NULL
    AND (NOT p.each_month OR u.at > %(now)s::timestamptz - interval '62 days') ORDER BY u.slot)
FROM pass p
WHERE p.member = ANY(%(members)s::text[]) AND p.revoked_at IS NULL
  AND (p.valid_until IS NULL OR p.valid_until > %(now)s::timestamptz - interval '7 days')
ORDER BY p.ref
"""
_WHERE: Final = """
-- where these passes hold, and for what there
SELECT l.pass, l.place, l.spaces, l.doors, l.door_groups
FROM pass_place l JOIN pass p ON p.ref = l.pass
WHERE p.member = ANY(%(members)s::text[]) AND p.revoked_at IS NULL ORDER BY l.pass, l.place
"""
_SCHEDULES_OF_PASSES: Final = """
-- the schedules that they follow, with all that is linked to these
WITH RECURSIVE used (id) AS (
  SELECT p.schedule FROM pass p
  WHERE p.member = ANY(%(members)s::text[]) AND p.revoked_at IS NULL AND p.schedule IS NOT NULL
  UNION SELECT l FROM used u JOIN schedule s ON s.id = u.id, unnest(s.linked) AS l
)
SELECT s.id, s.hours, s.linked FROM used u JOIN schedule s ON s.id = u.id ORDER BY s.id
"""
_BOOKINGS: Final = """
-- their bookings that are not over, with the time after them for which doors still open
SELECT b.member, b.place, b.space, greatest(b.starts_at, '1000-01-01'), least(b.ends_at, '9000-01-01'), b.opens
FROM booking b LEFT JOIN place_policy y ON y.place = b.place
WHERE b.member = ANY(%(members)s::text[]) AND b.cancelled_at IS NULL AND b.status <> 'offered'
  AND b.ends_at > %(now)s::timestamptz - make_interval(secs => coalesce(y.booking_after_s, 0))
ORDER BY b.starts_at, b.ends_at, b.ref
"""
MEMBERS: Final = {
    "members": _MEMBERS,
    "cards": _CARDS,
    "passes": _PASSES,
    "pass_places": _WHERE,
    "schedules": _SCHEDULES_OF_PASSES,
    "bookings": _BOOKINGS,
}
"""Of ``members``: what ``rights.assembly.MemberRows`` holds."""

MEMBERS_AT: Final = """
-- who has a pass that holds at one of these places, or a booking that opens without one
SELECT p.member FROM pass p WHERE p.revoked_at IS NULL AND p.everywhere
UNION
SELECT p.member FROM pass_place l JOIN pass p ON p.ref = l.pass
WHERE l.place = ANY(%(places)s::integer[]) AND p.revoked_at IS NULL
UNION
SELECT b.member FROM booking b
WHERE b.place = ANY(%(places)s::integer[]) AND b.opens AND b.cancelled_at IS NULL AND b.member IS NOT NULL
  AND b.ends_at > %(now)s::timestamptz - interval '4 hours'
ORDER BY 1
"""

VERSION_AT: Final = """
-- the version of a place's list that was in force at an instant
SELECT version, made_at FROM list_version WHERE place = %(place)s AND made_at <= %(at)s
ORDER BY version DESC LIMIT 1
"""
STORED_SETTINGS: Final = """
-- the settings of a place's list at a version, with the place's code and when that version was made
SELECT p.code, v.version, v.made_at, s.body
FROM list_version v JOIN place p ON p.id = v.place
JOIN list_settings s ON s.place = v.place AND s.since <= v.version AND (s.until IS NULL OR s.until > v.version)
WHERE v.place = %(place)s AND v.version = %(version)s
"""
STORED_ENTRIES: Final = """
-- its entries at that version: all of them, or one card's
SELECT encode(token, 'hex'), card, holder FROM list_entry
WHERE place = %(place)s AND since <= %(version)s AND (until IS NULL OR until > %(version)s)
  AND (%(token)s::text IS NULL OR token = decode(%(token)s, 'hex'))
"""
