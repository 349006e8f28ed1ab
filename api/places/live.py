"""What a place is like now: doors, desks, gateways, bookings, visitors: their SQL and their shape in answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from psycopg.rows import DictRow
from pydantic import Field

from api.http.models import Answer, time_of
from gateway.contract.stored_events import DOOR_STATES, KINDS

LATELY: Final = timedelta(hours=24)
BEFORE: Final = timedelta(hours=96)
"""A door's last word is looked for so far back; who says nothing for longer is unknown."""
_STATE_NAMES: Final = {number: name for name, number in DOOR_STATES.items() if name != "tamper"}

# The doors in service, with the gateways that serve each, whether they have a contact, and what is ordered there.
DOORS: Final = """
SELECT d.id, d.code::text AS code, d.name, f.name AS from_name, t.name AS to_name,
  EXISTS (SELECT FROM lockdown l WHERE l.door = d.id AND l.released_at IS NULL) AS locked,
  coalesce(g.online, false) AS online, g.since, g.served IS NOT NULL AS served, coalesce(g.contact, false) AS contact
FROM door d LEFT JOIN space f ON f.id = d.from_space JOIN space t ON t.id = d.to_space
LEFT JOIN LATERAL (
  SELECT nullif(count(*), 0) AS served, bool_and(coalesce(s.online, false)) AS online,
    min(s.changed_at) FILTER (WHERE NOT s.online) AS since, bool_or(v.kind = 'contact') AS contact
  FROM device v JOIN gateway w ON w.id = v.gateway AND w.retired_at IS NULL
  LEFT JOIN gateway_state s ON s.gateway = w.id
  WHERE v.door = d.id AND v.retired_at IS NULL
) g ON true
WHERE d.place = %(place)s AND d.retired_at IS NULL ORDER BY d.name, d.code
"""
# The last word of each door's contact within a time span.
CONTACTS: Final = """
SELECT DISTINCT ON (v.door) v.door, e.state, e.at FROM event e JOIN device v ON v.id = e.device
WHERE e.place = %(place)s AND e.kind = {door} AND e.state IN ({states}) AND e.at >= %(since)s AND e.at < %(until)s
ORDER BY v.door, e.at DESC
""".replace("{door}", str(KINDS["door"])).replace("{states}", ", ".join(map(str, _STATE_NAMES)))
# Whether the place or the network is locked down; whether some gateway carried out an evacuation, and no release since;
# the gateways in service, each with whether it is online and since when, in three lists.
WHOLE: Final = """
SELECT EXISTS (SELECT FROM lockdown l WHERE l.released_at IS NULL AND l.door IS NULL AND l.place = %(place)s) AS locked,
  EXISTS (SELECT FROM lockdown l WHERE l.released_at IS NULL AND l.place IS NULL) AS network_locked,
  EXISTS (SELECT FROM (
    SELECT DISTINCT ON (c.gateway) c.do_what FROM command c JOIN gateway g ON g.id = c.gateway AND g.retired_at IS NULL
    WHERE c.place = %(place)s AND c.door IS NULL AND c.do_what IN ('evacuate', 'release') AND c.outcome = 'done'
    ORDER BY c.gateway, c.outcome_at DESC) last WHERE last.do_what = 'evacuate') AS evacuated,
  g.gateways, g.online, g.changed_at
FROM (SELECT coalesce(array_agg(g.code::text ORDER BY g.code), '{}') AS gateways,
    array_agg(coalesce(s.online, false) ORDER BY g.code) AS online,
    array_agg(s.changed_at ORDER BY g.code) AS changed_at
  FROM gateway g LEFT JOIN gateway_state s ON s.gateway = g.id
  WHERE g.place = %(place)s AND g.retired_at IS NULL) g
"""
# The desks in service, with what their sensor said last. A sensor's word holds as long as its space's number does.
DESKS: Final = """
SELECT k.code::text AS code, k.name, s.code::text AS space, d.sensor, d.silent, d.silent_since, d.at,
  CASE WHEN now() <= greatest(st.at, l.complete_at) + make_interval(secs => st.ttl_s) THEN d.occupied END AS occupied
FROM desk k JOIN space s ON s.id = k.space LEFT JOIN space_state st ON st.space = k.space
CROSS JOIN (
  SELECT CASE WHEN bool_and(t.complete_at IS NOT NULL) THEN min(t.complete_at) END AS complete_at
  FROM gateway g LEFT JOIN gateway_state t ON t.gateway = g.id WHERE g.place = %(place)s AND g.retired_at IS NULL
) l
LEFT JOIN LATERAL (
  SELECT true AS sensor, t.silent_since,
    t.silent_since IS NOT NULL OR coalesce(st.fold -> 'silent', '[]') @> to_jsonb(v.id) AS silent,
    (one.pair ->> 0)::boolean AS occupied, to_timestamp((one.pair ->> 1)::float8 / 1e6) AS at
  FROM device v LEFT JOIN device_state t ON t.device = v.id
  CROSS JOIN LATERAL (SELECT st.fold #> ARRAY['desks', v.id::text] AS pair) one
  WHERE v.place = k.place AND v.desk = k.id AND v.kind = 'desk_sensor' AND v.retired_at IS NULL
  ORDER BY (one.pair ->> 1)::float8 DESC NULLS LAST LIMIT 1
) d ON true
WHERE k.place = %(place)s AND k.retired_at IS NULL ORDER BY s.code, k.id
"""
# The bookings in force and of the next hour; also those whose member did not come in time, until their end.
BOOKINGS: Final = """
SELECT b.ref, b.member, m.name AS who, coalesce(r.name, s.name) AS what, u.code::text AS unit, b.starts_at, b.ends_at,
  b.status, b.checked_in_at, b.label
FROM booking b LEFT JOIN member m ON m.ref = b.member LEFT JOIN space s ON s.id = b.space
LEFT JOIN resource_unit u ON u.id = b.unit LEFT JOIN resource r ON r.id = u.resource
WHERE b.place = %(place)s AND b.ends_at > now() AND b.starts_at < now() + interval '1 hour'
  AND b.status IN ('booked', 'checked_in', 'no_show')
ORDER BY b.starts_at, b.ref LIMIT 200
"""
# Visitors of the local day: expected or inside.
VISITS: Final = """
SELECT s.ref, s.member, m.name AS who, h.name AS host, s.valid_from, s.valid_until, s.visitor AS status
FROM pass_place w JOIN pass s ON s.ref = w.pass JOIN member m ON m.ref = s.member JOIN place p ON p.id = w.place
LEFT JOIN member h ON h.ref = s.host
WHERE w.place = %(place)s AND s.visitor IN ('expected', 'present') AND s.revoked_at IS NULL
  AND (s.valid_from AT TIME ZONE p.time_zone)::date <= (now() AT TIME ZONE p.time_zone)::date
  AND (s.visitor = 'present' OR s.valid_until > now())
  AND (s.valid_until AT TIME ZONE p.time_zone)::date >= (now() AT TIME ZONE p.time_zone)::date
ORDER BY s.visitor DESC, s.valid_from, s.ref LIMIT 200
"""


