"""Passes: their SQL and their shape in requests and answers; visits are passes too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final, Literal, Self
from zoneinfo import ZoneInfo

from psycopg.rows import DictRow
from pydantic import Field, model_validator

from access.passes import left
from access.rules import Allowance as AllowanceRule
from access.rules import Unit
from api.http.conditions import where
from api.http.models import Answer, Body, Code, Day, Moment, Name, Ref, ScheduleName, time_of
from api.http.revisions import Resource

HIDDEN: Final = "hidden/hidden"
"""The name shown for a schedule that the caller may not read: another place's, or any for a member."""
VisitorStatus = Literal["expected", "present", "left", "cancelled"]

# One pass with its schedule's name, its places with the codes of what it opens there, and its used slots.
_PASSES: Final = """
SELECT s.ref, s.member, s.label, s.everywhere, s.valid_from, s.valid_until, s.unit, s.allowance, s.each_month, s.booked,
       s.outside_hours, s.supervises, s.visitor, s.host, s.revoked_at, s.created_at, s.revision, m.name,
       s.rate AS rate_id, r.code::text AS rate,
       coalesce(home.time_zone, 'Europe/Paris') AS time_zone,
       s.schedule AS schedule_id, concat_ws('/', of.code::text, h.code::text) AS schedule,
       coalesce((SELECT jsonb_agg(jsonb_build_object(
           'place', p.code,
           'spaces', CASE WHEN w.spaces IS NOT NULL THEN coalesce(
              (SELECT jsonb_agg(x.code ORDER BY x.code) FROM space x WHERE x.id = ANY(w.spaces)), '[]') END,
           'doors', CASE WHEN w.doors IS NOT NULL THEN coalesce(
              (SELECT jsonb_agg(x.code ORDER BY x.code) FROM door x WHERE x.id = ANY(w.doors)), '[]') END,
           'door_groups', CASE WHEN w.door_groups IS NOT NULL THEN coalesce(
              (SELECT jsonb_agg(x.code ORDER BY x.code) FROM door_group x WHERE x.id = ANY(w.door_groups)), '[]') END
         ) ORDER BY p.code) FROM pass_place w JOIN place p ON p.id = w.place WHERE w.pass = s.ref), '[]') AS places,
       CASE WHEN s.unit IS NULL THEN '{}' ELSE pass_slots(s.ref) END AS slots
FROM pass s
JOIN member m ON m.ref = s.member
LEFT JOIN rate r ON r.id = s.rate
LEFT JOIN place home ON home.id = m.home
LEFT JOIN schedule h ON h.id = s.schedule
LEFT JOIN place of ON of.id = h.place
"""
FIND: Final = f"{_PASSES}WHERE s.ref = %(ref)s"
# Those of a member, the newest first.
OF_MEMBER: Final = f"{_PASSES}WHERE s.member = %(member)s ORDER BY s.created_at DESC, s.ref"
INSERT: Final = """
INSERT INTO pass (member, label, everywhere, schedule, valid_from, valid_until, unit, allowance, each_month, booked,
                  outside_hours, supervises, visitor, host, rate)
VALUES (%(member)s, %(label)s, %(everywhere)s, %(schedule)s, %(valid_from)s, %(valid_until)s, %(unit)s, %(limit)s,
        %(each_month)s, %(booked)s, %(outside_hours)s, %(supervises)s, %(visitor)s, %(host)s, %(rate_id)s)
RETURNING ref
"""
UPDATE: Final = """
UPDATE pass SET label = %(label)s, everywhere = %(everywhere)s, schedule = %(schedule)s, valid_from = %(valid_from)s,
  valid_until = %(valid_until)s, unit = %(unit)s, allowance = %(limit)s, each_month = %(each_month)s,
  booked = %(booked)s, outside_hours = %(outside_hours)s, supervises = %(supervises)s, rate = %(rate_id)s
WHERE ref = %(ref)s AND (%(revisions)s::integer[] IS NULL OR revision = ANY(%(revisions)s))
RETURNING revision
"""
REVOKE: Final = "UPDATE pass SET revoked_at = coalesce(revoked_at, now()) WHERE ref = %(ref)s RETURNING revision"
VISIT: Final = """
UPDATE pass SET visitor = %(visitor)s
WHERE ref = %(ref)s AND (%(revisions)s::integer[] IS NULL OR revision = ANY(%(revisions)s)) AND visitor IS NOT NULL
RETURNING revision
"""
LEAVE_PLACES: Final = "DELETE FROM pass_place WHERE pass = %(ref)s AND NOT (place = ANY(%(places)s))"
PUT_PLACE: Final = """
INSERT INTO pass_place (pass, place, spaces, doors, door_groups)
VALUES (%(pass)s, %(place)s, %(spaces)s, %(doors)s, %(door_groups)s)
ON CONFLICT (pass, place) DO UPDATE
SET spaces = excluded.spaces, doors = excluded.doors, door_groups = excluded.door_groups
"""
# Visits at a place on a local day, or all expected or present ones, by time.
_VISITS: Final = """
SELECT s.ref, s.member, m.name, s.host, h.name AS host_name, p.code::text AS place, s.valid_from, s.valid_until,
  s.visitor, s.revision,
  (SELECT c.kind FROM card c WHERE c.member = s.member ORDER BY c.issued_at LIMIT 1) AS credential
FROM pass s
JOIN member m ON m.ref = s.member
LEFT JOIN member h ON h.ref = s.host
JOIN pass_place w ON w.pass = s.ref
JOIN place p ON p.id = w.place
"""
_CONDITIONS: Final[Mapping[str, str]] = {
    "visitor": "s.visitor IS NOT NULL",
    "ref": "s.ref = %(ref)s",
    "place": "w.place = (SELECT q.id FROM place q WHERE q.code = %(place)s::text)",
    "status": "s.visitor = %(status)s",
    # the first: what ends within a day of it, or later, which an index finds
    "day": """
s.valid_until > (%(day)s::date - 1)::timestamptz AND (s.valid_from AT TIME ZONE p.time_zone)::date <= %(day)s::date
AND (s.valid_until AT TIME ZONE p.time_zone)::date >= %(day)s::date""",
}


