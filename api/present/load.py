"""From rows to the network and the board: the queries that the listener runs, and what notifications name."""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any, Final

from psycopg import AsyncConnection
from psycopg.rows import DictRow, dict_row

from api.http.compact_json import compact
from api.present.booked import BookingsByPlace
from api.present.geography import Point
from api.present.network import Door, Network, Place, Space, detail, summary
from api.present.occupancy import GatewayState, SpaceState
from database.arrays import numbers
from occupancy.public import Rule

_AT_ONCE: Final = 50
"""Places that are built before requests are answered again: some 5 ms."""
_ROWS_AT_ONCE: Final = 2_000
"""Bookings likewise."""
_IDS: Final = re.compile(r"[0-9]{1,9}(,[0-9]{1,9})*", re.ASCII)
# Every place, as the public may know it.
_PLACES: Final = """
SELECT id, code, name, latitude, longitude, time_zone, address, postcode, commune, commune_code, department, region,
       website, typology, opening_hours, hours_generated, source, generated, status,
       phone, email, siret, rna, logo, accessibility, equipment, fibre, prices, public_threshold, public_numbers
FROM place
"""
# Every space in service, what it is for, the number of its own desks, and whether readers at doors into it are all that
# says who is in; the root first.
_SPACES: Final = """
SELECT s.id, s.place, s.code, s.name, s.kind, s.parent, s.capacity, s.generated,
       coalesce(s.for_work, k.for_work) AS for_work, k.one_party, coalesce(d.desks, 0)::integer AS desks,
       r.to_space IS NOT NULL AND c.place IS NULL AS read_only
FROM space s JOIN space_kind k ON k.kind = s.kind
LEFT JOIN (SELECT space, count(*) AS desks FROM desk WHERE retired_at IS NULL GROUP BY space) d ON d.space = s.id
LEFT JOIN (
  SELECT DISTINCT o.to_space FROM device v JOIN door o ON o.id = v.door
  WHERE v.kind IN ('reader', 'keypad') AND v.retired_at IS NULL
) r ON r.to_space = s.id
LEFT JOIN (
  SELECT DISTINCT place FROM device WHERE kind IN ('counter', 'desk_sensor', 'presence_sensor') AND retired_at IS NULL
) c ON c.place = s.place
WHERE s.retired_at IS NULL
ORDER BY s.place, s.parent NULLS FIRST, s.code
"""
# How places' doors are opened: their readers and keypads in service.
_ENTRIES: Final = """
SELECT DISTINCT place, kind FROM device WHERE kind IN ('reader', 'keypad') AND retired_at IS NULL
"""
# Days on which places, or all of them, are closed, and which places nobody gets into.
_CLOSURES: Final = "SELECT place, first, last FROM public_closures()"
_LOCKDOWNS: Final = "SELECT public_lockdowns() AS place"
# Bookings in force, to come, or over for less than a day, without their members.
_BOOKINGS: Final = """
SELECT place, space, (extract(epoch FROM starts_at) * 1000000)::bigint AS starts,
       (extract(epoch FROM ends_at) * 1000000)::bigint AS ends
FROM public_bookings()
"""
_BOOKINGS_IN_ORDER: Final = _BOOKINGS + "ORDER BY place"
_BOOKINGS_OF: Final = _BOOKINGS.replace("public_bookings()", "public_bookings_of(%s::integer[])")
_DOORS: Final = """
SELECT place, code, name, from_space, to_space, generated FROM door WHERE retired_at IS NULL ORDER BY place, code
"""
# The gateways in service: a place's news is complete when all of theirs is.
_GATEWAYS: Final = "SELECT id, place FROM gateway WHERE retired_at IS NULL"
# The present state of every space, times as whole microseconds.
_STATES: Final = """
SELECT space, place, space_state.revision, present, low, high, capacity, quality, ttl_s,
       (extract(epoch FROM at) * 1000000)::bigint AS at, (extract(epoch FROM changed_at) * 1000000)::bigint AS changed
FROM space_state
"""
# Of some spaces, if they are newer than what is known.
_STATES_OF: Final = (
    _STATES + "JOIN unnest(%s::integer[], %s::bigint[]) AS known (space, revision) USING (space)"
    " WHERE space_state.revision > known.revision"
)
_GATEWAY_STATES: Final = """
SELECT gateway, place, online, spool_depth, (extract(epoch FROM heard_at) * 1000000)::bigint AS heard,
       (extract(epoch FROM complete_at) * 1000000)::bigint AS complete
FROM gateway_state
"""
_GATEWAY_STATES_OF: Final = _GATEWAY_STATES + "WHERE gateway = ANY(%s::integer[])"
# What was stored lately: it finds what no notification told of, since the index of spaces serves nothing else.
_LATE_STATES: Final = _STATES + "WHERE changed_at >= now() - make_interval(secs => %s)"
_LATE_GATEWAYS: Final = _GATEWAY_STATES + "WHERE greatest(heard_at, changed_at) >= now() - make_interval(secs => %s)"


