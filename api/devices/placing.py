"""Where a device is, and whether each door can still be opened after a change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from api.devices import devices as rows
from api.devices.drivers import same_device, unlocks
from api.http.errors import BadField, Conflict
from api.http.references import door_named, space_named
from api.http.session import Session

# A desk and a gateway in service of a place, by their codes.
_DESK: Final = """
SELECT d.id, d.space, s.code::text AS space_code FROM desk d JOIN space s ON s.id = d.space
WHERE d.place = %s AND d.code = %s AND d.retired_at IS NULL
"""
_GATEWAY: Final = "SELECT id FROM gateway WHERE place = %s AND code = %s AND retired_at IS NULL"

# The other devices in service that a gateway hears by the same driver as the same kind.
_ALIKE: Final = """
SELECT v.code, v.address FROM device v JOIN gateway g ON g.id = v.gateway
WHERE g.place = %(place)s AND g.code = %(gateway)s AND v.driver = %(driver)s AND v.kind = %(kind)s
  AND v.code <> %(code)s AND v.retired_at IS NULL
"""


async def gateway_named(s: Session, place: int, code: str, field: str = "gateway") -> int:
    """Return the id of a place's gateway in service in ``field``.

    Raises:
        BadField: there is none.
    """
    row = await s.row(_GATEWAY, (place, code))
    if row is None:
        raise BadField(field, f"this place has no gateway {code!r} in service; see /v1/places/…/gateways")
    return int(row["id"])


async def placed(s: Session, place: int, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``fields`` of a device with the ids of its gateway, space, desk and door. A desk's space is the device's.

    Raises:
        BadField: one of them isn't there, or is no place for a device of this kind.
    """
    wrong = rows.misplaced(fields)
    if wrong is not None:
        raise BadField(*wrong)
    found: dict[str, Any] = {"gateway_id": await gateway_named(s, place, fields["gateway"])}
    space, desk, door = fields["space"], fields["desk"], fields["door"]
    found["door_id"] = None if door is None else await door_named(s, place, door)
    found["space_id"] = None if space is None else await space_named(s, place, space)
    found["desk_id"] = None
    if desk is not None:
        row = await s.row(_DESK, (place, desk))
        if row is None:
            raise BadField("desk", f"this place has no desk {desk!r} in service; see /v1/places/…/desks")
        if space not in (None, row["space_code"]):
            raise BadField("space", f"desk {desk!r} stands in {row['space_code']!r}; leave `space` out")
        found |= {"desk_id": row["id"], "space_id": row["space"]}
    return {**fields, **found}


async def check_heard_once(s: Session, place: int, fields: Mapping[str, Any]) -> None:
    """Refuse a stored device that is another one in service, whose address is only written in another way.

    To be called after it is stored: changes of a place wait for one another.

    Raises:
        Conflict: it is.
    """
    for row in await s.rows(_ALIKE, {**fields, "place": place}):
        if same_device(fields["driver"], fields["address"], row["address"]):
            raise Conflict(
                f"Device {row['code']!r} of this gateway has this address already, as {row['address']!r}. "
                "Change that one, or retire it first.",
                field="address",
            )


async def locked_doors(s: Session, place: int) -> set[str]:
    """Return the doors in service of a place that something opens."""
    found = await s.rows(rows.AT_DOORS, {"place": place})
    return {row["door"] for row in found if row["kind"] and unlocks(row["kind"], row["driver"], row["side"])}


async def check_locks(s: Session, place: int, before: set[str], *, confirmed: bool) -> None:
    """Refuse a change that leaves a door with nothing that opens it, unless it is ``confirmed``.

    Raises:
        Conflict: it does.
    """
    gone = sorted(before - await locked_doors(s, place))
    if gone and not confirmed:
        raise Conflict(
            f"Nothing would open {', '.join(gone)} any more. Add another lock first, or send confirm_no_lock: true.",
            field="confirm_no_lock",
        )