def find_visits(given: Mapping[str, object]) -> str:
    """Return the query for the visits that ``given`` names, by ``ref``, ``place``, ``status``, ``day``; None: any."""
    return f"{_VISITS}{where(_CONDITIONS, {**given, 'visitor': True})}ORDER BY s.valid_from DESC, s.ref LIMIT 1000"


class Allowance(Body):
    """How much of `unit` a pass allows: in total, or in each local month."""

    unit: Unit
    limit: int = Field(ge=0, le=100_000)
    each_month: bool = False


class PassPlace(Body):
    """A place, or parts of it: spaces with the doors on the way, doors, door groups."""

    place: Code
    spaces: list[Code] | None = Field(default=None, max_length=200)
    doors: list[Code] | None = Field(default=None, max_length=200)
    door_groups: list[Code] | None = Field(default=None, max_length=200)


class _PassFields(Body):
    label: Name | None = None
    everywhere: bool = Field(default=False, description="At every place of the network.")
    places: list[PassPlace] = Field(default=[], max_length=500)
    schedule: ScheduleName | None = None
    valid_from: Moment | None = None
    valid_until: Moment | None = None
    allowance: Allowance | None = Field(default=None, description="null: not counted.")
    booked: bool = Field(default=False, description="Opens only with a booking.")
    outside_hours: bool = Field(default=False, description="Opens also while the place is closed.")
    supervises: bool = Field(default=False, description="Its holder acts as a host.")
    rate: Code | None = Field(default=None, description="What it is billed by; null: it isn't.")


class PassMade(_PassFields):
    """A new pass: `everywhere`, or at `places`."""

    day: Day | None = Field(default=None, description="A day pass for this local day, instead of the two times.")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.everywhere == bool(self.places):
            raise ValueError("send either everywhere or places")
        if self.day is not None and (self.valid_from is not None or self.valid_until is not None):
            raise ValueError("a day pass has day instead of valid_from and valid_until")
        return self


