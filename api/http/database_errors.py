"""Translates refusals of the database for the caller: which field, and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import psycopg
from psycopg import errors as pg

from api.http.errors import ApiError, BadField, Conflict, NotYours, Taken, Unavailable

# constraint → the field of the request, and what is wrong with it
_TAKEN: Final[Mapping[str, tuple[str, str]]] = {
    "member_pkey": ("ref", "a member with this reference already exists"),
    "member_email": ("email", "another member already has this address"),
    "card_pkey": (
        "number",
        "this card is already enrolled; reissue a lost or returned one instead",
    ),
    "category_code_key": ("code", "a category with this code already exists"),
    "rate_code_key": ("code", "a rate with this code already exists"),
    "rate_price_once": ("first", "this price begins on that day already; choose a later day"),
    "operator_email": ("email", "another operator already has this address"),
    "operator_member_key": ("member", "another operator is this member"),
    "organisation_code_key": ("code", "an organisation with this code already exists"),
    "schedule_place_code_key": ("code", "a schedule with this code already exists here"),
    "door_group_place_code_key": ("code", "a door group with this code already exists here"),
    "lockdown_in_force": ("door", "it is already in lockdown"),
    "pass_place_pkey": ("places", "a place appears twice"),
    "booking_once": ("from", "this member already has this booking"),
    "booking_room_once": ("from", "the room is already booked at this time; choose another time or another room"),
    "booking_unit_once": ("from", "it is already booked at this time; choose another time or another unit"),
    "resource_place_code_key": ("code", "this place has or had a resource with this code; a code is given once"),
    "resource_room": ("space", "another resource is this room; change or retire that one first"),
    "resource_unit_desk": ("desks", "one of these desks belongs to another resource; retire that one first"),
    "resource_unit_resource_code_key": ("units", "a unit with this code already exists"),
    "place_code_key": ("code", "a place with this code already exists"),
    "space_place_code_key": ("code", "this place has or had a space with this code; a code is given once"),
    "desk_place_code_key": ("code", "this place has or had a desk with this code; a code is given once"),
    "door_place_code_key": ("code", "this place has or had a door with this code; a code is given once"),
    "gateway_code_key": ("code", "the network has or had a gateway with this code; a code is given once"),
    "device_code": ("code", "a device in service of this gateway has this code; retire it first, or choose another"),
    "device_address": (
        "address",
        "a device in service of this gateway has this address; correct the address, or retire that device first",
    ),
    "device_at_desk": ("desk", "another sensor watches this desk; move or retire that one first"),
    "closure_once": ("first", "a closure of these days already exists; change that one instead"),
}
_WRONG: Final[Mapping[str, tuple[str, str]]] = {
    "member_ref_check": ("ref", "a reference is m- and 4 to 32 lower-case letters or digits"),
    "member_name_check": ("name", "a name has 1 to 200 characters"),
    "member_email_check": ("email", "this is not an e-mail address"),
    "organisation_name_check": ("name", "a name has 1 to 200 characters"),
    "schedule_name_check": ("name", "a name has 1 to 200 characters"),
    "schedule_hours_check": ("hours", "hours must be an object of days"),
    "door_group_name_check": ("name", "a name has 1 to 200 characters"),
    "card_check": ("valid_until", "it must be after valid_from"),
    "pass_check": ("valid_until", "it must be after valid_from"),
    "member_category_order": ("last", "it must not be before first"),
    "pass_label_check": ("label", "a label has 1 to 200 characters"),
    "booking_check": ("until", "it must be after from"),
    "closure_check": ("last", "it must not be before first"),
    "resource_name_check": ("name", "a name has 1 to 200 characters"),
    "resource_room_space": ("space", "a room is a space of the place: name it"),
    "resource_event_window": ("from", "an event has from and until; other resources have none"),
    "resource_event_order": ("until", "it must be after from"),
    "space_check1": ("parent", "a space can't lie in itself; choose another"),
    "door_rule_check": ("passback_s", "a timed anti-passback needs its seconds"),
    "code_check": ("code", "a code is lower-case letters, digits, . _ - ; 64 at most"),
}
# constraint → the field of the request; what is wrong with it the database says (migrations 0009 and 0043)
_FITTED: Final[Mapping[str, str]] = {
    "space_no_circle": "parent",
    "fitted_code": "code",
    "fitted_place": "place",
    "fitted_capacity": "capacity",
    "fitted_parent": "parent",
    "fitted_root": "retired",
    "fitted_space": "space",
    "fitted_door": "to_space",
    "fitted_space_in_use": "retired",
    "fitted_desk_in_use": "retired",
    "fitted_door_in_use": "retired",
    "fitted_gateway_in_use": "retired",
    "fitted_device_gateway": "gateway",
    "fitted_device_door": "door",
    "fitted_device_desk": "desk",
    "fitted_device_space": "space",
    "fitted_booking": "space",
    "fitted_booking_unit": "resource",
}
_USED: Final[Mapping[str, str]] = {
    "rate_price_funder_fkey": "a rate's price names it as its funder",
    "pass_schedule_fkey": "passes use this schedule",
    "door_rule_pin_while_fkey": "a door's rules use this schedule",
    "door_rule_supervised_fkey": "a door's rules use this schedule",
    "door_rule_first_card_fkey": "a door's rules use this schedule",
}
_REACH: Final = (
    "This key may do this, but not here: it is limited to other places, or its role never changes this. "
    "Ask a network administrator, or use a key of that place."
)


def as_problem(error: psycopg.Error) -> ApiError | None:
    """Translate ``error``; None: it is a fault of the server."""
    match error:
        case pg.InsufficientPrivilege():
            if error.diag.constraint_name:  # raised by one of our triggers, with its reason
                return NotYours(_sentence(error.diag.message_primary or _REACH))
            return NotYours(_REACH)
        case pg.UniqueViolation() | pg.ExclusionViolation():
            field, what = _TAKEN.get(error.diag.constraint_name or "", (None, "it already exists"))
            kind = Taken if field == "email" else Conflict
            return kind(_sentence(what), field=field)
        case pg.ForeignKeyViolation():
            return _reference(error)
        case pg.CheckViolation() | pg.NotNullViolation():
            named = error.diag.constraint_name or ""
            if named in _FITTED:
                return Conflict(_sentence(error.diag.message_primary or ""), field=_FITTED[named])
            field, what = _WRONG.get(named, (error.diag.column_name or named or "body", "the database refuses it"))
            return BadField(field, what)
        case pg.SerializationFailure() | pg.DeadlockDetected() | pg.QueryCanceled() | pg.LockNotAvailable():
            return Unavailable("Another request is changing this at the moment. Try again.", retry_s=1)
        case pg.RaiseException():
            return Conflict(_sentence(error.diag.message_primary or "the database refuses it"))
        case psycopg.DataError():
            return BadField("body", "a value is out of range or contains a character that can't be stored")
        case psycopg.OperationalError():
            return Unavailable("The database is down or too busy.")
        case _:
            return None


def _reference(error: psycopg.Error) -> ApiError:
    named = error.diag.constraint_name or ""
    if "is still referenced" in (error.diag.message_detail or ""):
        return Conflict(
            _sentence(f"It is still in use: {_USED.get(named, 'something refers to it')}. Change that first")
        )
    table = error.diag.table_name or ""
    field = named.removeprefix(f"{table}_").removesuffix("_fkey") or "body"
    return BadField(field, "it doesn't exist")


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:].rstrip(".") + "."
