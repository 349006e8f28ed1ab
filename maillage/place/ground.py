"""What the database knows beside the place: schedules, other places' gateways, and whom a change concerns."""

from __future__ import annotations

from typing import Any, Final

import psycopg

from maillage.place.faults import Fault
from maillage.place.model import Fitting
from maillage.place.plan import Plan

_SCHEDULES: Final = b"""
-- the schedules that a place's doors may follow: the network's, and its own as PLACE/CODE
SELECT concat_ws('/', p.code, s.code), s.id FROM schedule s LEFT JOIN place p ON p.id = s.place
WHERE s.place IS NULL OR p.code = %s
"""
_ELSEWHERE: Final = b"""
-- gateways of these codes at other places
SELECT g.code::text, p.code::text FROM gateway g JOIN place p ON p.id = g.place WHERE g.code = ANY(%s) AND p.code <> %s
"""
_PASSES: Final = b"""
-- how many members have a pass in force that names one of these spaces or doors
SELECT count(DISTINCT p.member) FROM pass_place w JOIN pass p ON p.ref = w.pass
WHERE (w.spaces && %(spaces)s::integer[] OR w.doors && %(doors)s::integer[])
  AND p.revoked_at IS NULL AND coalesce(p.valid_until, 'infinity') > now()
"""
_HOLDERS: Final = b"""
-- how many members have a pass in force for the place
SELECT count(DISTINCT p.member) FROM pass p
WHERE (p.everywhere OR EXISTS (SELECT FROM pass_place w WHERE w.pass = p.ref AND w.place = %(place)s))
  AND p.revoked_at IS NULL AND coalesce(p.valid_until, 'infinity') > now()
"""
_GROUPS: Final = b"""
-- the groups that have a door in them
SELECT code::text FROM door_group WHERE doors && %s::integer[] ORDER BY code
"""
_BOOKINGS: Final = b"""
-- bookings of a space, or of the whole place (spaces NULL), that are not over
SELECT count(*) FROM booking WHERE place = %(place)s AND (%(spaces)s::integer[] IS NULL OR space = ANY(%(spaces)s))
  AND cancelled_at IS NULL AND ends_at > now()
"""


def schedules_of(connection: psycopg.Connection[Any], place: str) -> dict[str, int]:
    """Return the schedules that the doors of ``place`` may follow, by name."""
    return dict(connection.execute(_SCHEDULES, (place,)).fetchall())


def faults_in_the_database(connection: psycopg.Connection[Any], wanted: Fitting) -> list[Fault]:
    """Return what the file names and the database doesn't have, or has elsewhere."""
    found: list[Fault] = []
    known = schedules_of(connection, wanted.place.code)
    for door in wanted.doors:
        for name in ("pin_while", "supervised", "first_card"):
            schedule = getattr(door, name)
            if schedule is not None and schedule not in known:
                text = f"the door {door.code}: there is no schedule {schedule}: make it first (POST /v1/schedules)"
                found.append(door.origin.fault(text, name))
    codes = [one.code for one in wanted.gateways]
    elsewhere = dict(connection.execute(_ELSEWHERE, (codes, wanted.place.code)).fetchall())
    for gateway in wanted.gateways:
        if gateway.code in elsewhere:
            text = (
                f"the gateway {gateway.code} is at {elsewhere[gateway.code]}: a gateway's code is unique in the network"
            )
            found.append(gateway.origin.fault(text, "code"))
    return found


def consequences(connection: psycopg.Connection[Any], plan: Plan) -> list[str]:
    """Return a sentence for each change that concerns members or bookings."""
    if plan.stored is None:
        return []
    found: list[str] = []
    place = plan.stored.id
    for one in (*plan.of("space", "retire"), *plan.of("door", "retire")):
        assert one.row is not None
        ids = {"space": [one.row.id], "door": []} if one.what == "space" else {"space": [], "door": [one.row.id]}
        named = {"spaces": ids["space"], "doors": ids["door"]}
        members = _count(connection, _PASSES, named)
        if members:
            found.append(f"{members} {_members(members)} a pass that names the {one.what} {one.key}, which is retired")
        if one.what == "space" and (count := _count(connection, _BOOKINGS, {"place": place, "spaces": ids["space"]})):
            found.append(f"{count} {_bookings(count)} the space {one.key}, which is retired: cancel or move them")
        for (group,) in connection.execute(_GROUPS, (ids["door"],)).fetchall() if one.what == "door" else ():
            found.append(f"the door group {group} holds the door {one.key}, which is retired")
    was, status = plan.stored.fitting.place.status, plan.wanted.place.status
    if status != was and was == "open":
        members = _count(connection, _HOLDERS, {"place": place})
        count = _count(connection, _BOOKINGS, {"place": place, "spaces": None})
        if members or count:
            who = f"{members} {_members(members)} a pass for it, and {count} {_bookings(count)} it"
            found.append(f"the place is no longer open, and its doors open to hosts only: {who}")
    return found


def _count(connection: psycopg.Connection[Any], query: bytes, values: dict[str, Any]) -> int:
    row = connection.execute(query, values).fetchone()
    assert row is not None
    return int(row[0])


def _members(count: int) -> str:
    return "member has" if count == 1 else "members have"


def _bookings(count: int) -> str:
    return "booking to come is of" if count == 1 else "bookings to come are of"
