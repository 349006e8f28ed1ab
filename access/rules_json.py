"""Terms of passes and a place's rules as JSON, as part of an access list. What is usual is left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, get_args

from access import fields
from access.errors import ListError
from access.rules import (
    DOOR,
    NO_RULES,
    Allowance,
    DoorRules,
    Passback,
    PlaceRules,
    SpaceRules,
    Terms,
    Unit,
    VisitorStatus,
)
from access.schedules import Schedule, schedule_from_json, schedule_to_json

_UNITS: Final[Mapping[str, Unit]] = {unit: unit for unit in get_args(Unit)}
_VISITORS: Final[Mapping[str, VisitorStatus]] = {status: status for status in get_args(VisitorStatus)}
_PASSBACKS: Final[Mapping[str, Passback]] = {one: one for one in get_args(Passback)}


def terms_to_json(terms: Terms) -> dict[str, Any]:
    """Write what ``terms_from_json`` reads."""
    body: dict[str, Any] = {}
    if terms.allowance is not None:
        body["allowance"] = [terms.allowance.unit, terms.allowance.limit, terms.allowance.each_month]
    for name in ("booked", "outside_hours", "supervises"):
        if getattr(terms, name):
            body[name] = True
    if terms.visitor is not None:
        body["visitor"] = terms.visitor
    return body


def terms_from_json(value: Any) -> Terms:
    """Read the terms of a pass.

    Raises:
        ListError: another shape, an unknown word, or a term that this version doesn't know: it may be a restriction.
    """
    body = fields.mapping(value, "terms")
    fields.nothing_else(body, {"allowance", "booked", "outside_hours", "supervises", "visitor"}, "terms")
    visitor = body.get("visitor")
    return Terms(
        allowance=_allowance(body.get("allowance")),
        booked=fields.truth(body.get("booked", False), "booked"),
        outside_hours=fields.truth(body.get("outside_hours", False), "outside_hours"),
        supervises=fields.truth(body.get("supervises", False), "supervises"),
        visitor=None if visitor is None else fields.one_of(visitor, _VISITORS, "status of a visitor"),
    )


def rules_to_json(rules: PlaceRules) -> dict[str, Any]:
    """Write what ``rules_from_json`` reads."""
    body: dict[str, Any] = {}
    if rules.doors:
        body["doors"] = {code: _door_to_json(rules.doors[code]) for code in sorted(rules.doors)}
    if rules.spaces:
        body["spaces"] = {code: [rules.spaces[code].parent, rules.spaces[code].limit] for code in sorted(rules.spaces)}
    if rules.hosts_open_when_old:
        body["hosts_open_when_old"] = True
    for name in ("tries", "pause_s", "longest_pause_s"):
        if getattr(rules, name) != getattr(NO_RULES, name):
            body[name] = getattr(rules, name)
    return body


def rules_from_json(value: Any) -> PlaceRules:
    """Read a place's rules.

    Raises:
        ListError: another shape, an unknown word, or a rule that this version doesn't know: it may be a restriction.
    """
    body = fields.mapping(value, "rules")
    known = {"doors", "spaces", "hosts_open_when_old", "tries", "pause_s", "longest_pause_s"}
    fields.nothing_else(body, known, "rules")
    doors = fields.mapping(body.get("doors", {}), "doors")
    spaces = fields.mapping(body.get("spaces", {}), "spaces")
    return PlaceRules(
        doors={code: _door_from_json(one) for code, one in doors.items()},
        spaces={code: _space(one) for code, one in spaces.items()},
        hosts_open_when_old=fields.truth(body.get("hosts_open_when_old", False), "hosts_open_when_old"),
        tries=fields.count(body.get("tries", NO_RULES.tries), "tries"),
        pause_s=fields.count(body.get("pause_s", NO_RULES.pause_s), "pause_s"),
        longest_pause_s=fields.count(body.get("longest_pause_s", NO_RULES.longest_pause_s), "longest_pause_s"),
    )


def _door_to_json(door: DoorRules) -> dict[str, Any]:
    body: dict[str, Any] = {}
    for name in DoorRules.__slots__:
        value = getattr(door, name)
        if value != getattr(DOOR, name):
            body[name] = schedule_to_json(value) if isinstance(value, Schedule) else value
    return body


def _door_from_json(value: Any) -> DoorRules:
    body = fields.mapping(value, "a door's rules")
    fields.nothing_else(body, set(DoorRules.__slots__), "a door's rules")
    return DoorRules(
        from_space=fields.text_or_none(body.get("from_space"), "from_space"),
        to_space=fields.text_or_none(body.get("to_space"), "to_space"),
        pin=fields.truth(body.get("pin", False), "pin"),
        pin_while=_schedule(body.get("pin_while")),
        passback=fields.one_of(body.get("passback", "off"), _PASSBACKS, "anti-passback"),
        passback_s=fields.count(body.get("passback_s", 0), "passback_s"),
        supervised=_schedule(body.get("supervised")),
        first_card=_schedule(body.get("first_card")),
        locked=fields.truth(body.get("locked", False), "locked"),
    )


def _space(value: Any) -> SpaceRules:
    if not isinstance(value, list) or len(value) != 2:
        raise ListError("a space's rules are its parent and its limit")
    limit = None if value[1] is None else fields.count(value[1], "the limit of a space")
    return SpaceRules(parent=fields.text_or_none(value[0], "the parent of a space"), limit=limit)


def _allowance(value: Any) -> Allowance | None:
    if value is None:
        return None
    if not isinstance(value, list) or len(value) != 3:
        raise ListError("an allowance is a unit, a limit, and whether it is each month's")
    return Allowance(
        unit=fields.one_of(value[0], _UNITS, "unit of a pass"),
        limit=fields.count(value[1], "the limit of a pass"),
        each_month=fields.truth(value[2], "each_month"),
    )


def _schedule(value: Any) -> Schedule | None:
    return None if value is None else schedule_from_json(value)