class LiveDoor(Answer):
    """A door now."""

    door: str
    name: str
    from_name: str | None = Field(description="The space that it leads from; null: outside.")
    to_name: str
    state: Literal["open", "closed", "held", "forced"] | None = Field(
        description="By its contact; null: it has none, or said nothing in the last four days."
    )
    at: datetime | None = Field(description="Since when.")
    contact: bool
    locked: bool = Field(description="In lockdown itself; see `locked` of the place too.")
    served: bool = Field(description="Some gateway in service can open it.")
    online: bool = Field(description="All of its gateways are.")
    offline_since: datetime | None


class LiveDesk(Answer):
    """A desk now."""

    desk: str
    name: str
    space: str
    state: Literal["free", "taken", "unknown", "silent"] = Field(
        description="silent: its sensor speaks no more · unknown: no sensor, or its last word is too old."
    )
    sensor: bool
    at: datetime | None = Field(description="When its sensor last said so, or since when it is silent.")


class LiveBooking(Answer):
    """A booking in force, or of the next hour."""

    ref: str
    member: str | None
    who: str | None = Field(description="The member's name; null: a block, or not for this key.")
    what: str | None = Field(description="The name of what is booked; null: a seat of the place.")
    unit: str | None
    starts: datetime = Field(alias="from")
    ends: datetime = Field(alias="until")
    came: bool | None = Field(description="null: it hasn't begun, or nobody is expected to come.")
    label: str | None = Field(description="Of a block: why.")


