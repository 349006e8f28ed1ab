"""What a booking is of: a seat of a place or a space, a room, or a unit of a resource."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from access.schedules import zone_named
from api.http.errors import BadField
from api.http.references import place_named, space_named
from api.http.session import Session

_RESOURCE: Final = """
SELECT r.id, r.code::text AS code, r.kind, r.space AS space_id, r.starts_at, r.ends_at, r.sign_up_until, r.hour_cents,
       r.prices, r.retired_at, t.code::text AS rate, t.unit AS rate_unit,
       ARRAY(SELECT c.code::text FROM category c WHERE c.id = ANY(r.categories) ORDER BY 1) AS categories
FROM resource r LEFT JOIN rate t ON t.id = r.rate WHERE r.place = %(place_id)s AND r.code = %(code)s
"""
_UNIT: Final = "SELECT id FROM resource_unit WHERE resource = %(resource)s AND code = %(code)s AND retired_at IS NULL"
_ONE_PARTY: Final = """
SELECT k.one_party FROM space s JOIN space_kind k ON k.kind = s.kind WHERE s.id = %(space_id)s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What is booked, with the ids of the database."""

    place: str
    place_id: int
    zone: ZoneInfo
    space_id: int | None
    kind: str
    """``seat``, ``room``, or the kind of the resource."""
    resource: Mapping[str, Any] | None = None
    unit: int | None = None
    """The unit that is wanted; None: any."""

    @property
    def event(self) -> bool:
        """Whether one signs up for it, at its own time."""
        return self.kind == "event"


async def target_of(s: Session, place: str, space: str | None, resource: str | None, unit: str | None) -> Target:
    """Resolve the codes of a request.

    Raises:
        BadField: one of them doesn't exist, or is out of service.
    """
    place_id, zone_name = await place_named(s, place)
    zone = zone_named(zone_name)
    if resource is None:
        space_id = None if space is None else await space_named(s, place_id, space)
        row = None if space_id is None else await s.row(_ONE_PARTY, {"space_id": space_id})
        kind = "room" if row is not None and row["one_party"] else "seat"
        return Target(place=place, place_id=place_id, zone=zone, space_id=space_id, kind=kind)
    row = await s.row(_RESOURCE, {"place_id": place_id, "code": resource})
    if row is None or row["retired_at"] is not None:
        why = "does not exist" if row is None else "is out of service"
        raise BadField("resource", f"{resource!r} {why}; see /v1/places/{place}/resources")
    wanted = None
    if unit is not None:
        found = await s.row(_UNIT, {"resource": row["id"], "code": unit})
        if found is None:
            raise BadField("unit", f"{resource!r} has no unit {unit!r} in service; see /v1/places/{place}/resources")
        wanted = found["id"]
    return Target(
        place=place,
        place_id=place_id,
        zone=zone,
        space_id=row["space_id"],
        kind=row["kind"],
        resource=row,
        unit=wanted,
    )


def window_of(target: Target, starts: datetime | None, ends: datetime | None) -> tuple[datetime, datetime]:
    """Return the time to book: the one of the request, or an event's own.

    Raises:
        BadField: it is missing, or isn't the event's.
    """
    if target.event and target.resource is not None:
        own = (target.resource["starts_at"], target.resource["ends_at"])
        if (starts, ends) not in ((None, None), own):
            raise BadField("from", "an event has its own time; leave from and until out")
        return own
    if starts is None or ends is None:
        raise BadField("from", "say from when until when")
    return starts, ends