async def load_network(conn: AsyncConnection[Any]) -> Network:
    """Read every place with its spaces, desks, doors and gateways, in one snapshot."""
    async with conn.transaction(), conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        spaces: dict[int, list[Space]] = defaultdict(list)
        for row in await _all(cursor.execute(_SPACES)):
            spaces[row["place"]].append(Space(**row))
        doors: dict[int, list[Door]] = defaultdict(list)
        for row in await _all(cursor.execute(_DOORS)):
            doors[row["place"]].append(Door(**row))
        gateways: dict[int, set[int]] = defaultdict(set)
        for row in await _all(cursor.execute(_GATEWAYS)):
            gateways[row["place"]].add(row["id"])
        entries: dict[int, set[str]] = defaultdict(set)
        for row in await _all(cursor.execute(_ENTRIES)):
            entries[row["place"]].add("badge" if row["kind"] == "reader" else "code")
        closures: dict[int | None, list[tuple[date, date]]] = defaultdict(list)
        for row in await _all(cursor.execute(_CLOSURES)):
            closures[row["place"]].append((row["first"], row["last"]))
        locked = {row["place"] for row in await _all(cursor.execute(_LOCKDOWNS))}
        places: list[Place] = []
        for row in await _all(cursor.execute(_PLACES)):
            if len(places) % _AT_ONCE == 0:
                await asyncio.sleep(0)  # requests are answered in between
            places.append(
                _place(
                    row,
                    spaces=tuple(spaces[row["id"]]),
                    doors=tuple(doors[row["id"]]),
                    gateways=frozenset(gateways[row["id"]]),
                    closures=tuple(sorted(closures[None] + closures[row["id"]])),
                    entry=tuple(sorted(entries[row["id"]])) or (() if row["opening_hours"] is None else ("staff",)),
                    locked=not locked.isdisjoint((None, row["id"])),
                )
            )
    return Network(places)


async def load_bookings(conn: AsyncConnection[Any]) -> BookingsByPlace:
    """Read what is booked now and later, some at a time: requests are answered in between."""
    found = BookingsByPlace()
    rows: list[tuple[int, int | None, int, int]] = []
    async with conn.transaction(), conn.cursor(name="bookings") as cursor:
        await cursor.execute(_BOOKINGS_IN_ORDER.encode())
        while some := await cursor.fetchmany(_ROWS_AT_ONCE):
            last = some[-1][0]
            if last != some[0][0] or (rows and rows[0][0] != last):
                whole = [*rows, *(row for row in some if row[0] != last)]
                found.put({row[0] for row in whole}, BookingsByPlace(whole))
                rows = [row for row in some if row[0] == last]
            else:
                rows += some
            await asyncio.sleep(0)
    found.put({row[0] for row in rows}, BookingsByPlace(rows))
    return found


async def load_bookings_of(conn: AsyncConnection[Any], places: Sequence[int]) -> BookingsByPlace:
    """Read what is booked at some places now and later."""
    return BookingsByPlace(await (await conn.execute(_BOOKINGS_OF.encode(), (numbers(places),))).fetchall())


async def load_states(conn: AsyncConnection[Any]) -> tuple[list[SpaceState], list[GatewayState]]:
    """Read what is known of every space and gateway now, in one snapshot."""
    async with conn.transaction(), conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        states = [SpaceState(**row) for row in await _all(cursor.execute(_STATES))]
        gateways = [GatewayState(**row) for row in await _all(cursor.execute(_GATEWAY_STATES))]
    return states, gateways


async def load_states_of(conn: AsyncConnection[Any], known: Mapping[int, int]) -> list[SpaceState]:
    """Read the present state of some spaces (id → the revision that is known), where it is newer."""
    async with conn.cursor(row_factory=dict_row) as cursor:
        rows = await _all(cursor.execute(_STATES_OF, (numbers(known), numbers(known.values()))))
    return [SpaceState(**row) for row in rows]


async def load_gateways_of(conn: AsyncConnection[Any], gateways: Sequence[int]) -> list[GatewayState]:
    """Read what some gateways last said of themselves."""
    async with conn.cursor(row_factory=dict_row) as cursor:
        return [GatewayState(**row) for row in await _all(cursor.execute(_GATEWAY_STATES_OF, (numbers(gateways),)))]


async def load_late(conn: AsyncConnection[Any], seconds: float) -> tuple[list[SpaceState], list[GatewayState]]:
    """Read what was stored in the last ``seconds``."""
    async with conn.cursor(row_factory=dict_row) as cursor:
        states = [SpaceState(**row) for row in await _all(cursor.execute(_LATE_STATES, (seconds,)))]
        gateways = [GatewayState(**row) for row in await _all(cursor.execute(_LATE_GATEWAYS, (seconds,)))]
    return states, gateways


def read_ids(payload: str) -> set[int]:
    """The ids that a notification names; none where it isn't one of ours. It is a hint, nothing in it is believed."""
    if not _IDS.fullmatch(payload):
        return set()
    return {int(one) for one in payload.split(",")}


async def _all(execution: Any) -> list[DictRow]:
    rows: list[DictRow] = await (await execution).fetchall()
    return rows


def _place(row: DictRow, **parts: Any) -> Place:
    point = Point(latitude=row.pop("latitude"), longitude=row.pop("longitude"))
    public = Rule(threshold=row.pop("public_threshold"), numbers=row.pop("public_numbers"))
    place = Place(**row, **parts, point=point, public=public)
    return replace(place, search=place.words, summary=compact(summary(place)), detail=compact(detail(place)))