class LiveVisit(Answer):
    """A visitor of today, expected or inside."""

    ref: str
    member: str
    who: str | None
    host: str | None
    starts: datetime = Field(alias="from")
    ends: datetime = Field(alias="until")
    inside: bool


class LiveGateway(Answer):
    """A gateway now."""

    gateway: str
    online: bool
    since: datetime | None


class Live(Answer):
    """What a place's equipment says now, and who is expected."""

    place: str
    at: datetime
    locked: bool = Field(description="The whole place is in lockdown.")
    network_locked: bool = Field(description="The whole network is.")
    evacuated: bool = Field(description="An evacuation of the place was carried out, and no release since.")
    doors: list[LiveDoor]
    desks: list[LiveDesk]
    gateways: list[LiveGateway]
    bookings: list[LiveBooking]
    visitors: list[LiveVisit]


def live_json(
    place: str, at: datetime, *, whole: Mapping[str, Any], doors: Iterable[DictRow], contacts: Mapping[int, DictRow],
    desks: Iterable[DictRow], bookings: Iterable[DictRow], visits: Iterable[DictRow],
) -> dict[str, Any]:  # fmt: skip
    """Format the state of a place; ``contacts``: the last word of each door, by its id."""
    return {
        "place": place,
        "at": time_of(at),
        "locked": whole["locked"],
        "network_locked": whole["network_locked"],
        "evacuated": whole["evacuated"],
        "doors": [_door(row, contacts.get(row["id"])) for row in doors],
        "desks": [_desk(row) for row in desks],
        "gateways": [
            {"gateway": code, "online": online, "since": time_of(since)}
            for code, online, since in zip(
                whole["gateways"], whole["online"] or (), whole["changed_at"] or (), strict=True
            )
        ],
        "bookings": [_booking(row, at) for row in bookings],
        "visitors": [_visit(row) for row in visits],
    }


def _door(row: DictRow, last: Mapping[str, Any] | None) -> dict[str, Any]:
    return {
        "door": row["code"],
        "name": row["name"],
        "from_name": row["from_name"],
        "to_name": row["to_name"],
        "state": None if last is None else _STATE_NAMES[last["state"]],
        "at": None if last is None else time_of(last["at"]),
        "contact": row["contact"] or last is not None,
        "locked": row["locked"],
        "served": row["served"],
        "online": row["online"],
        "offline_since": time_of(row["since"]),
    }


def _desk(row: DictRow) -> dict[str, Any]:
    known = "unknown" if row["occupied"] is None else "taken" if row["occupied"] else "free"
    return {
        "desk": row["code"],
        "name": row["name"],
        "space": row["space"],
        "state": "silent" if row["silent"] else known,
        "sensor": bool(row["sensor"]),
        "at": time_of(row["silent_since"] if row["silent"] and row["silent_since"] else row["at"]),
    }


def _booking(row: DictRow, at: datetime) -> dict[str, Any]:
    expected = row["member"] is not None and row["starts_at"] <= at
    return {
        **{name: row[name] for name in ("ref", "member", "who", "what", "unit", "label")},
        "from": time_of(row["starts_at"]),
        "until": time_of(row["ends_at"]),
        "came": row["checked_in_at"] is not None if expected else None,
    }


def _visit(row: DictRow) -> dict[str, Any]:
    return {
        **{name: row[name] for name in ("ref", "member", "who", "host")},
        "from": time_of(row["valid_from"]),
        "until": time_of(row["valid_until"]),
        "inside": row["status"] == "present",
    }
