"""From the codes of a request to the ids of the database: what isn't there, or isn't the caller's to see, is said."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from api.http.errors import BadField, NotFound, ScopeMissing
from api.http.roles import Permission
from api.http.session import Session

_PLACE: Final = "SELECT id, time_zone FROM place WHERE code = %s"
_ORGANISATION: Final = "SELECT id FROM organisation WHERE code = %s"
# A schedule by its code: the network's own (place NULL) or a place's.
_SCHEDULE: Final = """
SELECT s.id, s.place FROM schedule s LEFT JOIN place p ON p.id = s.place
WHERE s.code = %(code)s AND p.code::text IS NOT DISTINCT FROM %(place)s::text
"""
_SPACES: Final = "SELECT code::text AS code, id FROM space WHERE place = %s AND code = ANY(%s)"
_DOORS: Final = "SELECT code::text AS code, id FROM door WHERE place = %s AND code = ANY(%s)"
_DOOR_GROUPS: Final = "SELECT code::text AS code, id FROM door_group WHERE place = %s AND code = ANY(%s)"
_PARTS: Final = {"spaces": _SPACES, "doors": _DOORS, "door_groups": _DOOR_GROUPS}
_DOOR: Final = "SELECT id FROM door WHERE place = %s AND code = %s"
_MEMBER: Final = "SELECT ref FROM member WHERE ref = %s"


async def place_of_path(s: Session, code: str) -> tuple[int, str]:
    """The id and time zone of the place that a path names.

    Raises:
        NotFound: there is none.
    """
    row = await s.row(_PLACE, (code,))
    if row is None:
        raise NotFound(f"There is no place {code!r}. Find places with /v1/places?q=…")
    return row["id"], row["time_zone"]


async def place_named(s: Session, code: str, field: str = "place") -> tuple[int, str]:
    """The id and time zone of the place that ``field`` names.

    Raises:
        BadField: there is none.
    """
    row = await s.row(_PLACE, (code,))
    if row is None:
        raise BadField(field, f"there is no place {code!r}; find places with /v1/places?q=…")
    return row["id"], row["time_zone"]


async def organisation_named(s: Session, code: str | None, field: str = "organisation") -> int | None:
    """The id of the organisation that ``field`` names; None for none."""
    if code is None:
        return None
    row = await s.row(_ORGANISATION, (code,))
    if row is None:
        raise BadField(field, f"there is no organisation {code!r}; see /v1/organisations")
    return int(row["id"])


async def schedule_named(s: Session, name: str | None, field: str, *, place: int | None = None) -> int | None:
    """The id of the schedule that ``field`` names; None for none. ``place``: only the network's or its."""
    if name is None:
        return None
    first, slash, second = name.partition("/")
    row = await s.row(_SCHEDULE, {"code": second if slash else first, "place": first if slash else None})
    if row is None:
        raise BadField(field, f"there is no schedule {name!r}; see /v1/schedules")
    if place is not None and row["place"] not in (None, place):
        raise BadField(field, f"{name!r} is another place's schedule: take one of the network or of this place")
    return int(row["id"])


async def parts_named(s: Session, place: int, kind: str, codes: Sequence[str] | None, field: str) -> list[int] | None:
    """The ids of a place's ``spaces``, ``doors`` or ``door_groups`` by their codes; None for None."""
    if codes is None:
        return None
    known = {row["code"]: row["id"] for row in await s.rows(_PARTS[kind], (place, list(codes)))}
    strangers = [code for code in codes if code not in known]
    if strangers:
        raise BadField(field, f"this place has no {strangers[0]!r} among its {kind.replace('_', ' ')}")
    return sorted(set(known.values()))


async def door_of_path(s: Session, place: int, door: str) -> int:
    """The id of a place's door that a path names.

    Raises:
        NotFound: there is none.
    """
    row = await s.row(_DOOR, (place, door))
    if row is None:
        raise NotFound(f"This place has no door {door!r}. /v1/places/… lists its doors.")
    return int(row["id"])


async def door_named(s: Session, place: int, door: str, field: str = "door") -> int:
    """The id of a place's door that ``field`` names.

    Raises:
        BadField: there is none.
    """
    row = await s.row(_DOOR, (place, door))
    if row is None:
        raise BadField(field, f"this place has no door {door!r}; see /v1/places/…")
    return int(row["id"])


async def member_named(s: Session, ref: str, field: str) -> str:
    """A member's reference, once it is known to exist."""
    if await s.row(_MEMBER, (ref,)) is None:
        raise BadField(field, f"there is no member {ref!r} that this key reaches; find members with /v1/members?q=…")
    return ref


async def member_of_path(s: Session, ref: str) -> str:
    """The reference of the member that a path names.

    Raises:
        NotFound: there is none that this key reaches.
    """
    if await s.row(_MEMBER, (ref,)) is None:
        raise NotFound(f"There is no member {ref!r} that this key reaches. Find members with /v1/members?q=…")
    return ref


async def reached_place(s: Session, code: str, permission: Permission, *, field: str | None = None) -> int:
    """The id of the place ``code``, of the path or of the body's ``field``.

    Raises:
        NotFound, BadField: there is none.
        ScopeMissing: the key is bound to other places.
    """
    place, _ = await (place_of_path(s, code) if field is None else place_named(s, code, field))
    if s.caller.places is not None and place not in s.caller.places:
        raise ScopeMissing(permission, of=code)
    return place