class PassChanged(_PassFields):
    """A change of a pass; fields that aren't sent keep their value. `places` and `allowance` are replaced."""


class Uses(Answer):
    """How much of an allowance is used and left (in the month, if it is monthly)."""

    used: int
    left: int | None = Field(description="null: not counted.")


class Pass(Answer):
    """What a member is entitled to."""

    ref: Ref
    member: Ref
    label: str | None
    everywhere: bool
    places: list[PassPlace]
    schedule: str | None
    valid_from: datetime | None
    valid_until: datetime | None
    allowance: Allowance | None
    booked: bool
    outside_hours: bool
    supervises: bool
    rate: str | None
    visitor: VisitorStatus | None
    host: str | None
    revoked_at: datetime | None
    created_at: datetime
    uses: Uses


class Passes(Answer):
    """A member's passes, newest first."""

    passes: list[Pass]


def pass_resource(ref: str) -> Resource:
    """Name a pass by reference."""
    return Resource(find=FIND, key={"ref": ref}, name=f"pass {ref!r}", subject=f"pass {ref}")


def pass_json(row: DictRow, now: datetime) -> dict[str, Any]:
    """Format a row of ``FIND`` or ``OF_MEMBER`` for an answer at ``now``."""
    kept = (
        "ref",
        "member",
        "label",
        "everywhere",
        "places",
        "booked",
        "outside_hours",
        "supervises",
        "rate",
        "visitor",
        "host",
    )
    times = ("valid_from", "valid_until", "revoked_at", "created_at")
    allowance = None
    if row["unit"] is not None:
        allowance = {"unit": row["unit"], "limit": row["allowance"], "each_month": row["each_month"]}
    return {
        **{name: row[name] for name in kept},
        **{name: time_of(row[name]) for name in times},
        "schedule": row["schedule"] or (None if row["schedule_id"] is None else HIDDEN),
        "allowance": allowance,
        "uses": uses_json(row, now),
    }


def uses_json(row: DictRow, now: datetime) -> dict[str, Any]:
    """Return how much of a pass's allowance is used and left, in the time zone of the member's home."""
    if row["unit"] is None:
        return {"used": 0, "left": None}
    rule = AllowanceRule(unit=row["unit"], limit=row["allowance"], each_month=row["each_month"])
    slots, zone = frozenset(row["slots"]), ZoneInfo(row["time_zone"])
    remaining = left(rule, slots, now, zone)
    used = len(slots)
    if rule.each_month:  # no use exceeds the limit, so that what isn't left was used this month
        most = AllowanceRule(unit=rule.unit, limit=len(slots), each_month=True)
        used = len(slots) - left(most, slots, now, zone)
    return {"used": used, "left": remaining}


def local_day(day: date, time_zone: str) -> tuple[datetime, datetime]:
    """Return the aware times at which a local day and the next one begin."""
    zone = ZoneInfo(time_zone)
    following = date.fromordinal(day.toordinal() + 1)
    return (
        datetime(day.year, day.month, day.day, tzinfo=zone),
        datetime(following.year, following.month, following.day, tzinfo=zone),
    )


def columns(fields: dict[str, Any], row: DictRow | None = None) -> dict[str, Any]:
    """Return the columns of a pass from the sent fields, else from ``row``."""
    values: dict[str, Any] = {} if row is None else {**row, "limit": row["allowance"]}
    values |= {
        name: value for name, value in fields.items() if name not in ("allowance", "places", "schedule", "day", "rate")
    }
    if "allowance" in fields or row is None:
        allowance: Allowance | None = fields.get("allowance")
        values["unit"] = allowance and allowance.unit
        values["limit"] = allowance and allowance.limit
        values["each_month"] = allowance is not None and allowance.each_month
    return values


def named_parts(place: PassPlace) -> Sequence[tuple[str, Sequence[str] | None]]:
    """Return the ids of the parts of a place that a pass opens, by kind."""
    return (("spaces", place.spaces), ("doors", place.doors), ("door_groups", place.door_groups))
