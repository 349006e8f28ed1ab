"""Resolves codes and references in a request to ids of the database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from api.http.errors import BadField, NoSuchPlace, NotFound, ScopeMissing
from api.http.roles import Permission
from api.http.session import Session

_PLACE: Final = "SELECT id, time_zone FROM place WHERE code = %s"
_ORGANISATION: Final = "SELECT id FROM organisation WHERE code = %s"
# A schedule by its code: the network's (place NULL) or a place's.
_SCHEDULE: Final = """
SELECT s.id, s.place FROM schedule s LEFT JOIN place p ON p.id = s.place
WHERE s.code = %(code)s AND p.code::text IS NOT DISTINCT FROM %(place)s::text
"""
_SPACES: Final = "SELECT code::text AS code, id FROM space WHERE place = %s AND code = ANY(%s) AND retired_at IS NULL"
_DOORS: Final = "SELECT code::text AS code, id FROM door WHERE place = %s AND code = ANY(%s) AND retired_at IS NULL"
_DOOR_GROUPS: Final = "SELECT code::text AS code, id FROM door_group WHERE place = %s AND code = ANY(%s)"
_PARTS: Final = {"spaces": _SPACES, "doors": _DOORS, "door_groups": _DOOR_GROUPS}
_DOOR: Final = "SELECT id FROM door WHERE place = %s AND code = %s AND retired_at IS NULL"
# A rate, and what it counts.
_RATE: Final = "SELECT id, unit FROM rate WHERE code = %s"
_COMMUNE: Final = "SELECT code FROM commune WHERE code = %s"
_MEMBER: Final = "SELECT ref FROM member WHERE ref = %s"


async def place_of_path(s: Session, code: str) -> tuple[int, str]:
    """Return the id and time zone of the place in a path.

    Raises:
        NotFound: it doesn't exist.
    """
    row = await s.row_once(_PLACE, (code,))
    if row is None:
        raise NoSuchPlace(code)
    return row["id"], row["time_zone"]


async def place_named(s: Session, code: str, field: str = "place") -> tuple[int, str]:
    """Return the id and time zone of the place in ``field``.

    Raises:
        BadField: it doesn't exist.
    """
    row = await s.row_once(_PLACE, (code,))
    if row is None:
        raise BadField(field, f"there is no place {code!r}; find places with /v1/places?q=…")
    return row["id"], row["time_zone"]


async def organisation_named(s: Session, code: str | None, field: str = "organisation") -> int | None:
    """Return the id of the organisation in ``field``; None for none."""
    if code is None:
        return None
    row = await s.row(_ORGANISATION, (code,))
    if row is None:
        raise BadField(field, f"there is no organisation {code!r}; see /v1/organisations")
    return int(row["id"])


async def rate_named(s: Session, code: str | None, unit: str | None, field: str = "rate") -> int | None:
    """Return the id of the rate in ``field``; None for none. ``unit``: what the pass's allowance counts, if anything.

    Raises:
        BadField: it doesn't exist, or counts something else than the pass.
    """
    if code is None:
        return None
    row = await s.row(_RATE, (code,))
    if row is None:
        raise BadField(field, f"there is no rate {code!r}; see /v1/rates")
    if unit is not None and unit != row["unit"]:
        raise BadField(field, f"the rate counts {row['unit']}, the allowance {unit}: choose another rate or unit")
    if unit is None and row["unit"] not in ("half_day", "day"):
        raise BadField(field, f"a pass without an allowance needs a rate by half_day or day, not by {row['unit']}")
    return int(row["id"])


async def communes_named(s: Session, codes: Mapping[str, str | None]) -> None:
    """Check the commune in each field; None for none.

    Raises:
        BadField: one doesn't exist.
    """
    for field, code in codes.items():
        if code is not None and await s.row(_COMMUNE, (code,)) is None:
            raise BadField(field, f"there is no commune {code!r}: expected an INSEE code, not a postcode")


async def schedule_named(s: Session, name: str | None, field: str, *, place: int | None = None) -> int | None:
    """Return the id of the schedule in ``field``; None for none. With ``place``, only the network's and its own."""
    if name is None:
        return None
    first, slash, second = name.partition("/")
    row = await s.row(_SCHEDULE, {"code": second if slash else first, "place": first if slash else None})
    if row is None:
        raise BadField(field, f"there is no schedule {name!r}; see /v1/schedules")
    if place is not None and row["place"] not in (None, place):
        raise BadField(field, f"{name!r} belongs to another place: use a schedule of the network or of this place")
    return int(row["id"])


async def parts_named(s: Session, place: int, kind: str, codes: Sequence[str] | None, field: str) -> list[int] | None:
    """Return the ids of a place's ``spaces``, ``doors`` or ``door_groups`` by their codes; None for None."""
    if codes is None:
        return None
    known = {row["code"]: row["id"] for row in await s.rows(_PARTS[kind], (place, list(codes)))}
    unknown = [code for code in codes if code not in known]
    if unknown:
        raise BadField(field, f"this place has no {unknown[0]!r} among its {kind.replace('_', ' ')}")
    return sorted(set(known.values()))


async def space_named(s: Session, place: int, code: str, field: str = "space") -> int:
    """Return the id of a place's space in service in ``field``.

    Raises:
        BadField: there is none.
    """
    found = await parts_named(s, place, "spaces", [code], field)
    assert found
    return found[0]


async def door_of_path(s: Session, place: int, door: str) -> int:
    """Return the id of a place's door in a path.

    Raises:
        NotFound: it doesn't exist.
    """
    row = await s.row(_DOOR, (place, door))
    if row is None:
        raise NotFound(f"This place has no door {door!r}. /v1/places/… lists its doors.")
    return int(row["id"])


async def door_named(s: Session, place: int, door: str, field: str = "door") -> int:
    """Return the id of a place's door in ``field``.

    Raises:
        BadField: it doesn't exist.
    """
    row = await s.row(_DOOR, (place, door))
    if row is None:
        raise BadField(field, f"this place has no door {door!r}; see /v1/places/…")
    return int(row["id"])


async def member_named(s: Session, ref: str, field: str) -> str:
    """Return a member's reference after checking that the member exists."""
    if await s.row(_MEMBER, (ref,)) is None:
        raise BadField(field, f"there is no member {ref!r} that this key reaches; find members with /v1/members?q=…")
    return ref


async def member_of_path(s: Session, ref: str) -> str:
    """Return the reference of the member in a path.

    Raises:
        NotFound: it doesn't exist, or this key has no access to it.
    """
    if await s.row_once(_MEMBER, (ref,)) is None:
        raise NotFound(f"There is no member {ref!r} that this key reaches. Find members with /v1/members?q=…")
    return ref


async def reached_place(s: Session, code: str, permission: Permission, *, field: str | None = None) -> int:
    """Return the id of the place ``code`` in the path or in the body's ``field``, if the key reaches it.

    Raises:
        NotFound, BadField: it doesn't exist.
        ScopeMissing: the key is limited to other places.
    """
    place, _ = await (place_of_path(s, code) if field is None else place_named(s, code, field))
    if s.caller.places is not None and place not in s.caller.places:
        raise ScopeMissing(permission, of=code)
    return place
