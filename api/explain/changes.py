"""Changes of rules for a test, applied to the rows of the database in memory. Pure.

The rows are those of ``rights.queries``; ``rights.assembly`` makes lists from them, before and after.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, Final, Literal

from pydantic import Field, model_validator

from access.errors import ListError
from access.schedules import schedule_from_json
from api.http.errors import BadField
from api.http.models import Body, Code, Day, ScheduleName
from rights.assembly import MemberRows
from rights.ground import PlaceRows

Hours = Annotated[
    dict[str, Any], Field(description="As schedules are written.", examples=[{"mon": [["08:00", "20:00"]]}])
]
Row = tuple[Any, ...]


class OpeningHours(Body):
    """Other opening hours; null: none."""

    set: Literal["opening_hours"]
    hours: Hours | None


class HoursOfSchedule(Body):
    """Other hours in a schedule."""

    set: Literal["schedule"]
    schedule: ScheduleName
    hours: Hours


class DoorRulesChange(Body):
    """Other rules of a door; fields that aren't sent keep their value."""

    set: Literal["door_rules"]
    door: Code
    pin: bool | None = None
    pin_while: ScheduleName | None = None
    passback: Literal["off", "soft", "hard", "timed"] | None = None
    passback_s: int | None = Field(default=None, ge=0, le=86_400)
    supervised: ScheduleName | None = None
    first_card: ScheduleName | None = None


class PolicyChange(Body):
    """Another policy of the place; fields that aren't sent keep their value."""

    set: Literal["policy"]
    list_max_age_s: int | None = Field(default=None, ge=3600, le=31_536_000)
    hosts_open_when_old: bool | None = None
    tries: int | None = Field(default=None, ge=1, le=100)
    pause_s: int | None = Field(default=None, ge=1, le=3600)
    longest_pause_s: int | None = Field(default=None, ge=1, le=86_400)


class ClosureAdded(Body):
    """Days on which the place would have been closed."""

    set: Literal["closure"]
    first: Day
    last: Day

    @model_validator(mode="after")
    def _in_order(self) -> ClosureAdded:
        if self.last < self.first:
            raise ValueError("last must not be before first")
        return self


class SpaceLimit(Body):
    """Another limit of people in a space; null: none."""

    set: Literal["space_limit"]
    space: Code
    person_limit: int | None = Field(ge=0, le=100_000)


class PassSchedule(Body):
    """Another schedule for the passes that have `from` now (or, without it, for all); null: at any hour."""

    set: Literal["pass_schedule"]
    schedule: ScheduleName | None
    from_: ScheduleName | None = Field(default=None, alias="from")


Change = Annotated[
    OpeningHours | HoursOfSchedule | DoorRulesChange | PolicyChange | ClosureAdded | SpaceLimit | PassSchedule,
    Field(discriminator="set"),
]

# Positions of the values in the rows of rights.queries.
_HOURS, _MAX_AGE, _HOSTS, _TRIES, _PAUSE, _LONGEST = 4, 5, 6, 7, 8, 9
_DOOR_CODE, _PIN, _PIN_WHILE, _PASSBACK, _PASSBACK_S, _SUPERVISED, _FIRST_CARD = 2, 5, 6, 7, 8, 9, 10
_SPACE_CODE, _LIMIT = 2, 4
_SCHEDULE: Final = 3


def changed(
    places: PlaceRows, members: MemberRows, changes: Sequence[Change], schedules: Mapping[str, int]
) -> tuple[PlaceRows, MemberRows]:
    """Return the rows after ``changes`` in order; ``schedules``: ids by name (``code``, ``place/code``).

    Raises:
        BadField: a change names something that doesn't exist, or invalid hours.
    """
    for index, change in enumerate(changes):
        where = f"changes.{index}"
        match change:
            case OpeningHours():
                _readable(change.hours, f"{where}.hours")
                places = replace(places, places=_set(places.places, {_HOURS: change.hours}))
            case HoursOfSchedule():
                _readable(change.hours, f"{where}.hours")
                number = _named(change.schedule, schedules, f"{where}.schedule")
                places = replace(places, schedules=_hours(places.schedules, number, change.hours))
                members = replace(members, schedules=_hours(members.schedules, number, change.hours))
            case DoorRulesChange():
                places = replace(places, doors=_doors(places.doors, change, schedules, where))
            case PolicyChange():
                wanted = {
                    _MAX_AGE: change.list_max_age_s,
                    _HOSTS: change.hosts_open_when_old,
                    _TRIES: change.tries,
                    _PAUSE: change.pause_s,
                    _LONGEST: change.longest_pause_s,
                }
                given = {at: value for at, value in wanted.items() if value is not None}
                places = replace(places, places=_set(places.places, given))
            case ClosureAdded():
                places = replace(places, closures=[*places.closures, (None, change.first, change.last)])
            case SpaceLimit():
                _present(places.spaces, _SPACE_CODE, change.space, f"{where}.space")
                spaces = _set(places.spaces, {_LIMIT: change.person_limit}, _where(_SPACE_CODE, change.space))
                places = replace(places, spaces=spaces)
            case PassSchedule():
                other = {_SCHEDULE: _maybe(change.schedule, schedules, f"{where}.schedule")}
                before = _maybe(change.from_, schedules, f"{where}.from")
                wanted_passes = _every if before is None else _where(_SCHEDULE, before)
                members = replace(members, passes=_set(members.passes, other, wanted_passes))
    return places, members


def _doors(rows: Sequence[Row], change: DoorRulesChange, schedules: Mapping[str, int], where: str) -> list[Row]:
    _present(rows, _DOOR_CODE, change.door, f"{where}.door")
    values: dict[int, Any] = {}
    for name, at in (("pin", _PIN), ("passback", _PASSBACK), ("passback_s", _PASSBACK_S)):
        if getattr(change, name) is not None:
            values[at] = getattr(change, name)
    for name, at in (("pin_while", _PIN_WHILE), ("supervised", _SUPERVISED), ("first_card", _FIRST_CARD)):
        if name in change.model_fields_set:
            values[at] = _maybe(getattr(change, name), schedules, f"{where}.{name}")
    return _set(rows, values, _where(_DOOR_CODE, change.door))


def _every(_: Row) -> bool:
    return True


def _where(at: int, value: Any) -> Callable[[Row], bool]:
    return lambda row: bool(row[at] == value)


def _set(rows: Sequence[Row], values: Mapping[int, Any], wanted: Callable[[Row], bool] = _every) -> list[Row]:
    """Return the rows, with other values at some positions in those that are ``wanted``."""
    return [tuple(values.get(at, value) for at, value in enumerate(row)) if wanted(row) else tuple(row) for row in rows]


def _hours(rows: Sequence[Row], number: int, hours: Mapping[str, Any]) -> list[Row]:
    return _set(rows, {1: hours}, _where(0, number))


def _readable(hours: Mapping[str, Any] | None, field: str) -> None:
    try:
        if hours is not None:
            schedule_from_json(hours)
    except ListError as error:
        raise BadField(field, str(error)) from None


def _present(rows: Sequence[Row], at: int, code: str, field: str) -> None:
    if not any(row[at] == code for row in rows):
        raise BadField(field, f"this place has no {code!r}")


def _named(name: str, schedules: Mapping[str, int], field: str) -> int:
    if name not in schedules:
        raise BadField(field, f"there is no schedule {name!r} for this place; see /v1/schedules")
    return schedules[name]


def _maybe(name: str | None, schedules: Mapping[str, int], field: str) -> int | None:
    return None if name is None else _named(name, schedules, field)
